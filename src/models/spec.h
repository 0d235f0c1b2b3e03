/* What a model is and how it is fed, as models/manifest.yaml says it: data, never code per model. */
#ifndef FACET_MODELS_SPEC_H
#define FACET_MODELS_SPEC_H

#include "base/limits.h"
#include "image/chip.h"
#include "image/resize.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_MODEL_FILES 512
#define FACET_MODEL_PARTS 8
#define FACET_MODEL_THRESHOLDS 64

struct facet_model_file {
    char *path;                 /* below the mirror: "models/mtcnn/kpzhang93-caffe/det1.caffemodel" */
    char *url;
    char sha256[65];
    int64_t bytes;
};

/* One row of the measured table: at this cosine, this share of impostor pairs is accepted. */
struct facet_threshold { double far, far_low, far_high, cosine, tar; int64_t errors, pairs; };

/* A part of a model made here may have what it was made from beside it, under its name and this: */
#define FACET_MODEL_FLOAT "-float"

struct facet_model_part {       /* one network of a model (MTCNN has three) */
    char name[32];              /* "pnet"; "" when the model is one network */
    char onnx[FACET_MAX_NAME];  /* file name in the model's folder: "pnet.onnx", "model.onnx" */
    size_t first, count;        /* its files among the model's */
};

struct facet_model_spec {
    char name[FACET_MAX_NAME];          /* "facenet-20180402" */
    char version[32];
    char task[32];                      /* "detect", "embed", "other" */
    char kind[32];                      /* detect: decoder "mtcnn", "yunet", "scrfd"; embed: "embedding" */
    char *title, *licence, *licence_note, *source;
    bool commercial;                    /* may the default user use it commercially? */
    bool is_default;
    char made_from[FACET_MAX_NAME];     /* made here from this model (models/made.h); "": of the manifest */
    char importer[32];                  /* engine/format/import.h */
    struct facet_model_file *files;     size_t n_files;
    struct facet_model_part *parts;     size_t n_parts;

    int width, height;                  /* input; 0: free */
    struct facet_norm norm;
    struct facet_chip_spec chip;        /* embed */
    int dim;                            /* embed: numbers in the embedding */
    char output[64];                    /* embed: name of the output, "" the first */
    int preprocessing;                  /* version of how it is fed; part of the contract */
    struct facet_threshold *thresholds; size_t n_thresholds;     /* by growing cosine */
    double threshold;                   /* default cosine: same person at or above */
    double calib_a, calib_b;            /* calibrated score = 1 / (1 + exp(-(a * cosine + b))); a 0: not measured */
};

/* A pinned set of files that is no model: the demo's clip and pictures. */
struct facet_data_spec {
    char name[FACET_MAX_NAME];
    char *title, *licence, *licence_note, *source;
    struct facet_model_file *files;     size_t n_files;
};

#endif
