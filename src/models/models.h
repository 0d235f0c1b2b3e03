/* The models folder: what can be pulled, what is there, and how to open it.
 *
 * The manifest is models/manifest.yaml, installed in share/facet and found by $FACET_MANIFEST, beside
 * the build, or there. A pulled model is imported to ONNX in $FACET_MODELS or <data>/models, as
 * <name>/<part>.onnx with a <name>/model.json that holds the hashes of sources and results. */
#ifndef FACET_MODELS_MODELS_H
#define FACET_MODELS_MODELS_H

#include "models/spec.h"

struct facet_manifest;
struct facet_graph;

int facet_manifest_open(struct facet_manifest **out, const char *path /* NULL: found */);
int facet_manifest_parse(struct facet_manifest **out, const char *yaml, size_t len, const char *origin);
void facet_manifest_close(struct facet_manifest **m);
size_t facet_manifest_count(const struct facet_manifest *m);
const struct facet_model_spec *facet_manifest_at(const struct facet_manifest *m, size_t i);
/* NULL with an error text that lists near names. Borrowed from the manifest. */
const struct facet_model_spec *facet_manifest_find(const struct facet_manifest *m, const char *name);
/* The default of a task ("detect", "embed"). */
const struct facet_model_spec *facet_manifest_default(const struct facet_manifest *m, const char *task);

int facet_models_dir(char *out, size_t cap);

/* Path of a part's ONNX file; FACET_E_NOT_FOUND with "run: facet models pull NAME" when not there. */
int facet_model_path(const struct facet_model_spec *s, const char *part, char *out, size_t cap);
/* Loads a part; verifies nothing but what loading needs (facet_model_check does). */
int facet_model_graph(struct facet_graph **out, const struct facet_model_spec *s, const char *part);

/* Contract of embeddings: hex SHA-256 over model id, version, hash of its ONNX file, dimension and
 * preprocessing version. FACET_E_NOT_FOUND when the model is not there. */
int facet_model_contract(const struct facet_model_spec *s, char out[65]);

typedef void facet_progress_fn(void *ctx, const char *what, int64_t done, int64_t total);
struct facet_pull_opts {
    const char *mirror;            /* folder; NULL: $FACET_MIRROR, none when unset */
    bool force;                    /* pull again although it is there and whole */
    facet_progress_fn *progress; void *ctx;
};
/* Takes every file from the mirror or its URL, verifies SHA-256, imports. Nothing is left half. */
int facet_model_pull(const struct facet_model_spec *s, const struct facet_pull_opts *o);
bool facet_model_present(const struct facet_model_spec *s);
int facet_model_check(const struct facet_model_spec *s);       /* hashes of what is there */
int facet_model_remove(const struct facet_model_spec *s);

/* Threshold at which at most `far` of impostors pass, from the table (FACET_E_NOT_FOUND when the
 * table does not reach that far, naming what it reaches). far <= 0: the default. */
int facet_model_threshold(const struct facet_model_spec *s, double far, double *cosine);
double facet_model_score(const struct facet_model_spec *s, double cosine);      /* calibrated, 0..1 */

#endif
