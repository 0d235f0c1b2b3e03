#include "engine/ops/sampling.h"

#include "base/errors.h"
#include "engine/ops/ops.h"

#include <math.h>
#include <string.h>

static int find_word(const char *word, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(word, words[i]) == 0)
            return i;
    return -1;
}

static int read_modes(struct facet_sampling *s, const struct facet_graph *g, const struct facet_node *n)
{
    static const char *const coords[] = {"half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners", NULL};
    static const char *const nearest[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    const char *mode = facet_node_string(n, "mode", "nearest");
    s->is_linear = strcmp(mode, "linear") == 0 || strcmp(mode, "bilinear") == 0;
    if (!s->is_linear && strcmp(mode, "nearest") != 0)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "mode '%s'", mode);
    if (g->opset < 11 || strcmp(n->op, "Upsample") == 0) { /* no choice yet */
        s->coords = FACET_COORDS_ASYMMETRIC;
        s->nearest = FACET_NEAREST_FLOOR;
        return FACET_OK;
    }
    const char *c = facet_node_string(n, "coordinate_transformation_mode", "half_pixel");
    const char *r = facet_node_string(n, "nearest_mode", "round_prefer_floor");
    int ic = find_word(c, coords), ir = find_word(r, nearest);
    if (ic < 0 || ir < 0)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "'%s' is not known", ic < 0 ? c : r);
    s->coords = (enum facet_coords)ic;
    s->nearest = (enum facet_nearest)ir;
    if (facet_node_int(n, "antialias", 0) != 0 || facet_node_attr(n, "axes") ||
        strcmp(facet_node_string(n, "keep_aspect_ratio_policy", "stretch"), "stretch") != 0)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "antialias, axes and keep_aspect_ratio_policy are not known");
    return FACET_OK;
}

int facet_sampling_init(struct facet_sampling *s, const struct facet_graph *g, const struct facet_node *n,
                        const float *scales, int n_scales)
{
    *s = (struct facet_sampling){0};
    int err = read_modes(s, g, n);
    if (err || !scales)
        return err;
    if (n_scales != 4 || scales[0] != 1.0f || scales[1] != 1.0f)
        return facet_op_fail(g, n, FACET_E_UNSUPPORTED, "only height and width of four dimensions can be resized");
    for (int i = 2; i < 4; i++)
        if (!(scales[i] > 1e-6f && scales[i] < 1e6f))
            return facet_op_fail(g, n, FACET_E_FORMAT, "a scale of %g", (double)scales[i]);
    s->scale_h = scales[2];
    s->scale_w = scales[3];
    return FACET_OK;
}

float facet_sampling_at(const struct facet_sampling *s, float scale, int64_t at, int64_t in, int64_t out)
{
    switch (s->coords) {
    case FACET_COORDS_ASYMMETRIC: return (float)at / scale;
    case FACET_COORDS_ALIGN_CORNERS: return out > 1 ? (float)at * (float)(in - 1) / (float)(out - 1) : 0.0f;
    case FACET_COORDS_PYTORCH_HALF_PIXEL:
        if (out <= 1)
            return 0.0f;
        break;
    case FACET_COORDS_HALF_PIXEL: break;
    }
    return ((float)at + 0.5f) / scale - 0.5f;
}
