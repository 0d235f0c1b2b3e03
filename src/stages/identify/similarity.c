/* Bytes: "FHED", version u32, dim u32, then dim weights and a bias as float32, little endian.
 * Training: Adam over all pairs at once, both kinds weighing the same together. */
#include "stages/identify/similarity.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/str.h"
#include "stages/identify/pairs.h"
#include "store/gallery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define KEY "similarity"
#define SEED 20180402u
#define STEPS 250
#define RATE 0.05f
#define SHRINK 3.0f            /* how strongly weights are drawn to their mean: without evidence every number
                                * counts the same, which is L1 distance, and few pairs are not learnt by heart */

struct facet_head { int dim; float scale; float w[]; /* dim + 1 */ };

static int open_head(struct facet_head **out, int dim)
{
    *out = NULL;
    if (dim < 1 || dim > FACET_MAX_EMBEDDING)
        return facet_fail(FACET_E_INVALID, "a similarity head of %d numbers", dim);
    struct facet_head *h = calloc(1, sizeof(*h) + ((size_t)dim + 1) * sizeof(float));
    if (!h)
        return facet_fail_nomem();
    h->dim = dim;
    h->scale = sqrtf((float)dim); /* differences are about 1 / sqrt(dim) */
    *out = h;
    return FACET_OK;
}

void facet_head_close(struct facet_head **h)
{
    free(*h);
    *h = NULL;
}

int facet_head_dim(const struct facet_head *h)
{
    return h->dim;
}

float facet_head_score(const struct facet_head *h, const float *a, const float *b)
{
    float v = h->w[h->dim];
    for (int i = 0; i < h->dim; i++)
        v += h->w[i] * fabsf(a[i] - b[i]) * h->scale;
    return 1 / (1 + expf(-v));
}

struct fit { float *grad, *m1, *m2; float weight[2]; };

static void step_down(struct facet_head *h, const struct fit *f, int step)
{
    float c1 = 1 - powf(0.9f, (float)step), c2 = 1 - powf(0.999f, (float)step), mean = 0;
    for (int i = 0; i < h->dim; i++)
        mean += h->w[i] / (float)h->dim;
    for (int i = 0; i <= h->dim; i++) {
        float g = f->grad[i] + (i < h->dim ? SHRINK * (h->w[i] - mean) : 0);
        f->m1[i] = 0.9f * f->m1[i] + 0.1f * g;
        f->m2[i] = 0.999f * f->m2[i] + 0.001f * g * g;
        h->w[i] -= RATE * (f->m1[i] / c1) / (sqrtf(f->m2[i] / c2) + 1e-8f);
    }
}

static void add_gradient(const struct facet_head *h, const struct fit *f, const struct facet__pair *p)
{
    float error = (facet_head_score(h, p->a, p->b) - (float)p->same) * f->weight[p->same];
    for (int i = 0; i < h->dim; i++)
        f->grad[i] += error * fabsf(p->a[i] - p->b[i]) * h->scale;
    f->grad[h->dim] += error;
}

static int fit_pairs(struct facet_head *h, const struct facet__pair *pairs, size_t n)
{
    size_t numbers = (size_t)h->dim + 1, same = 0;
    for (size_t i = 0; i < n; i++)
        same += pairs[i].same;
    if (!same || same == n)
        return facet_fail(FACET_E_INVALID, "a similarity head needs pairs of the same and of different people");
    struct fit f = { .weight = { 0.5f / (float)(n - same), 0.5f / (float)same } };
    f.grad = calloc(3 * numbers, sizeof(float));
    if (!f.grad)
        return facet_fail_nomem();
    f.m1 = f.grad + numbers;
    f.m2 = f.m1 + numbers;
    for (int step = 1; step <= STEPS; step++) {
        memset(f.grad, 0, numbers * sizeof(float));
        for (size_t i = 0; i < n; i++)
            add_gradient(h, &f, &pairs[i]);
        step_down(h, &f, step);
    }
    free(f.grad);
    return FACET_OK;
}

static int train_on(struct facet_head **out, int dim, const struct facet__pair *pairs, size_t n)
{
    int err = open_head(out, dim);
    if (!err)
        err = fit_pairs(*out, pairs, n);
    if (err)
        facet_head_close(out);
    return err;
}

int facet_head_train(struct facet_head **out, const struct facet_examples *e, uint64_t seed)
{
    struct facet__pair *pairs;
    size_t n;
    *out = NULL;
    int err = facet__pairs_draw(&pairs, &n, e, seed);
    if (!err)
        err = train_on(out, e->dim, pairs, n);
    free(pairs);
    return err;
}

int facet_head_train_pairs(struct facet_head **out, int dim, const float *a, const float *b, const bool *same, size_t n)
{
    struct facet__pair *pairs = malloc((n ? n : 1) * sizeof(*pairs));
    *out = NULL;
    if (!pairs)
        return facet_fail_nomem();
    for (size_t i = 0; i < n; i++)
        pairs[i] = (struct facet__pair){ a + i * (size_t)dim, b + i * (size_t)dim, same[i] };
    int err = train_on(out, dim, pairs, n);
    free(pairs);
    return err;
}

/* --- bytes --- */

static void put_u32(struct facet_str *out, uint32_t v)
{
    unsigned char b[4] = { (unsigned char)v, (unsigned char)(v >> 8), (unsigned char)(v >> 16), (unsigned char)(v >> 24) };
    facet_str_append(out, b, 4);
}

static uint32_t get_u32(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int facet_head_save(const struct facet_head *h, struct facet_str *out)
{
    facet_str_append(out, "FHED", 4);
    put_u32(out, VERSION);
    put_u32(out, (uint32_t)h->dim);
    for (int i = 0; i <= h->dim; i++) {
        uint32_t v;
        memcpy(&v, &h->w[i], 4);
        put_u32(out, v);
    }
    return out->err;
}

int facet_head_load(struct facet_head **out, const void *data, size_t len)
{
    const unsigned char *p = data;
    *out = NULL;
    bool is_head = len >= 12 && !memcmp(p, "FHED", 4) && get_u32(p + 4) == VERSION;
    uint32_t dim = is_head ? get_u32(p + 8) : 0;
    if (!dim || dim > FACET_MAX_EMBEDDING || len != 12 + ((size_t)dim + 1) * 4)
        return facet_fail(FACET_E_FORMAT, "the kept similarity head is damaged, train it again: facet gallery train");
    int err = open_head(out, (int)dim);
    for (uint32_t i = 0; !err && i <= dim; i++) {
        uint32_t v = get_u32(p + 12 + 4 * (size_t)i);
        memcpy(&(*out)->w[i], &v, 4);
        if (!isfinite((*out)->w[i]))
            err = facet_fail(FACET_E_FORMAT, "the kept similarity head is damaged, train it again: facet gallery train");
    }
    if (err)
        facet_head_close(out);
    return err;
}

/* --- judging --- */

static int judge_fold(struct facet_head_judgement *j, const struct facet_examples *e, int fold, uint64_t seed)
{
    struct facet_examples learn = { .dim = e->dim }, held = { .dim = e->dim };
    struct facet__pair *lp = NULL, *hp = NULL;
    struct facet_head *h = NULL;
    size_t nl = 0, nh = 0;
    int err = facet__people_split(e, j->folds, fold, &learn, &held);
    if (!err)
        err = facet__pairs_draw(&lp, &nl, &learn, seed);
    if (!err)
        err = facet__pairs_draw(&hp, &nh, &held, seed);
    if (!err)
        err = train_on(&h, e->dim, lp, nl);
    if (!err) {
        float threshold = facet__pairs_best_threshold(lp, nl, e->dim);
        for (size_t i = 0; i < nh; i++) {
            j->right += (facet_head_score(h, hp[i].a, hp[i].b) >= 0.5f) == hp[i].same;
            j->distance_right += (facet__pair_cosine(&hp[i], e->dim) >= threshold) == hp[i].same;
        }
        j->pairs += (int64_t)nh;
    }
    facet_head_close(&h);
    free(lp);
    free(hp);
    facet_examples_fini(&learn);
    facet_examples_fini(&held);
    return err;
}

int facet_head_judge(struct facet_head_judgement *out, const struct facet_examples *e, int folds, uint64_t seed)
{
    *out = (struct facet_head_judgement){ .folds = folds };
    if (folds < 2 || e->n_people < 2 * folds)
        return facet_fail(FACET_E_INVALID, "judging in %d folds needs %d people, there are %d", folds,
                          folds < 2 ? 4 : 2 * folds, e->n_people);
    int err = FACET_OK;
    for (int fold = 0; !err && fold < folds; fold++)
        err = judge_fold(out, e, fold, seed);
    if (out->pairs) {
        out->accuracy = (double)out->right / (double)out->pairs;
        out->distance_accuracy = (double)out->distance_right / (double)out->pairs;
    }
    return err;
}

/* --- the one that is kept --- */

int facet_head_train_gallery(struct facet_head **out, struct facet_gallery *g)
{
    struct facet_examples e;
    struct facet_str bytes = FACET_STR_INIT;
    *out = NULL;
    int err = facet_examples_of_gallery(&e, g);
    if (err)
        return err;
    err = facet_head_train(out, &e, SEED);
    if (!err)
        err = facet_head_save(*out, &bytes);
    if (!err)
        err = facet_gallery_blob_put(g, KEY, bytes.data, bytes.len);
    if (err == FACET_E_PERMISSION && *out) {
        facet_log(FACET_LOG_INFO, "identify", "the similarity head is not kept: %s", facet_error_text());
        err = FACET_OK; /* a reader still has one for itself */
    }
    facet_str_fini(&bytes);
    facet_examples_fini(&e);
    if (err)
        facet_head_close(out);
    return err;
}

/* *is_fresh: as old as the people, and for embeddings of their size. */
static int load_kept(struct facet_head **out, struct facet_gallery *g, bool *is_fresh)
{
    void *data = NULL;
    size_t len = 0;
    uint64_t version = 0;
    *out = NULL;
    int err = facet_gallery_blob_get(g, KEY, &data, &len, &version);
    if (!err)
        err = facet_head_load(out, data, len);
    free(data);
    *is_fresh = !err && version == facet_gallery_version(g) && (*out)->dim == facet_gallery_dim(g);
    return err;
}

int facet_head_of_gallery(struct facet_head **out, struct facet_gallery *g, bool *was_trained)
{
    bool is_fresh;
    int err = load_kept(out, g, &is_fresh);
    if (was_trained)
        *was_trained = !is_fresh;
    if (is_fresh || (err && err != FACET_E_NOT_FOUND && err != FACET_E_FORMAT))
        return err;
    facet_head_close(out);
    return facet_head_train_gallery(out, g);
}

int facet_head_state(struct facet_gallery *g, bool *is_stale)
{
    struct facet_head *h;
    bool is_fresh;
    int err = load_kept(&h, g, &is_fresh);
    *is_stale = !is_fresh;
    facet_head_close(&h);
    return err;
}
