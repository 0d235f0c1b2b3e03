#include "stages/detect/candidates.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void facet__candidates_fini(struct facet__candidates *c)
{
    free(c->at);
    free(c->spare);
    free(c->keys);
    memset(c, 0, sizeof(*c));
}

static int reserve_keys(struct facet__candidates *c, size_t n)
{
    if (n <= c->cap_keys)
        return FACET_OK;
    uint64_t *keys = realloc(c->keys, n * sizeof(*keys));
    if (!keys)
        return facet_fail_nomem();
    c->keys = keys;
    c->cap_keys = n;
    return FACET_OK;
}

int facet__candidates_reserve(struct facet__candidates *c, size_t n)
{
    if (n <= c->cap)
        return FACET_OK;
    size_t cap = n + n / 2 + 64;
    struct facet__candidate *at = realloc(c->at, cap * sizeof(*at));
    if (at)
        c->at = at;
    struct facet__candidate *spare = realloc(c->spare, cap * sizeof(*spare));
    if (spare)
        c->spare = spare;
    if (!at || !spare || reserve_keys(c, cap))
        return facet_fail_nomem();
    c->cap = cap;
    return FACET_OK;
}

/* Scores as whole numbers that rise with them, then the position: the largest key is the best score,
 * and the last of equal ones. */
static uint64_t key_of(float score, uint32_t index)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof(bits));
    bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | index;
}

static void sift(uint64_t *k, size_t root, size_t n)
{
    for (uint64_t moved = k[root];;) {
        size_t child = 2 * root + 1;
        if (child >= n) {
            k[root] = moved;
            return;
        }
        if (child + 1 < n && k[child + 1] < k[child])
            child++;
        if (k[child] >= moved) {
            k[root] = moved;
            return;
        }
        k[root] = k[child];
        root = child;
    }
}

/* Largest first. Keys are unique, so a heap's lack of stability does not show; the C library's
 * sort may allocate. */
static void sort_keys(uint64_t *k, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(k, i, n);
    for (size_t end = n; end > 1; end--) {
        uint64_t least = k[0];
        k[0] = k[end - 1];
        k[end - 1] = least;
        sift(k, 0, end - 1);
    }
}

void facet__candidates_sort(struct facet__candidates *c)
{
    for (size_t i = 0; i < c->n; i++)
        c->keys[i] = key_of(c->at[i].score, (uint32_t)i);
    sort_keys(c->keys, c->n);
    for (size_t i = 0; i < c->n; i++)
        c->spare[i] = c->at[facet__candidates_picked(c, i)];
    struct facet__candidate *swap = c->at;
    c->at = c->spare;
    c->spare = swap;
}

void facet__candidates_pick_begin(struct facet__candidates *c)
{
    c->picked = 0;
}

int facet__candidates_pick_from(struct facet__candidates *c, const float *scores, size_t n, size_t first, float least)
{
    if (reserve_keys(c, first + n))
        return facet_fail_nomem();
    size_t count = c->picked;
    for (size_t i = 0; i < n; i++)
        if (scores[i] >= least)
            c->keys[count++] = key_of(scores[i], (uint32_t)(first + i));
    c->picked = count;
    return FACET_OK;
}

size_t facet__candidates_pick_end(struct facet__candidates *c, size_t max)
{
    sort_keys(c->keys, c->picked);
    return c->picked < max ? c->picked : max;
}

int facet__candidates_pick(struct facet__candidates *c, const float *scores, size_t n, float least, size_t max)
{
    facet__candidates_pick_begin(c);
    int err = facet__candidates_pick_from(c, scores, n, 0, least);
    return err ? err : (int)facet__candidates_pick_end(c, max);
}

static float side(float from, float to, float plus)
{
    float s = to - from + plus;
    return s > 0 ? s : 0;
}

static float overlap(const struct facet_box *a, const struct facet_box *b, enum facet__overlap over, float plus)
{
    float w = side(fmaxf(a->x1, b->x1), fminf(a->x2, b->x2), plus);
    float h = side(fmaxf(a->y1, b->y1), fminf(a->y2, b->y2), plus);
    if (!(w > 0) || !(h > 0))
        return 0;
    float both = w * h;
    float area_a = side(a->x1, a->x2, plus) * side(a->y1, a->y2, plus);
    float area_b = side(b->x1, b->x2, plus) * side(b->y1, b->y2, plus);
    float whole = over == FACET__OVER_SMALLER ? fminf(area_a, area_b) : area_a + area_b - both;
    return whole > 0 ? both / whole : 0;
}

void facet__candidates_suppress(struct facet__candidates *c, float most, enum facet__overlap over, float plus)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        size_t k = 0;
        while (k < kept && overlap(&c->at[k].box, &c->at[i].box, over, plus) <= most)
            k++;
        if (k == kept)
            c->at[kept++] = c->at[i];
    }
    c->n = kept;
}
