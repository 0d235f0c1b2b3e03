/* A learned answer to "the same person?": logistic regression on the absolute differences of two
 * embeddings. Distance is the default everywhere; this is the alternative, judged beside it. */
#ifndef FACET_STAGES_IDENTIFY_SIMILARITY_H
#define FACET_STAGES_IDENTIFY_SIMILARITY_H

#include "stages/identify/examples.h"

#include <stdbool.h>

struct facet_head;
struct facet_gallery;
struct facet_str;

/* Learns from pairs of the examples: every pair of the same person and as many of different people,
 * at most some thousands, drawn by seed. FACET_E_INVALID without pairs of both kinds. */
int facet_head_train(struct facet_head **out, const struct facet_examples *e, uint64_t seed);
/* The same from pairs by hand: `a` and `b` are n rows of dim numbers, same[i] says which kind. */
int facet_head_train_pairs(struct facet_head **out, int dim, const float *a, const float *b, const bool *same, size_t n);
void facet_head_close(struct facet_head **h);
int facet_head_dim(const struct facet_head *h);
/* Probability that both are one person, 0..1; 0.5 and above is "same". */
float facet_head_score(const struct facet_head *h, const float *a, const float *b);

int facet_head_save(const struct facet_head *h, struct facet_str *out);
int facet_head_load(struct facet_head **out, const void *data, size_t len);

/* On pairs of people held out of training, in `folds` rounds; distance is judged on the same pairs
 * with the threshold that was best on the rest. */
struct facet_head_judgement { int folds; int64_t pairs, right, distance_right; double accuracy, distance_accuracy; };
int facet_head_judge(struct facet_head_judgement *out, const struct facet_examples *e, int folds, uint64_t seed);

/* The head kept with the gallery when it is as old as its people; otherwise trained anew, and kept
 * where the gallery may be written. */
int facet_head_of_gallery(struct facet_head **out, struct facet_gallery *g, bool *was_trained);
int facet_head_train_gallery(struct facet_head **out, struct facet_gallery *g);
/* Is a kept one there, and as old as the people? FACET_E_NOT_FOUND when none is. */
int facet_head_state(struct facet_gallery *g, bool *is_stale);

#endif
