/* P-Net's meaning: layer after layer for one output number. Slow, and only to compare with. */
#include "engine/backends/cpu/kernels_priv.h"
#include "engine/backends/cpu/pnet_priv.h"

#include <math.h>

/* The picture between two layers around one output pixel. */
struct patch {
    float first[PNET_C1][10][10], pooled[PNET_C1][5][5], second[PNET_C2][3][3], third[PNET_C3];
};

static float prelu(float x, float slope)
{
    return x < 0 ? x * slope : x;
}

/* Sum of a 3x3 window over `ic` planes whose rows are `row` and planes `plane` numbers apart. */
static float window(const float *in, size_t plane, size_t row, int ic, const float *w)
{
    float sum = 0;
    for (int i = 0; i < ic; i++)
        for (size_t t = 0; t < 9; t++)
            sum += in[(size_t)i * plane + t / 3 * row + t % 3] * w[(size_t)i * 9 + t];
    return sum;
}

static void first_layer(const struct facet_pnet *p, const float *img, int y, int x, struct patch *t)
{
    size_t plane = (size_t)p->h * (size_t)p->w;
    for (int i = 0; i < PNET_C1 * 100; i++) {
        int c = i / 100, iy = 2 * y + i % 100 / 10, ix = 2 * x + i % 10;
        t->first[c][i % 100 / 10][i % 10] = -INFINITY;
        if (iy + 2 >= p->h || ix + 2 >= p->w)
            continue;
        float sum = window(img + (size_t)iy * (size_t)p->w + (size_t)ix, plane, (size_t)p->w, PNET_C0,
                           p->pack + PNET_W1 + c * PNET_C0 * 9);
        t->first[c][i % 100 / 10][i % 10] = prelu(sum + p->pack[PNET_B1 + c], p->pack[PNET_S1 + c]);
    }
    for (int i = 0; i < PNET_C1 * 25; i++) {
        int c = i / 25, py = i % 25 / 5, px = i % 5;
        float (*f)[10] = t->first[c];
        t->pooled[c][py][px] = fmaxf(fmaxf(f[2 * py][2 * px], f[2 * py][2 * px + 1]),
                                     fmaxf(f[2 * py + 1][2 * px], f[2 * py + 1][2 * px + 1]));
    }
}

static void middle_layers(const struct facet_pnet *p, struct patch *t)
{
    for (int i = 0; i < PNET_C2 * 9; i++) {
        int c = i / 9;
        float sum = window(&t->pooled[0][i % 9 / 3][i % 3], 25, 5, PNET_C1, p->pack + PNET_W2 + c * PNET_C1 * 9);
        t->second[c][i % 9 / 3][i % 3] = prelu(sum + p->pack[PNET_B2 + c], p->pack[PNET_S2 + c]);
    }
    for (int c = 0; c < PNET_C3; c++) {
        float sum = window(&t->second[0][0][0], 9, 3, PNET_C2, p->pack + PNET_W3 + c * PNET_C2 * 9);
        t->third[c] = prelu(sum + p->pack[PNET_B3 + c], p->pack[PNET_S3 + c]);
    }
}

static void heads(const struct facet_pnet *p, const struct patch *t, float out[PNET_HEADS])
{
    for (int o = 0; o < PNET_HEADS; o++) {
        out[o] = p->pack[PNET_HEAD_B + o];
        for (int c = 0; c < PNET_C3; c++)
            out[o] += t->third[c] * p->pack[PNET_HEAD_W + o * PNET_C3 + c];
    }
    if (p->softmax) {
        out[0] = 1 / (1 + expf(out[1] - out[0]));
        out[1] = 1 - out[0];
    }
}

static void pnet_f32(const struct facet_pnet *p, int img, int r0, int r1, void *scratch)
{
    (void)scratch;
    int oh, ow;
    facet_pnet_size(p->h, p->w, &oh, &ow);
    size_t plane = (size_t)oh * (size_t)ow;
    for (int i = r0 * ow; i < r1 * ow; i++) {
        struct patch t;
        float out[PNET_HEADS];
        first_layer(p, p->in + (size_t)img * PNET_C0 * (size_t)p->h * (size_t)p->w, i / ow, i % ow, &t);
        middle_layers(p, &t);
        heads(p, &t, out);
        for (size_t o = 0; o < 2; o++)
            p->prob[((size_t)img * 2 + o) * plane + (size_t)i] = out[o];
        for (size_t o = 0; o < 4; o++)
            p->box[((size_t)img * 4 + o) * plane + (size_t)i] = out[o + 2];
    }
}

void facet__c_pnet(struct facet_kernels *k)
{
    k->pnet_f32 = pnet_f32;
}
