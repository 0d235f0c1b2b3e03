/* Pairs files from anywhere: whatever is accepted must hold together. */
#include "bench/pairs.h"

#include <facet/error.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct facet_pairs *p)
{
    for (size_t i = 0; i < p->n; i++) {
        const struct facet_pair *q = &p->pairs[i];
        if (q->a < 0 || q->b < 0 || (size_t)q->a >= p->n_pictures || (size_t)q->b >= p->n_pictures || q->a == q->b ||
            q->fold < 0 || q->fold >= p->folds || strchr(p->pictures[q->a], '/') || p->pictures[q->b][0] == '.')
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_pairs p;
    if (facet_pairs_parse(&p, (const char *)data, size, "fuzz") != FACET_OK)
        return 0;
    check(&p);
    if (facet_pairs_keep(&p, p.folds / 2, p.folds - 1) == FACET_OK)
        check(&p);
    facet_pairs_fini(&p);
    return 0;
}
