/* P-Net in 8 bits with made-up weights, for its tests and its timing. */
#ifndef FACET_TESTS_KERNELS_PNET_U8_H
#define FACET_TESTS_KERNELS_PNET_U8_H

#include "engine/backends/cpu/kernels.h"

struct pnet_u8_data {
    struct facet_pnet p;           /* of n pictures; in, prob and box are set */
    size_t plane;                  /* numbers of one output map of all pictures */
    float *in, *out, *numbers;
    int8_t *weights;
    void *pack, *scratch;
};

/* Weights use all of s8; steps and zeros are such that each layer uses most of u8 and saturates now and
 * then. `slope`: the least slope of the first layer's PReLU. */
void pnet_u8_data_open(struct pnet_u8_data *d, int n, int h, int w, float slope, bool is_float_first);
void pnet_u8_data_close(struct pnet_u8_data *d);
/* All pictures, in two strips from the lower on, that part at row `cut`. */
void pnet_u8_run(const struct facet_kernels *k, struct pnet_u8_data *d, int cut);
/* Compares pnet_u8 of `k` with that of C on several sizes; how many differ, each reported as a line. */
int pnet_u8_check(const struct facet_kernels *k, void (*say)(const char *line));

#endif
