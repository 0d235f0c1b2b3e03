#include "kernels/stored.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLACK 64
#define GAP_NAN 0x7fc1

size_t fmt_size(enum facet_fmt f)
{
    return f == FACET_FMT_F32 ? 4 : f == FACET_FMT_BF16 ? 2 : 1;
}

static void *alloc(size_t bytes)
{
    void *p = calloc(bytes + SLACK * 4, 1);
    if (!p)
        abort();
    return p;
}

/* n random numbers of the format, from [-1, 1) or all of [0, 255]. */
static void *numbers(enum facet_fmt f, size_t n, uint64_t seed)
{
    float *r = random_floats(n, seed);
    if (f == FACET_FMT_F32)
        return r;
    void *p = alloc(n * fmt_size(f));
    for (size_t i = 0; i < n + SLACK; i++) {
        if (f == FACET_FMT_BF16)
            ((uint16_t *)p)[i] = facet_bf16_of(r[i]);
        else
            ((uint8_t *)p)[i] = (uint8_t)floorf((r[i] + 1) * 128);
    }
    free(r);
    return p;
}

/* What lies behind the channels of each pixel and behind the last is never to be used. */
static void poison(struct stored_data *d, size_t pixels, size_t px, size_t ic)
{
    uint16_t *in = d->in;
    for (size_t i = 0; i < pixels * px + SLACK; i++)
        if (i % px >= ic || i >= pixels * px)
            in[i] = GAP_NAN;
}

static void set_extreme(struct stored_data *d, size_t n_in, size_t n_w)
{
    memset(d->in, 255, n_in);
    for (size_t i = 0; i < n_w; i++)
        ((int8_t *)d->w)[i] = i % 7 ? -128 : 127;
}

static void set_finish(struct stored_data *d, const struct stored_how *how, size_t depth)
{
    bool u8_out = how->out == FACET_FMT_U8;
    float step = u8_out ? 40 : 1, one = how->in == FACET_FMT_U8 ? 1.0f / (74 * 74) : 1;
    struct facet_finish *f = &d->c.fin;
    *f = (struct facet_finish){ .residual_scale = step, .out_fmt = how->out, .residual_fmt = how->residual, .lo = -0.3f * step, .hi = 0.9f * step,
                                .out_zero = 77, .residual_zero = 31, .slope = d->slope, .bounded = how->in == FACET_FMT_U8 && !how->extreme };
    for (size_t i = 0; i < (size_t)d->c.oc; i++) {
        d->bias[i] *= step;
        d->scale[i] = (d->scale[i] * 0.2f + 1) * step * one / sqrtf((float)depth);
    }
    if (how->in == FACET_FMT_U8)
        f->scale = d->scale;
    if (how->end != END_PLAIN)
        f->bias = d->bias;
    if (how->end == END_RELU)
        f->fin = FACET_FIN_CLIP;
    if (how->end == END_PRELU || how->end == END_RESIDUAL_AFTER)
        f->fin = FACET_FIN_PRELU;
    if (how->end == END_RESIDUAL || how->end == END_RESIDUAL_AFTER) {
        f->residual = d->residual;
        f->residual_px = (size_t)d->c.oc + 3;
        f->residual_scale = step * (how->residual == FACET_FMT_U8 ? 0.01f : 0.17f);
        f->residual_after = how->end == END_RESIDUAL_AFTER;
    }
}

size_t stored_pixels(const struct stored_data *d)
{
    return (size_t)d->c.n * (size_t)d->c.oh * (size_t)d->c.ow;
}

void stored_open(struct stored_data *d, const struct conv_case *cs, const struct stored_how *how)
{
    int oh = (cs->ih + cs->pt + cs->pb - cs->dy * (cs->kh - 1) - 1) / cs->sy + 1;
    int ow = (cs->iw + cs->pl + cs->pr - cs->dx * (cs->kw - 1) - 1) / cs->sx + 1;
    size_t in_px = (size_t)(cs->ic + cs->in_gap), out_px = (size_t)(cs->oc + cs->out_gap), depth = (size_t)cs->kh * (size_t)cs->kw;
    size_t in_pixels = (size_t)cs->n * (size_t)cs->ih * (size_t)cs->iw, out_pixels = (size_t)cs->n * (size_t)oh * (size_t)ow;
    *d = (struct stored_data){ .c = { .n = cs->n, .ih = cs->ih, .iw = cs->iw, .ic = cs->ic, .oh = oh, .ow = ow, .oc = cs->oc,
                                      .in_px = in_px, .out_px = out_px, .kh = cs->kh, .kw = cs->kw, .sy = cs->sy, .sx = cs->sx,
                                      .dy = cs->dy, .dx = cs->dx, .pt = cs->pt, .pl = cs->pl, .in_zero = 113 } };
    depth *= how->is_dw ? 1 : (size_t)cs->ic;
    d->out_bytes = out_pixels * out_px * fmt_size(how->out);
    d->in = numbers(how->in, in_pixels * in_px, 1);
    d->w = numbers(how->in == FACET_FMT_U8 ? FACET_FMT_U8 : FACET_FMT_F32, (size_t)cs->oc * depth, 2);
    d->bias = random_floats((size_t)cs->oc, 3);
    d->slope = random_floats((size_t)cs->oc, 4);
    d->scale = random_floats((size_t)cs->oc, 7);
    d->residual = numbers(how->residual, out_pixels * ((size_t)cs->oc + 3), 5);
    d->out = numbers(how->out, out_pixels * out_px, 6);
    d->want = numbers(how->out, out_pixels * out_px, 6);
    d->zero = alloc(((size_t)cs->ic + SLACK) * 2);
    if (how->in == FACET_FMT_U8)
        memset(d->zero, d->c.in_zero, (size_t)cs->ic + SLACK);
    else
        poison(d, in_pixels, in_px, (size_t)cs->ic);
    if (how->extreme)
        set_extreme(d, in_pixels * in_px, (size_t)cs->oc * depth);
    d->c.square = how->square;
    d->scratch = alloc(facet_conv_scratch(&d->c) + (how->square ? facet_wino_scratch(&d->c) : 0));
    d->c.in = d->in;
    d->c.zero = d->zero;
    set_finish(d, how, depth);
}

void stored_close(struct stored_data *d)
{
    void *all[] = { d->in, d->out, d->want, d->w, d->packed, d->residual, d->zero, d->scratch, d->bias, d->slope, d->scale };
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        free(all[i]);
    *d = (struct stored_data){ 0 };
}

void stored_pack(struct stored_data *d, const struct facet_kernels *k, const struct stored_how *how)
{
    const struct facet_conv *c = &d->c;
    free(d->packed);
    if (how->is_dw) {
        d->packed = alloc(facet_dw_pack_bytes(how->in, c->ic, c->kh, c->kw));
        if (how->in == FACET_FMT_U8)
            facet_pack_dw_s8(d->w, c->ic, c->kh, c->kw, d->packed);
        else
            facet_pack_dw_bf16(d->w, c->ic, c->kh, c->kw, d->packed);
    } else if (how->square) {
        d->packed = alloc(facet_wino_pack_floats(k, c->oc, c->ic, how->square) * sizeof(float));
        facet_pack_wino(k, d->w, c->oc, c->ic, how->square, d->packed);
    } else {
        d->packed = alloc(facet_conv_pack_bytes(k, how->in, c->oc, c->ic, c->kh, c->kw, c->dx));
        if (how->in == FACET_FMT_U8)
            facet_pack_conv_s8(k, d->w, c->oc, c->ic, c->kh, c->kw, c->dx, d->packed);
        else
            facet_pack_conv_bf16(k, d->w, c->oc, c->ic, c->kh, c->kw, c->dx, d->packed);
    }
    d->c.w = d->packed;
}

void stored_run(struct stored_data *d, const struct facet_kernels *k, const struct stored_how *how, size_t p0, size_t p1)
{
    d->c.out = d->out;
    if (how->is_dw)
        (how->in == FACET_FMT_U8 ? k->dw_u8 : k->dw_bf16)(&d->c, p0, p1);
    else if (how->square)
        k->wino_bf16(&d->c, p0, p1, d->scratch);
    else
        (how->in == FACET_FMT_U8 ? k->conv_u8 : k->conv_bf16)(&d->c, p0, p1, d->scratch);
}
