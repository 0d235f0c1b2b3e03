/* Upright chips and how good they are. */
#ifndef FACET_STAGES_ALIGN_H
#define FACET_STAGES_ALIGN_H

#include "flow/stage.h"

/* Least-squares similarity from `src` to `dst` points (Umeyama 1991, without reflection). */
int facet_align_similarity(struct facet_affine *out, const struct facet_point *src, const struct facet_point *dst, int n);
/* Cuts the chip that `spec` asks for out of `img` into `chip` (RGB24, spec's size, already reserved).
 * SIMILARITY without points: FACET_E_INVALID. */
int facet_align_chip(struct facet_image *chip, const struct facet_image *img, const struct facet_chip_spec *spec,
                     struct facet_box box, const struct facet_landmarks *points);
/* docs/quality.md says what each number means. */
void facet_quality_measure(struct facet_quality *out, const struct facet_image *img, struct facet_box box,
                           const struct facet_landmarks *points);

/* Which faces of a track are worth the recogniser: the first of a track of at least `min_quality`,
 * then one each `eager_ms` until there were `eager` (so that a track is decided within its first
 * second), then one that is better than the best so far by `better`, then one each `refresh_ms`. */
struct facet_align_opts {
    struct facet_chip_spec chip;
    float min_quality;
    float better;                  /* 0: 0.1 */
    double refresh_ms;             /* 0: 2000; negative: never */
    int eager;                     /* 0: 5; negative: none */
    double eager_ms;               /* 0: 150 */
    bool every_frame;              /* every face of every frame */
};
extern const struct facet_stage_ops facet_stage_align;       /* opts: struct facet_align_opts */

#endif
