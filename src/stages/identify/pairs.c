#include "stages/identify/pairs.h"

#include "base/dot.h"
#include "base/errors.h"
#include "base/rng.h"

#include <stdlib.h>

/* Of a stream of pairs, FACET_PAIRS are kept, each as likely as any other (reservoir sampling). */
struct draw { struct facet__pair *kept; size_t n, seen; };

static void offer(struct draw *d, struct facet__pair p, size_t most, struct facet_rng *rng)
{
    d->seen++;
    if (d->n < most) {
        d->kept[d->n++] = p;
        return;
    }
    size_t at = most ? facet_rng_below(rng, (uint32_t)d->seen) : 0;
    if (at < most)
        d->kept[at] = p;
}

static const float *row(const struct facet_examples *e, size_t i)
{
    return e->x + i * (size_t)e->dim;
}

static void draw_same(struct draw *d, const struct facet_examples *e, struct facet_rng *rng)
{
    for (size_t i = 0; i < e->n; i++)
        for (size_t j = 0; j < i && d->seen < UINT32_MAX; j++)
            if (e->label[i] == e->label[j])
                offer(d, (struct facet__pair){ row(e, i), row(e, j), true }, FACET_PAIRS, rng);
}

static void draw_different(struct draw *d, const struct facet_examples *e, size_t most, struct facet_rng *rng)
{
    for (size_t tries = 0; d->n < most && tries < 20 * FACET_PAIRS; tries++) {
        size_t i = facet_rng_below(rng, (uint32_t)e->n), j = facet_rng_below(rng, (uint32_t)e->n);
        if (e->label[i] != e->label[j])
            offer(d, (struct facet__pair){ row(e, i), row(e, j), false }, most, rng);
    }
}

int facet__pairs_draw(struct facet__pair **out, size_t *n, const struct facet_examples *e, uint64_t seed)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, seed);
    *n = 0;
    *out = malloc(2 * FACET_PAIRS * sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    struct draw same = { .kept = *out };
    draw_same(&same, e, &rng);
    struct draw different = { .kept = *out + same.n };
    if (e->n)
        draw_different(&different, e, same.n, &rng);
    *n = same.n + different.n;
    return FACET_OK;
}

int facet__people_split(const struct facet_examples *all, int folds, int fold, struct facet_examples *learn,
                        struct facet_examples *held)
{
    *learn = *held = (struct facet_examples){ .dim = all->dim };
    int err = FACET_OK;
    for (size_t i = 0; !err && i < all->n; i++) {
        struct facet_examples *to = all->label[i] % folds == fold ? held : learn;
        err = facet_examples_add(to, all->people[all->label[i]], row(all, i), all->quality[i]);
    }
    return err;
}

float facet__pair_cosine(const struct facet__pair *p, int dim)
{
    return facet_dot_c.f32(p->a, p->b, (size_t)dim);
}

float facet__pairs_best_threshold(const struct facet__pair *pairs, size_t n, int dim)
{
    float best = 0;
    size_t most = 0;
    for (int step = -20; step <= 100; step++) {
        float threshold = (float)step / 100;
        size_t right = 0;
        for (size_t i = 0; i < n; i++)
            right += (facet__pair_cosine(&pairs[i], dim) >= threshold) == pairs[i].same;
        if (right > most)
            most = right, best = threshold;
    }
    return best;
}
