/* Sums, products and endings on rows of channels, and the change between NCHW and NHWC. */
#include "engine/backends/cpu/kernels.h"
#include "engine/backends/cpu/simd/finish_body.h"

static inline vec binary_of(enum facet_binary op, vec a, vec b)
{
    switch (op) {
    case FACET_ADD: return v_add(a, b);
    case FACET_SUB: return v_sub(a, b);
    case FACET_MUL: return v_mul(a, b);
    default: return v_div(a, b);
    }
}

static inline __attribute__((always_inline)) void binary_row(enum facet_binary op, const float *a, const float *b, float *out, size_t n)
{
    size_t i = 0;
    for (; i + VL <= n; i += VL)
        v_store(out + i, binary_of(op, v_load(a + i), v_load(b + i)));
    if (i < n)
        v_storen(out + i, binary_of(op, v_loadn(a + i, n - i), v_loadn(b + i, n - i)), n - i);
}

static void binary_f32(enum facet_binary op, const float *a, size_t a_px, const float *b, size_t b_px,
                       float *out, size_t out_px, size_t pixels, size_t channels)
{
    if (a_px == channels && b_px == channels && out_px == channels) {
        channels *= pixels;
        pixels = pixels ? 1 : 0;
    }
    for (size_t p = 0; p < pixels; p++) {
        const float *x = a + p * a_px, *y = b + p * b_px;
        float *o = out + p * out_px;
        switch (op) {
        case FACET_ADD: binary_row(FACET_ADD, x, y, o, channels); break;
        case FACET_SUB: binary_row(FACET_SUB, x, y, o, channels); break;
        case FACET_MUL: binary_row(FACET_MUL, x, y, o, channels); break;
        case FACET_DIV: binary_row(FACET_DIV, x, y, o, channels); break;
        }
    }
}

static void finish_f32(const float *in, size_t in_px, float *out, size_t out_px, size_t pixels,
                       size_t channels, const struct facet_finish *f)
{
    for (size_t ch = 0; ch < channels; ch += VL) {
        size_t n = channels - ch;
        struct finish s = { .bias = f->bias ? v_loadn(f->bias + ch, n) : v_zero(),
                            .slope = f->fin == FACET_FIN_PRELU ? v_loadn(f->slope + ch, n) : v_zero(),
                            .lo = v_set1(f->lo), .hi = v_set1(f->hi), .scale = v_set1(f->residual_scale),
                            .fin = f->fin, .after = f->residual_after };
        for (size_t p = 0; p < pixels; p++) {
            vec r = f->residual ? v_loadn((const float *)f->residual + p * f->residual_px + ch, n) : v_zero();
            v_storen(out + p * out_px + ch, finish_apply(&s, v_loadn(in + p * in_px + ch, n), r), n);
        }
    }
}

/* One square of up to VL rows by VL columns; `in_row` and `out_row` are the distances of rows. */
static inline void square(const float *in, size_t in_row, float *out, size_t out_row, size_t rows, size_t cols)
{
    vec r[VL];
    for (size_t i = 0; i < VL; i++)
        r[i] = i < rows ? v_loadn(in + i * in_row, cols) : v_zero();
    v_transpose(r);
    for (size_t i = 0; i < VL && i < cols; i++)
        v_storen(out + i * out_row, r[i], rows);
}

static void transpose(const float *in, size_t in_row, float *out, size_t out_row, size_t rows, size_t cols)
{
    for (size_t r = 0; r < rows; r += VL)
        for (size_t c = 0; c < cols; c += VL)
            square(in + r * in_row + c, in_row, out + c * out_row + r, out_row,
                   rows - r < VL ? rows - r : VL, cols - c < VL ? cols - c : VL);
}

/* Pictures: with the number of channels known, compilers weave three rows into one by shuffles. */
static void weave3(const float *restrict in, size_t plane, float *restrict out, size_t pixels)
{
    const float *restrict a = in, *restrict b = in + plane, *restrict c = in + 2 * plane;
    for (size_t p = 0; p < pixels; p++) {
        out[3 * p] = a[p];
        out[3 * p + 1] = b[p];
        out[3 * p + 2] = c[p];
    }
}

static void nchw_to_nhwc_f32(const float *in, size_t plane, float *out, size_t out_px, size_t channels, size_t pixels)
{
    if (channels == 3 && out_px == 3)
        weave3(in, plane, out, pixels);
    else if (channels < 5 && out_px == channels)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                out[p * channels + c] = in[c * plane + p];
    else
        transpose(in, plane, out, out_px, channels, pixels);
}

static void nhwc_to_nchw_f32(const float *in, size_t in_px, float *out, size_t channels, size_t pixels)
{
    transpose(in, in_px, out, pixels, pixels, channels);
}
