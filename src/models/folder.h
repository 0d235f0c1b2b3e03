/* Folders of the models folder, and how they come into their places. */
#ifndef FACET_MODELS_FOLDER_H
#define FACET_MODELS_FOLDER_H

#include "models/spec.h"

/* <models>/<prefix><name><suffix> into out, of PATH_MAX bytes. */
int facet__folder_place(char *out, const char *prefix, const char *name, const char *suffix);
/* Waits for other processes that make or remove this model. *fd is closed by the caller. */
int facet__folder_lock(const char *name, int *fd);
/* Writes the model.json of the parts that lie in `dir`. */
int facet__folder_describe(const struct facet_model_spec *s, const char *importer, const char *dir);
/* Renames `result` to the model's place; what was there goes to `work` first, which is removed. */
int facet__folder_put(const char *name, const char *work, const char *result);

#endif
