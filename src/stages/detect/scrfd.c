/* SCRFD: Guo, Deng, Lattas, Zafeiriou, "Sample and Computation Redistribution for Efficient Face
 * Detection", ICLR 2022. Two anchors a cell; distances to the sides, and points, from the cell's corner. */
#include "stages/detect/anchors.h"

#include <string.h>

#define ANCHORS 2

static bool scrfd_scores(const struct facet__grid_maps *m, size_t n, float *out)
{
    if (m->score)
        memcpy(out, m->score, n * sizeof(*out));
    return m->score;
}

void facet__scrfd_decode(struct facet__candidate *out, const struct facet__grid_maps *m, size_t index)
{
    const float *b = m->bbox + 4 * index, *k = m->kps + 2 * FACET_LANDMARKS * index, stride = (float)m->stride;
    size_t cell = index / ANCHORS;
    float x = (float)(cell % (size_t)m->cols) * stride, y = (float)(cell / (size_t)m->cols) * stride;
    out->box = (struct facet_box){x - b[0] * stride, y - b[1] * stride, x + b[2] * stride, y + b[3] * stride};
    for (int i = 0; i < FACET_LANDMARKS; i++)
        out->points.p[i] = (struct facet_point){x + k[2 * i] * stride, y + k[2 * i + 1] * stride};
}

static int scrfd_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    return facet__grid_run(state, img, ANCHORS, scrfd_scores, facet__scrfd_decode, out, max);
}

const struct facet__detector_ops facet__detector_scrfd = {
    .kind = "scrfd",
    .defaults = {.threshold = {0.5f, 0.5f, 0.5f}, .nms = 0.4f, .max_side = 640},
    .open = facet__grid_open,
    .run = scrfd_run,
    .close = facet__grid_close,
};
