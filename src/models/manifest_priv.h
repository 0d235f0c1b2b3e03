/* Between the reader of the manifest and what looks things up in it. */
#ifndef FACET_MODELS_MANIFEST_PRIV_H
#define FACET_MODELS_MANIFEST_PRIV_H

#include "models/spec.h"

struct facet_yaml;

struct facet_manifest {
    char *origin;
    struct facet_model_spec *models;
    size_t n_models;
    struct facet_data_spec *data;
    size_t n_data;
};

/* Fill from one item of the lists `models:` and `data:`. What was filled before a failure is freed by
 * the _fini functions. */
int facet__spec_read(struct facet_model_spec *s, const struct facet_yaml *y, const char *origin);
void facet__spec_fini(struct facet_model_spec *s);
int facet__data_read(struct facet_data_spec *s, const struct facet_yaml *y, const char *origin);
void facet__data_fini(struct facet_data_spec *s);

/* Appends the files of `files:` (and of the list a `list:` member names) to an array. `below` is
 * "models" or "data". */
struct facet__files { struct facet_model_file *items; size_t count; };
int facet__files_read(struct facet__files *f, const struct facet_yaml *owner, const char *below, const char *origin);
void facet__files_free(struct facet_model_file *items, size_t count);

/* Adds the models that were made here from those of the manifest; what does not fit any more is left out, with
 * a line in the log. */
int facet__made_read(struct facet_manifest *m);

/* A text member: FACET_E_FORMAT with line when it is missing and `is_needed`, or is no text. */
int facet__text(char **out, const struct facet_yaml *y, const char *key, bool is_needed);
int facet__short_text(char *out, size_t cap, const struct facet_yaml *y, const char *key, bool is_needed);

#endif
