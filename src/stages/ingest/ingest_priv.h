/* What there is to read, found out at open. */
#ifndef FACET_STAGES_INGEST_PRIV_H
#define FACET_STAGES_INGEST_PRIV_H

#include "stages/ingest/ingest.h"

struct facet__source {
    char *path;
    bool is_video;
    double fps; /* of a video once it was opened */
};

struct facet__sources {
    struct facet__source *items;
    int count, cap;
};

/* Files as they are, folders walked, "-" read from standard input. A name that is not there is an
 * error, or a source that fails later when keep_going. */
int facet__sources_find(struct facet__sources *s, const struct facet_ingest_opts *o);
void facet__sources_fini(struct facet__sources *s);

#endif
