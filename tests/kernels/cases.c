#include "kernels/cases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*   name               n  ih  iw  ic  oc  k    s    d    t  l  b  r   gaps */
const struct conv_case conv_cases[] = {
    { "first 3x3 of 3", 1, 20, 23, 3, 10, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "first 3x3/2 padded", 1, 21, 30, 3, 32, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "3x3 10 to 16", 1, 13, 17, 10, 16, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "3x3 28 to 48", 3, 11, 11, 28, 48, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "3x3 same 32", 2, 17, 17, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "3x3 64 to 64", 2, 10, 10, 64, 64, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "3x3 one pixel", 1, 3, 3, 24, 24, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "3x3 lopsided pad", 1, 9, 7, 17, 33, 3, 3, 1, 1, 1, 1, 0, 1, 2, 0, 0, 0 },
    { "3x3 dilated", 1, 14, 15, 19, 21, 3, 3, 1, 1, 2, 3, 2, 3, 2, 3, 0, 0 },
    { "3x3/2 valid", 1, 17, 17, 64, 80, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "2x2 64 to 128", 5, 4, 4, 64, 128, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "1x7", 1, 9, 17, 40, 40, 1, 7, 1, 1, 1, 1, 0, 3, 0, 3, 0, 0 },
    { "7x1", 1, 17, 9, 40, 40, 7, 1, 1, 1, 1, 1, 3, 0, 3, 0, 0, 0 },
    { "1x3", 1, 3, 3, 192, 192, 1, 3, 1, 1, 1, 1, 0, 1, 0, 1, 0, 0 },
    { "5x5/2", 1, 12, 11, 7, 5, 5, 5, 2, 2, 1, 1, 2, 2, 2, 2, 0, 0 },
    { "1x1", 1, 14, 13, 96, 31, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "1x1 half a vector more", 1, 9, 11, 33, 24, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "1x1 more than half", 1, 9, 11, 33, 25, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "1x1/2", 1, 15, 15, 24, 48, 1, 1, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "1x1 into a slice", 1, 8, 9, 32, 40, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 24 },
    { "1x1 from a slice", 1, 8, 9, 32, 40, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 8, 0 },
    { "3x3 slice to slice", 2, 8, 9, 20, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 12, 14 },
    { "3x3 of 3 from a slice", 2, 9, 10, 3, 20, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 5, 0 },
    { "3x3/2 of 5, all edges", 2, 6, 5, 5, 37, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "1x1 odd, slice to slice", 1, 7, 5, 33, 17, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 7, 9 },
    { "2x3 of 21, dilated", 1, 9, 10, 21, 50, 2, 3, 1, 1, 2, 2, 1, 2, 1, 2, 0, 0 },
    { "product 64x576", 64, 1, 1, 576, 128, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "product of one row", 1, 1, 1, 300, 130, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "one to one", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "all padding", 1, 1, 1, 5, 6, 3, 3, 3, 3, 1, 1, 3, 3, 3, 3, 0, 0 },
    { NULL },
};

const struct conv_case dw_cases[] = {
    { "dw 3x3", 2, 14, 15, 32, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 3x3/2", 1, 15, 18, 48, 48, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 3x3/2 pad 0 1", 1, 14, 14, 24, 24, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { "dw 3x3 narrow", 1, 7, 7, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 3, 4 },
    { "dw 3x3 small", 3, 2, 2, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0 },
    { "dw 3x3 dilated", 1, 12, 12, 17, 17, 3, 3, 1, 1, 2, 2, 2, 2, 2, 2, 0, 0 },
    { "dw 5x5", 1, 12, 13, 40, 40, 5, 5, 1, 1, 1, 1, 2, 2, 2, 2, 0, 0 },
    { "dw 7x7 to a point", 2, 7, 7, 36, 36, 7, 7, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "dw 3x3/3", 1, 11, 13, 20, 20, 3, 3, 3, 3, 1, 1, 1, 1, 1, 1, 0, 0 },
    { NULL },
};

/* Ceil mode is nothing but more padding below and to the right. */
const struct conv_case pool_cases[] = {
    { "pool 2x2/2", 1, 12, 14, 10, 10, 2, 2, 2, 2, 1, 1, 0, 0, 0, 0, 0, 0 },
    { "pool 3x3/2 ceil", 2, 22, 22, 28, 28, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { "pool 2x2/2 ceil", 1, 13, 15, 64, 64, 2, 2, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { "pool 3x3 padded", 1, 9, 9, 33, 33, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 5, 6 },
    { "pool 3x3/2 slice", 1, 17, 17, 24, 24, 3, 3, 2, 2, 1, 1, 0, 0, 0, 0, 0, 40 },
    { "pool of too little", 1, 2, 2, 20, 20, 3, 3, 2, 2, 1, 1, 0, 0, 1, 1, 0, 0 },
    { "pool whole", 2, 3, 3, 130, 130, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0 },
    { NULL },
};

/* Numbers in [-1, 1), from xorshift64: this file must build alone for another processor. */
float *random_floats(size_t n, uint64_t seed)
{
    float *p = malloc((n + 64) * sizeof(*p));
    uint64_t x = seed * 0x9e3779b97f4a7c15u + 1;
    for (size_t i = 0; p && i < n + 64; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        p[i] = (float)(x >> 40) / (float)(1 << 23) - 1;
    }
    if (!p)
        abort();
    return p;
}

static void set_finish(struct conv_data *d, enum case_end end)
{
    struct facet_finish *f = &d->c.fin;
    *f = (struct facet_finish){ .residual_scale = 1, .lo = 0, .hi = INFINITY };
    if (end != END_PLAIN)
        f->bias = d->bias;
    if (end == END_RELU)
        f->fin = FACET_FIN_CLIP;
    if (end == END_PRELU || end == END_RESIDUAL_AFTER)
        f->fin = FACET_FIN_PRELU;
    f->slope = d->slope;
    if (end == END_RESIDUAL || end == END_RESIDUAL_AFTER) {
        f->residual = d->residual;
        f->residual_px = (size_t)d->c.oc + 3;
        f->residual_scale = 0.17f;
        f->residual_after = end == END_RESIDUAL_AFTER;
    }
}

void conv_data_open(struct conv_data *d, const struct conv_case *cs, enum case_end end)
{
    int oh = (cs->ih + cs->pt + cs->pb - cs->dy * (cs->kh - 1) - 1) / cs->sy + 1;
    int ow = (cs->iw + cs->pl + cs->pr - cs->dx * (cs->kw - 1) - 1) / cs->sx + 1;
    size_t in_px = (size_t)(cs->ic + cs->in_gap), out_px = (size_t)(cs->oc + cs->out_gap);
    size_t out_pixels = (size_t)cs->n * (size_t)oh * (size_t)ow;
    *d = (struct conv_data){ .c = { .n = cs->n, .ih = cs->ih, .iw = cs->iw, .ic = cs->ic, .oh = oh, .ow = ow, .oc = cs->oc,
                                    .in_px = in_px, .out_px = out_px, .kh = cs->kh, .kw = cs->kw, .sy = cs->sy, .sx = cs->sx,
                                    .dy = cs->dy, .dx = cs->dx, .pt = cs->pt, .pl = cs->pl } };
    d->out_floats = out_pixels * out_px;
    d->in = random_floats((size_t)cs->n * (size_t)cs->ih * (size_t)cs->iw * in_px, 1);
    d->w = random_floats((size_t)cs->oc * (size_t)cs->ic * (size_t)cs->kh * (size_t)cs->kw, 2);
    d->bias = random_floats((size_t)cs->oc, 3);
    d->slope = random_floats((size_t)cs->oc, 4);
    d->residual = random_floats(out_pixels * ((size_t)cs->oc + 3), 5);
    d->out = random_floats(d->out_floats, 6);
    d->want = random_floats(d->out_floats, 6);
    d->zero = calloc((size_t)cs->ic + 64, sizeof(float));
    size_t scratch = facet_conv_scratch(&d->c);
    for (d->c.square = 2; d->c.square <= 4; d->c.square++)
        scratch = scratch > facet_wino_scratch(&d->c) ? scratch : facet_wino_scratch(&d->c);
    d->scratch = malloc(scratch);
    if (!d->zero || !d->scratch)
        abort();
    d->c.in = d->in;
    d->c.zero = d->zero;
    set_finish(d, end);
}

void conv_data_close(struct conv_data *d)
{
    float *all[] = { d->in, d->out, d->want, d->w, d->packed, d->bias, d->slope, d->residual, d->zero, d->scratch };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
    *d = (struct conv_data){ 0 };
}

bool conv_kind_is_wino(enum conv_kind kind)
{
    return kind == KIND_WINO2 || kind == KIND_WINO3 || kind == KIND_WINO4;
}

bool conv_case_is_wino(const struct conv_case *cs)
{
    return cs->kh == 3 && cs->kw == 3 && cs->sy == 1 && cs->sx == 1 && cs->dy == 1 && cs->dx == 1;
}

static void pack(struct conv_data *d, const struct facet_kernels *k, enum conv_kind kind)
{
    struct facet_conv *c = &d->c;
    size_t depth = (size_t)c->ic * (size_t)c->kh * (size_t)c->kw, n = 0;
    if (kind == KIND_CONV)
        n = facet_conv_pack_floats(k, c->oc, depth);
    else if (conv_kind_is_wino(kind))
        n = facet_wino_pack_floats(k, c->oc, c->ic, c->square);
    else if (kind == KIND_DW)
        n = facet_dw_pack_floats(c->ic, c->kh, c->kw);
    free(d->packed);
    d->packed = malloc((n + 1) * sizeof(float));
    if (!d->packed)
        abort();
    if (kind == KIND_CONV)
        facet_pack_conv(k, d->w, c->oc, c->ic, c->kh, c->kw, d->packed);
    else if (conv_kind_is_wino(kind))
        facet_pack_wino(k, d->w, c->oc, c->ic, c->square, d->packed);
    else if (kind == KIND_DW)
        facet_pack_dw(d->w, c->ic, c->kh, c->kw, d->packed);
    c->w = d->packed;
}

void conv_data_run(struct conv_data *d, const struct facet_kernels *k, enum conv_kind kind)
{
    struct facet_conv *c = &d->c;
    size_t rows = (size_t)c->n * (size_t)c->oh;
    if (conv_kind_is_wino(kind))
        c->square = 2 + (int)kind - KIND_WINO2;
    if (c->out != d->out || !d->packed)
        pack(d, k, kind);
    c->out = d->out;
    if (kind == KIND_CONV)
        k->conv_f32(c, 0, rows * (size_t)c->ow, d->scratch);
    else if (conv_kind_is_wino(kind))
        k->wino_f32(c, 0, facet_wino_tiles(c), d->scratch);
    else if (kind == KIND_DW)
        k->dw_f32(c, 0, rows);
    else
        k->maxpool_f32(c, 0, rows);
}
