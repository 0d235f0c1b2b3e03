#include "kernels/pnet_u8.h"

#include "kernels/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const int channels[5] = { 10, 16, 32, 2, 4 }, depths[5] = { 27, 90, 144, 32, 32 };

static void fill_weights(struct pnet_u8_data *d, struct facet_pnet_u8_weights *w, float slope)
{
    int8_t *bytes = d->weights;
    float *f = d->numbers, *rnd = random_floats(8000, 7);
    int r = 0;
    for (int i = 0; i < 5; i++) {
        w->w[i] = bytes;
        for (int k = 0; k < channels[i] * depths[i]; k++)
            *bytes++ = (int8_t)(rnd[r++] * 127);
        float *scale = f, *bias = f + 32, *slopes = f + 64;
        for (int c = 0; c < channels[i]; c++) {
            scale[c] = 0.03f / (float)depths[i] + 0.01f * (float)(c % 3) / (float)depths[i];
            bias[c] = 0.3f * rnd[r++ % 8000];
            slopes[c] = slope + 0.2f * (float)(c % 4);
        }
        w->w_scale[i] = scale;
        w->bias[i] = bias;
        if (i < 3)
            w->slope[i] = slopes;
        f += 96;
    }
    free(rnd);
    static const float scale[4] = { 1.0f / 127, 0.012f, 0.011f, 0.009f };
    static const int32_t zero[4] = { 128, 70, 91, 117 };
    for (int i = 0; i < 4; i++) {
        w->scale[i] = scale[i];
        w->zero[i] = zero[i];
    }
}

void pnet_u8_data_open(struct pnet_u8_data *d, int n, int h, int w, float slope, bool is_float_first)
{
    struct facet_pnet_u8_weights weights = { NULL };
    int oh, ow;
    facet_pnet_size(h, w, &oh, &ow);
    d->plane = (size_t)n * (size_t)oh * (size_t)ow;
    d->in = random_floats((size_t)n * 3 * (size_t)h * (size_t)w, 1);
    d->out = random_floats(d->plane * 6, 2);
    d->numbers = calloc(5 * 96 + 270, sizeof(float));
    d->weights = malloc(8000);
    d->pack = malloc(facet_pnet_u8_pack_bytes());
    d->scratch = aligned_alloc(64, (facet_pnet_scratch(w) + 63) / 64 * 64);
    fill_weights(d, &weights, slope);
    for (int i = 0; i < 270; i++)
        d->numbers[5 * 96 + i] = (float)weights.w[0][i] * weights.w_scale[0][i / 27];
    weights.first = is_float_first ? d->numbers + 5 * 96 : NULL;
    facet_pack_pnet_u8(&weights, d->pack);
    d->p = (struct facet_pnet){ .in = d->in, .n = n, .h = h, .w = w, .pack_u8 = d->pack, .prob = d->out, .box = d->out + 2 * d->plane };
}

void pnet_u8_data_close(struct pnet_u8_data *d)
{
    free(d->in);
    free(d->out);
    free(d->numbers);
    free(d->weights);
    free(d->pack);
    free(d->scratch);
}

void pnet_u8_run(const struct facet_kernels *k, struct pnet_u8_data *d, int cut)
{
    int oh, ow;
    facet_pnet_size(d->p.h, d->p.w, &oh, &ow);
    for (int i = 0; i < d->p.n; i++) {
        k->pnet_u8(&d->p, i, cut < oh ? cut : oh, oh, d->scratch);
        k->pnet_u8(&d->p, i, 0, cut < oh ? cut : oh, d->scratch);
    }
}

/* Numbers that are not equal; behind softmax, that are not near. */
static int count_wrong(const float *got, const float *want, size_t n, bool softmax)
{
    int wrong = 0;
    for (size_t i = 0; i < n; i++)
        wrong += softmax ? !(fabsf(got[i] - want[i]) < 1e-6f) : memcmp(&got[i], &want[i], sizeof(*got)) != 0;
    return wrong;
}

static int check_size(const struct facet_kernels *k, const int size[3], float slope, bool softmax, bool is_float_first, void (*say)(const char *line))
{
    struct facet_kernels c;
    struct pnet_u8_data d;
    facet_kernels_init(&c, 0);
    pnet_u8_data_open(&d, size[0], size[1], size[2], slope, is_float_first);
    d.p.softmax = softmax;
    pnet_u8_run(&c, &d, 0);
    float *want = malloc(d.plane * 6 * sizeof(float));
    memcpy(want, d.out, d.plane * 6 * sizeof(float));
    memset(d.out, 0, d.plane * 6 * sizeof(float));
    pnet_u8_run(k, &d, 1 + size[1] / 5);
    int wrong = count_wrong(d.out, want, d.plane * 6, softmax);
    if (wrong) {
        char line[128];
        snprintf(line, sizeof(line), "%s P-Net in u8 of %dx%d, slopes from %g: %d of %zu numbers differ", k->kind, size[2], size[1],
                 (double)slope, wrong, d.plane * 6);
        say(line);
    }
    free(want);
    pnet_u8_data_close(&d);
    return wrong != 0;
}

int pnet_u8_check(const struct facet_kernels *k, void (*say)(const char *line))
{
    static const int sizes[][3] = { { 1, 11, 11 }, { 2, 12, 13 }, { 1, 12, 61 }, { 2, 61, 12 }, { 1, 40, 75 }, { 2, 75, 40 },
                                    { 1, 58, 109 }, { 1, 33, 210 }, { 2, 20, 107 } };
    int wrong = 0;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int first = 0; first < 2; first++) {
            wrong += check_size(k, sizes[i], 0.05f, i % 3 == 0, first, say);
            wrong += check_size(k, sizes[i], -0.3f, false, first, say);
        }
    }
    return wrong;
}
