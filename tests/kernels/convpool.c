/* The convolution with the maximum behind it, against C's convolution and C's maximum. */
#include "kernels/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sides around whole strips of four rows, channels around whole vectors, pictures of a batch. */
const struct convpool_case convpool_cases[] = {
    { "R-Net's first", 64, 24, 24, 3, 28 }, { "O-Net's first", 16, 48, 48, 3, 32 }, { "least", 1, 5, 5, 3, 10 },
    { "6 by 7", 2, 6, 7, 1, 4 },            { "7 by 6", 3, 7, 6, 3, 16 },           { "8 by 21", 1, 8, 21, 4, 33 },
    { "9 by 9", 2, 9, 9, 3, 48 },           { "10 by 13", 1, 10, 13, 2, 64 },       { "11 by 30", 1, 11, 30, 3, 31 },
    { "33 by 20", 1, 33, 20, 3, 70 },       { NULL },
};

void convpool_open(struct convpool_data *d, const struct facet_kernels *k, const struct convpool_case *cs, enum case_end end)
{
    int h = cs->ih - 2, w = cs->iw - 2;
    *d = (struct convpool_data){ .c = { .n = cs->n, .ih = cs->ih, .iw = cs->iw, .ic = cs->ic, .oh = (h - 2) / 2 + 1, .ow = (w - 2) / 2 + 1,
                                        .oc = cs->oc, .in_px = (size_t)cs->ic, .out_px = (size_t)cs->oc + 3, .kh = 3, .kw = 3, .sy = 1,
                                        .sx = 1, .dy = 1, .dx = 1, .fin = { .lo = 0, .hi = 0.7f } } };
    d->in = random_floats((size_t)cs->n * (size_t)cs->ih * (size_t)cs->iw * (size_t)cs->ic, 1);
    d->w = random_floats((size_t)cs->oc * (size_t)cs->ic * 9, 2);
    d->bias = random_floats((size_t)cs->oc, 3);
    d->slope = random_floats((size_t)cs->oc, 4);
    d->out_floats = (size_t)cs->n * (size_t)d->c.oh * (size_t)d->c.ow * d->c.out_px;
    d->out = random_floats(d->out_floats, 5);
    d->want = random_floats(d->out_floats, 5);
    d->packed = random_floats(facet_convpool_pack_floats(k, cs->oc, cs->ic), 6);
    d->scratch = malloc(facet_convpool_scratch(&d->c));
    if (!d->scratch)
        abort();
    facet_pack_convpool(k, d->w, cs->oc, cs->ic, d->packed);
    d->c.in = d->in;
    d->c.out = d->out;
    d->c.w = d->packed;
    d->c.fin.bias = end == END_PLAIN ? NULL : d->bias;
    d->c.fin.fin = end == END_RELU ? FACET_FIN_CLIP : end == END_PRELU ? FACET_FIN_PRELU : FACET_FIN_NONE;
    d->c.fin.slope = d->slope;
}

void convpool_close(struct convpool_data *d)
{
    float *all[] = { d->in, d->w, d->bias, d->slope, d->out, d->want, d->packed, d->scratch };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

size_t convpool_units(const struct facet_conv *c)
{
    return (size_t)c->n * (((size_t)c->oh + 1) / 2);
}

static void by_c(struct convpool_data *d)
{
    struct facet_kernels k;
    struct facet_conv c = d->c, pool = d->c;
    facet_kernels_init(&k, 0);
    c.oh = c.ih - 2;
    c.ow = c.iw - 2;
    c.out_px = (size_t)c.oc;
    size_t pixels = (size_t)c.n * (size_t)c.oh * (size_t)c.ow;
    float *map = random_floats(pixels * c.out_px, 7), *packed = random_floats(facet_conv_pack_floats(&k, c.oc, (size_t)c.ic * 9), 8);
    facet_pack_conv(&k, d->w, c.oc, c.ic, 3, 3, packed);
    c.w = packed;
    c.out = map;
    k.conv_f32(&c, 0, pixels, NULL);
    pool.in = map;
    pool.in_px = c.out_px;
    pool.ic = c.oc;
    pool.ih = c.oh;
    pool.iw = c.ow;
    pool.sy = pool.sx = 2;
    pool.out = d->want;
    k.maxpool_f32(&pool, 0, (size_t)pool.n * (size_t)pool.oh);
    free(map);
    free(packed);
}

static int differs(const char *what, const char *name, const float *got, const float *want, size_t n, double tol, void (*say)(const char *))
{
    for (size_t i = 0; i < n; i++) {
        if (fabs((double)got[i] - (double)want[i]) <= tol)
            continue;
        char line[160];
        snprintf(line, sizeof(line), "%s, %s: number %zu is %g, not %g", name, what, i, (double)got[i], (double)want[i]);
        say(line);
        return 1;
    }
    return 0;
}

/* Against C within Winograd's tolerance, and in parts to the last bit. */
static int check_one(const struct facet_kernels *k, const struct convpool_case *cs, enum case_end end, void (*say)(const char *))
{
    struct convpool_data d;
    convpool_open(&d, k, cs, end);
    size_t units = convpool_units(&d.c), cut = units * 2 / 5;
    by_c(&d);
    k->convpool_f32(&d.c, 0, units, d.scratch);
    int wrong = differs("whole", cs->name, d.out, d.want, d.out_floats, 1e-5 * sqrt(9.0 * cs->ic), say);
    memcpy(d.want, d.out, d.out_floats * sizeof(float));
    for (size_t i = 0; i < d.out_floats; i++)
        d.out[i] = i % d.c.out_px < (size_t)cs->oc ? INFINITY : d.out[i];
    k->convpool_f32(&d.c, cut, units, d.scratch);
    k->convpool_f32(&d.c, 0, cut, d.scratch);
    wrong += differs("parts", cs->name, d.out, d.want, d.out_floats, 0, say);
    convpool_close(&d);
    return wrong;
}

/* ---- in 8 bits ---- */

struct bytes {
    struct facet_conv c;
    uint8_t *in, *out, *want;
    int8_t *w;
    float *scale, *bias, *slope;
    size_t out_bytes;
};

static uint8_t *random_bytes(size_t n, unsigned seed)
{
    float *f = random_floats(n + 64, seed);
    uint8_t *b = malloc(n + 64);
    if (!b)
        abort();
    for (size_t i = 0; i < n + 64; i++)
        b[i] = (uint8_t)(int)((f[i] + 1) * 127.99f);
    free(f);
    return b;
}

/* Sums reach beyond what a byte holds on both sides; some slopes fall, some rise, some do neither. */
static void bytes_open(struct bytes *d, const struct convpool_case *cs, enum case_end end, bool falls)
{
    int h = cs->ih - 2, w = cs->iw - 2;
    size_t wide = ((size_t)cs->oc + 31) / 32 * 32;
    *d = (struct bytes){ .c = { .n = cs->n, .ih = cs->ih, .iw = cs->iw, .ic = cs->ic, .oh = (h - 2) / 2 + 1, .ow = (w - 2) / 2 + 1, .oc = cs->oc,
                                .in_px = (size_t)cs->ic, .out_px = (size_t)cs->oc + 3, .kh = 3, .kw = 3, .sy = 1, .sx = 1, .dy = 1, .dx = 1,
                                .fin = { .lo = -20, .hi = 90.5f, .out_fmt = FACET_FMT_U8, .out_zero = 71 } } };
    d->out_bytes = (size_t)cs->n * (size_t)d->c.oh * (size_t)d->c.ow * d->c.out_px;
    d->in = random_bytes((size_t)cs->n * (size_t)cs->ih * (size_t)cs->iw * (size_t)cs->ic, 1);
    d->w = (int8_t *)random_bytes((size_t)cs->oc * (size_t)cs->ic * 9, 2);
    d->out = random_bytes(d->out_bytes, 3);
    d->want = random_bytes(d->out_bytes, 3);
    d->scale = random_floats(wide, 4);
    d->bias = random_floats(wide, 5);
    d->slope = random_floats(wide, 6);
    for (size_t i = 0; i < wide; i++) {
        d->scale[i] = 0.002f + 0.004f * (float)fabs((double)d->scale[i]);
        d->bias[i] *= 60;
        d->slope[i] = i % 5 == 1 ? 0 : falls ? d->slope[i] : (float)fabs((double)d->slope[i]);
    }
    d->c.in = d->in;
    d->c.fin.scale = d->scale;
    d->c.fin.bias = end == END_PLAIN ? NULL : d->bias;
    d->c.fin.fin = end == END_RELU ? FACET_FIN_CLIP : end == END_PRELU ? FACET_FIN_PRELU : FACET_FIN_NONE;
    d->c.fin.slope = d->slope;
}

static void bytes_close(struct bytes *d)
{
    void *all[] = { d->in, d->out, d->want, d->w, d->scale, d->bias, d->slope };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
}

static void *pack_bytes(const struct facet_kernels *k, const struct bytes *d)
{
    void *packed = malloc(facet_conv_pack_bytes(k, FACET_FMT_U8, d->c.oc, d->c.ic, 3, 3, 1) + 64);
    if (!packed)
        abort();
    facet_pack_conv_s8(k, d->w, d->c.oc, d->c.ic, 3, 3, 1, packed);
    return packed;
}

/* C's convolution, then C's maximum. */
static void bytes_by_c(const struct bytes *d)
{
    struct facet_kernels k;
    struct facet_conv c = d->c, pool = d->c;
    facet_kernels_init(&k, 0);
    c.oh = c.ih - 2;
    c.ow = c.iw - 2;
    c.out_px = (size_t)c.oc;
    size_t pixels = (size_t)c.n * (size_t)c.oh * (size_t)c.ow;
    uint8_t *map = random_bytes(pixels * c.out_px, 7), *scratch = malloc(facet_conv_scratch(&c));
    void *packed = pack_bytes(&k, d);
    c.w = packed;
    c.out = map;
    k.conv_u8(&c, 0, pixels, scratch);
    pool.in = map;
    pool.in_px = c.out_px;
    pool.ic = c.oc;
    pool.ih = c.oh;
    pool.iw = c.ow;
    pool.sy = pool.sx = 2;
    pool.out = d->want;
    k.maxpool_u8(&pool, 0, (size_t)pool.n * (size_t)pool.oh);
    free(map);
    free(scratch);
    free(packed);
}

static int bytes_differ(const char *what, const char *name, const struct bytes *d, void (*say)(const char *))
{
    for (size_t i = 0; i < d->out_bytes; i++) {
        if (d->out[i] == d->want[i])
            continue;
        char line[160];
        snprintf(line, sizeof(line), "%s in 8 bits, %s: number %zu is %d, not %d", name, what, i, d->out[i], d->want[i]);
        say(line);
        return 1;
    }
    return 0;
}

/* To the last bit, whole and in parts; what lies between pixels stays. */
static int check_bytes(const struct facet_kernels *k, const struct convpool_case *cs, enum case_end end, bool falls, void (*say)(const char *))
{
    struct bytes d;
    bytes_open(&d, cs, end, falls);
    size_t units = convpool_units(&d.c), cut = units * 2 / 5;
    void *packed = pack_bytes(k, &d), *scratch = malloc(facet_convpool_u8_scratch(&d.c));
    if (!scratch)
        abort();
    bytes_by_c(&d);
    d.c.w = packed;
    d.c.out = d.out;
    k->convpool_u8(&d.c, 0, units, scratch);
    int wrong = bytes_differ("whole", cs->name, &d, say);
    for (size_t i = 0; i < d.out_bytes; i++)
        d.out[i] = i % d.c.out_px < (size_t)cs->oc ? (uint8_t)~d.out[i] : d.out[i];
    k->convpool_u8(&d.c, cut, units, scratch);
    k->convpool_u8(&d.c, 0, cut, scratch);
    wrong += bytes_differ("parts", cs->name, &d, say);
    free(packed);
    free(scratch);
    bytes_close(&d);
    return wrong;
}

/* ---- all ---- */

int convpool_check(const struct facet_kernels *k, void (*say)(const char *line))
{
    static const enum case_end ends[] = { END_PLAIN, END_BIAS, END_RELU, END_PRELU };
    int wrong = 0;
    for (const struct convpool_case *cs = convpool_cases; cs->name; cs++)
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
            wrong += k->convpool_f32 ? check_one(k, cs, ends[i], say) : 0;
            wrong += k->convpool_u8 ? check_bytes(k, cs, ends[i], false, say) : 0;
            wrong += k->convpool_u8 && ends[i] == END_PRELU ? check_bytes(k, cs, ends[i], true, say) : 0;
        }
    return wrong;
}
