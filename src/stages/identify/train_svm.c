/* Linear support vector machines, one against the rest, by dual coordinate descent (Hsieh et al.
 * 2008, L1 loss). A model row is the weights and a bias; the bias is the weight of a constant 1.
 * Positives are few, so they weigh as much together as all negatives. */
#include "base/cpu.h"
#include "base/dot.h"
#include "base/errors.h"
#include "base/rng.h"
#include "stages/identify/classifier_priv.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define C 4.0f
#define ROUNDS 60
#define ENOUGH 1e-3f           /* largest step of a round at which descent ends */

static size_t svm_numbers(const struct facet__shape *s)
{
    return (size_t)s->people * ((size_t)s->dim + 1);
}

/* Examples have length 1, so that with the constant the diagonal is 2. */
static float descend(float *w, float *alpha, const float *x, float y, float limit, size_t dim, const struct facet_dot_ops *dot)
{
    float slope = y * (dot->f32(w, x, dim) + w[dim]) - 1;
    float next = *alpha - slope / 2;
    next = next < 0 ? 0 : next > limit ? limit : next;
    float step = (next - *alpha) * y;
    *alpha = next;
    if (step == 0)
        return 0;
    for (size_t i = 0; i < dim; i++)
        w[i] += step * x[i];
    w[dim] += step;
    return fabsf(step);
}

struct work { float *alpha; uint32_t *order; const struct facet_dot_ops *dot; struct facet_rng rng; };

static void train_one(float *w, const struct facet_examples *e, int label, struct work *k)
{
    size_t positives = 0;
    for (size_t i = 0; i < e->n; i++)
        positives += e->label[i] == label;
    float heavy = positives ? C * (float)(e->n - positives) / (float)positives : C;
    memset(k->alpha, 0, e->n * sizeof(*k->alpha));
    for (int round = 0; round < ROUNDS; round++) {
        float largest = 0;
        facet__shuffle(k->order, e->n, &k->rng);
        for (size_t j = 0; j < e->n; j++) {
            size_t i = k->order[j];
            bool is_mine = e->label[i] == label;
            float step = descend(w, &k->alpha[i], e->x + i * (size_t)e->dim, is_mine ? 1.0f : -1.0f,
                                 is_mine ? heavy : C, (size_t)e->dim, k->dot);
            largest = step > largest ? step : largest;
        }
        if (largest < ENOUGH)
            return;
    }
}

static int svm_train(float *model, const struct facet__shape *s, const struct facet_examples *e, uint64_t seed)
{
    struct work k = { .dot = facet_dot_for(facet_cpu_flags(NULL)) };
    facet_rng_seed(&k.rng, seed);
    k.alpha = malloc(e->n * sizeof(*k.alpha));
    k.order = malloc(e->n * sizeof(*k.order));
    int err = k.alpha && k.order ? FACET_OK : facet_fail_nomem();
    for (int p = 0; !err && p < s->people; p++)
        train_one(model + (size_t)p * ((size_t)s->dim + 1), e, p, &k);
    free(k.alpha);
    free(k.order);
    return err;
}

/* Confidence is a logistic of the lead over the second: 0.5 on the border between them. */
static int svm_predict(const float *model, const struct facet__shape *s, const float *x, float *confidence)
{
    const struct facet_dot_ops *dot = facet_dot_for(facet_cpu_flags(NULL));
    size_t dim = (size_t)s->dim;
    float best = -INFINITY, second = -INFINITY;
    int label = 0;
    for (int p = 0; p < s->people; p++, model += dim + 1) {
        float v = dot->f32(model, x, dim) + model[dim];
        if (v > best)
            second = best, best = v, label = p;
        else if (v > second)
            second = v;
    }
    *confidence = 1 / (1 + expf(-2 * (best - second)));
    return label;
}

const struct facet__method facet__method_svm = {
    .name = "svm", .numbers = svm_numbers, .train = svm_train, .predict = svm_predict,
};
