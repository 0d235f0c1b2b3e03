/* `facet bench search`: one query, and several at once, against very many templates, beside the plain reading of
 * them from memory and beside FAISS where it is. */
#ifndef FACET_BENCH_BENCH_SEARCH_H
#define FACET_BENCH_BENCH_SEARCH_H

#include "bench/report.h"

#include <stdatomic.h>
#include <stdbool.h>

struct facet_bench_search_opts {
    int64_t people;                 /* templates, one each; 0: a million */
    int dim, batch, k;              /* 0: 512, 32, 1 */
    unsigned threads, rounds, warmup;    /* 0: 1, 7, 1; with several threads, one is measured, too */
    bool file;                      /* write the index, drop it, map it, and measure on that */
    bool faiss;                     /* race it where its module is, up to a million templates */
    const char *pictures;           /* folder of pictures of faces: their embeddings in float32 and in int8; may be NULL */
    const char *detector, *recogniser;   /* for those; NULL: the defaults */
    int64_t max_pictures;           /* 0: all */
    const atomic_int *cancel;       /* NULL: never */
};

/* `r` is initialised; tables and notes are added to it. */
int facet_bench_search_run(struct facet_report *r, const struct facet_bench_search_opts *o);
/* The second part: embeddings of real faces, compared in both searches. Nothing of them is kept. */
int facet_bench_search_faces(struct facet_report *r, const struct facet_bench_search_opts *o);

#endif
