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

/* P-Net in 8 bits. Four channels lie in a quad, the 32 bits of a column; weights lie as the kernels read
 * them, [oc/group][ky][quad][kx][group], each number four s8. A layer's end is in units of its output's step. */
enum { PNET_Q0 = 1, PNET_Q1 = 3, PNET_Q2 = 4, PNET_Q3 = 8 };              /* quads of the picture and of each layer */
enum { PNET_U8_GROUP1 = 4, PNET_U8_GROUP2 = 8, PNET_U8_GROUP3 = 8 };
struct pnet_u8_end {
    float scale[PNET_C3], bias[PNET_C3], slope[PNET_C3];
    int32_t sum[PNET_C3];                   /* of the channel's weights */
    int32_t zero;                           /* of what the layer gives */
};
struct pnet_u8_pack {
    int32_t is_float_first;                 /* then `first` has its weights, end[0] its bias, and w1 nothing */
    float first_inv;                        /* steps of what it gives */
    float first[PNET_C0][3][4][PNET_C1];    /* [channel][kx], down the rows those of Winograd's F(2,3) */
    float in_inv;                           /* steps of the picture's numbers */
    int32_t in_zero;
    struct pnet_u8_end end[4];              /* [3]: both heads, real, without slope and zero */
    int32_t w1[PNET_Q1 * 4 * 9 * PNET_Q0], w2[PNET_C2 * 9 * PNET_Q1], w3[PNET_C3 * 9 * PNET_Q2];
    int32_t heads[PNET_Q3 * PNET_HEADS];    /* [quad][6] */
};

#endif
