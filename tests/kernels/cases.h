/* Shapes on which kernels are compared with the C kernels, and timed (bench_kernels.c). */
#ifndef FACET_TESTS_KERNELS_CASES_H
#define FACET_TESTS_KERNELS_CASES_H

#include "engine/backends/cpu/kernels.h"

/* How a case's output ends. */
enum case_end { END_PLAIN, END_BIAS, END_RELU, END_PRELU, END_RESIDUAL, END_RESIDUAL_AFTER, END_COUNT };

struct conv_case {
    const char *name;
    int n, ih, iw, ic, oc, kh, kw, sy, sx, dy, dx;
    int pt, pl, pb, pr;
    int in_gap, out_gap;      /* channels of a wider buffer beside ours */
};

extern const struct conv_case conv_cases[];      /* ends with name NULL */
extern const struct conv_case dw_cases[];        /* oc == ic */
extern const struct conv_case pool_cases[];

/* A case with buffers full of seeded numbers. `want` has room for the output, too. */
struct conv_data {
    struct facet_conv c;
    float *in, *out, *want, *w, *packed, *bias, *slope, *residual, *zero;
    void *scratch;
    size_t out_floats;
};
enum conv_kind { KIND_CONV, KIND_WINO2, KIND_WINO3, KIND_WINO4, KIND_DW, KIND_POOL };
bool conv_kind_is_wino(enum conv_kind kind);    /* KIND_WINO2 to 4: squares of that side */
void conv_data_open(struct conv_data *d, const struct conv_case *cs, enum case_end end);
void conv_data_close(struct conv_data *d);
/* Packs for the table `k` and runs into d->out. */
void conv_data_run(struct conv_data *d, const struct facet_kernels *k, enum conv_kind kind);
/* A convolution of stride 1 and 3x3 that Winograd may do. */
bool conv_case_is_wino(const struct conv_case *cs);

/* A 3x3 convolution and the maximum behind it (convpool.c). */
struct convpool_case { const char *name; int n, ih, iw, ic, oc; };
extern const struct convpool_case convpool_cases[];      /* R-Net's and O-Net's first */
struct convpool_data {
    struct facet_conv c;
    float *in, *w, *bias, *slope, *out, *want, *packed;
    void *scratch;
    size_t out_floats;
};
void convpool_open(struct convpool_data *d, const struct facet_kernels *k, const struct convpool_case *cs, enum case_end end);
void convpool_close(struct convpool_data *d);
size_t convpool_units(const struct facet_conv *c);
int convpool_check(const struct facet_kernels *k, void (*say)(const char *line));    /* the number of differences */

/* Compares every kernel of `k` with the C kernels; 0, or the number of differences, each reported
 * as a line through `say`. */
int kernels_check(const struct facet_kernels *k, void (*say)(const char *line));

/* The same for pools, means and conversions of stored numbers; part of kernels_check. */
int rows_check(const struct facet_kernels *k, void (*say)(const char *line));

float *random_floats(size_t n, uint64_t seed);

#endif
