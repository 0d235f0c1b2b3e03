/* MobileNetV2 (Sandler et al. 2018), width 1.0, 224x224, 1000 classes. */
#include "engine/format/arch.h"
#include "engine/format/build.h"
#include "engine/format/builders.h"

#include <stdio.h>

#define EPSILON 1e-5f

struct layer { int64_t in, out, kernel, stride, group; bool is_linear; };

static int unit(struct facet__arch *a, const char *name, int x, struct layer l)
{
    char bn[48], act[48];
    snprintf(bn, sizeof(bn), "%.32s_bn", name);
    snprintf(act, sizeof(act), "%.32s_relu6", name);
    x = facet__arch_conv(a, name, x, l.in, &(struct facet__conv){.out = l.out, .kh = l.kernel, .kw = l.kernel,
                                                                 .stride = l.stride, .pad_h = l.kernel / 2,
                                                                 .pad_w = l.kernel / 2, .group = l.group});
    x = facet__arch_bn(a, bn, bn, x, l.out, true, EPSILON);
    return l.is_linear ? x : facet__arch_clip(a, act, x, 0, 6);
}

static int block(struct facet__arch *a, int number, int x, int64_t in, int64_t out, int64_t expand, int64_t stride)
{
    char name[32];
    int64_t mid = in * expand;
    int y = x;
    if (expand > 1) {
        snprintf(name, sizeof(name), "block%d_expand", number);
        y = unit(a, name, y, (struct layer){in, mid, 1, 1, 1, false});
    }
    snprintf(name, sizeof(name), "block%d_dw", number);
    y = unit(a, name, y, (struct layer){mid, mid, 3, stride, mid, false});
    snprintf(name, sizeof(name), "block%d_project", number);
    y = unit(a, name, y, (struct layer){mid, out, 1, 1, 1, true});
    if (stride > 1 || in != out)
        return y;
    snprintf(name, sizeof(name), "block%d_add", number);
    return facet__arch_plain(a, "Add", name, (int[]){x, y}, 2);
}

static int build(struct facet_graph **out, uint64_t seed)
{
    static const struct { int expand, out, count, stride; } rows[] = {
        {1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    struct facet__random r;
    struct facet__arch a;
    int64_t in = 32;
    int number = 0;
    facet__arch_begin(&a, "mobilenetv2", facet__random_source(&r, seed));
    int x = facet__arch_input(&a, "input", 3, 224, 224);
    x = unit(&a, "conv_first", x, (struct layer){3, 32, 3, 2, 1, false});
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (int k = 0; k < rows[i].count; k++, in = rows[i].out)
            x = block(&a, number++, x, in, rows[i].out, rows[i].expand, k ? 1 : rows[i].stride);
    x = unit(&a, "conv_last", x, (struct layer){320, 1280, 1, 1, 1, false});
    x = facet__arch_plain(&a, "GlobalAveragePool", "pool", &x, 1);
    x = facet__arch_dense(&a, "classes", facet__arch_flatten(&a, "flatten", x), 1280, 1000, true);
    facet__arch_output(&a, x);
    return facet__arch_end(&a, out);
}

const struct facet_builder facet_build_mobilenetv2 = {
    .name = "mobilenetv2",
    .help = "MobileNetV2 1.0, 224x224, 1000 classes",
    .build = build,
};
