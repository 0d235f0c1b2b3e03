/* Convolutions of stored numbers, bf16 and u8, with random contents; shared by tests and benchmark. */
#ifndef FACET_TESTS_KERNELS_STORED_H
#define FACET_TESTS_KERNELS_STORED_H

#include "kernels/cases.h"

struct stored_how {
    enum facet_fmt in, out, residual;
    enum case_end end;
    bool extreme;                /* u8: 255 everywhere against weights of -128 and 127 */
    bool is_dw;
    int square;                  /* of Winograd in bf16; 0: direct */
};

/* `want` has room for the output, too, and begins as `out` does. */
struct stored_data {
    struct facet_conv c;
    void *in, *out, *want, *w, *packed, *residual, *zero, *scratch;
    float *bias, *slope, *scale;
    size_t out_bytes;
};
size_t fmt_size(enum facet_fmt f);
void stored_open(struct stored_data *d, const struct conv_case *cs, const struct stored_how *how);
void stored_close(struct stored_data *d);
void stored_pack(struct stored_data *d, const struct facet_kernels *k, const struct stored_how *how);
void stored_run(struct stored_data *d, const struct facet_kernels *k, const struct stored_how *how, size_t p0, size_t p1);
size_t stored_pixels(const struct stored_data *d);

/* As kernels_check, for the entries of stored numbers. */
int stored_check(const struct facet_kernels *k, void (*say)(const char *line));

#endif
