/* The models folder: what can be pulled, what is there, and how to open it.
 *
 * The manifest is models/manifest.yaml, found by $FACET_MANIFEST, in the source tree of the build
 * that the program is in, or installed in share/facet. A pulled model is imported to ONNX in
 * $FACET_MODELS or <data>/models, as <name>/<part>.onnx (<name>/model.onnx when it is one network)
 * with a <name>/model.json that holds the hashes of sources and results. */
#ifndef FACET_MODELS_MODELS_H
#define FACET_MODELS_MODELS_H

#include "models/spec.h"

#include <stdatomic.h>

struct facet_manifest;
struct facet_graph;
struct facet_plan;
struct facet_plan_opts;

int facet_manifest_open(struct facet_manifest **out, const char *path /* NULL: found */);
/* Lists of files that the manifest names are looked for beside `origin`. */
int facet_manifest_parse(struct facet_manifest **out, const char *yaml, size_t len, const char *origin);
void facet_manifest_close(struct facet_manifest **m);
size_t facet_manifest_count(const struct facet_manifest *m);
const struct facet_model_spec *facet_manifest_at(const struct facet_manifest *m, size_t i);
/* NULL with an error text that lists near names. Borrowed from the manifest. */
const struct facet_model_spec *facet_manifest_find(const struct facet_manifest *m, const char *name);
/* The default of a task ("detect", "embed"); NULL with an error text. */
const struct facet_model_spec *facet_manifest_default(const struct facet_manifest *m, const char *task);

/* The manifest's data sets. */
size_t facet_manifest_data_count(const struct facet_manifest *m);
const struct facet_data_spec *facet_manifest_data_at(const struct facet_manifest *m, size_t i);
const struct facet_data_spec *facet_manifest_data_find(const struct facet_manifest *m, const char *name);

int facet_models_dir(char *out, size_t cap);

/* Path of a part's ONNX file; FACET_E_NOT_FOUND with "run: facet models pull NAME" when not there. */
int facet_model_path(const struct facet_model_spec *s, const char *part, char *out, size_t cap);
/* Loads a part; verifies nothing but what loading needs (facet_model_check does). */
int facet_model_graph(struct facet_graph **out, const struct facet_model_spec *s, const char *part);
/* Opens a part's plan, from the plan file where `o->cache` allows it: then nothing of the model file is read. */
int facet_model_plan(struct facet_plan **out, const struct facet_model_spec *s, const char *part, const struct facet_plan_opts *o);

/* Contract of embeddings: hex SHA-256 over model id, version, the pinned hashes of its files,
 * dimension and preprocessing version. The same wherever the model is, pulled or not. */
int facet_model_contract(const struct facet_model_spec *s, char out[65]);

/* `done` and `total` are bytes of all files. */
typedef void facet_progress_fn(void *ctx, const char *what, int64_t done, int64_t total);
struct facet_pull_opts {
    const char *mirror;            /* folder; NULL: $FACET_MIRROR, none when unset */
    bool force;                    /* pull again although it is there and whole */
    facet_progress_fn *progress; void *ctx;
    atomic_int *cancel;            /* non-zero ends it with FACET_E_CANCELLED; NULL: never */
    bool *did_nothing;             /* told back: all was there already; NULL: not asked */
};
/* Takes every file from the mirror (which holds models/ and data/) or its URL, verifies SHA-256 and
 * size, imports. Nothing is left half: the model appears when it is whole. What was downloaded
 * before a failure is kept aside, and resumed. Two processes may pull at once: one waits. */
int facet_model_pull(const struct facet_model_spec *s, const struct facet_pull_opts *o);
bool facet_model_present(const struct facet_model_spec *s);
int facet_model_check(const struct facet_model_spec *s);       /* hashes of what is there */
int facet_model_remove(const struct facet_model_spec *s);

/* Puts every file below `dir`, under its own path; those that are there and right are left. */
int facet_data_pull(const struct facet_data_spec *s, const char *dir, const struct facet_pull_opts *o);

/* Threshold at which at most `far` of impostors pass, from the table (FACET_E_NOT_FOUND when the
 * table does not reach that far, naming what it reaches). far <= 0: the default. */
int facet_model_threshold(const struct facet_model_spec *s, double far, double *cosine);
/* Calibrated, 0..1; where no calibration was measured, 0.5 at the threshold and straight lines beside. */
double facet_model_score(const struct facet_model_spec *s, double cosine);

#endif
