/* How Resize and Upsample map a pixel of the result to the input, over all opsets. */
#ifndef FACET_ENGINE_OPS_SAMPLING_H
#define FACET_ENGINE_OPS_SAMPLING_H

#include "engine/graph.h"

enum facet_coords { FACET_COORDS_HALF_PIXEL, FACET_COORDS_PYTORCH_HALF_PIXEL, FACET_COORDS_ASYMMETRIC, FACET_COORDS_ALIGN_CORNERS };
enum facet_nearest { FACET_NEAREST_PREFER_FLOOR, FACET_NEAREST_PREFER_CEIL, FACET_NEAREST_FLOOR, FACET_NEAREST_CEIL };

struct facet_sampling {
    bool is_linear;
    enum facet_coords coords;
    enum facet_nearest nearest;
    float scale_h, scale_w;           /* 0: from the sizes */
};

/* `scales`: NULL when sizes are given instead. */
int facet_sampling_init(struct facet_sampling *s, const struct facet_graph *g, const struct facet_node *n,
                        const float *scales, int n_scales);

/* The coordinate in the input of pixel `at` of the result. */
float facet_sampling_at(const struct facet_sampling *s, float scale, int64_t at, int64_t in, int64_t out);

#endif
