/* The pairs file of Labeled Faces in the Wild: a first line "folds <tab> n" (or only n: one fold), then
 * in each fold n lines "name <tab> i <tab> j" of the same person and n lines "name <tab> i <tab> name
 * <tab> j" of two people. Read strictly: it decides what an accuracy means. */
#ifndef FACET_BENCH_PAIRS_H
#define FACET_BENCH_PAIRS_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>

#define FACET_PAIRS_MAX 1000000u       /* pairs in a file */
#define FACET_PAIRS_FOLDS 100

struct facet_pair { int a, b; bool is_same; int fold; };       /* pictures by number; folds from 0 */
struct facet_pairs {
    struct facet_pair *pairs;
    size_t n;
    int folds;
    char (*pictures)[FACET_MAX_NAME];  /* "Name_0001", each once, without extension */
    size_t n_pictures;
};

/* FACET_E_FORMAT names file, line and what is wrong. */
int facet_pairs_parse(struct facet_pairs *out, const char *text, size_t len, const char *origin);
int facet_pairs_read(struct facet_pairs *out, const char *path);
/* Leaves only folds first..last (from 0) and their pictures; FACET_E_INVALID when there are not so many. */
int facet_pairs_keep(struct facet_pairs *p, int first, int last);
void facet_pairs_fini(struct facet_pairs *p);

#endif
