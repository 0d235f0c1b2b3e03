#ifndef FACET_MODELS_MODELS_PRIV_H
#define FACET_MODELS_MODELS_PRIV_H

#include "models/spec.h"

/* Goes up when an importer writes another graph for the same files: what is there is pulled anew. */
#define FACET__IMPORT_VERSION 1

/* One hash for all pinned files: over "sha256 path\n" of each. */
void facet__sources_sha256(const struct facet_model_spec *s, char out[65]);

#endif
