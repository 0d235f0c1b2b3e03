/* The three networks of MTCNN (Zhang et al. 2016), upright; outputs named as published. */
#include "engine/format/arch.h"
#include "engine/format/build.h"
#include "engine/format/builders.h"

#include <stdio.h>

/* A convolution without padding and with bias, its slopes, and a pool (size 0: none). */
struct stage { const char *name; int64_t in, out, kernel, pool; };

static int stages(struct facet__arch *a, int x, const struct stage *s, int n)
{
    for (int i = 0; i < n; i++, s++) {
        char act[32], pool[32];
        snprintf(act, sizeof(act), "prelu%d", i + 1);
        snprintf(pool, sizeof(pool), "pool%d", i + 1);
        x = facet__arch_conv(a, s->name, x, s->in, &(struct facet__conv){.out = s->out, .kh = s->kernel,
                                                                         .kw = s->kernel, .has_bias = true});
        x = facet__arch_prelu(a, act, act, x, s->out, false);
        if (s->pool)
            x = facet__arch_max_pool(a, pool, x, s->pool, 2, true);
    }
    return x;
}

static void softmax_output(struct facet__arch *a, int x)
{
    x = facet__arch_plain(a, "Softmax", "prob1", &x, 1);
    facet__arch_int(a, "axis", 1);
    facet__arch_output(a, x);
}

static int build_pnet(struct facet_graph **out, uint64_t seed)
{
    static const struct stage body[] = {{"conv1", 3, 10, 3, 2}, {"conv2", 10, 16, 3, 0}, {"conv3", 16, 32, 3, 0}};
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "pnet", facet__random_source(&r, seed));
    int x = stages(&a, facet__arch_input(&a, "data", 3, -1, -1), body, 3);
    int score = facet__arch_conv(&a, "conv4-1", x, 32, &(struct facet__conv){.out = 2, .kh = 1, .kw = 1, .has_bias = true});
    int box = facet__arch_conv(&a, "conv4-2", x, 32, &(struct facet__conv){.out = 4, .kh = 1, .kw = 1, .has_bias = true});
    facet__arch_output(&a, box);
    softmax_output(&a, score);
    return facet__arch_end(&a, out);
}

static int build_rnet(struct facet_graph **out, uint64_t seed)
{
    static const struct stage body[] = {{"conv1", 3, 28, 3, 3}, {"conv2", 28, 48, 3, 3}, {"conv3", 48, 64, 2, 0}};
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "rnet", facet__random_source(&r, seed));
    int x = stages(&a, facet__arch_input(&a, "data", 3, 24, 24), body, 3);
    x = facet__arch_dense(&a, "conv4", facet__arch_flatten(&a, "flatten", x), 576, 128, true);
    x = facet__arch_prelu(&a, "prelu4", "prelu4", x, 128, true);
    int score = facet__arch_dense(&a, "conv5-1", x, 128, 2, true);
    facet__arch_output(&a, facet__arch_dense(&a, "conv5-2", x, 128, 4, true));
    softmax_output(&a, score);
    return facet__arch_end(&a, out);
}

static int build_onet(struct facet_graph **out, uint64_t seed)
{
    static const struct stage body[] = {
        {"conv1", 3, 32, 3, 3}, {"conv2", 32, 64, 3, 3}, {"conv3", 64, 64, 3, 2}, {"conv4", 64, 128, 2, 0}};
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "onet", facet__random_source(&r, seed));
    int x = stages(&a, facet__arch_input(&a, "data", 3, 48, 48), body, 4);
    x = facet__arch_dense(&a, "conv5", facet__arch_flatten(&a, "flatten", x), 1152, 256, true);
    x = facet__arch_prelu(&a, "prelu5", "prelu5", x, 256, true);
    int score = facet__arch_dense(&a, "conv6-1", x, 256, 2, true);
    facet__arch_output(&a, facet__arch_dense(&a, "conv6-2", x, 256, 4, true));
    facet__arch_output(&a, facet__arch_dense(&a, "conv6-3", x, 256, 10, true));
    softmax_output(&a, score);
    return facet__arch_end(&a, out);
}

const struct facet_builder facet_build_pnet = {
    .name = "pnet", .help = "MTCNN's P-Net, any height and width", .build = build_pnet};
const struct facet_builder facet_build_rnet = {.name = "rnet", .help = "MTCNN's R-Net, 24x24", .build = build_rnet};
const struct facet_builder facet_build_onet = {.name = "onet", .help = "MTCNN's O-Net, 48x48", .build = build_onet};
