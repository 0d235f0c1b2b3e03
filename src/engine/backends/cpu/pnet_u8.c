/* P-Net in 8 bits: packing. */
#include "engine/backends/cpu/pnet_priv.h"

#include <string.h>

size_t facet_pnet_u8_pack_bytes(void)
{
    return sizeof(struct pnet_u8_pack);
}

/* w: [oc][ic][k][k] to [oc/group][ky][quad][kx][group][4]; channels that do not exist weigh nothing. */
static void pack_taps(const int8_t *w, int oc, int ic, int k, int group, int32_t *out)
{
    int quads = (ic + 3) / 4;
    int8_t *bytes = (int8_t *)out;
    for (int o = 0; o < oc; o++)
        for (int i = 0; i < ic; i++)
            for (int t = 0; t < k * k; t++) {
                int at = (((o / group * k + t / k) * quads + i / 4) * k + t % k) * group + o % group;
                bytes[at * 4 + i % 4] = w[(o * ic + i) * k * k + t];
            }
}

static void pack_sums(const int8_t *w, int oc, int depth, int32_t *sum)
{
    for (int o = 0; o < oc; o++)
        for (int i = 0; i < depth; i++)
            sum[o] += w[o * depth + i];
}

/* `inv`: steps of the output in 1. */
static void pack_end(struct pnet_u8_end *e, int at, int oc, const float *w_scale, const float *bias, float in_scale, float inv)
{
    for (int o = 0; o < oc; o++) {
        e->scale[at + o] = in_scale * w_scale[o] * inv;
        e->bias[at + o] = bias[o] * inv;
    }
}

static void pack_first(const struct facet_pnet_u8_weights *w, struct pnet_u8_pack *p)
{
    p->is_float_first = 1;
    p->first_inv = 1 / w->scale[1];
    for (int o = 0; o < PNET_C1; o++) {
        p->end[0].bias[o] = w->bias[0][o];
        for (int c = 0; c < PNET_C0; c++)
            for (int x = 0; x < 3; x++) {
                const float *g = w->first + (o * PNET_C0 + c) * 9 + x;
                p->first[c][x][0][o] = g[0];
                p->first[c][x][1][o] = (g[0] + g[3] + g[6]) * 0.5f;
                p->first[c][x][2][o] = (g[0] - g[3] + g[6]) * 0.5f;
                p->first[c][x][3][o] = g[6];
            }
    }
}

void facet_pack_pnet_u8(const struct facet_pnet_u8_weights *w, void *out)
{
    static const int oc[3] = { PNET_C1, PNET_C2, PNET_C3 }, ic[3] = { PNET_C0, PNET_C1, PNET_C2 };
    static const int group[3] = { PNET_U8_GROUP1, PNET_U8_GROUP2, PNET_U8_GROUP3 };
    struct pnet_u8_pack *p = out;
    memset(p, 0, sizeof(*p));
    int32_t *const taps[3] = { p->w1, p->w2, p->w3 };
    if (w->first) {
        pack_first(w, p);
    } else {
        p->in_inv = 1 / w->scale[0];
        p->in_zero = w->zero[0];
    }
    for (int i = 0; i < 3; i++) {
        if (i > 0 || !w->first) {
            pack_taps(w->w[i], oc[i], ic[i], 3, group[i], taps[i]);
            pack_sums(w->w[i], oc[i], ic[i] * 9, p->end[i].sum);
            pack_end(&p->end[i], 0, oc[i], w->w_scale[i], w->bias[i], w->scale[i], 1 / w->scale[i + 1]);
        }
        memcpy(p->end[i].slope, w->slope[i], (size_t)oc[i] * sizeof(float));
        p->end[i].zero = w->zero[i + 1];
    }
    int8_t heads[PNET_HEADS * PNET_C3];
    memcpy(heads, w->w[3], 2 * PNET_C3);
    memcpy(heads + 2 * PNET_C3, w->w[4], 4 * PNET_C3);
    pack_taps(heads, PNET_HEADS, PNET_C3, 1, PNET_HEADS, p->heads);
    pack_sums(heads, PNET_HEADS, PNET_C3, p->end[3].sum);
    pack_end(&p->end[3], 0, 2, w->w_scale[3], w->bias[3], w->scale[3], 1);
    pack_end(&p->end[3], 2, 4, w->w_scale[4], w->bias[4], w->scale[3], 1);
}
