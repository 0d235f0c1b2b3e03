/* Exact search over all templates, in memory or in a mapped file.
 *
 * An index is immutable once shared. A changed one is forked from it: the fork shares the blocks of
 * rows, and appends behind the last row that anybody can see. So an addition costs one row, and a
 * search holds a lock only while it takes its reference. One writer at a time; a fork that is given
 * up must be dropped before the next is made.
 *
 * Rows are float32, or int8 by x -> round(x * S), half away from zero, S = 736 for 512 numbers and
 * 736 * sqrt(dim / 512) otherwise (the numbers of shorter embeddings are larger; this clips equally
 * few). The int32 dot product / S^2 says which may be the best; their cosines are then taken from all that is kept of
 * them (facet__fine_cosine). int8 rows lie as base/scan.h wants them; those of a group that is not full yet lie beside.
 *
 * An int8 index can be written to a file and mapped: then it costs no more memory than what is read
 * of it, and opens at once. Each block of a mapped file is checked when a search first meets it. */
#ifndef FACET_STORE_INDEX_H
#define FACET_STORE_INDEX_H

#include "store/gallery.h"

struct facet_index;

int facet_index_open(struct facet_index **out, int dim, bool int8);      /* empty */
/* A fork that may be appended to; `from` stays as it is. */
int facet_index_fork(struct facet_index **out, const struct facet_index *from);
/* From here on its rows, and those of its forks, are kept out of swap and core files, as far as the system allows it
 * (RLIMIT_MEMLOCK; what could not be locked is used unlocked). Before the first row. */
void facet_index_keep_secret(struct facet_index *x);
struct facet_index *facet_index_ref(struct facet_index *x);
void facet_index_unref(struct facet_index **x);                         /* memory is wiped */

/* Ids ascend from call to call. */
int facet_index_add_person(struct facet_index *x, int64_t id, const char *name);
/* FACET_E_NOT_FOUND when the person was not added before. */
int facet_index_add_row(struct facet_index *x, int64_t person, int64_t template_id, float quality,
                        const float *embedding);

size_t facet_index_rows(const struct facet_index *x);
bool facet_index_is_mapped(const struct facet_index *x);
size_t facet_index_people(const struct facet_index *x);
bool facet_index_has_person(const struct facet_index *x, int64_t id);
int64_t facet_index_last_person(const struct facet_index *x);           /* 0: there is none */
int64_t facet_index_last_template(const struct facet_index *x);

/* `flags` are facet_cpu_flags. Of equal cosines the lower template id comes first. All return how many
 * were found, or FACET_E_STORE when a mapped block is damaged. The first three allocate nothing.
 * As facet_gallery_search, facet_gallery_nearest, facet_gallery_match_person (0 or 1 found). */
int facet_index_search(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out);
int facet_index_nearest(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out);
int facet_index_match_person(const struct facet_index *x, const float *query, int64_t person, uint32_t flags,
                             struct facet_match *out);
/* As facet_gallery_search_many. */
int facet_index_search_many(const struct facet_index *x, const float *queries, int n, const struct facet_search_opts *o,
                            uint32_t flags, struct facet_match *out, int *found);

/* Reads every full block of rows once and does nothing with them: what a search can at best take. */
uint64_t facet_index_read(const struct facet_index *x, struct facet_pool *pool);

/* What a file was made from: it is used for that and for nothing else. */
struct facet_index_tie {
    char contract[65];
    char tag[33];                  /* 32 hexadecimal digits, new for each file */
    int dim;
};
/* Writes an int8 index, readable by its owner alone, to a temporary name, and renames it. */
int facet_index_write(const struct facet_index *x, const char *path, const struct facet_index_tie *tie);
/* FACET_E_NOT_FOUND without the file, FACET_E_FORMAT when it is no such file or is damaged,
 * FACET_E_UNSUPPORTED for another version, FACET_E_CONTRACT when it was made from something else. */
int facet_index_map(struct facet_index **out, const char *path, const struct facet_index_tie *tie);
/* Checks every block of a mapped index now. */
int facet_index_check(const struct facet_index *x);
/* Overwrites the file and removes it; those who have it mapped find nobody in it. No file: fine. */
int facet_index_erase(const char *path);

float facet__int8_scale(int dim);
void facet__to_int8(int8_t *out, const float *in, int dim, float scale);

#endif
