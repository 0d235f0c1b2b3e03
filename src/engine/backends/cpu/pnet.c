/* P-Net: sizes and packing. */
#include "engine/backends/cpu/pnet_priv.h"

#include <string.h>

/* Output side of the five layers: -2, half rounded up, -2, -2. */
static int side(int n)
{
    int out = (n - 2 + 1) / 2 - 4;
    return n < 3 || out < 0 ? 0 : out;
}

void facet_pnet_size(int h, int w, int *oh, int *ow)
{
    *oh = side(h);
    *ow = side(w);
}

size_t facet_pnet_pack_floats(void)
{
    return PNET_PACK;
}

/* Rows of the pictures between the layers, of at most w numbers each and some to spare, for 8 rows
 * of 10 and 16 channels, two rows of 10, and what a block of columns needs. In 8 bits it is a tenth of that. */
size_t facet_pnet_scratch(int w)
{
    size_t row = (size_t)w + 256;
    return (row * (8 * PNET_C1 + 8 * PNET_C2 + 2 * PNET_C1 + 4) + 64 * (6 * PNET_C2 + 6 * 8 + 4 * PNET_C3)) * sizeof(float);
}

/* G of F(4,3) down each column of the 3x3 weights. */
static void pack_columns(const float *w, int oc, int ic, int group, float *out)
{
    static const double G[6][3] = { { 1.0 / 4, 0, 0 },
                                    { -1.0 / 6, -1.0 / 6, -1.0 / 6 },
                                    { -1.0 / 6, 1.0 / 6, -1.0 / 6 },
                                    { 1.0 / 24, 1.0 / 12, 1.0 / 6 },
                                    { 1.0 / 24, -1.0 / 12, 1.0 / 6 },
                                    { 0, 0, 1 } };
    for (int m = 0; m < 6; m++)
        for (int o = 0; o < oc; o++)
            for (int i = 0; i < ic; i++)
                for (int x = 0; x < 3; x++) {
                    const float *g = w + (o * ic + i) * 9 + x;
                    int at = (((m * (oc / group) + o / group) * ic + i) * 3 + x) * group + o % group;
                    out[at] = (float)(G[m][0] * (double)g[0] + G[m][1] * (double)g[3] + G[m][2] * (double)g[6]);
                }
}

void facet_pack_pnet(const struct facet_pnet_weights *w, float *out)
{
    static const int weights[5] = { PNET_W1, PNET_W2, PNET_W3, PNET_HEAD_W, PNET_HEAD_W + 2 * PNET_C3 };
    static const int biases[5] = { PNET_B1, PNET_B2, PNET_B3, PNET_HEAD_B, PNET_HEAD_B + 2 };
    static const int slopes[3] = { PNET_S1, PNET_S2, PNET_S3 };
    static const int in[5] = { PNET_C0 * 9, PNET_C1 * 9, PNET_C2 * 9, PNET_C3, PNET_C3 };
    static const int oc[5] = { PNET_C1, PNET_C2, PNET_C3, 2, 4 };
    for (int i = 0; i < 5; i++) {
        memcpy(out + weights[i], w->w[i], (size_t)(oc[i] * in[i]) * sizeof(float));
        memcpy(out + biases[i], w->bias[i], (size_t)oc[i] * sizeof(float));
        if (i < 3)
            memcpy(out + slopes[i], w->slope[i], (size_t)oc[i] * sizeof(float));
    }
    pack_columns(w->w[0], PNET_C1, PNET_C0, PNET_GROUP1, out + PNET_U1);
    pack_columns(w->w[1], PNET_C2, PNET_C1, PNET_GROUP2, out + PNET_U2);
    pack_columns(w->w[2], PNET_C3, PNET_C2, PNET_GROUP3, out + PNET_U3);
}
