/* What detectors with one network and a grid of cells share: the picture shrunk into the top left of
 * the network's input, strides of 8, 16 and 32, and the way back to the picture's pixels. */
#ifndef FACET_STAGES_DETECT_ANCHORS_H
#define FACET_STAGES_DETECT_ANCHORS_H

#include "image/resize.h"
#include "stages/detect/candidates.h"
#include "stages/detect/detect_priv.h"

#define FACET__STRIDES 3                       /* 8, 16, 32 */
#define FACET__GRID_BOXES 4096                 /* the best of one stride */

struct facet__grid {
    struct facet_detector_opts o;
    struct facet_plan *plan;
    struct facet_exec *exec;
    struct facet_image input;                  /* the network's, 8 bits */
    size_t input_cap;
    float scale;                               /* input pixels a picture pixel */
    struct facet__candidates one, all;
    float *scores;                             /* of one stride */
    size_t cap_scores;
};

/* Outputs of one stride; NULL where the network has none of that name. */
struct facet__grid_maps { int stride, rows, cols; const float *cls, *obj, *score, *bbox, *kps; };

/* The box and points of one cell, in the network's pixels. */
typedef void facet__grid_decode(struct facet__candidate *out, const struct facet__grid_maps *maps, size_t index);
facet__grid_decode facet__yunet_decode, facet__scrfd_decode;

int facet__grid_open(void **state, const struct facet_detector_opts *o);
void facet__grid_close(void *state);
/* One score per anchor, into `out`; false when the outputs it needs are not there. */
typedef bool facet__grid_scores(const struct facet__grid_maps *maps, size_t n, float *out);

/* Runs the network; each stride's anchors are scored, the good ones decoded, overlaps suppressed, and
 * the best given in the picture's pixels. `anchors` are in each cell. */
int facet__grid_run(struct facet__grid *g, const struct facet_image *img, int anchors, facet__grid_scores *scores,
                    facet__grid_decode *decode, struct facet_detection *out, int max);

#endif
