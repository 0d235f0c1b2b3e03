/* Embeddings with the person each belongs to: what classifiers learn from and are judged by. */
#ifndef FACET_STAGES_IDENTIFY_EXAMPLES_H
#define FACET_STAGES_IDENTIFY_EXAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct facet_gallery;

struct facet_examples {
    int dim;
    size_t n, cap;
    float *x;                  /* n rows of dim numbers */
    int *label;                /* n; 0 .. n_people - 1 */
    float *quality;            /* n */
    int64_t *people;           /* gallery id of each label */
    int n_people;
    size_t people_cap;
};

/* Every template of the gallery, by id. */
int facet_examples_of_gallery(struct facet_examples *out, struct facet_gallery *g);
int facet_examples_add(struct facet_examples *e, int64_t person, const float *x, float quality);
void facet_examples_fini(struct facet_examples *e);            /* wiped */

/* Splits by fold: of each person's examples, in order, the i-th is in fold i % folds. Those of `fold`
 * go to `held`, the rest to `learn`; a person with one example is only learnt. Both keep the labels
 * of `all`. */
int facet_examples_split(const struct facet_examples *all, int folds, int fold, struct facet_examples *learn,
                         struct facet_examples *held);

#endif
