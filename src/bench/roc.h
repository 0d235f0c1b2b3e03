/* What scores of same and different people say about a recogniser. */
#ifndef FACET_BENCH_ROC_H
#define FACET_BENCH_ROC_H

#include "models/spec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A scored pair. A pair with a face that was not found has is_missing, counts as a wrong answer in
 * accuracies, and as the lowest score elsewhere. */
struct facet_scored { float cosine; bool is_same, is_missing; int fold; };

/* The cosine at which most pairs are told right; of several, the middle one. Folds other than `skip`. */
double facet_roc_best_threshold(const struct facet_scored *s, size_t n, int skip);
/* Share of fold's pairs told right at the threshold (all folds when fold < 0). */
double facet_roc_accuracy(const struct facet_scored *s, size_t n, int fold, double threshold);

struct facet_folds { int n; double accuracy, deviation, threshold; double fold_accuracy[100], fold_threshold[100]; };
/* Each fold at the best threshold of the others; `threshold` is their mean. One fold alone is taken at
 * `fallback`. */
void facet_roc_folds(struct facet_folds *out, const struct facet_scored *s, size_t n, int folds, double fallback);

/* Share of (same, different) couples in which same scores higher; ties count half. -1 without either. */
int facet_roc_auc(double *out, const struct facet_scored *s, size_t n);

/* score = 1 / (1 + exp(-(a cosine + b))), by maximum likelihood with Platt's smoothed targets. */
void facet_roc_calibrate(double *a, double *b, const struct facet_scored *s, size_t n);

/* 95 % bounds of a share (Wilson 1927). */
void facet_roc_bounds(double *low, double *high, int64_t errors, int64_t n);

/* Cosines by the million, counted in bins of 2^-19. */
struct facet_counts { uint32_t *same, *different; int64_t n_same, n_different; };
#define FACET_ROC_MIN_ERRORS 10        /* no rate is told from fewer */
int facet_counts_init(struct facet_counts *c);
void facet_counts_fini(struct facet_counts *c);
void facet_counts_add(struct facet_counts *c, float cosine, bool is_same);
/* Rows at false-accept rates of 3 and 1 of each power of ten, as far as the errors carry. Returns how many. */
int facet_counts_table(const struct facet_counts *c, struct facet_threshold *out, int max);

#endif
