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

static int per_group(enum facet_fmt fmt)
{
    return fmt == FACET_FMT_U8 ? 4 : fmt == FACET_FMT_BF16 ? 2 : 1;
}

/* With few channels that fill no whole group, a row of the window is packed as one run. */
bool facet_conv_has_runs(enum facet_fmt fmt, int ic, int kw, int dx)
{
    return ic % per_group(fmt) != 0 && ic < 16 && kw > 1 && dx == 1;
}

/* Numbers, and rows of them, of the window of one output channel. */
static void rows_of(enum facet_fmt fmt, int ic, int kh, int kw, int dx, size_t *rows, size_t *len)
{
    bool runs = facet_conv_has_runs(fmt, ic, kw, dx);
    *rows = (size_t)kh * (size_t)(runs ? 1 : kw);
    *len = (size_t)ic * (size_t)(runs ? kw : 1);
}

size_t facet_conv_groups(enum facet_fmt fmt, int ic, int kh, int kw, int dx)
{
    size_t rows, len, per = (size_t)per_group(fmt);
    rows_of(fmt, ic, kh, kw, dx, &rows, &len);
    return rows * ((len + per - 1) / per);
}

size_t facet_conv_pack_bytes(const struct facet_kernels *k, enum facet_fmt fmt, int oc, int ic, int kh, int kw, int dx)
{
    return facet_conv_pack_floats(k, oc, facet_conv_groups(fmt, ic, kh, kw, dx)) * 4;
}

struct packing { const struct facet_kernels *k; enum facet_fmt fmt; int oc, ic, kh, kw, dx; const void *w; void *out; };

static void put_one(const struct packing *p, size_t slot, size_t from)
{
    if (p->fmt == FACET_FMT_U8)
        ((int8_t *)p->out)[slot] = ((const int8_t *)p->w)[from];
    else
        ((uint16_t *)p->out)[slot] = facet_bf16_of(((const float *)p->w)[from]);
}

static void pack_groups(const struct packing *p)
{
    size_t rows, len, per = (size_t)per_group(p->fmt), taps = (size_t)(p->kh * p->kw), ic = (size_t)p->ic;
    rows_of(p->fmt, p->ic, p->kh, p->kw, p->dx, &rows, &len);
    size_t row_groups = (len + per - 1) / per, depth = rows * row_groups;
    memset(p->out, 0, facet_conv_pack_floats(p->k, p->oc, depth) * 4);
    for (int o = 0; o < p->oc; o++) {
        for (size_t i = 0; i < rows * len; i++) {
            size_t r = i / len, j = i % len, group = r * row_groups + j / per;
            float *slot = conv_slot(p->k, p->out, o, p->oc, depth, group);
            size_t tap = len == ic ? r : r * (size_t)p->kw + j / ic;
            put_one(p, (size_t)(slot - (float *)p->out) * per + j % per, ((size_t)o * ic + j % ic) * taps + tap);
        }
    }
}

void facet_pack_conv_bf16(const struct facet_kernels *k, const float *w, int oc, int ic, int kh, int kw, int dx, void *out)
{
    pack_groups(&(struct packing){ k, FACET_FMT_BF16, oc, ic, kh, kw, dx, w, out });
}

void facet_pack_conv_s8(const struct facet_kernels *k, const int8_t *w, int oc, int ic, int kh, int kw, int dx, void *out)
{
    pack_groups(&(struct packing){ k, FACET_FMT_U8, oc, ic, kh, kw, dx, w, out });
}

size_t facet_dw_pack_bytes(enum facet_fmt fmt, int c, int kh, int kw)
{
    return fmt == FACET_FMT_U8 ? round_up((size_t)c, 64) * (size_t)(kh * kw) : facet_dw_pack_floats(c, kh, kw) * sizeof(float);
}

void facet_pack_dw_bf16(const float *w, int c, int kh, int kw, void *out)
{
    float *f = out;
    facet_pack_dw(w, c, kh, kw, out);
    for (size_t i = 0; i < facet_dw_pack_floats(c, kh, kw); i++)
        f[i] = facet_bf16_float(facet_bf16_of(f[i]));
}

void facet_pack_dw_s8(const int8_t *w, int c, int kh, int kw, void *out)
{
    size_t taps = (size_t)(kh * kw), px = round_up((size_t)c, 64);
    memset(out, 0, px * taps);
    for (size_t ch = 0; ch < (size_t)c; ch++)
        for (size_t t = 0; t < taps; t++)
            ((int8_t *)out)[t * px + ch] = w[ch * taps + t];
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

size_t facet_wino_pack_floats(const struct facet_kernels *k, int oc, int ic, int square)
{
    return (size_t)(square + 2) * (size_t)(square + 2) * facet_conv_pack_floats(k, oc, (size_t)ic);
}

/* G of F(m,3), m = 2, 3 and 4. */
static const double wino_g[3][6][3] = {
    { { 1, 0, 0 }, { 1.0 / 2, 1.0 / 2, 1.0 / 2 }, { 1.0 / 2, -1.0 / 2, 1.0 / 2 }, { 0, 0, 1 } },
    { { 1.0 / 2, 0, 0 },
      { -1.0 / 2, -1.0 / 2, -1.0 / 2 },
      { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
      { 1.0 / 6, 1.0 / 3, 2.0 / 3 },
      { 0, 0, 1 } },
    { { 1.0 / 4, 0, 0 },
      { -1.0 / 6, -1.0 / 6, -1.0 / 6 },
      { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
      { 1.0 / 24, 1.0 / 12, 1.0 / 6 },
      { 1.0 / 24, -1.0 / 12, 1.0 / 6 },
      { 0, 0, 1 } },
};

/* G g G^T of F(m x m,3x3), in double: it is done once and costs nothing to be exact. */
static void wino_weights(const float g[9], int m, double u[36])
{
    int side = m + 2;
    for (int i = 0; i < side * side; i++) {
        u[i] = 0;
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                u[i] += wino_g[m - 2][i / side][y] * (double)g[y * 3 + x] * wino_g[m - 2][i % side][x];
    }
}

void facet_pack_wino(const struct facet_kernels *k, const float *w, int oc, int ic, int square, float *out)
{
    size_t per = facet_conv_pack_floats(k, oc, (size_t)ic), points = (size_t)(square + 2) * (size_t)(square + 2);
    memset(out, 0, points * per * sizeof(float));
    for (int o = 0; o < oc; o++) {
        for (size_t i = 0; i < (size_t)ic; i++) {
            double u[36];
            wino_weights(w + ((size_t)o * (size_t)ic + i) * 9, square, u);
            for (size_t x = 0; x < points; x++)
                *conv_slot(k, out + x * per, o, oc, (size_t)ic, i) = (float)u[x];
        }
    }
}

size_t facet_convpool_pack_floats(const struct facet_kernels *k, int oc, int ic)
{
    return 6 * 3 * (size_t)ic * round_up((size_t)oc, k->lanes);
}

/* Blocks of two vectors of channels (the last may be one): [kx][ic][6][block], transformed down the columns. */
void facet_pack_convpool(const struct facet_kernels *k, const float *w, int oc, int ic, float *out)
{
    size_t block = 2 * k->lanes, depth = 3 * (size_t)ic;
    memset(out, 0, facet_convpool_pack_floats(k, oc, ic) * sizeof(float));
    for (size_t o = 0; o < (size_t)oc; o++) {
        size_t b = o / block * block, left = (size_t)oc - b, width = left < block ? round_up(left, k->lanes) : block;
        for (size_t i = 0; i < depth * 6; i++) {
            const float *g = w + (o * (size_t)ic + i / 6 % (size_t)ic) * 9 + i / 6 / (size_t)ic;
            double u = 0;
            for (size_t y = 0; y < 3; y++)
                u += wino_g[2][i % 6][y] * (double)g[y * 3];
            out[b * depth * 6 + i * width + (o - b)] = (float)u;
        }
    }
}
