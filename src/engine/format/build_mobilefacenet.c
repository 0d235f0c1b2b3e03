/* MobileFaceNet (Chen et al. 2018) with the layers of InsightFace's y1: inverted bottlenecks with a
 * slope per channel, 12 sums, a 7x7 depthwise convolution over the whole map, 128 numbers. */
#include "engine/format/arch.h"
#include "engine/format/build.h"
#include "engine/format/builders.h"

#include <stdio.h>

#define EPSILON 1e-3f
#define NAME 64

#define DOWN_SCALE 0.3f /* keeps seeded activations from growing through the sums */

struct layer { int64_t in, out, kernel, stride, pad, group; bool has_slope; };

static int unit(struct facet__arch *a, const char *scope, const char *part, int x, struct layer l)
{
    char name[NAME], bn[NAME + 8], act[NAME + 8];
    snprintf(name, sizeof(name), "%.30s%.20s", scope, part);
    snprintf(bn, sizeof(bn), "%s_bn", name);
    snprintf(act, sizeof(act), "%s_prelu", name);
    x = facet__arch_conv(a, name, x, l.in, &(struct facet__conv){.out = l.out, .kh = l.kernel, .kw = l.kernel,
                                                                 .stride = l.stride, .pad_h = l.pad, .pad_w = l.pad,
                                                                 .group = l.group,
                                                                 .weight_scale = l.has_slope ? 1 : DOWN_SCALE});
    x = facet__arch_bn(a, bn, bn, x, l.out, true, EPSILON);
    return l.has_slope ? facet__arch_prelu(a, act, act, x, l.out, false) : x;
}

/* 1x1 up, 3x3 for each channel, 1x1 down. */
static int bottleneck(struct facet__arch *a, const char *scope, int x, int64_t in, int64_t mid, int64_t out,
                      int64_t stride)
{
    x = unit(a, scope, "_sep", x, (struct layer){in, mid, 1, 1, 0, 1, true});
    x = unit(a, scope, "_dw", x, (struct layer){mid, mid, 3, stride, 1, mid, true});
    return unit(a, scope, "_proj", x, (struct layer){mid, out, 1, 1, 0, 1, false});
}

static int residuals(struct facet__arch *a, int stage, int count, int x, int64_t channels, int64_t mid)
{
    for (int i = 0; i < count; i++) {
        char scope[32], sum[40];
        snprintf(scope, sizeof(scope), "res_%d_block%d", stage, i);
        snprintf(sum, sizeof(sum), "%s_add", scope);
        int y = bottleneck(a, scope, x, channels, mid, channels, 1);
        x = facet__arch_plain(a, "Add", sum, (int[]){y, x}, 2);
    }
    return x;
}

static int build(struct facet_graph **out, uint64_t seed)
{
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "mobilefacenet", facet__random_source(&r, seed));
    int x = facet__arch_input(&a, "input", 3, 112, 112);
    x = unit(&a, "conv_1", "", x, (struct layer){3, 64, 3, 2, 1, 1, true});
    x = unit(&a, "conv_2_dw", "", x, (struct layer){64, 64, 3, 1, 1, 64, true});
    x = bottleneck(&a, "dconv_23", x, 64, 128, 64, 2);
    x = residuals(&a, 3, 4, x, 64, 128);
    x = bottleneck(&a, "dconv_34", x, 64, 256, 128, 2);
    x = residuals(&a, 4, 6, x, 128, 256);
    x = bottleneck(&a, "dconv_45", x, 128, 512, 128, 2);
    x = residuals(&a, 5, 2, x, 128, 256);
    x = unit(&a, "conv_6sep", "", x, (struct layer){128, 512, 1, 1, 0, 1, true});
    x = unit(&a, "conv_6dw7_7", "", x, (struct layer){512, 512, 7, 1, 0, 512, false});
    x = facet__arch_flatten(&a, "flatten", x);
    x = facet__arch_dense(&a, "pre_fc1", x, 512, 128, true);
    x = facet__arch_bn(&a, "fc1", "fc1", x, 128, false, 2e-5f);
    facet__arch_output(&a, x);
    return facet__arch_end(&a, out);
}

const struct facet_builder facet_build_mobilefacenet = {
    .name = "mobilefacenet",
    .help = "MobileFaceNet y1 with a slope per channel, 112x112, 128 numbers",
    .build = build,
};
