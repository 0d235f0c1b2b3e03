/* Boxes on their way to becoming faces, and the thinning of those that overlap. */
#ifndef FACET_STAGES_DETECT_CANDIDATES_H
#define FACET_STAGES_DETECT_CANDIDATES_H

#include "image/geom.h"

#include <stddef.h>
#include <stdint.h>

struct facet__candidate {
    struct facet_box box;
    float score;
    float shift[4];                    /* calibration of x1 y1 x2 y2, in box sides */
    struct facet_landmarks points;
};

/* A list with a ceiling; its memory is kept from frame to frame. */
struct facet__candidates {
    struct facet__candidate *at;
    size_t n;
    /* owned by candidates.c */
    struct facet__candidate *spare;
    uint64_t *keys;                    /* of a sort or a pick */
    size_t cap, cap_keys, picked;
};

void facet__candidates_fini(struct facet__candidates *c);
int facet__candidates_reserve(struct facet__candidates *c, size_t n);      /* room for n in all */

/* Best first; of equal scores (a softmax that is 1 is common) the later first, as MTCNN's authors take
 * the last of an ascending sort. */
void facet__candidates_sort(struct facet__candidates *c);

/* Which of n scores are at or above `least`, best first, at most `max`: returns how many, or a negative
 * error. facet__candidates_picked gives the position of the i-th until the list's next call. */
int facet__candidates_pick(struct facet__candidates *c, const float *scores, size_t n, float least, size_t max);
/* The same of scores that lie in parts: those of a part are numbered from `first` on; parts come in order.
 * pick_end sorts and returns how many there are. */
void facet__candidates_pick_begin(struct facet__candidates *c);
int facet__candidates_pick_from(struct facet__candidates *c, const float *scores, size_t n, size_t first, float least);
size_t facet__candidates_pick_end(struct facet__candidates *c, size_t max);
static inline size_t facet__candidates_picked(const struct facet__candidates *c, size_t i)
{
    return (uint32_t)c->keys[i];
}

/* Greedy non-maximum suppression of a sorted list: a box goes when it overlaps a better one by more
 * than `most`. `plus` is 1 where a box's last pixel belongs to it (MTCNN counts x2 - x1 + 1), else 0. */
enum facet__overlap { FACET__OVER_UNION, FACET__OVER_SMALLER };
void facet__candidates_suppress(struct facet__candidates *c, float most, enum facet__overlap over, float plus);

#endif
