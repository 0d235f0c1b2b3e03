/* `facet bench engine`: the face networks on the engine and, when ONNX Runtime is there, on it, in one
 * interleaved run on the same input, so that whatever else the machine does meets all alike. */
#ifndef FACET_BENCH_BENCH_ENGINE_H
#define FACET_BENCH_BENCH_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_BENCH_MAX_ROWS 16

struct facet_bench_engine_opts {
    unsigned threads;          /* 0: 1 */
    unsigned rounds;           /* 0: 21 */
    const char *only;          /* name of one network; NULL: all */
    const char *ort_lib;       /* NULL: found; "none": no race */
    bool layers;               /* time each node, too */
};
#define FACET_BENCH_ENGINE_OPTS_INIT { 0 }

struct facet_bench_time { double median_ms, best_ms; };       /* 0: was not run */

struct facet_bench_row {
    const char *name;          /* "pnet" */
    char input[32];            /* "1x3x360x640" */
    double mmac;
    struct facet_bench_time facet;
    struct facet_bench_time ort;           /* the network as exported */
    struct facet_bench_time ort_scalar;    /* with one slope for all channels (LeakyRelu); PReLU networks */
    double worst_diff;         /* of our outputs from ONNX Runtime's, as part of the largest; -1: not raced */
    size_t peak_bytes, weight_bytes;
};

struct facet_bench_layer { const char *network; char name[48], op[24]; const char *backend; double ms, mmac; };

struct facet_bench_engine {
    struct facet_bench_row rows[FACET_BENCH_MAX_ROWS];
    size_t n_rows;
    struct facet_bench_layer *layers;      /* owned; NULL without opts.layers */
    size_t n_layers;
    char cpu_model[64], ort_version[32];   /* "" without ONNX Runtime */
    const char *cpu_kind;
    unsigned threads, rounds;
};

/* FACET_E_NOT_FOUND when opts.only names no network. The result is filled as far as it came on failure. */
int facet_bench_engine_run(struct facet_bench_engine *out, const struct facet_bench_engine_opts *o);
void facet_bench_engine_fini(struct facet_bench_engine *b);

/* Names of the networks, NULL-ended. */
extern const char *const facet_bench_engine_names[];

#endif
