/* Shared by the files of the store. */
#ifndef FACET_STORE_GALLERY_PRIV_H
#define FACET_STORE_GALLERY_PRIV_H

#include "base/lock.h"
#include "store/gallery.h"
#include "store/index.h"
#include "store/postgres/watch.h"
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
    size_t index_rows;                 /* from so many templates on the index is kept in a file */
    size_t index_kept;                 /* rows of it that are in the file; under the writing lock, too: */
    bool avoids_file;                  /* it was found damaged */
    uint32_t cpu_flags;
    struct facet_vault *vault;         /* whoever's; NULL: nothing is sealed */
    struct facet_vault *own_vault;
    struct facet__watch *watch;        /* PostgreSQL: hears of other servers' changes */
};

/* A change is one transaction: between begin and end the writing lock is held. `end` commits when
 * err is 0, bumps the version, and brings the index up to date: by `next` when that is given (taken,
 * on failure too) and nobody else changed the file, by reading everything otherwise. */
struct facet__change {
    struct facet_gallery *g;
    const char *what;
    bool is_followed;
    bool only_adds;                    /* set after begin: an index file stays true as far as it goes */
};
int facet__change_begin(struct facet__change *c, struct facet_gallery *g, const char *what);
int facet__change_end(struct facet__change *c, int err, struct facet_index **next);

int facet__gallery_check_dim(const struct facet_gallery *g, int dim);

/* gallery_index.c. A reference to the index that is current. */
struct facet_index *facet__gallery_index(struct facet_gallery *g);
void facet__gallery_swap_index(struct facet_gallery *g, struct facet_index **next, uint64_t version);
/* Maps the index file and reads what came after it, or reads everything. The writing lock is held. */
int facet__gallery_reload(struct facet_gallery *g);
/* Writes the index file when there is much that is not in it. What fails is logged and done without. */
void facet__gallery_keep_index(struct facet_gallery *g);
/* After a block of the file was found damaged: reads everything. Takes the writing lock. */
int facet__gallery_distrust_index(struct facet_gallery *g);
int facet__gallery_erase_index(struct facet_gallery *g);
bool facet__gallery_has_map(struct facet_gallery *g);

#endif
