/* FAISS as a rival in searching: a module made in C++ where its library is installed (libfaiss-dev). */
#ifndef FACET_BENCH_FAISS_H
#define FACET_BENCH_FAISS_H

#include <stddef.h>
#include <stdint.h>

#define FACET_FAISS_MODULE "facet-faiss"
#define FACET_FAISS_SYMBOL "facet_faiss_module"
#define FACET_FAISS_ABI 1

struct facet_faiss_index;

/* Calls return 0, or 1 when FAISS threw: error_text says what, until the next call. */
struct facet_faiss_module {
    int abi;
    const char *(*error_text)(void);
    /* An exact index by inner product: float32, or 8 bits a number, whose ranges are learned from n rows. */
    int (*open)(struct facet_faiss_index **out, int dim, int eight_bits, const float *rows, size_t n);
    void (*close)(struct facet_faiss_index *x);
    int (*add)(struct facet_faiss_index *x, const float *rows, size_t n);
    int (*search)(struct facet_faiss_index *x, const float *queries, size_t n, int k, int threads, float *cosines, int64_t *rows);
};

#endif
