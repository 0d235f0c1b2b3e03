/* Exact search over all templates, in memory.
 *
 * An index is immutable once shared. A changed one is forked from it: the fork shares the blocks of
 * rows, and appends behind the last row that anybody can see. So an addition costs one row, and a
 * search holds a lock only while it takes its reference. One writer at a time; a fork that is given
 * up must be dropped before the next is made.
 *
 * Rows are float32, or int8 by x -> round(x * S), half away from zero, S = 736 for 512 numbers and
 * 736 * sqrt(dim / 512) otherwise (the numbers of shorter embeddings are larger; this clips equally
 * few). The cosine is then the int32 dot product / S^2. */
#ifndef FACET_STORE_INDEX_H
#define FACET_STORE_INDEX_H

#include "store/gallery.h"

struct facet_index;

int facet__index_open(struct facet_index **out, int dim, bool int8);      /* empty */
/* A fork that may be appended to; `from` stays as it is. */
int facet__index_fork(struct facet_index **out, const struct facet_index *from);
struct facet_index *facet__index_ref(struct facet_index *x);
void facet__index_unref(struct facet_index **x);                         /* memory is wiped */

/* Ids ascend from call to call. */
int facet__index_add_person(struct facet_index *x, int64_t id, const char *name);
/* FACET_E_NOT_FOUND when the person was not added before. */
int facet__index_add_row(struct facet_index *x, int64_t person, int64_t template_id, float quality,
                         const float *embedding);

size_t facet__index_rows(const struct facet_index *x);
bool facet__index_has_person(const struct facet_index *x, int64_t id);
/* `flags` are facet_cpu_flags. Allocate nothing.
 * As facet_gallery_search, facet_gallery_nearest, facet_gallery_match_person (0 or 1 found). */
int facet__index_search(const struct facet_index *x, const float *query, int k, uint32_t flags,
                        struct facet_match *out);
int facet__index_nearest(const struct facet_index *x, const float *query, int k, uint32_t flags,
                         struct facet_match *out);
int facet__index_match_person(const struct facet_index *x, const float *query, int64_t person, uint32_t flags,
                              struct facet_match *out);

float facet__int8_scale(int dim);
void facet__to_int8(int8_t *out, const float *in, int dim, float scale);

#endif
