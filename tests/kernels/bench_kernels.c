/* One line per layer of the face networks and format: time and rate of the fastest run, and what part it is of the
 * rate of a matrix product that is all inner loop (512 deep, in the caches). Not a test: run by `meson test
 * --benchmark`, or by hand: bench_kernels [c|avx2|avx512|neon|-] [part of a layer's name]. */
#include "kernels/cases.h"
#include "kernels/stored.h"

#include "base/cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct conv_case layers[] = {
    { "rnet conv1", 64, 24, 24, 3, 28, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "rnet conv2", 64, 11, 11, 28, 48, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "rnet conv3", 64, 4, 4, 48, 64, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "rnet conv4", 64, 1, 1, 576, 128, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "onet conv1", 16, 48, 48, 3, 32, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "onet conv2", 16, 23, 23, 32, 64, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "onet conv3", 16, 10, 10, 64, 64, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "facenet 1a", 1, 160, 160, 3, 32, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "facenet 2a", 1, 79, 79, 32, 32, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "facenet 2b", 1, 77, 77, 32, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "facenet 4a", 1, 38, 38, 80, 192, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "facenet 4b", 1, 36, 36, 192, 256, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "block35 3x3", 1, 17, 17, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "block35 up", 1, 17, 17, 96, 256, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "block17 down", 1, 8, 8, 896, 128, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "block17 1x7", 1, 8, 8, 128, 128, 1, 7, 1, 1, 1, 1, 0, 3, 0, 3, 0, 0 },
    { "block17 up", 1, 8, 8, 256, 896, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "block8 1x3", 1, 3, 3, 192, 192, 1, 3, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0 },
    { "block8 up", 1, 3, 3, 384, 1792, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "mobile 1x1 64", 1, 56, 56, 64, 128, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "mobile 1x1 128", 1, 14, 14, 128, 256, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { NULL },
};
static const struct conv_case dw_layers[] = {
    { "dw 56 s1", 1, 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 56 s2", 1, 56, 56, 128, 128, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 28 s1", 1, 28, 28, 128, 128, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 14 s1", 1, 14, 14, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 7 s1", 1, 7, 7, 256, 256, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 14 s2", 1, 14, 14, 512, 512, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 7x7", 1, 7, 7, 512, 512, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { NULL },
};
static const struct conv_case pool_layers[] = {
    { "pool rnet 1", 64, 22, 22, 28, 28, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { "pool onet 1", 16, 46, 46, 32, 32, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { NULL },
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void time_case(const struct facet_kernels *k, const struct conv_case *cs, enum conv_kind kind)
{
    static const char *const kinds[] = { "direct", "F(2x2)", "F(3x3)", "F(4x4)", "depthwise", "maxpool" };
    struct conv_data d;
    conv_data_open(&d, cs, kind == KIND_POOL ? END_PLAIN : END_PRELU);
    conv_data_run(&d, k, kind);
    double best = 1e9;
    for (int i = 0; i < 30; i++) {
        double t = seconds();
        conv_data_run(&d, k, kind);
        t = seconds() - t;
        best = t < best ? t : best;
    }
    double macs = (double)d.c.n * d.c.oh * d.c.ow * cs->kh * cs->kw * cs->oc * (kind == KIND_DW || kind == KIND_POOL ? 1 : cs->ic);
    printf("%-8s %-16s %-10s %9.1f us %8.1f GFLOP/s\n", k->kind, cs->name, kinds[kind], best * 1e6, macs * 2e-9 / best);
    conv_data_close(&d);
}

static void time_convpool(const struct facet_kernels *k, const struct convpool_case *cs)
{
    struct convpool_data d;
    convpool_open(&d, k, cs, END_PRELU);
    double best = 1e9;
    for (int i = 0; i < 30; i++) {
        double t = seconds();
        k->convpool_f32(&d.c, 0, convpool_units(&d.c), d.scratch);
        t = seconds() - t;
        best = t < best ? t : best;
    }
    double macs = 27.0 * cs->n * (cs->ih - 2) * (cs->iw - 2) * cs->oc;
    printf("%-8s %-16s %-10s %9.1f us %8.1f GFLOP/s\n", k->kind, cs->name, "with pool", best * 1e6, macs * 2e-9 / best);
    convpool_close(&d);
}

static double macs_of(const struct facet_conv *c, bool is_dw)
{
    return (double)c->n * c->oh * c->ow * c->kh * c->kw * c->oc * (is_dw ? 1 : c->ic);
}

/* Seconds of the fastest of some runs. */
static double time_stored(const struct facet_kernels *k, const struct conv_case *cs, enum facet_fmt fmt, enum case_end end, bool is_dw, double *macs)
{
    struct stored_how how = { fmt, fmt, fmt, end, false, is_dw, 0 };
    struct stored_data d;
    double best = 1e9;
    stored_open(&d, cs, &how);
    stored_pack(&d, k, &how);
    size_t units = is_dw ? (size_t)d.c.n * (size_t)d.c.oh : stored_pixels(&d);
    *macs = macs_of(&d.c, is_dw);
    for (int i = 0; i < 40; i++) {
        double t = seconds();
        stored_run(&d, k, &how, 0, units);
        t = seconds() - t;
        best = t < best ? t : best;
    }
    stored_close(&d);
    return best;
}

static double peak(const struct facet_kernels *k, enum facet_fmt fmt)
{
    static const struct conv_case product = { "peak", 1, 1, 1, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 };
    struct conv_case cs = product;
    double macs;
    cs.iw = 24 * (int)k->tile;
    cs.ic = 2048;
    cs.oc = 2 * (int)k->block;
    double t = time_stored(k, &cs, fmt, END_BIAS, false, &macs);
    return macs / t;
}

static void time_formats(const struct facet_kernels *k, const struct conv_case *cs, bool is_dw)
{
    static const char *const names[] = { "f32", "bf16", "u8" };
    for (int f = FACET_FMT_BF16; f <= FACET_FMT_U8; f++) {
        for (int end = END_RELU; end <= END_RESIDUAL; end++) {
            double macs, t = time_stored(k, cs, (enum facet_fmt)f, (enum case_end)end, is_dw, &macs);
            printf("%-8s %-16s %-4s %-8s %9.1f us %8.1f GOP/s %5.1f %%\n", k->kind, cs->name, names[f],
                   end == END_RELU ? "clip" : end == END_PRELU ? "prelu" : "residual", t * 1e6, macs * 2e-9 / t, macs / t / peak(k, (enum facet_fmt)f) * 100);
        }
    }
}

static void time_pnet(const struct facet_kernels *k, int h, int w)
{
    int oh, ow;
    facet_pnet_size(h, w, &oh, &ow);
    size_t plane = (size_t)oh * (size_t)ow;
    float *in = random_floats((size_t)(3 * h * w), 1), *pack = random_floats(facet_pnet_pack_floats(), 2), *out = random_floats(plane * 6, 3);
    void *scratch = malloc(facet_pnet_scratch(w));
    struct facet_pnet p = { .in = in, .n = 1, .h = h, .w = w, .softmax = true, .pack = pack, .prob = out, .box = out + 2 * plane };
    double best = 1e9;
    for (int i = 0; i < 20; i++) {
        double t = seconds();
        k->pnet_f32(&p, 0, 0, oh, scratch);
        t = seconds() - t;
        best = t < best ? t : best;
    }
    printf("%-8s P-Net %dx%d %22.1f us\n", k->kind, w, h, best * 1e6);
    free(in);
    free(pack);
    free(out);
    free(scratch);
}

static uint32_t flags_of(const char *name)
{
    if (!strcmp(name, "c"))
        return 0;
    if (!strcmp(name, "-"))
        return facet_cpu_flags(NULL);
    return !strcmp(name, "avx2") ? FACET_CPU_AVX2 : !strcmp(name, "neon") ? FACET_CPU_NEON : FACET_CPU_AVX2 | FACET_CPU_AVX512;
}

int main(int argc, char **argv)
{
    struct facet_kernels k;
    facet_kernels_init(&k, argc > 1 ? flags_of(argv[1]) : facet_cpu_flags(NULL));
    const char *only = argc > 2 ? argv[2] : "";
    for (const struct conv_case *cs = layers; cs->name; cs++) {
        if (!strstr(cs->name, only))
            continue;
        time_case(&k, cs, KIND_CONV);
        for (int kind = KIND_WINO2; k.wino_f32 && conv_case_is_wino(cs) && kind <= KIND_WINO4; kind++)
            time_case(&k, cs, (enum conv_kind)kind);
        time_formats(&k, cs, false);
    }
    for (const struct conv_case *cs = dw_layers; cs->name; cs++) {
        if (!strstr(cs->name, only))
            continue;
        time_case(&k, cs, KIND_DW);
        time_formats(&k, cs, true);
    }
    for (const struct conv_case *cs = pool_layers; cs->name; cs++)
        if (strstr(cs->name, only))
            time_case(&k, cs, KIND_POOL);
    for (int i = 0; k.convpool_f32 && i < 2; i++)
        if (strstr(convpool_cases[i].name, only))
            time_convpool(&k, &convpool_cases[i]);
    if (k.lanes > 1 && !only[0])
        time_pnet(&k, 360, 640);
    return 0;
}
