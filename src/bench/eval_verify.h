/* Labeled Faces in the Wild, or any pairs file of its form, through the whole path from the pictures:
 * decode, detect, align, embed, compare. docs/accuracy.md tells the protocol and what it gave. */
#ifndef FACET_BENCH_EVAL_VERIFY_H
#define FACET_BENCH_EVAL_VERIFY_H

#include "bench/pairs.h"
#include "bench/roc.h"

#include <stdatomic.h>
#include <stdbool.h>

struct facet_model_spec;

struct facet_verify_opts {
    const char *pairs;                 /* file */
    const char *dir;                   /* Name_0001.jpg in it, or Name/Name_0001.jpg */
    const struct facet_model_spec *detector, *recogniser;      /* borrowed */
    int first_fold, last_fold;         /* from 1; 0: all */
    bool far_table;                    /* count all pairs of the pictures, identities from their names */
    int min_face;                      /* 0: 40, as one face fills an LFW picture */
    unsigned threads;                  /* 0: as many as there are */
    const char *backend;
    bool strict;
    atomic_int *cancel;                /* may be NULL */
    void (*progress)(void *ctx, int64_t done, int64_t total); void *ctx;       /* one thread at a time */
};

#define FACET_VERIFY_ROWS 32
#define FACET_VERIFY_NAMED 16

struct facet_verify_result {
    size_t pairs, pictures;
    struct facet_folds folds;
    double auc, tar;                   /* TAR at FAR 1e-2 from the pairs; -1 where the pairs do not carry it */
    double tar_cosine;
    int64_t tar_errors;
    size_t missing;                    /* faces not found */
    size_t second_try;                 /* ... found only at lower thresholds */
    char missing_names[FACET_VERIFY_NAMED][FACET_MAX_NAME];    /* the first of them */
    double calib_a, calib_b;
    struct facet_threshold rows[FACET_VERIFY_ROWS];            /* with far_table */
    int n_rows;
    int64_t same_pairs, different_pairs;
    double seconds;
};

int facet_eval_verify(struct facet_verify_result *out, const struct facet_verify_opts *o);

#endif
