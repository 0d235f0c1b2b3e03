/* Between classifier.c and the methods. A model is numbers alone: the method says how many, and what
 * they mean, so that saving, loading and checking are written once. */
#ifndef FACET_STAGES_IDENTIFY_CLASSIFIER_PRIV_H
#define FACET_STAGES_IDENTIFY_CLASSIFIER_PRIV_H

#include "stages/identify/classifier.h"

#define FACET_MLP_HIDDEN 64
#define FACET_CLASSIFIER_PEOPLE 4096       /* more people are searched, not classified */

struct facet__shape { int dim, people; uint32_t rows; };       /* rows: examples kept, for methods that keep them */

struct facet__method {
    const char *name;
    size_t (*numbers)(const struct facet__shape *s);            /* floats of a model */
    int (*train)(float *model, const struct facet__shape *s, const struct facet_examples *e, uint64_t seed);
    /* Returns the label; *confidence 0..1. */
    int (*predict)(const float *model, const struct facet__shape *s, const float *x, float *confidence);
};

extern const struct facet__method facet__method_knn, facet__method_svm, facet__method_mlp;

struct facet_classifier {
    const struct facet__method *method;
    struct facet__shape shape;
    int64_t *people;
    float *model;
    size_t n;
};

/* A random order of 0 .. n-1. */
struct facet_rng;
void facet__shuffle(uint32_t *order, size_t n, struct facet_rng *rng);

#endif
