/* Shared by the files of the store. */
#ifndef FACET_STORE_GALLERY_PRIV_H
#define FACET_STORE_GALLERY_PRIV_H

#include "base/lock.h"
#include "store/gallery.h"
#include "store/index.h"
#include "store/sqlite/db.h"

#include <stdatomic.h>

struct facet_gallery {
    struct facet_lock writing;         /* around every use of db */
    struct facet_lock swapping;        /* around the pointer `index`, for an instant */
    bool has_writing, has_swapping;
    struct facet__db db;
    struct facet_index *index;         /* what searches see */
    atomic_bool is_stale;              /* the index could not follow a change that is on disk */
    atomic_uint_fast64_t version;      /* of the index */
    bool int8;
    uint32_t cpu_flags;
};

/* A change is one transaction: between begin and end the writing lock is held. `end` commits when
 * err is 0, bumps the version, and brings the index up to date: by `next` when that is given (taken,
 * on failure too) and nobody else changed the file, by reading everything otherwise. */
struct facet__change { struct facet_gallery *g; const char *what; bool is_followed; };
int facet__change_begin(struct facet__change *c, struct facet_gallery *g, const char *what);
int facet__change_end(struct facet__change *c, int err, struct facet_index **next);

/* A reference to the index that is current. */
struct facet_index *facet__gallery_index(struct facet_gallery *g);

#endif
