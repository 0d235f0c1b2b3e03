#include "lib/small_models.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/rng.h"
#include "base/str.h"
#include "engine/format/arch.h"
#include "engine/format/onnx.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void must(int err)
{
    if (err)
        fail_msg("%s", facet_error_text());
}

/* --- networks --- */

static int head(struct facet__arch *a, int x, const char *name, int64_t stride, int64_t channels)
{
    char raw[40], out[40];
    snprintf(raw, sizeof(raw), "%s_%d_raw", name, (int)stride);
    snprintf(out, sizeof(out), "%s_%d", name, (int)stride);
    int y = facet__arch_conv(a, raw, x, 3, &(struct facet__conv){.out = channels, .kh = stride, .kw = stride, .stride = stride, .has_bias = true});
    return facet__arch_plain(a, "Sigmoid", out, &y, 1);
}

static int build_detector(struct facet_graph **out)
{
    static const struct { const char *name; int64_t channels; } heads[] = {{"cls", 1}, {"obj", 1}, {"bbox", 4}, {"kps", 10}};
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, SMALL_DETECTOR, facet__random_source(&r, 1));
    int x = facet__arch_input(&a, "input", 3, -1, -1);
    for (int64_t stride = 8; stride <= 32; stride *= 2)
        for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
            facet__arch_output(&a, head(&a, x, heads[i].name, stride, heads[i].channels));
    return facet__arch_end(&a, out);
}

static int build_embedder(struct facet_graph **out)
{
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, SMALL_EMBEDDER, facet__random_source(&r, 2));
    int x = facet__arch_input(&a, "data", 3, SMALL_CHIP, SMALL_CHIP);
    x = facet__arch_conv(&a, "conv", x, 3, &(struct facet__conv){.out = 8, .kh = 3, .kw = 3, .stride = 2, .has_bias = true});
    x = facet__arch_prelu(&a, "prelu", "prelu", x, 8, false);
    x = facet__arch_dense(&a, "embedding", facet__arch_flatten(&a, "flat", x), 8 * 7 * 7, SMALL_DIM, true);
    facet__arch_output(&a, x);
    return facet__arch_end(&a, out);
}

/* --- the folder --- */

static void add_model(struct facet_str *yaml, const struct scratch *s, const char *name, int (*build)(struct facet_graph **out),
                      const char *task, const char *kind, const char *rest)
{
    struct facet_graph *g;
    struct stat st;
    char file[64], path[512], sha256[FACET_SHA256_HEX];
    snprintf(file, sizeof(file), "small/%s.onnx", name);
    snprintf(path, sizeof(path), "%s/mirror/models/%s", s->dir, file);
    must(build(&g));
    must(facet_onnx_save(g, path));
    facet_graph_free(&g);
    must(facet_sha256_file(path, sha256));
    assert_int_equal(stat(path, &st), 0);
    facet_str_printf(yaml,
                     "  - name: %s\n    version: \"1\"\n    task: %s\n    kind: %s\n    default: true\n    title: seeded\n    licence: MIT\n"
                     "    commercial: yes\n    source: made by a test\n    importer: onnx\n"
                     "    files: [{path: %s, url: 'https://facet.invalid/x', sha256: %s, bytes: %ld}]\n%s",
                     name, task, kind, file, sha256, (long)st.st_size, rest);
}

static void pull(const struct scratch *s, const char *name)
{
    struct facet_manifest *m;
    struct facet_pull_opts o = {.mirror = scratch_path(s, "mirror")};
    must(facet_manifest_open(&m, NULL));
    const struct facet_model_spec *spec = facet_manifest_find(m, name);
    assert_non_null(spec);
    must(facet_model_pull(spec, &o));
    facet_manifest_close(&m);
}

void small_models(const struct scratch *s)
{
    struct facet_str yaml = FACET_STR_INIT;
    must(facet_mkdirs(scratch_path(s, "mirror/models/small")));
    facet_str_puts(&yaml, "manifest: 1\nmodels:\n");
    add_model(&yaml, s, SMALL_DETECTOR, build_detector, "detect", "yunet",
              "    input: {width: 0, height: 0, mean: 127.5, scale: 0.0078125, order: rgb}\n");
    add_model(&yaml, s, SMALL_EMBEDDER, build_embedder, "embed", "embedding",
              "    input: {width: 16, height: 16, mean: 127.5, scale: 0.0078125, order: rgb}\n"
              "    chip: {crop: square, margin: 0.1, outside: -1}\n    dim: 32\n    output: embedding\n    threshold: 0.9\n"
              "    preprocessing: 1\n");
    scratch_write(s, "manifest.yaml", facet_str_text(&yaml));
    facet_str_fini(&yaml);
    setenv("FACET_MANIFEST", scratch_path(s, "manifest.yaml"), 1);
    setenv("FACET_MODELS", scratch_path(s, "models"), 1);
    setenv("FACET_CACHE", scratch_path(s, "cache"), 1);
    pull(s, SMALL_DETECTOR);
    pull(s, SMALL_EMBEDDER);
}

struct facet_image small_noise(int width, int height, uint64_t seed)
{
    struct facet_image img;
    struct facet_rng rng;
    facet_rng_seed(&rng, seed);
    must(facet_image_init(&img, FACET_PIXEL_RGB24, width, height));
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width * 3; x++)
            img.data[(size_t)y * img.stride + (size_t)x] = (uint8_t)facet_rng_below(&rng, 256);
    return img;
}
