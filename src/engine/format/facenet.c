/* Inception-ResNet-v1 (Szegedy et al. 2016) as David Sandberg's FaceNet has it: stem, 5 Block35,
 * Mixed_6a, 10 Block17, Mixed_7a, 5 Block8 and a last one without ReLU, mean, bottleneck, and the
 * result divided by its length. A residual's scale is folded into the convolution before it. */
#include "engine/format/facenet.h"

#include "base/errors.h"
#include "engine/format/builders.h"

#include <stdio.h>

#define EPSILON 0.001f
#define NAME 96

/* A convolution with its normalisation and ReLU. `name` is appended to the scope. */
struct unit { const char *name; int64_t out, kh, kw, stride; bool is_valid; };

static int unit(struct facet__arch *a, const char *scope, int x, int64_t in, struct unit u)
{
    char conv[NAME], bn[NAME + 16], relu[NAME + 16];
    snprintf(conv, sizeof(conv), "%s%s", scope, u.name);
    snprintf(bn, sizeof(bn), "%s_BatchNorm", conv);
    snprintf(relu, sizeof(relu), "%s_Relu", conv);
    struct facet__conv p = {.out = u.out, .kh = u.kh, .kw = u.kw, .stride = u.stride};
    if (!u.is_valid) {
        p.pad_h = u.kh / 2;
        p.pad_w = u.kw / 2;
    }
    x = facet__arch_conv(a, conv, x, in, &p);
    x = facet__arch_bn(a, bn, bn, x, u.out, false, EPSILON);
    return facet__arch_plain(a, "Relu", relu, &x, 1);
}

static int pool(struct facet__arch *a, const char *scope, int x)
{
    char name[NAME];
    snprintf(name, sizeof(name), "%sMaxPool_3x3", scope);
    return facet__arch_max_pool(a, name, x, 3, 2, false);
}

/* branches side by side -> 1x1 with bias -> x + scale * that -> ReLU */
static int residual(struct facet__arch *a, const char *scope, int x, int64_t channels, const int *branches, int n,
                    int64_t in, float scale, bool has_relu)
{
    char cat[NAME], up[NAME], sum[NAME], relu[NAME];
    snprintf(cat, sizeof(cat), "%sconcat", scope);
    snprintf(up, sizeof(up), "%sConv2d_1x1", scope);
    snprintf(sum, sizeof(sum), "%sadd", scope);
    snprintf(relu, sizeof(relu), "%sRelu", scope);
    int y = facet__arch_concat(a, cat, branches, n);
    y = facet__arch_conv(a, up, y, in, &(struct facet__conv){.out = channels, .kh = 1, .kw = 1, .has_bias = true,
                                                             .weight_scale = scale});
    y = facet__arch_plain(a, "Add", sum, (int[]){x, y}, 2);
    return has_relu ? facet__arch_plain(a, "Relu", relu, &y, 1) : y;
}

static int block35(struct facet__arch *a, const char *scope, int x)
{
    int b0 = unit(a, scope, x, 256, (struct unit){"Branch_0_Conv2d_1x1", 32, 1, 1, 1, false});
    int b1 = unit(a, scope, x, 256, (struct unit){"Branch_1_Conv2d_0a_1x1", 32, 1, 1, 1, false});
    b1 = unit(a, scope, b1, 32, (struct unit){"Branch_1_Conv2d_0b_3x3", 32, 3, 3, 1, false});
    int b2 = unit(a, scope, x, 256, (struct unit){"Branch_2_Conv2d_0a_1x1", 32, 1, 1, 1, false});
    b2 = unit(a, scope, b2, 32, (struct unit){"Branch_2_Conv2d_0b_3x3", 32, 3, 3, 1, false});
    b2 = unit(a, scope, b2, 32, (struct unit){"Branch_2_Conv2d_0c_3x3", 32, 3, 3, 1, false});
    return residual(a, scope, x, 256, (int[]){b0, b1, b2}, 3, 96, 0.17f, true);
}

static int block17(struct facet__arch *a, const char *scope, int x)
{
    int b0 = unit(a, scope, x, 896, (struct unit){"Branch_0_Conv2d_1x1", 128, 1, 1, 1, false});
    int b1 = unit(a, scope, x, 896, (struct unit){"Branch_1_Conv2d_0a_1x1", 128, 1, 1, 1, false});
    b1 = unit(a, scope, b1, 128, (struct unit){"Branch_1_Conv2d_0b_1x7", 128, 1, 7, 1, false});
    b1 = unit(a, scope, b1, 128, (struct unit){"Branch_1_Conv2d_0c_7x1", 128, 7, 1, 1, false});
    return residual(a, scope, x, 896, (int[]){b0, b1}, 2, 256, 0.10f, true);
}

static int block8(struct facet__arch *a, const char *scope, int x, float scale, bool has_relu)
{
    int b0 = unit(a, scope, x, 1792, (struct unit){"Branch_0_Conv2d_1x1", 192, 1, 1, 1, false});
    int b1 = unit(a, scope, x, 1792, (struct unit){"Branch_1_Conv2d_0a_1x1", 192, 1, 1, 1, false});
    b1 = unit(a, scope, b1, 192, (struct unit){"Branch_1_Conv2d_0b_1x3", 192, 1, 3, 1, false});
    b1 = unit(a, scope, b1, 192, (struct unit){"Branch_1_Conv2d_0c_3x1", 192, 3, 1, 1, false});
    return residual(a, scope, x, 1792, (int[]){b0, b1}, 2, 384, scale, has_relu);
}

static int stem(struct facet__arch *a, int x)
{
    x = unit(a, "", x, 3, (struct unit){"Conv2d_1a_3x3", 32, 3, 3, 2, true});
    x = unit(a, "", x, 32, (struct unit){"Conv2d_2a_3x3", 32, 3, 3, 1, true});
    x = unit(a, "", x, 32, (struct unit){"Conv2d_2b_3x3", 64, 3, 3, 1, false});
    x = pool(a, "", x);
    x = unit(a, "", x, 64, (struct unit){"Conv2d_3b_1x1", 80, 1, 1, 1, true});
    x = unit(a, "", x, 80, (struct unit){"Conv2d_4a_3x3", 192, 3, 3, 1, true});
    return unit(a, "", x, 192, (struct unit){"Conv2d_4b_3x3", 256, 3, 3, 2, true});
}

static int mixed_6a(struct facet__arch *a, int x)
{
    const char *scope = "Mixed_6a_";
    int b0 = unit(a, scope, x, 256, (struct unit){"Branch_0_Conv2d_1a_3x3", 384, 3, 3, 2, true});
    int b1 = unit(a, scope, x, 256, (struct unit){"Branch_1_Conv2d_0a_1x1", 192, 1, 1, 1, false});
    b1 = unit(a, scope, b1, 192, (struct unit){"Branch_1_Conv2d_0b_3x3", 192, 3, 3, 1, false});
    b1 = unit(a, scope, b1, 192, (struct unit){"Branch_1_Conv2d_1a_3x3", 256, 3, 3, 2, true});
    return facet__arch_concat(a, "Mixed_6a", (int[]){b0, b1, pool(a, scope, x)}, 3);
}

static int mixed_7a(struct facet__arch *a, int x)
{
    const char *scope = "Mixed_7a_";
    int b0 = unit(a, scope, x, 896, (struct unit){"Branch_0_Conv2d_0a_1x1", 256, 1, 1, 1, false});
    b0 = unit(a, scope, b0, 256, (struct unit){"Branch_0_Conv2d_1a_3x3", 384, 3, 3, 2, true});
    int b1 = unit(a, scope, x, 896, (struct unit){"Branch_1_Conv2d_0a_1x1", 256, 1, 1, 1, false});
    b1 = unit(a, scope, b1, 256, (struct unit){"Branch_1_Conv2d_1a_3x3", 256, 3, 3, 2, true});
    int b2 = unit(a, scope, x, 896, (struct unit){"Branch_2_Conv2d_0a_1x1", 256, 1, 1, 1, false});
    b2 = unit(a, scope, b2, 256, (struct unit){"Branch_2_Conv2d_0b_3x3", 256, 3, 3, 1, false});
    b2 = unit(a, scope, b2, 256, (struct unit){"Branch_2_Conv2d_1a_3x3", 256, 3, 3, 2, true});
    return facet__arch_concat(a, "Mixed_7a", (int[]){b0, b1, b2, pool(a, scope, x)}, 4);
}

static int blocks(struct facet__arch *a, int x)
{
    char scope[32];
    for (int i = 1; i <= 5; i++) {
        snprintf(scope, sizeof(scope), "Block35_%d_", i);
        x = block35(a, scope, x);
    }
    x = mixed_6a(a, x);
    for (int i = 1; i <= 10; i++) {
        snprintf(scope, sizeof(scope), "Block17_%d_", i);
        x = block17(a, scope, x);
    }
    x = mixed_7a(a, x);
    for (int i = 1; i <= 6; i++) {
        snprintf(scope, sizeof(scope), "Block8_%d_", i);
        x = block8(a, scope, x, i < 6 ? 0.20f : 1.0f, i < 6);
    }
    return x;
}

int facet__facenet_build(struct facet_graph **out, const char *name, struct facet__source source)
{
    struct facet__arch a;
    facet__arch_begin(&a, name, source);
    int x = facet__arch_input(&a, "input", 3, 160, 160);
    x = blocks(&a, stem(&a, x));
    x = facet__arch_plain(&a, "GlobalAveragePool", "AvgPool", &x, 1);
    x = facet__arch_flatten(&a, "Flatten", x);
    x = facet__arch_dense(&a, "Bottleneck", x, 1792, 512, false);
    x = facet__arch_bn(&a, "Bottleneck_BatchNorm", "Bottleneck_BatchNorm", x, 512, false, EPSILON);
    x = facet__arch_plain(&a, "LpNormalization", "embedding", &x, 1);
    facet__arch_int(&a, "axis", 1);
    facet__arch_int(&a, "p", 2);
    facet__arch_output(&a, x);
    return facet__arch_end(&a, out);
}

static int build_seeded(struct facet_graph **out, uint64_t seed)
{
    struct facet__random r;
    return facet__facenet_build(out, "facenet", facet__random_source(&r, seed));
}

const struct facet_builder facet_build_facenet = {
    .name = "facenet",
    .help = "Inception-ResNet-v1, 160x160, 512 numbers",
    .build = build_seeded,
};
