/* The meaning of P-Net in 8 bits: layer after layer for one output number. Slow, and only to compare with. */
#include "engine/backends/cpu/c/c_priv.h"
#include "engine/backends/cpu/pnet_priv.h"

/* What lies around one output pixel. */
struct patch_u8 {
    float real[PNET_C0][12][12];
    uint8_t image[PNET_C0][12][12], pooled[PNET_C1][5][5], second[PNET_C2][3][3], third[PNET_C3];
};

static void quantise(const struct facet_pnet *p, const struct pnet_u8_pack *q, const float *img, int y, int x, struct patch_u8 *t)
{
    for (int i = 0; i < PNET_C0 * 144; i++) {
        int c = i / 144, iy = 2 * y + i % 144 / 12, ix = 2 * x + i % 12;
        float v = iy < p->h && ix < p->w ? img[((size_t)c * (size_t)p->h + (size_t)iy) * (size_t)p->w + (size_t)ix] : 0;
        t->real[c][i % 144 / 12][i % 12] = v;
        t->image[c][i % 144 / 12][i % 12] = u8_of(v * q->in_inv, q->in_zero);
    }
}

/* Four numbers of packed weights, for channels 4 * quad and on. */
static const int8_t *weights(const int32_t *w, int quads, int group, int o, int t, int quad)
{
    return (const int8_t *)&w[(((o / group * 3 + t / 3) * quads + quad) * 3 + t % 3) * group + o % group];
}

/* Sum of a 3x3 window over planes whose rows are `row` and planes `plane` numbers apart, end done. */
static uint8_t layer(const uint8_t *in, int plane, int row, int ic, const int32_t *w, int group, const struct pnet_u8_end *e,
                     int32_t in_zero, int o)
{
    int32_t sum = -in_zero * e->sum[o];
    for (int i = 0; i < ic; i++)
        for (int t = 0; t < 9; t++)
            sum += in[i * plane + t / 3 * row + t % 3] * weights(w, (ic + 3) / 4, group, o, t, i / 4)[i % 4];
    float x = fmaf((float)sum, e->scale[o], e->bias[o]);
    return u8_of(x < 0 ? x * e->slope[o] : x, e->zero);
}

/* Winograd's F(2,3) down the rows, as the fast kernels have it: y is the upper row of a pair or the lower. */
static uint8_t first_real(const struct pnet_u8_pack *q, const struct patch_u8 *t, int y, int x, int o)
{
    float m[4] = { 0, q->end[0].bias[o], 0, 0 };
    for (int c = 0; c < PNET_C0; c++)
        for (int kx = 0; kx < 3; kx++) {
            const float (*w)[PNET_C1] = q->first[c][kx];
            float d[4];
            for (int r = 0; r < 4; r++)
                d[r] = t->real[c][y / 2 * 2 + r][x + kx];
            m[0] = fmaf(d[0] - d[2], w[0][o], m[0]);
            m[1] = fmaf(d[1] + d[2], w[1][o], m[1]);
            m[2] = fmaf(d[2] - d[1], w[2][o], m[2]);
            m[3] = fmaf(d[1] - d[3], w[3][o], m[3]);
        }
    float sum = y % 2 == 0 ? m[0] + m[1] + m[2] : m[1] - m[2] - m[3];
    return u8_of((sum < 0 ? sum * q->end[0].slope[o] : sum) * q->first_inv, q->end[0].zero);
}

/* The largest of up to four places of the first layer; rounding does not change which. */
static uint8_t pooled_at(const struct facet_pnet *p, const struct pnet_u8_pack *q, const struct patch_u8 *t, int y, int x, int c, int py, int px)
{
    uint8_t most = 0;
    for (int i = 0; i < 4; i++) {
        int ly = 2 * py + i / 2, lx = 2 * px + i % 2;
        if (2 * y + ly + 2 >= p->h || 2 * x + lx + 2 >= p->w)
            continue;
        uint8_t v = q->is_float_first ? first_real(q, t, ly, lx, c)
                                      : layer(&t->image[0][ly][lx], 144, 12, PNET_C0, q->w1, PNET_U8_GROUP1, &q->end[0], q->in_zero, c);
        most = v > most ? v : most;
    }
    return most;
}

static void heads(const struct facet_pnet *p, const struct pnet_u8_pack *q, const struct patch_u8 *t, float out[PNET_HEADS])
{
    const struct pnet_u8_end *e = &q->end[3];
    for (int o = 0; o < PNET_HEADS; o++) {
        int32_t sum = -q->end[2].zero * e->sum[o];
        for (int c = 0; c < PNET_C3; c++)
            sum += t->third[c] * ((const int8_t *)&q->heads[c / 4 * PNET_HEADS + o])[c % 4];
        out[o] = fmaf((float)sum, e->scale[o], e->bias[o]);
    }
    if (p->softmax) {
        out[0] = 1 / (1 + expf(out[1] - out[0]));
        out[1] = 1 - out[0];
    }
}

static void pixel(const struct facet_pnet *p, const struct pnet_u8_pack *q, const float *img, int y, int x, float out[PNET_HEADS])
{
    struct patch_u8 t;
    quantise(p, q, img, y, x, &t);
    for (int i = 0; i < PNET_C1 * 25; i++)
        t.pooled[i / 25][i % 25 / 5][i % 5] = pooled_at(p, q, &t, y, x, i / 25, i % 25 / 5, i % 5);
    for (int i = 0; i < PNET_C2 * 9; i++)
        t.second[i / 9][i % 9 / 3][i % 3] =
            layer(&t.pooled[0][i % 9 / 3][i % 3], 25, 5, PNET_C1, q->w2, PNET_U8_GROUP2, &q->end[1], q->end[0].zero, i / 9);
    for (int i = 0; i < PNET_C3; i++)
        t.third[i] = layer(&t.second[0][0][0], 9, 3, PNET_C2, q->w3, PNET_U8_GROUP3, &q->end[2], q->end[1].zero, i);
    heads(p, q, &t, out);
}

static void pnet_u8(const struct facet_pnet *p, int img, int r0, int r1, void *scratch)
{
    (void)scratch;
    int oh, ow;
    facet_pnet_size(p->h, p->w, &oh, &ow);
    size_t plane = (size_t)oh * (size_t)ow;
    for (int i = r0 * ow; i < r1 * ow; i++) {
        float out[PNET_HEADS];
        pixel(p, p->pack_u8, p->in + (size_t)img * PNET_C0 * (size_t)p->h * (size_t)p->w, i / ow, i % ow, out);
        for (size_t o = 0; o < 2; o++)
            p->prob[((size_t)img * 2 + o) * plane + (size_t)i] = out[o];
        for (size_t o = 0; o < 4; o++)
            p->box[((size_t)img * 4 + o) * plane + (size_t)i] = out[o + 2];
    }
}

void facet__c_pnet_u8(struct facet_kernels *k)
{
    k->pnet_u8 = pnet_u8;
}
