/* Pairs of embeddings for the similarity head. */
#ifndef FACET_STAGES_IDENTIFY_PAIRS_H
#define FACET_STAGES_IDENTIFY_PAIRS_H

#include "stages/identify/examples.h"

#include <stdbool.h>

struct facet__pair { const float *a, *b; bool same; };        /* borrowed from the examples */

/* Same pairs, and as many different ones, at most FACET_PAIRS of each. Caller frees. */
#define FACET_PAIRS 2000
int facet__pairs_draw(struct facet__pair **out, size_t *n, const struct facet_examples *e, uint64_t seed);

/* People whose label % folds is `fold` go to `held`, the others to `learn`. */
int facet__people_split(const struct facet_examples *all, int folds, int fold, struct facet_examples *learn,
                        struct facet_examples *held);

float facet__pair_cosine(const struct facet__pair *p, int dim);
/* The cosine at which most pairs are told apart rightly. */
float facet__pairs_best_threshold(const struct facet__pair *pairs, size_t n, int dim);

#endif
