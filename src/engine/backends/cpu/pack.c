/* Weights from ONNX's order to the kernels'. Happens once per plan. */
#include "engine/backends/cpu/kernels_priv.h"

#include <string.h>

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

size_t facet_conv_pack_floats(const struct facet_kernels *k, int oc, size_t depth)
{
    return round_up((size_t)oc, k->lanes) * depth;
}

/* Row `d` of the weights of channel `oc`: blocks of `block` channels, the last one narrower. */
static float *conv_slot(const struct facet_kernels *k, float *out, int oc, int n_oc, size_t depth, size_t d)
{
    size_t b = (size_t)oc / k->block * k->block, left = (size_t)n_oc - b;
    size_t width = left < k->block ? round_up(left, k->lanes) : k->block;
    return out + b * depth + d * width + ((size_t)oc - b);
}

void facet_pack_conv(const struct facet_kernels *k, const float *w, int oc, int ic, int kh, int kw, float *out)
{
    size_t taps = (size_t)kh * (size_t)kw, depth = taps * (size_t)ic;
    memset(out, 0, facet_conv_pack_floats(k, oc, depth) * sizeof(float));
    for (int o = 0; o < oc; o++)
        for (size_t i = 0; i < (size_t)ic; i++)
            for (size_t t = 0; t < taps; t++)
                *conv_slot(k, out, o, oc, depth, t * (size_t)ic + i) = w[((size_t)o * (size_t)ic + i) * taps + t];
}

size_t facet_dw_pack_floats(int c, int kh, int kw)
{
    return round_up((size_t)c, 16) * (size_t)kh * (size_t)kw;
}

void facet_pack_dw(const float *w, int c, int kh, int kw, float *out)
{
    size_t taps = (size_t)kh * (size_t)kw, px = round_up((size_t)c, 16);
    memset(out, 0, px * taps * sizeof(float));
    for (size_t ch = 0; ch < (size_t)c; ch++)
        for (size_t t = 0; t < taps; t++)
            out[t * px + ch] = w[ch * taps + t];
}

size_t facet_wino_pack_floats(const struct facet_kernels *k, int oc, int ic)
{
    return 36 * facet_conv_pack_floats(k, oc, (size_t)ic);
}

/* G g G^T of F(4x4,3x3), in double: it is done once and costs nothing to be exact. */
static void wino_weights(const float g[9], double u[36])
{
    static const double G[6][3] = { { 1.0 / 4, 0, 0 },
                                    { -1.0 / 6, -1.0 / 6, -1.0 / 6 },
                                    { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
                                    { 1.0 / 24, 1.0 / 12, 1.0 / 6 },
                                    { 1.0 / 24, -1.0 / 12, 1.0 / 6 },
                                    { 0, 0, 1 } };
    for (int i = 0; i < 36; i++) {
        u[i] = 0;
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                u[i] += G[i / 6][y] * (double)g[y * 3 + x] * G[i % 6][x];
    }
}

void facet_pack_wino(const struct facet_kernels *k, const float *w, int oc, int ic, float *out)
{
    size_t per = facet_conv_pack_floats(k, oc, (size_t)ic);
    memset(out, 0, 36 * per * sizeof(float));
    for (int o = 0; o < oc; o++) {
        for (size_t i = 0; i < (size_t)ic; i++) {
            double u[36];
            wino_weights(w + ((size_t)o * (size_t)ic + i) * 9, u);
            for (size_t x = 0; x < 36; x++)
                *conv_slot(k, out + x * per, o, oc, (size_t)ic, i) = (float)u[x];
        }
    }
}
