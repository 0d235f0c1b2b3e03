/* Classifiers trained on a gallery: which of the known people is this most like?
 *
 * A classifier always names somebody. Whether it may be believed is a second question, and is asked
 * by identify: the person's nearest template must pass the cosine threshold, too. A method is one
 * file train_<name>.c and one line in classifier.c. Training is seeded: the same gallery gives the
 * same classifier on every machine of the same arithmetic. */
#ifndef FACET_STAGES_IDENTIFY_CLASSIFIER_H
#define FACET_STAGES_IDENTIFY_CLASSIFIER_H

#include "stages/identify/examples.h"

#include <stdbool.h>

struct facet_classifier;
struct facet_gallery;
struct facet_str;

#define FACET_CLASSIFIER_SEED 20180402u

const char *facet_classifier_name(int i);      /* "knn", "svm", "mlp"; NULL ends the list */

/* FACET_E_NOT_FOUND when there is no such method, FACET_E_INVALID without at least two people. */
int facet_classifier_train(struct facet_classifier **out, const char *method, const struct facet_examples *e,
                           uint64_t seed);
void facet_classifier_close(struct facet_classifier **c);
const char *facet_classifier_method(const struct facet_classifier *c);
int facet_classifier_people(const struct facet_classifier *c);

/* The likeliest person and how sure the classifier is among those it knows, 0..1. Thread-safe;
 * allocates nothing. FACET_E_CONTRACT for another dim. */
int facet_classifier_predict(const struct facet_classifier *c, const float *embedding, int dim, int64_t *person,
                             float *confidence);

/* Bytes and back. Loading doubts every length: FACET_E_FORMAT. */
int facet_classifier_save(const struct facet_classifier *c, struct facet_str *out);
int facet_classifier_load(struct facet_classifier **out, const void *data, size_t len);

/* Accuracy on examples that were held out of training: each is held out once, in `folds` rounds. */
struct facet_judgement { int folds; int64_t held, right; double accuracy; };
int facet_classifier_judge(struct facet_judgement *out, const char *method, const struct facet_examples *e, int folds,
                           uint64_t seed);

/* The classifier kept with the gallery, when it is of this method (NULL: any) and as old as its
 * people; otherwise trained anew, and kept where the gallery may be written. *was_trained may be NULL. */
int facet_classifier_of_gallery(struct facet_classifier **out, struct facet_gallery *g, const char *method,
                                bool *was_trained);
/* Trains and keeps. */
int facet_classifier_train_gallery(struct facet_classifier **out, struct facet_gallery *g, const char *method);
/* Is a kept one there, and as old as the people? FACET_E_NOT_FOUND when none is. */
int facet_classifier_state(struct facet_gallery *g, char method[16], bool *is_stale);

#endif
