/* facet models optimise. */
#ifndef FACET_CLI_MODELS_OPTIMISE_H
#define FACET_CLI_MODELS_OPTIMISE_H

#include "cli/cmd.h"

#include <stdint.h>

/* Part of the options of `facet models`. */
struct facet_models_optimise_options {
    bool int8, bf16, fp16, no_list;
    const char *calibrate, *name, *output, *like, *pairs, *images, *folds, *backend;
    int method;
    int64_t cluster, pictures, kept, threads;
    double prune, percentile, aim;
};

/* Its rows in the table of options, for a field `optimise` of struct `type`. */
#define FACET_MODELS_OPTIMISE_OPTS(type)                                                                                          \
    FACET_OPT(type, optimise.int8, "int8", 0, FACET_OPT_FLAG, NULL, "optimise: 8-bit weights and values; needs --calibrate"),       \
    FACET_OPT(type, optimise.bf16, "bf16", 0, FACET_OPT_FLAG, NULL, "optimise: weights in bfloat16, and run so where the CPU can"), \
    FACET_OPT(type, optimise.fp16, "fp16", 0, FACET_OPT_FLAG, NULL, "optimise: weights in float16, run in float"),                  \
    FACET_OPT(type, optimise.calibrate, "calibrate", 0, FACET_OPT_PATH, "DIR",                                                      \
              "optimise: pictures and videos with faces, to find ranges with and to compare on"),                                   \
    FACET_OPT_RANGE(type, optimise.pictures, "pictures", 0, FACET_OPT_INT, "N", 0, 100000, "optimise: of that folder, at most; 0: 320"), \
    FACET_OPT(type, optimise.method, "method", 0, FACET_OPT_CHOICE, "mse|minmax|percentile|entropy",                                \
              "optimise: how ranges follow from what was seen"),                                                                    \
    FACET_OPT_RANGE(type, optimise.percentile, "percentile", 0, FACET_OPT_NUM, "P", 0, 100,                                         \
                    "optimise: share of numbers inside the range; 0: 99.99"),                                                       \
    FACET_OPT_RANGE(type, optimise.aim, "aim", 0, FACET_OPT_NUM, "LOSS", 0, 1,                                                      \
                    "optimise: layers that hurt stay in float until the mean loss is below; 0: 0.0015 of cosine, 0.05 of error"),    \
    { .name = "keep", .kind = FACET_OPT_INT, .value = "N", .min = -1, .max = 65536, .offset = offsetof(type, optimise.kept),        \
      .fallback = "-1", .help = "optimise: so many layers in float at most; -1: a quarter" },                                       \
    FACET_OPT(type, optimise.no_list, "no-list", 0, FACET_OPT_FLAG, NULL, "optimise: do not measure each layer"),                   \
    FACET_OPT_RANGE(type, optimise.cluster, "cluster", 0, FACET_OPT_INT, "N", 0, 256, "optimise: N values for each layer's weights"), \
    FACET_OPT_RANGE(type, optimise.prune, "prune", 0, FACET_OPT_NUM, "P", 0, 1, "optimise: share of weights that become zero"),     \
    FACET_OPT(type, optimise.name, "as", 0, FACET_OPT_STR, "NAME", "optimise: the new model's name"),                               \
    FACET_OPT(type, optimise.output, "output", 'o', FACET_OPT_PATH, "FILE.onnx", "optimise: write there, do not register"),         \
    FACET_OPT(type, optimise.like, "like", 0, FACET_OPT_STR, "NAME", "optimise: FILE.onnx is fed as that model is"),                \
    FACET_OPT(type, optimise.pairs, "pairs", 'p', FACET_OPT_PATH, "FILE", "optimise: accuracy on these pairs, before and after"),   \
    FACET_OPT(type, optimise.images, "images", 0, FACET_OPT_PATH, "DIR", "optimise: the pictures of the pairs; detectors: of faces found before and after"), \
    FACET_OPT(type, optimise.folds, "folds", 0, FACET_OPT_STR, "A-B", "optimise: only these folds of the pairs"),                   \
    FACET_OPT_RANGE(type, optimise.threads, "threads", 'j', FACET_OPT_INT, "N", 0, 1024, "optimise: 0: as many as there are"),      \
    FACET_OPT(type, optimise.backend, "backend", 0, FACET_OPT_STR, "NAME", "optimise: of the engine: cpu or ref")

int facet_models_optimise(struct facet_cli *cli, const struct facet_models_optimise_options *o, bool force, const char *what);

#endif
