/* P-Net's packed weights and scratch, shared by its kernels. Offsets are in floats. */
#ifndef FACET_ENGINE_BACKENDS_CPU_PNET_PRIV_H
#define FACET_ENGINE_BACKENDS_CPU_PNET_PRIV_H

#include "engine/backends/cpu/kernels.h"

enum { PNET_C0 = 3, PNET_C1 = 10, PNET_C2 = 16, PNET_C3 = 32, PNET_HEADS = 6 };

/* The plain weights, then those of F(4,3) along y: [6][oc/group][ic][3][group]. */
enum {
    PNET_W1 = 0,
    PNET_W2 = PNET_W1 + PNET_C1 * PNET_C0 * 9,
    PNET_W3 = PNET_W2 + PNET_C2 * PNET_C1 * 9,
    PNET_HEAD_W = PNET_W3 + PNET_C3 * PNET_C2 * 9,        /* [6][32] */
    PNET_B1 = PNET_HEAD_W + PNET_HEADS * PNET_C3,
    PNET_B2 = PNET_B1 + PNET_C1,
    PNET_B3 = PNET_B2 + PNET_C2,
    PNET_HEAD_B = PNET_B3 + PNET_C3,
    PNET_S1 = PNET_HEAD_B + PNET_HEADS,
    PNET_S2 = PNET_S1 + PNET_C1,
    PNET_S3 = PNET_S2 + PNET_C2,
    PNET_U1 = PNET_S3 + PNET_C3,
    PNET_U2 = PNET_U1 + 6 * 3 * PNET_C1 * PNET_C0,
    PNET_U3 = PNET_U2 + 6 * 3 * PNET_C2 * PNET_C1,
    PNET_PACK = PNET_U3 + 6 * 3 * PNET_C3 * PNET_C2,
};
enum { PNET_GROUP1 = 5, PNET_GROUP2 = 8, PNET_GROUP3 = 8 };    /* output channels kept in registers */

#endif
