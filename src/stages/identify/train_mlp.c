/* A small fully connected network: embedding -> 64 (ReLU) -> people (softmax), cross entropy, Adam
 * (Kingma and Ba 2015), one example at a time with a little noise on it, so that few templates do not
 * get learnt by heart. */
#include "base/errors.h"
#include "base/rng.h"
#include "stages/identify/classifier_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define HIDDEN FACET_MLP_HIDDEN
#define BATCH 16
#define STEPS 1200
#define RATE 0.003f
#define NOISE 0.3f             /* length of what is added to an example of length 1 */

/* W1 (HIDDEN x dim), b1, W2 (people x HIDDEN), b2. */
struct layout { size_t dim, people, w1, b1, w2, b2, n; };

static struct layout layout_of(const struct facet__shape *s)
{
    struct layout l = { .dim = (size_t)s->dim, .people = (size_t)s->people };
    l.b1 = HIDDEN * l.dim;
    l.w2 = l.b1 + HIDDEN;
    l.b2 = l.w2 + l.people * HIDDEN;
    l.n = l.b2 + l.people;
    return l;
}

static size_t mlp_numbers(const struct facet__shape *s)
{
    return layout_of(s).n;
}

static void hidden_of(float h[HIDDEN], const float *m, const struct layout *l, const float *x)
{
    for (size_t i = 0; i < HIDDEN; i++) {
        float v = m[l->b1 + i];
        for (size_t j = 0; j < l->dim; j++)
            v += m[i * l->dim + j] * x[j];
        h[i] = v > 0 ? v : 0;
    }
}

static float output_of(const float *m, const struct layout *l, const float h[HIDDEN], size_t person)
{
    float v = m[l->b2 + person];
    for (size_t i = 0; i < HIDDEN; i++)
        v += m[l->w2 + person * HIDDEN + i] * h[i];
    return v;
}

/* Two passes over the outputs instead of a buffer of them: nothing is allocated. */
static int mlp_predict(const float *m, const struct facet__shape *s, const float *x, float *confidence)
{
    struct layout l = layout_of(s);
    float h[HIDDEN], best = -INFINITY, sum = 0;
    int label = 0;
    hidden_of(h, m, &l, x);
    for (size_t p = 0; p < l.people; p++) {
        float v = output_of(m, &l, h, p);
        sum = v > best ? sum * expf(best - v) + 1 : sum + expf(v - best);
        if (v > best)
            best = v, label = (int)p;
    }
    *confidence = 1 / sum;
    return label;
}

struct work { float *grad, *m1, *m2, *x, *out; struct facet_rng rng; };

static void add_noise(float *out, const float *x, size_t dim, struct facet_rng *rng)
{
    float each = NOISE / sqrtf((float)dim), sum = 0;
    for (size_t i = 0; i < dim; i++) {
        out[i] = x[i] + each * facet_rng_normal(rng);
        sum += out[i] * out[i];
    }
    for (size_t i = 0; i < dim; i++)
        out[i] /= sqrtf(sum);
}

/* work.out: softmax minus truth. */
static void output_error(const float *m, const struct layout *l, const float h[HIDDEN], size_t truth, float *out)
{
    float best = -INFINITY, sum = 0;
    for (size_t p = 0; p < l->people; p++) {
        out[p] = output_of(m, l, h, p);
        best = out[p] > best ? out[p] : best;
    }
    for (size_t p = 0; p < l->people; p++)
        sum += out[p] = expf(out[p] - best);
    for (size_t p = 0; p < l->people; p++)
        out[p] = out[p] / sum - (p == truth);
}

static void add_gradient(const float *m, const struct layout *l, struct work *k, size_t truth)
{
    float h[HIDDEN], back[HIDDEN] = { 0 };
    hidden_of(h, m, l, k->x);
    output_error(m, l, h, truth, k->out);
    for (size_t p = 0; p < l->people; p++) {
        k->grad[l->b2 + p] += k->out[p];
        for (size_t i = 0; i < HIDDEN; i++) {
            k->grad[l->w2 + p * HIDDEN + i] += k->out[p] * h[i];
            back[i] += k->out[p] * m[l->w2 + p * HIDDEN + i];
        }
    }
    for (size_t i = 0; i < HIDDEN; i++) {
        if (h[i] <= 0)
            continue;
        k->grad[l->b1 + i] += back[i];
        for (size_t j = 0; j < l->dim; j++)
            k->grad[i * l->dim + j] += back[i] * k->x[j];
    }
}

static void adam(float *m, struct work *k, size_t n, int step)
{
    float c1 = 1 - powf(0.9f, (float)step), c2 = 1 - powf(0.999f, (float)step);
    for (size_t i = 0; i < n; i++) {
        float g = k->grad[i] / BATCH + 1e-4f * m[i];
        k->m1[i] = 0.9f * k->m1[i] + 0.1f * g;
        k->m2[i] = 0.999f * k->m2[i] + 0.001f * g * g;
        m[i] -= RATE * (k->m1[i] / c1) / (sqrtf(k->m2[i] / c2) + 1e-8f);
    }
}

static void start_weights(float *m, const struct layout *l, struct facet_rng *rng)
{
    memset(m, 0, l->n * sizeof(*m));
    for (size_t i = 0; i < l->b1; i++)
        m[i] = facet_rng_normal(rng) * sqrtf(2.0f); /* inputs have length 1, not 1 each */
    for (size_t i = l->w2; i < l->b2; i++)
        m[i] = facet_rng_normal(rng) * sqrtf(2.0f / HIDDEN);
}

static int open_work(struct work *k, const struct layout *l, uint64_t seed)
{
    facet_rng_seed(&k->rng, seed);
    k->grad = calloc(l->n, sizeof(float));
    k->m1 = calloc(l->n, sizeof(float));
    k->m2 = calloc(l->n, sizeof(float));
    k->x = calloc(l->dim, sizeof(float));
    k->out = calloc(l->people, sizeof(float));
    return k->grad && k->m1 && k->m2 && k->x && k->out ? FACET_OK : facet_fail_nomem();
}

static void close_work(struct work *k)
{
    free(k->grad);
    free(k->m1);
    free(k->m2);
    free(k->x);
    free(k->out);
}

static int mlp_train(float *model, const struct facet__shape *s, const struct facet_examples *e, uint64_t seed)
{
    struct layout l = layout_of(s);
    struct work k = { .grad = NULL };
    int err = open_work(&k, &l, seed);
    if (!err)
        start_weights(model, &l, &k.rng);
    for (int step = 1; !err && step <= STEPS; step++) {
        memset(k.grad, 0, l.n * sizeof(float));
        for (int b = 0; b < BATCH; b++) {
            size_t i = facet_rng_below(&k.rng, (uint32_t)e->n);
            add_noise(k.x, e->x + i * l.dim, l.dim, &k.rng);
            add_gradient(model, &l, &k, (size_t)e->label[i]);
        }
        adam(model, &k, l.n, step);
    }
    close_work(&k);
    return err;
}

const struct facet__method facet__method_mlp = {
    .name = "mlp", .numbers = mlp_numbers, .train = mlp_train, .predict = mlp_predict,
};
