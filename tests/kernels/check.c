/* Every kernel of a table against the C kernels. Tolerance: 2e-6 of the sum of the absolute terms'
 * bound (inputs and weights are in [-1, 1]), up to 1e-5 for Winograd; whatever lies beside the output's
 * channels must be untouched. */
#include "kernels/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct facet_kernels *k, *c;
    void (*say)(const char *line);
    int wrong;
};

static void compare(struct check *ck, const char *what, const float *got, const float *want, size_t n, double tol)
{
    for (size_t i = 0; i < n; i++) {
        double diff = fabs((double)got[i] - (double)want[i]);
        if (diff <= tol)
            continue;
        char line[160];
        snprintf(line, sizeof(line), "%s %s: number %zu is %g, C says %g (tolerance %g)", ck->k->kind, what, i,
                 (double)got[i], (double)want[i], tol);
        ck->say(line);
        ck->wrong++;
        return;
    }
}

/* Of one term. Winograd's transforms mix numbers of different size: the larger the square, the more is lost. */
static double tolerance_of(enum conv_kind kind)
{
    return kind == KIND_WINO4 ? 1e-5 : kind == KIND_WINO3 ? 5e-6 : 2e-6;
}

static void check_conv(struct check *ck, const struct conv_case *cs, enum conv_kind kind, enum case_end end)
{
    struct conv_data d;
    conv_data_open(&d, cs, end);
    conv_data_run(&d, ck->c, conv_kind_is_wino(kind) ? KIND_CONV : kind);
    memcpy(d.want, d.out, d.out_floats * sizeof(float));
    for (size_t i = 0; i < d.out_floats; i++)
        d.out[i] = i % d.c.out_px < (size_t)cs->oc ? NAN : d.out[i];
    d.c.out = NULL;
    conv_data_run(&d, ck->k, kind);
    double terms = kind == KIND_POOL ? 0 : (double)cs->kh * cs->kw * (kind == KIND_DW ? 1 : cs->ic) + 2;
    for (size_t i = 0; i < d.out_floats; i++)
        d.out[i] = isnan(d.out[i]) ? INFINITY : d.out[i];
    compare(ck, cs->name, d.out, d.want, d.out_floats, sqrt(terms) * tolerance_of(kind));
    conv_data_close(&d);
}

/* The parts of a loop give what the whole gives: threads cut the work anywhere. */
static void check_parts(struct check *ck, const struct conv_case *cs)
{
    struct conv_data d;
    conv_data_open(&d, cs, END_PRELU);
    conv_data_run(&d, ck->k, KIND_CONV);
    memcpy(d.want, d.out, d.out_floats * sizeof(float));
    memset(d.out, 0, d.out_floats * sizeof(float));
    size_t pixels = (size_t)d.c.n * (size_t)d.c.oh * (size_t)d.c.ow, cut = pixels * 2 / 5;
    ck->k->conv_f32(&d.c, cut, pixels, d.scratch);
    ck->k->conv_f32(&d.c, 0, cut, d.scratch);
    if (!cs->out_gap)
        compare(ck, "parts", d.out, d.want, d.out_floats, 2e-6 * sqrt((double)cs->kh * cs->kw * cs->ic));
    conv_data_close(&d);
}

static void check_avgpool(struct check *ck, const struct conv_case *cs, bool count_pad)
{
    struct conv_data d;
    conv_data_open(&d, cs, END_PLAIN);
    d.c.out = d.want;
    ck->c->avgpool_f32(&d.c, 0, (size_t)d.c.n * (size_t)d.c.oh, count_pad);
    d.c.out = d.out;
    ck->k->avgpool_f32(&d.c, 0, (size_t)d.c.n * (size_t)d.c.oh, count_pad);
    compare(ck, cs->name, d.out, d.want, d.out_floats, 2e-6);
    conv_data_close(&d);
}

static void check_rows(struct check *ck, size_t pixels, size_t ch, enum facet_binary op, size_t gap, bool per_channel)
{
    size_t px = ch + gap, n = pixels * px;
    float *a = random_floats(n, 1), *b = random_floats(n, 2), *got = random_floats(n, 3), *want = random_floats(n, 3);
    for (size_t i = 0; i < n; i++)
        b[i] += b[i] < 0 ? -0.5f : 0.5f;
    ck->c->binary_f32(op, a, px, b, per_channel ? 0 : px, want, px, pixels, ch);
    ck->k->binary_f32(op, a, px, b, per_channel ? 0 : px, got, px, pixels, ch);
    compare(ck, "binary", got, want, n, 1e-6);
    struct facet_finish f = { .bias = b, .slope = a, .fin = FACET_FIN_PRELU, .residual = b, .residual_px = px, .residual_scale = 2 };
    ck->c->finish_f32(a, px, want, px, pixels, ch, &f);
    ck->k->finish_f32(a, px, got, px, pixels, ch, &f);
    compare(ck, "finish", got, want, n, 1e-6);
    f = (struct facet_finish){ .fin = FACET_FIN_CLIP, .lo = -0.5f, .hi = 0.25f };
    ck->c->finish_f32(a, px, want, px, pixels, ch, &f);
    ck->k->finish_f32(a, px, got, px, pixels, ch, &f);
    compare(ck, "clip", got, want, n, 0);
    ck->c->gap_f32(a, px, want, pixels, ch);
    ck->k->gap_f32(a, px, got, pixels, ch);
    compare(ck, "mean", got, want, ch, 1e-6);
    free(a);
    free(b);
    free(got);
    free(want);
}

static void check_layout(struct check *ck, size_t pixels, size_t ch, size_t gap)
{
    size_t px = ch + gap, n = pixels * px, plane = pixels + gap * 2;
    float *a = random_floats(n + plane * ch, 1), *got = random_floats(n, 3), *want = random_floats(n, 3);
    ck->c->nchw_to_nhwc_f32(a, plane, want, px, ch, pixels);
    ck->k->nchw_to_nhwc_f32(a, plane, got, px, ch, pixels);
    compare(ck, "to NHWC", got, want, n, 0);
    ck->c->nhwc_to_nchw_f32(a, px, want, ch, pixels);
    ck->k->nhwc_to_nchw_f32(a, px, got, ch, pixels);
    compare(ck, "to NCHW", got, want, pixels * ch, 0);
    free(a);
    free(got);
    free(want);
}

static void check_vectors(struct check *ck)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100 };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int op = FACET_ADD; op <= FACET_DIV; op++) {
            check_rows(ck, 9, sizes[i], (enum facet_binary)op, i % 3, false);
            check_rows(ck, 5, sizes[i], (enum facet_binary)op, i % 2, true);
        }
        check_layout(ck, 37, sizes[i], i % 3);
        check_layout(ck, sizes[i], 16, 0);
    }
}

static const float *pnet_fill(struct facet_pnet_weights *w, float *bytes)
{
    static const int sizes[5] = { 270, 1440, 4608, 64, 128 }, channels[5] = { 10, 16, 32, 2, 4 };
    for (int i = 0; i < 5; i++) {
        w->w[i] = bytes;
        bytes += sizes[i];
        w->bias[i] = bytes;
        bytes += channels[i];
        if (i < 3)
            w->slope[i] = bytes;
        bytes += channels[i];
    }
    return bytes;
}

/* Tolerance 2e-5 on probabilities and boxes: weights are scaled so that numbers stay near one. */
static void check_pnet(struct check *ck, int n, int h, int w, bool softmax)
{
    int oh, ow;
    facet_pnet_size(h, w, &oh, &ow);
    size_t plane = (size_t)n * (size_t)oh * (size_t)ow;
    float *in = random_floats((size_t)n * 3 * (size_t)h * (size_t)w, 1), *weights = random_floats(8000, 2);
    float *pack = random_floats(facet_pnet_pack_floats(), 3), *got = random_floats(plane * 6, 4), *want = random_floats(plane * 6, 5);
    void *scratch = malloc(facet_pnet_scratch(w));
    struct facet_pnet_weights pw;
    for (int i = 0; i < 8000; i++)
        weights[i] *= 0.2f;
    pnet_fill(&pw, weights);
    facet_pack_pnet(&pw, pack);
    struct facet_pnet p = { .in = in, .n = n, .h = h, .w = w, .softmax = softmax, .pack = pack, .prob = want, .box = want + plane * 2 };
    for (int i = 0; i < n; i++)
        ck->c->pnet_f32(&p, i, 0, oh, scratch);
    p.prob = got;
    p.box = got + plane * 2;
    int cut = oh / 2 / 4 * 4;
    for (int i = 0; i < n; i++) {
        ck->k->pnet_f32(&p, i, cut, oh, scratch);
        ck->k->pnet_f32(&p, i, 0, cut, scratch);
    }
    char name[64];
    snprintf(name, sizeof(name), "P-Net of %dx%d", w, h);
    compare(ck, name, got, want, plane * 6, 2e-5);
    free(in);
    free(weights);
    free(pack);
    free(got);
    free(want);
    free(scratch);
}

int kernels_check(const struct facet_kernels *k, void (*say)(const char *line))
{
    struct facet_kernels c;
    facet_kernels_init(&c, 0);
    struct check ck = { .k = k, .c = &c, .say = say };
    for (const struct conv_case *cs = conv_cases; cs->name; cs++) {
        for (int end = 0; end < END_COUNT; end++) {
            check_conv(&ck, cs, KIND_CONV, (enum case_end)end);
            for (int kind = KIND_WINO2; k->wino_f32 && conv_case_is_wino(cs) && kind <= KIND_WINO4; kind++)
                check_conv(&ck, cs, (enum conv_kind)kind, (enum case_end)end);
        }
        check_parts(&ck, cs);
    }
    for (const struct conv_case *cs = dw_cases; cs->name; cs++)
        for (int end = 0; end < END_COUNT; end++)
            check_conv(&ck, cs, KIND_DW, (enum case_end)end);
    for (const struct conv_case *cs = pool_cases; cs->name; cs++) {
        check_conv(&ck, cs, KIND_POOL, END_PLAIN);
        check_avgpool(&ck, cs, true);
        check_avgpool(&ck, cs, false);
    }
    check_vectors(&ck);
    static const int sides[][2] = { { 11, 11 }, { 12, 13 }, { 12, 61 }, { 61, 12 }, { 40, 75 }, { 75, 40 }, { 58, 109 }, { 33, 210 }, { 20, 107 } };
    for (size_t i = 0; i < sizeof(sides) / sizeof(sides[0]); i++)
        check_pnet(&ck, 1 + (int)i % 2, sides[i][0], sides[i][1], i % 3 != 0);
    return ck.wrong + convpool_check(k, say) + rows_check(k, say);
}
