/* Bringing pinned files here, from the mirror or from their addresses. */
#ifndef FACET_MODELS_OBTAIN_H
#define FACET_MODELS_OBTAIN_H

#include "models/models.h"

struct facet_fetch;

struct facet__obtain {
    const struct facet_pull_opts *opts;
    const char *mirror;              /* NULL: none */
    const char *what;                /* name for progress */
    struct facet_fetch *fetch;       /* opened for the first download */
    int64_t done, total, largest;    /* bytes */
};

/* `files` are those that will be asked for; they give the total. */
void facet__obtain_init(struct facet__obtain *ob, const char *what, const struct facet_model_file *files, size_t n,
                        const struct facet_pull_opts *o);
void facet__obtain_fini(struct facet__obtain *ob);

/* After this `path` holds just the pinned bytes; nothing is done when it does already. The folder is
 * there. *was_there (may be NULL) says which. */
int facet__obtain_file(struct facet__obtain *ob, const struct facet_model_file *f, const char *path, bool *was_there);

#endif
