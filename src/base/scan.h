/* A few int8 vectors against very many: what an exact search over int8 templates is made of.
 *
 * Rows lie in groups of 16, interleaved: for every four numbers of a vector (a quad) the group has 64
 * bytes, 4 of each row, each stored as number + 128. A register then holds one quad of sixteen rows,
 * sums stay in their lanes, and nothing is added across lanes. A row's last quad is filled up with
 * zeros. Sums of products are exact in 32 bits for up to FACET_SCAN_DIM numbers, so all kinds agree
 * to the bit. The C kernel is the meaning; x86/ and arm/ hold faster ones. */
#ifndef FACET_BASE_SCAN_H
#define FACET_BASE_SCAN_H

#include <stddef.h>
#include <stdint.h>

#define FACET_SCAN_ROWS 16         /* of a group */
#define FACET_SCAN_QUERIES 12      /* of a panel, at most */
#define FACET_SCAN_DIM 65536

static inline size_t facet_scan_quads(int dim) { return ((size_t)dim + 3) / 4; }
static inline size_t facet_scan_group_bytes(int dim) { return facet_scan_quads(dim) * 64; }

/* Queries beside each other: for each quad, that quad of every query. Made by facet_scan_panel_init. */
struct facet_scan_panel {
    size_t quads;
    size_t ahead;                             /* how many bytes in front of its loads memory is asked for; 0 */
    int n;                                    /* queries: 1, 2, 4, 6, 8 or 12; the last may be empty ones */
    const int8_t *narrow;                     /* quads x n x 4 */
    const int16_t *wide;                      /* the same numbers */
    int32_t start[FACET_SCAN_QUERIES];        /* -128 times the sum of the query's numbers */
    int32_t floor[FACET_SCAN_QUERIES];        /* sums above it are marked */
};

/* Of the buffer that a panel of `n` queries needs. */
size_t facet_scan_panel_bytes(int dim, int n);
/* How many queries a panel of `n` will have, empty ones counted; n is 1 to FACET_SCAN_QUERIES. */
int facet_scan_panel_width(int n);
/* Lays n queries of dim numbers out in `buffer` (2-byte aligned, of facet_scan_panel_bytes, borrowed as
 * long as the panel is used). Floors are INT32_MIN, of empty queries INT32_MAX. */
void facet_scan_panel_init(struct facet_scan_panel *p, void *buffer, const int8_t *const *queries, int n, int dim);

struct facet_scan_ops {
    const char *name;
    /* The panel against `n` groups: sums[q * n * 16 + row], and in above[q * n + group] a bit for each
     * row whose sum is over the query's floor. */
    void (*groups)(const struct facet_scan_panel *p, const uint8_t *groups, size_t n, int32_t *sums, uint16_t *above);
};
extern const struct facet_scan_ops facet_scan_c;

/* The fastest that these flags (facet_cpu_flags) allow; never NULL. */
const struct facet_scan_ops *facet_scan_for(uint32_t flags);

/* Writes a vector of dim numbers as row `at` of a group. */
void facet_scan_put(uint8_t *group, int at, const int8_t *row, int dim);

#endif
