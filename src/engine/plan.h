/* Graph -> passes -> plan -> exec. A plan is frozen and shared between threads; an exec is a plan
 * bound to buffers, one per thread that runs it.
 *
 * Slow things happen once: load, passes, packing (or mapping the packed cache) in facet_plan_open;
 * shapes and memory in facet_exec_bind; facet_exec_run allocates nothing. */
#ifndef FACET_ENGINE_PLAN_H
#define FACET_ENGINE_PLAN_H

#include "engine/graph.h"

struct facet_pool;
struct facet_plan;
struct facet_exec;

enum facet_pass_flag {
    FACET_PASS_FOLD_CONST = 1 << 0,
    FACET_PASS_FOLD_BN = 1 << 1,
    FACET_PASS_FUSE_ACT = 1 << 2,
    FACET_PASS_FUSE_RESIDUAL = 1 << 3,
    FACET_PASS_CONCAT_IN_PLACE = 1 << 4,
    FACET_PASS_REUSE_MEMORY = 1 << 5,
    FACET_PASS_LAYOUT = 1 << 6,
    FACET_PASS_FUSE_NETWORK = 1 << 7,     /* whole-network kernels such as P-Net's */
    FACET_PASS_STORE = 1 << 8,            /* keep values in 8 or 16 bits where model and back end allow it */
    FACET_PASS_ALL = 0x1ff,
};

enum facet_precision {
    FACET_PRECISION_MODEL,                /* as the model says (metadata "facet.precision"), else fp32 */
    FACET_PRECISION_F32,                  /* all values in float32; quantised models round as they say, in float32 */
    FACET_PRECISION_BF16,                 /* weights and values in bfloat16 where the back end has kernels; sums in fp32 */
};

#define FACET_BACKEND_WORDS "cpu, ref, onnxruntime, onednn, xnnpack, openvino, opencv or tensorflow"    /* facet_backend_names, for people */

struct facet_plan_opts {
    const char *backend;        /* NULL: "cpu"; any of facet_backend_names (backend.h) */
    unsigned passes;            /* FACET_PASS_* ; 0 means all */
    unsigned passes_off;        /* taken away from `passes` */
    bool strict;                /* refuse, instead of running a declined node on ref with a warning */
    enum facet_precision precision;
    bool cache;                 /* use the packed-weight cache (only for graphs read from a file) */
    const char *cache_dir;      /* NULL: facet_cache_dir() */
};
#define FACET_PLAN_OPTS_INIT { 0 }

/* Takes the graph, on failure too: *g becomes NULL. */
int facet_plan_open(struct facet_plan **out, struct facet_graph **g, const struct facet_plan_opts *o);
/* Loads an ONNX file and opens its plan. */
int facet_plan_load(struct facet_plan **out, const char *onnx_path, const struct facet_plan_opts *o);
void facet_plan_close(struct facet_plan **p);
const struct facet_graph *facet_plan_graph(const struct facet_plan *p);          /* after passes */
const char *facet_plan_output_name(const struct facet_plan *p, int i);           /* as the file names it; passes may rename */
const char *facet_plan_backend_of(const struct facet_plan *p, int node);         /* "cpu", "ref"; "view": costs nothing when running */
bool facet_plan_from_cache(const struct facet_plan *p);
size_t facet_plan_weight_bytes(const struct facet_plan *p);

/* Values that alone separate the graph: everything after needs only this value. */
struct facet_cut { int node; int value; struct facet_shape shape; int64_t bytes; };
/* Writes up to `max`; returns how many there are. Works on a graph before or after passes. */
size_t facet_graph_cuts(const struct facet_graph *g, struct facet_cut *out, size_t max);

/* `pool` is borrowed until close and may be NULL (one thread). */
int facet_exec_open(struct facet_exec **out, const struct facet_plan *p, struct facet_pool *pool);
void facet_exec_close(struct facet_exec **e);
/* Sets the inputs' shapes (in the graph's order; a batch of 1 in the file is free, other dimensions that the
 * file fixes must be as the file says), infers all others and lays out memory. Cheap when
 * nothing changed; memory grows to the largest shape seen and is then reused. */
int facet_exec_bind(struct facet_exec *e, const struct facet_shape *inputs, int n);
/* float32 buffers of the bound shapes, NCHW, owned by the exec, valid until the next bind or close. */
struct facet_tensor *facet_exec_input(struct facet_exec *e, int i);
const struct facet_tensor *facet_exec_output(const struct facet_exec *e, int i);   /* by the graph's order */
const struct facet_tensor *facet_exec_output_named(const struct facet_exec *e, const char *name);  /* NULL: none */
int facet_exec_run(struct facet_exec *e);
size_t facet_exec_peak_bytes(const struct facet_exec *e);        /* activations and scratch, as bound */
size_t facet_exec_node_bytes(const struct facet_exec *e, int node);
/* Per-node times of the runs so far, for `facet bench engine --layers`; off by default. */
void facet_exec_profile(struct facet_exec *e, bool on);
uint64_t facet_exec_node_ns(const struct facet_exec *e, int node);

#endif
