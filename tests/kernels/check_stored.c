/* The kernels on stored numbers against C. Sums of u8 x s8 are exact and their ends the same operations: whatever
 * is stored from them must be equal to the last bit. Sums of bf16: 4e-6 of the root of the terms, and where they are
 * stored in fewer bits one step. What lies beside the output's channels must be untouched. */
#include "kernels/stored.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct check {
    const struct facet_kernels *k, *c;
    void (*say)(const char *line);
    int wrong;
};

static double number(enum facet_fmt f, const void *p, size_t i)
{
    if (f == FACET_FMT_BF16)
        return (double)facet_bf16_float(((const uint16_t *)p)[i]);
    return f == FACET_FMT_U8 ? ((const uint8_t *)p)[i] : (double)((const float *)p)[i];
}

static bool near(enum facet_fmt f, double got, double want, double tol)
{
    double step = f == FACET_FMT_BF16 ? fabs(want) / 128 : f == FACET_FMT_U8 ? 1 : 0;
    return got == want || fabs(got - want) <= (tol > 0 ? tol + step : 0);
}

static void compare(struct check *ck, const char *what, const struct stored_data *d, const struct stored_how *how, double tol)
{
    size_t n = d->out_bytes / fmt_size(how->out);
    for (size_t i = 0; i < n; i++) {
        double got = number(how->out, d->out, i), want = number(how->out, d->want, i);
        bool beside = i % d->c.out_px >= (size_t)d->c.oc;
        if (beside ? got == want : near(how->out, got, want, tol))
            continue;
        char line[200];
        snprintf(line, sizeof(line), "%s %s, formats %d to %d, residual %d, end %d: number %zu is %g, C says %g (tolerance %g)",
                 ck->k->kind, what, (int)how->in, (int)how->out, (int)how->residual, (int)how->end, i, got, want, tol);
        ck->say(line);
        ck->wrong++;
        return;
    }
}

static size_t units(const struct stored_data *d, const struct stored_how *how)
{
    if (how->square)
        return facet_wino_tiles(&d->c);
    return how->is_dw ? (size_t)d->c.n * (size_t)d->c.oh : stored_pixels(d);
}

static void check_case(struct check *ck, const struct conv_case *cs, const struct stored_how *how)
{
    struct stored_data d;
    double terms = (double)cs->kh * cs->kw * (how->is_dw ? 1 : cs->ic) + 2, tol = how->in == FACET_FMT_U8 ? 0 : sqrt(terms) * 4e-6;
    struct stored_how direct = *how;
    direct.square = 0;
    tol = how->square ? sqrt(terms) * 8e-3 : tol;      /* C's weights are rounded, Winograd's are not */
    stored_open(&d, cs, how);
    stored_pack(&d, ck->c, &direct);
    stored_run(&d, ck->c, &direct, 0, units(&d, &direct));
    memcpy(d.want, d.out, d.out_bytes);
    for (size_t i = 0; i < d.out_bytes; i++)
        if (i / fmt_size(how->out) % d.c.out_px < (size_t)cs->oc)
            ((uint8_t *)d.out)[i] = 0xfe;
    stored_pack(&d, ck->k, how);
    size_t n = units(&d, how), cut = n * 2 / 5;      /* threads cut the work anywhere */
    stored_run(&d, ck->k, how, cut, n);
    stored_run(&d, ck->k, how, 0, cut);
    compare(ck, cs->name, &d, how, tol * (how->out == FACET_FMT_U8 ? 40 : 1));
    stored_close(&d);
}

static void check_all(struct check *ck, const struct conv_case *cases, bool is_dw)
{
    for (const struct conv_case *cs = cases; cs->name; cs++) {
        for (int in = FACET_FMT_BF16; in <= FACET_FMT_U8; in++) {
            for (int end = 0; end < END_COUNT; end++) {
                for (int other = 0; other < 3; other++) {
                    struct stored_how how = { (enum facet_fmt)in, (enum facet_fmt)in, (enum facet_fmt)in, (enum case_end)end, false, is_dw, 0 };
                    how.out = other == 1 ? FACET_FMT_F32 : how.out;
                    how.residual = other == 2 ? FACET_FMT_F32 : how.residual;
                    if (other < 2 || end >= END_RESIDUAL)
                        check_case(ck, cs, &how);
                }
            }
        }
        check_case(ck, cs, &(struct stored_how){ FACET_FMT_U8, FACET_FMT_U8, FACET_FMT_U8, END_RELU, true, is_dw, 0 });
        check_case(ck, cs, &(struct stored_how){ FACET_FMT_U8, FACET_FMT_F32, FACET_FMT_U8, END_PLAIN, true, is_dw, 0 });
        for (int m = 2; !is_dw && ck->k->wino_bf16 && conv_case_is_wino(cs) && m <= 4; m++) {
            check_case(ck, cs, &(struct stored_how){ FACET_FMT_BF16, FACET_FMT_BF16, FACET_FMT_BF16, END_RESIDUAL, false, false, m });
            check_case(ck, cs, &(struct stored_how){ FACET_FMT_BF16, FACET_FMT_F32, FACET_FMT_BF16, END_PRELU, false, false, m });
        }
    }
}

int stored_check(const struct facet_kernels *k, void (*say)(const char *line))
{
    struct facet_kernels c;
    facet_kernels_init(&c, 0);
    struct check ck = { .k = k, .c = &c, .say = say };
    check_all(&ck, conv_cases, false);
    check_all(&ck, dw_cases, true);
    return ck.wrong;
}
