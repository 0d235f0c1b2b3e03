/* Who is known: people and their templates in one SQLite file (WAL) or in PostgreSQL, searched in memory.
 *
 * A gallery holds templates of one embedding contract; others are refused (FACET_E_CONTRACT).
 * Thread-safe: one writer at a time, searches see a snapshot and wait for no writer. What a call
 * reported as done is on disk (synchronous=FULL for writes). Callbacks run without a lock held and
 * may call the gallery. docs/gallery.md has the schema and the guarantees. */
#ifndef FACET_STORE_GALLERY_H
#define FACET_STORE_GALLERY_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_gallery;
struct facet_pool;
struct facet_vault;

struct facet_gallery_opts {
    const char *path;              /* NULL: <data>/gallery.db; ":memory:"; "postgresql://..." (docs/storage.md) */
    const char *contract;          /* 64 hex digits; NULL: whatever is in the file */
    const char *model;             /* name, kept for messages */
    int dim;                       /* of new galleries; with `contract`, another one is refused */
    bool create;                   /* needs contract and dim */
    bool read_only;
    bool int8;                     /* search over int8 (scale 736, MFN convention) instead of fp32 */
    int index_rows;                /* int8: from so many templates on the index is kept in a file beside the gallery,
                                      written when it is opened for writing; 0: 20000, negative: never.
                                      A sealed gallery keeps none: it would hold readable templates */
    struct facet_vault *vault;     /* borrowed; NULL: the gallery opens one of its own where a site key is configured
                                      (store/vault.h). With a key a plain gallery that is opened for writing is sealed */
};
#define FACET_GALLERY_OPTS_INIT { 0 }

struct facet_person { int64_t id; char name[FACET_MAX_NAME]; int64_t created_ms; int templates; char note[256]; };
struct facet_template {
    int64_t id, person;
    float quality;
    char source[256];              /* file name it came from, without its folder */
    char source_sha256[65];
    int64_t created_ms;
};
struct facet_match { int64_t person; int64_t template_id; float cosine; float quality; char name[FACET_MAX_NAME]; };
struct facet_gallery_info { char contract[65]; char model[FACET_MAX_NAME]; int dim; int schema; int64_t people, templates, file_bytes; bool is_sealed; };

int facet_gallery_open(struct facet_gallery **out, const struct facet_gallery_opts *o);
void facet_gallery_close(struct facet_gallery **g);
int facet_gallery_info(struct facet_gallery *g, struct facet_gallery_info *out);
/* Structure, foreign keys, blob sizes, norms, checksums. FACET_E_STORE names the first fault. */
int facet_gallery_check(struct facet_gallery *g);

/* People. Names are unique, 1..127 bytes of valid UTF-8, no control characters. */
int facet_gallery_person(struct facet_gallery *g, const char *name, struct facet_person *out);        /* NOT_FOUND */
int facet_gallery_person_by_id(struct facet_gallery *g, int64_t id, struct facet_person *out);
typedef int facet_person_fn(void *ctx, const struct facet_person *p);
int facet_gallery_people(struct facet_gallery *g, facet_person_fn *fn, void *ctx);      /* by name */
int facet_gallery_rename(struct facet_gallery *g, const char *from, const char *to);    /* EXISTS */
int facet_gallery_merge(struct facet_gallery *g, const char *into, const char *from);   /* from's templates move */
/* Person, key, templates and everything trained on them: overwritten in the file, and the log emptied.
 * FACET_E_STORE saying so when another process kept the log from being emptied. */
int facet_gallery_delete(struct facet_gallery *g, const char *name);

/* Other ids that were this person's before others were merged into it: events may still tell of those. */
int facet_gallery_former_ids(struct facet_gallery *g, int64_t person, int64_t *ids, int cap, int *n);

/* Adds one template, making the person when new, in one transaction. The same source_sha256 for the
 * same person again is FACET_E_EXISTS. An embedding that is not finite or whose length is not 1
 * within 1 % is refused. `about` may be NULL; its id and person are ignored, created_ms 0 is now. */
int facet_gallery_add(struct facet_gallery *g, const char *name, const float *embedding, int dim,
                      const struct facet_template *about, int64_t *template_id);
/* Is this picture (64 hex digits) this person's already? False, too, when there is no such person. */
int facet_gallery_has_source(struct facet_gallery *g, const char *name, const char *source_sha256, bool *has);
typedef int facet_template_fn(void *ctx, const struct facet_template *t, const float *embedding);
int facet_gallery_templates(struct facet_gallery *g, const char *name /* NULL: all */, facet_template_fn *fn, void *ctx);
int facet_gallery_delete_template(struct facet_gallery *g, int64_t id);

/* Best template of each person, best first; at most k people. Exact. Returns the count or an error.
 * Allocates nothing. */
int facet_gallery_search(struct facet_gallery *g, const float *embedding, int dim, int k, struct facet_match *out);
/* The k best templates, best first, several of a person when they are. */
int facet_gallery_nearest(struct facet_gallery *g, const float *embedding, int dim, int k, struct facet_match *out);
/* Several queries at once: `n` embeddings, one after the other. Query i's best are at out[i * k] and
 * following, found[i] of them. Far cheaper than one after the other where there are very many templates
 * and the gallery is searched over int8. The answer does not depend on the threads. */
struct facet_search_opts {
    int k;
    bool templates;                /* as facet_gallery_nearest; otherwise as facet_gallery_search */
    struct facet_pool *pool;       /* borrowed for the call; NULL: the caller's thread alone */
};
#define FACET_SEARCH_OPTS_INIT { .k = 1 }
int facet_gallery_search_many(struct facet_gallery *g, const float *embeddings, int n, int dim,
                              const struct facet_search_opts *o, struct facet_match *out, int *found);
/* The best template of one person; FACET_E_NOT_FOUND when there is none. Allocates nothing. */
int facet_gallery_match_person(struct facet_gallery *g, const float *embedding, int dim, int64_t person, struct facet_match *out);
/* Grows by one with every change of people or templates. */
uint64_t facet_gallery_version(const struct facet_gallery *g);
/* Sees what other processes changed since; costs one small read when they did not. A search alone
 * never looks at the file. */
int facet_gallery_refresh(struct facet_gallery *g);
/* Never NULL; as given by the file. */
const char *facet_gallery_path(const struct facet_gallery *g);
const char *facet_gallery_contract(const struct facet_gallery *g);
int facet_gallery_dim(const struct facet_gallery *g);

/* One JSON document a line; import refuses other contracts, and is all or nothing. What is there
 * already is skipped; the counts (may be NULL) are of what was added. */
int facet_gallery_export(struct facet_gallery *g, const char *path);
int facet_gallery_import(struct facet_gallery *g, const char *path, int *people, int *templates);
/* What an exported file says of itself in its first line: contract, model, dim; the rest is zero. */
int facet_gallery_import_info(const char *path, struct facet_gallery_info *out);
int facet_gallery_import_text(struct facet_gallery *g, const char *text, size_t len, const char *origin,
                              int *people, int *templates);

/* The whole gallery as bytes for another machine: the same ids, so that both mean the same person by a number; sealed with the
 * site key (`v` NULL: not sealed). The caller wipes and frees *out. *version is the gallery's then. */
int facet_gallery_dump(struct facet_gallery *g, struct facet_vault *v, void **out, size_t *len, uint64_t *version);
/* Makes the gallery hold exactly what was dumped, or leaves it as it is. Who is no longer there is deleted as
 * facet_gallery_delete does it. FACET_E_PERMISSION: sealed with another key, or sealed and `v` is NULL, or the other way.
 * FACET_E_CONTRACT: of another recogniser. *version (may be NULL) is the dumped gallery's. */
int facet_gallery_load_dump(struct facet_gallery *g, struct facet_vault *v, const void *data, size_t len, uint64_t *version);
/* The version that was loaded last; 0: none ever was. */
int facet_gallery_dump_version(struct facet_gallery *g, uint64_t *version);

/* Small named blobs kept with the gallery (trained classifiers), with the version they were made at;
 * deleting a person deletes all of them. Caller frees *data. people_version may be NULL. */
int facet_gallery_blob_put(struct facet_gallery *g, const char *key, const void *data, size_t len);
int facet_gallery_blob_get(struct facet_gallery *g, const char *key, void **data, size_t *len, uint64_t *people_version);

const char *facet_gallery_sqlite_version(void);     /* of the library that is linked, "3.40.1" */

#endif
