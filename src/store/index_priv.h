/* What an index is made of: shared by index.c, search.c and index_file.c. */
#ifndef FACET_STORE_INDEX_PRIV_H
#define FACET_STORE_INDEX_PRIV_H

#include "base/scan.h"
#include "store/index.h"

#include <stdatomic.h>

#define FACET__ROWS 4096          /* of a block: 2 MB of int8 at 512 numbers, a large page */
#define FACET__GROUPS (FACET__ROWS / FACET_SCAN_ROWS)
#define FACET__PEOPLE 256

struct facet__index_map;          /* index_file.c: a mapped file, counted */

enum facet__trust { FACET__UNCHECKED, FACET__GOOD, FACET__BAD };

struct facet__rows {
    atomic_int refs;
    atomic_uchar trust;           /* enum facet__trust; of a mapped block */
    struct facet__index_map *map; /* counted; NULL: the memory below is the block's own */
    size_t number;                /* in the map */
    size_t bytes;                 /* of data */
    size_t all;                   /* of the block's own memory */
    bool is_locked;
    unsigned char *data;          /* rows of float32, or groups of base/scan.h */
    unsigned char *fine;          /* of int8: what rounding took from each row */
    int64_t *template_id;
    uint32_t *person;             /* slot */
    float *quality;
};

/* The int8 rows of the last group while it is not full. Readers of an index see the first `rows % 16`. */
struct facet__tail { atomic_int refs; size_t bytes; int8_t *rows; };

struct facet__person { int64_t id; char name[FACET_MAX_NAME]; };
struct facet__people { atomic_int refs; struct facet__person person[FACET__PEOPLE]; };

struct facet_index {
    atomic_int refs;
    int dim;
    bool int8;
    bool is_secret;               /* rows are locked into memory */
    float scale;
    size_t rows, people;
    struct facet__index_map *map;        /* the first map_people people; may be NULL */
    size_t map_people;
    struct facet__tail *tail;            /* NULL while rows fill whole groups */
    struct facet__rows **row_blocks;
    struct facet__people **people_blocks;
    size_t n_row_blocks, n_people_blocks;
};

static inline size_t facet__block_bytes(int dim, bool int8)
{
    return int8 ? facet_scan_group_bytes(dim) * FACET__GROUPS : (size_t)dim * sizeof(float) * FACET__ROWS;
}

/* What rounding took from an int8 row, in steps of 1/254 of an int8 step, and behind it the two numbers that were
 * clipped most, and a checksum (0: there is nothing). Only the best of a search are looked up there. */
#define FACET__FINE_STEPS 254.0f
#define FACET__CLIPPED 2
struct facet__fine_end {
    struct { uint16_t at; int16_t by; } clipped[FACET__CLIPPED];     /* `by` in sixteenths of an int8 step */
    uint32_t sum;
};
static inline size_t facet__fine_row(int dim) { return ((size_t)dim + 3) / 4 * 4 + sizeof(struct facet__fine_end); }
static inline size_t facet__fine_bytes(int dim) { return FACET__ROWS * facet__fine_row(dim); }

int64_t facet__index_person_id(const struct facet_index *x, size_t slot);
void facet__index_person_name(const struct facet_index *x, size_t slot, char out[FACET_MAX_NAME]);
bool facet__index_find_person(const struct facet_index *x, int64_t id, size_t *slot);
/* Appends a block and takes it, on failure too; NULL is FACET_E_NOMEM. */
int facet__index_add_block(struct facet_index *x, struct facet__rows *block);
/* NULL without memory. One of many is given large pages, where the system has them: reading is faster then. */
struct facet__rows *facet__rows_new(int dim, bool int8, bool is_one_of_many);

/* index_file.c */
struct facet__index_map *facet__index_map_ref(struct facet__index_map *m);
void facet__index_map_unref(struct facet__index_map **m);
/* What rounding took from a row of the file, facet__fine_row bytes. */
int facet__index_map_fine(const struct facet__index_map *m, size_t row, int dim, unsigned char *out);
/* Fails with its name. */
int facet__index_map_damaged(const struct facet__index_map *m, size_t row);
int64_t facet__index_map_person_id(const struct facet__index_map *m, size_t slot);
void facet__index_map_person_name(const struct facet__index_map *m, size_t slot, char out[FACET_MAX_NAME]);
/* Compares a mapped block with its checksum, once. FACET_E_STORE when it differs. */
int facet__rows_check(struct facet__rows *b, const struct facet_index *x);
/* The cosine of a row by all that is kept of it, into *out; where nothing is kept *out stays. FACET_E_STORE when that is damaged. */
int facet__fine_cosine(const struct facet_index *x, size_t row, const float *query, float *out);

#endif
