/* Models made here from pulled ones (facet models optimise): folders of the models folder like any
 * other, with a made.json that says from which model. They are found with the manifest's own, fed as that
 * model is, and have contracts of their own, since their files are others. */
#ifndef FACET_MODELS_MADE_H
#define FACET_MODELS_MADE_H

#include "models/models.h"

struct facet_made;

/* Can a model of this name be made? FACET_E_INVALID for a name that is no folder's or is the manifest's;
 * FACET_E_EXISTS when one is there and `force` is not given. */
int facet_made_check(const struct facet_manifest *m, const char *name, bool force);

/* Makes a hidden folder to work in; other makers of the same name wait. `from` is borrowed until close. */
int facet_made_open(struct facet_made **out, const struct facet_model_spec *from, const char *name);
/* Where the file of a part goes; facet_onnx_save writes it. */
int facet_made_path(const struct facet_made *m, size_t part, char *out, size_t cap);
/* Keeps the source's own file of a part, too, as a part of its own: NAME-float (FACET_MODEL_FLOAT). */
int facet_made_keep(struct facet_made *m, size_t part);
/* Hashes the files, describes them and puts the folder in its place, replacing what was there: from then on
 * it is known. */
int facet_made_finish(struct facet_made *m);
/* Without finish nothing is left. */
void facet_made_close(struct facet_made **m);

#endif
