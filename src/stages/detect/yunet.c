/* YuNet: Wu, Peng, Yu, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research
 * 20, 2023. One cell, one box: centre and logarithm of the sides, in strides. */
#include "stages/detect/anchors.h"

#include <math.h>

static float unit(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static bool yunet_scores(const struct facet__grid_maps *m, size_t n, float *out)
{
    if (!m->cls || !m->obj)
        return false;
    for (size_t i = 0; i < n; i++)
        out[i] = sqrtf(unit(m->cls[i]) * unit(m->obj[i]));
    return true;
}

void facet__yunet_decode(struct facet__candidate *out, const struct facet__grid_maps *m, size_t index)
{
    const float *b = m->bbox + 4 * index, *k = m->kps + 2 * FACET_LANDMARKS * index, stride = (float)m->stride;
    float col = (float)(index % (size_t)m->cols), row = (float)(index / (size_t)m->cols);
    float x = (col + b[0]) * stride, y = (row + b[1]) * stride;
    float w = expf(b[2]) * stride, h = expf(b[3]) * stride;
    out->box = (struct facet_box){x - w / 2, y - h / 2, x + w / 2, y + h / 2};
    for (int i = 0; i < FACET_LANDMARKS; i++)
        out->points.p[i] = (struct facet_point){(col + k[2 * i]) * stride, (row + k[2 * i + 1]) * stride};
}

static int yunet_run(void *state, const struct facet_image *img, struct facet_detection *out, int max)
{
    return facet__grid_run(state, img, 1, yunet_scores, facet__yunet_decode, out, max);
}

const struct facet__detector_ops facet__detector_yunet = {
    .kind = "yunet",
    .defaults = {.threshold = {0.7f, 0.7f, 0.7f}, .nms = 0.3f, .max_side = 640},
    .open = facet__grid_open,
    .run = yunet_run,
    .close = facet__grid_close,
};
