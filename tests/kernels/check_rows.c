/* Pools, means and conversions of stored numbers: every kind must write the very bytes that C writes, and
 * nothing beside its channels. */
#include "kernels/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rows_check {
    const struct facet_kernels *k, *c;
    void (*say)(const char *line);
    int wrong;
};

static void *fresh(size_t bytes, int fill)
{
    void *p = malloc(bytes + 64);
    if (!p)
        abort();
    memset(p, fill, bytes + 64);
    return p;
}

static void compare(struct rows_check *ck, const char *what, const char *name, const void *got, const void *want, size_t bytes)
{
    char line[160];
    if (memcmp(got, want, bytes + 64) == 0)
        return;
    snprintf(line, sizeof(line), "%s %s of %s differs from C's", ck->k->kind, what, name);
    ck->say(line);
    ck->wrong++;
}

/* Bytes of any value, or bf16 between -1 and 1. */
static void *stored_input(const struct facet_kernels *c, enum facet_fmt fmt, size_t n, uint64_t seed)
{
    float *reals = random_floats(n, seed);
    void *in = fresh(n * 2, 0);
    if (fmt == FACET_FMT_U8)
        c->f32_to_u8(reals, n, in, n, 1, n, 140, 130);
    else
        c->f32_to_bf16(reals, n, in, n, 1, n);
    free(reals);
    return in;
}

/* ---- pools ---- */

enum pool { POOL_MAX, POOL_MEAN, POOL_MEAN_OF_ALL };

static void run_pool(const struct facet_kernels *k, const struct facet_conv *c, enum facet_fmt fmt, enum pool pool)
{
    const struct facet_requant q = { .scale = 0.93f, .zero = 128, .out_zero = 120 };
    size_t rows = (size_t)c->n * (size_t)c->oh, cut = rows / 3;
    for (int part = 0; part < 2; part++) {
        size_t a = part ? 0 : cut, b = part ? cut : rows;
        if (fmt == FACET_FMT_U8 && pool == POOL_MAX)
            k->maxpool_u8(c, a, b);
        else if (fmt == FACET_FMT_U8)
            k->avgpool_u8(c, a, b, pool == POOL_MEAN_OF_ALL, &q);
        else if (pool == POOL_MAX)
            k->maxpool_bf16(c, a, b);
        else
            k->avgpool_bf16(c, a, b, pool == POOL_MEAN_OF_ALL);
    }
}

static void check_pool(struct rows_check *ck, const struct conv_case *cs, enum facet_fmt fmt, enum pool pool)
{
    static const char *const names[] = { "maximum", "mean", "mean of all" };
    int oh = (cs->ih + cs->pt + cs->pb - cs->kh) / cs->sy + 1, ow = (cs->iw + cs->pl + cs->pr - cs->kw) / cs->sx + 1;
    struct facet_conv c = { .n = cs->n, .ih = cs->ih, .iw = cs->iw, .ic = cs->ic, .oc = cs->ic, .oh = oh, .ow = ow, .kh = cs->kh, .kw = cs->kw,
                            .sy = cs->sy, .sx = cs->sx, .dy = cs->dy, .dx = cs->dx, .pt = cs->pt, .pl = cs->pl };
    c.in_px = (size_t)(cs->ic + cs->in_gap);
    c.out_px = (size_t)(cs->ic + cs->out_gap);
    size_t size = fmt == FACET_FMT_U8 ? 1 : 2, bytes = (size_t)cs->n * (size_t)oh * (size_t)ow * c.out_px * size;
    void *in = stored_input(ck->c, fmt, (size_t)cs->n * (size_t)cs->ih * (size_t)cs->iw * c.in_px, 3);
    void *got = fresh(bytes, 77), *want = fresh(bytes, 77);
    c.in = in;
    c.out = want;
    run_pool(ck->c, &c, fmt, pool);
    c.out = got;
    run_pool(ck->k, &c, fmt, pool);
    compare(ck, names[pool], cs->name, got, want, bytes);
    free(in);
    free(got);
    free(want);
}

/* ---- rows ---- */

static void check_gap(struct rows_check *ck, size_t pixels, size_t channels, size_t gap)
{
    float *got = fresh(channels * 4, 77), *want = fresh(channels * 4, 77);
    size_t px = channels + gap;
    void *in = stored_input(ck->c, FACET_FMT_U8, pixels * px, 5);
    ck->c->gap_u8(in, px, want, pixels, channels);
    ck->k->gap_u8(in, px, got, pixels, channels);
    compare(ck, "gap_u8", "rows", got, want, channels * 4);
    free(in);
    in = stored_input(ck->c, FACET_FMT_BF16, pixels * px, 6);
    ck->c->gap_bf16(in, px, want, pixels, channels);
    ck->k->gap_bf16(in, px, got, pixels, channels);
    compare(ck, "gap_bf16", "rows", got, want, channels * 4);
    free(in);
    free(got);
    free(want);
}

/* Ties, ends, beyond the ends, the largest floats, infinities and what is no number stand among the numbers. */
static float *odd_floats(size_t n)
{
    static const float odd[] = { 0.5f, 1.5f, -2.5f, 254.5f, 255.5f, -0.5f, 1e9f, -1e9f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN, 1e-40f, 1.00390625f };
    float *p = random_floats(n, 9);
    for (size_t i = 0; i < n; i++)
        p[i] = i % 3 == 1 ? odd[i / 3 % (sizeof(odd) / sizeof(odd[0]))] : p[i] * 200;
    return p;
}

static void check_conversions(struct rows_check *ck, size_t pixels, size_t channels, size_t in_gap, size_t out_gap)
{
    size_t in_px = channels + in_gap, out_px = channels + out_gap, n = pixels * in_px, bytes = pixels * out_px * 4;
    float *reals = odd_floats(n);
    void *in_u8 = stored_input(ck->c, FACET_FMT_U8, n, 7), *in_bf16 = stored_input(ck->c, FACET_FMT_BF16, n, 8);
    for (int what = 0; what < 6; what++) {
        static const char *const names[] = { "f32_to_bf16", "bf16_to_f32", "f32_to_u8", "f32_to_u8 with zero", "u8_to_f32", "f32_to_u8 of steps" };
        void *out[2] = { fresh(bytes, 77), fresh(bytes, 77) };
        for (int i = 0; i < 2; i++) {
            const struct facet_kernels *k = i ? ck->k : ck->c;
            switch (what) {
            case 0: k->f32_to_bf16(reals, in_px, out[i], out_px, pixels, channels); break;
            case 1: k->bf16_to_f32(in_bf16, in_px, out[i], out_px, pixels, channels); break;
            case 2: k->f32_to_u8(reals, in_px, out[i], out_px, pixels, channels, 1, 0); break;
            case 3: k->f32_to_u8(reals, in_px, out[i], out_px, pixels, channels, 1 / 1.7f, 131); break;
            case 4: k->u8_to_f32(in_u8, in_px, out[i], out_px, pixels, channels, 0.037f, 77); break;
            default: k->f32_to_u8(reals, in_px, out[i], out_px, pixels, channels, 1, 255); break;
            }
        }
        compare(ck, names[what], "rows", out[1], out[0], bytes);
        free(out[0]);
        free(out[1]);
    }
    free(reals);
    free(in_u8);
    free(in_bf16);
}

int rows_check(const struct facet_kernels *k, void (*say)(const char *line))
{
    static const size_t sizes[] = { 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 64, 100, 257, 530 };
    struct facet_kernels c;
    facet_kernels_init(&c, 0);
    struct rows_check ck = { .k = k, .c = &c, .say = say };
    for (const struct conv_case *cs = pool_cases; cs->name; cs++)
        for (int pool = POOL_MAX; pool <= POOL_MEAN_OF_ALL; pool++) {
            check_pool(&ck, cs, FACET_FMT_U8, (enum pool)pool);
            check_pool(&ck, cs, FACET_FMT_BF16, (enum pool)pool);
        }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        check_gap(&ck, 1 + i * 3, sizes[i], i % 3);
        check_conversions(&ck, 1 + i % 4, sizes[i], i % 3, i % 2 * 5);
        check_conversions(&ck, 3, sizes[i], 0, 0);
    }
    check_gap(&ck, 70000, 3, 0);
    return ck.wrong;
}
