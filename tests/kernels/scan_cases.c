#include "kernels/scan_cases.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS 7
#define DIMS 600

enum fill { RANDOM, LOWEST, HIGHEST, OPPOSITE, FILLS };
static const char *const fill_names[FILLS] = { "random", "lowest", "highest", "opposite" };

struct scan_case { int dim, queries; size_t groups; enum fill fill; };

struct scan_data {
    int8_t row[GROUPS * FACET_SCAN_ROWS][DIMS], query[FACET_SCAN_QUERIES][DIMS];
    uint8_t *groups, *panel;
    int32_t sums[FACET_SCAN_QUERIES * GROUPS * FACET_SCAN_ROWS];
    uint16_t above[FACET_SCAN_QUERIES * GROUPS];
};

static int8_t number(enum fill fill, int is_query, uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    switch (fill) {
    case LOWEST: return -128;
    case HIGHEST: return 127;
    case OPPOSITE: return is_query ? 127 : -128;
    default: return (int8_t)(int)((*seed >> 24) - 128u);
    }
}

static void fill_data(struct scan_data *d, const struct scan_case *c)
{
    uint32_t seed = (uint32_t)(c->dim * 31 + c->queries);
    memset(d->groups, 0x55, facet_scan_group_bytes(DIMS) * GROUPS);
    for (size_t r = 0; r < c->groups * FACET_SCAN_ROWS; r++) {
        for (int i = 0; i < c->dim; i++)
            d->row[r][i] = number(c->fill, 0, &seed);
        facet_scan_put(d->groups + r / FACET_SCAN_ROWS * facet_scan_group_bytes(c->dim), (int)(r % FACET_SCAN_ROWS),
                       d->row[r], c->dim);
    }
    for (int q = 0; q < c->queries; q++)
        for (int i = 0; i < c->dim; i++)
            d->query[q][i] = number(c->fill, 1, &seed);
}

static int32_t by_hand(const struct scan_data *d, const struct scan_case *c, int q, size_t row)
{
    int32_t sum = 0;
    for (int i = 0; i < c->dim; i++)
        sum += d->query[q][i] * d->row[row][i];
    return sum;
}

/* Floors of every third row's own sum: that row must not be marked, equal is not above. */
static int differs(struct scan_data *d, const struct scan_case *c, const struct facet_scan_ops *ops)
{
    const int8_t *queries[FACET_SCAN_QUERIES];
    struct facet_scan_panel p;
    for (int q = 0; q < c->queries; q++)
        queries[q] = d->query[q];
    facet_scan_panel_init(&p, d->panel, queries, c->queries, c->dim);
    for (int q = 0; q < c->queries; q++)
        p.floor[q] = q % 3 == 2 ? INT32_MIN : by_hand(d, c, q, (size_t)q % (c->groups * FACET_SCAN_ROWS));
    memset(d->sums, 0x77, sizeof(d->sums));
    memset(d->above, 0x77, sizeof(d->above));
    ops->groups(&p, d->groups, c->groups, d->sums, d->above);
    for (int q = 0; q < p.n; q++) {
        for (size_t r = 0; r < c->groups * FACET_SCAN_ROWS; r++) {
            size_t at = (size_t)q * c->groups + r / FACET_SCAN_ROWS;
            int is_marked = d->above[at] >> r % FACET_SCAN_ROWS & 1;
            if (q >= c->queries ? is_marked : d->sums[at * FACET_SCAN_ROWS + r % FACET_SCAN_ROWS] != by_hand(d, c, q, r))
                return 1;
            if (q < c->queries && is_marked != (by_hand(d, c, q, r) > p.floor[q]))
                return 1;
        }
    }
    return 0;
}

static int check_dim(struct scan_data *d, int dim, const struct facet_scan_ops *ops, void (*say)(const char *line))
{
    int wrong = 0;
    for (int queries = 1; queries <= FACET_SCAN_QUERIES; queries++) {
        for (size_t groups = 0; groups <= GROUPS; groups += groups < 2 ? 1 : 5) {
            for (int fill = RANDOM; fill < FILLS; fill++) {
                struct scan_case c = { dim, queries, groups, (enum fill)fill };
                if (groups)
                    fill_data(d, &c);
                if (!groups || !differs(d, &c, ops))
                    continue;
                char line[120];
                snprintf(line, sizeof(line), "%s: %d queries of %d numbers by %zu groups, %s, differ", ops->name, queries,
                         dim, groups, fill_names[fill]);
                say(line);
                wrong++;
            }
        }
    }
    return wrong;
}

int scan_check(const struct facet_scan_ops *ops, void (*say)(const char *line))
{
    static const int dims[] = { 1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 128, 130, 512, 597, DIMS };
    struct scan_data *d = malloc(sizeof(*d));
    int wrong = d ? 0 : 1;
    if (d) {
        d->groups = aligned_alloc(64, facet_scan_group_bytes(DIMS) * GROUPS);
        d->panel = aligned_alloc(64, (facet_scan_panel_bytes(DIMS, FACET_SCAN_QUERIES) + 63) / 64 * 64);
        wrong = d->groups && d->panel ? 0 : 1;
        for (size_t i = 0; !wrong && i < sizeof(dims) / sizeof(dims[0]); i++)
            wrong += check_dim(d, dims[i], ops, say);
        free(d->groups);
        free(d->panel);
    }
    free(d);
    return wrong;
}
