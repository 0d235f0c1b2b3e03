/* Who goes with whom at the least total cost: the Hungarian method (Kuhn 1955) by shortest augmenting
 * paths with potentials (Jonker and Volgenant 1987), O(n^3). No allocation: the work lives in its owner. */
#ifndef FACET_STAGES_TRACK_ASSIGN_H
#define FACET_STAGES_TRACK_ASSIGN_H

#include "base/limits.h"

#include <stdbool.h>

/* A pair with this cost or more is never made. */
#define FACET__ASSIGN_NEVER 1e4f

struct facet__assign {
    float cost[FACET_MAX_FACES][FACET_MAX_FACES];      /* [row][column], set by the caller */
    int column_of[FACET_MAX_FACES];                    /* result: of each row, -1 when it has none */
    /* inside */
    double u[FACET_MAX_FACES + 1], v[FACET_MAX_FACES + 1], least[FACET_MAX_FACES + 1];
    int row_at[FACET_MAX_FACES + 1], way[FACET_MAX_FACES + 1];
    bool used[FACET_MAX_FACES + 1];
};

/* rows and columns at most FACET_MAX_FACES. As many allowed pairs as possible, and of those the
 * cheapest; costs of allowed pairs are well below FACET__ASSIGN_NEVER. */
void facet__assign_solve(struct facet__assign *a, int rows, int columns);

#endif
