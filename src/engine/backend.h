/* What runs nodes. A back end declines what it cannot do; the plan then gives the node to `ref`. */
#ifndef FACET_ENGINE_BACKEND_H
#define FACET_ENGINE_BACKEND_H

#include "engine/graph.h"

struct facet_pool;
struct facet_pack;       /* packed weights: written when building, mapped when read from the cache (pack.h) */

struct facet_run {       /* one call; tensors are aligned to their numbers only: parts of a concat begin anywhere */
    const struct facet_tensor *const *in;     /* NULL where the optional input is absent */
    int n_in;
    struct facet_tensor *const *out;
    int n_out;
    const struct facet_tensor *residual;      /* epilogue's, NULL: none */
    void *scratch;                            /* as asked for by scratch_bytes, 64-byte aligned */
    struct facet_pool *pool;                  /* NULL: one thread */
    void *session;                            /* what bind made for this node; NULL without bind */
};

/* Which NHWC tensors of a node may be slices of a concat's buffer (pixel_stride above the channels). */
enum facet_strided { FACET_STRIDED_IN = 1, FACET_STRIDED_OUT = 2, FACET_STRIDED_RESIDUAL = 4 };

struct facet_backend_ops {
    const char *name;
    /* May this node run here (after passes, epilogue included)? */
    bool (*supports)(const struct facet_graph *g, int node);
    /* The layout in which it wants its rank-4 inputs and gives its rank-4 outputs. Constants and values of other
     * ranks are never converted. NULL: NCHW. Not asked for nodes that only view their input (Reshape, Flatten,
     * Squeeze, Unsqueeze, Identity, Dropout) or compute shapes: the plan settles those without running them. */
    enum facet_layout (*layout)(const struct facet_graph *g, int node);
    /* FACET_STRIDED_* bits. NULL: only dense tensors are given. */
    unsigned (*strided)(const struct facet_graph *g, int node);
    /* May this node read and write its float values stored as `t` (FACET_BF16; FACET_U8, with weights FACET_I8)?
     * Its constant bias, slope and the like stay float32. For FACET_U8 the answer true also means that its inputs,
     * residual and output may each be FACET_U8 or FACET_F32 as the passes choose; convolutions and products are given
     * a FACET_U8 input and FACET_I8 weights (one scale an output, whole numbers without zero point), or neither.
     * For FACET_BF16 inputs and residual are all FACET_BF16, the output is that or FACET_F32. NULL: never. */
    bool (*stores)(const struct facet_graph *g, int node, enum facet_dtype t);
    /* Under FACET_PASS_FUSE_NETWORK: may replace whole subgraphs by nodes of domain "facet" that only this back
     * end runs (their shapes are inferred by rows in ops/, like any operator's). NULL: nothing. Runs after the
     * other passes; dead nodes are swept and the graph is checked afterwards. */
    int (*fuse_network)(struct facet_graph *g);
    /* Packs weights once per plan into `pack`; *state is per node, read-only afterwards, NULL is fine. */
    int (*prepare)(void **state, const struct facet_graph *g, int node, struct facet_pack *pack);
    /* All that prepare takes from constants is in the pack: when facet_pack_blob says that a blob is not fresh, it
     * reads no matrix of more than one row (they are gone then: data NULL, is_packed); vectors are there. Plans whose
     * nodes are all of such back ends, or of ones that do not prepare, are kept in plan files. */
    bool packs;
    void (*release)(void *state);             /* NULL: nothing to release */
    /* True when, after prepare, run reads none of the node's constant inputs (nor its epilogue's slope): the plan
     * then frees them, their tensors have data NULL. NULL: false. */
    bool (*drops_constants)(const void *state, const struct facet_graph *g, int node);
    /* Bytes of scratch with these shapes. NULL: none. */
    size_t (*scratch_bytes)(const void *state, const struct facet_graph *g, int node, const struct facet_run *shapes, unsigned threads);
    int (*run)(const void *state, const struct facet_graph *g, int node, const struct facet_run *r);

    /* ---- for other people's engines; all NULL or 0 in our own ---- */

    /* Does its library answer here? FACET_OK with the library's version as text; otherwise the reason, and what to
     * install, as error text. NULL: always there. */
    int (*available)(char *version, size_t cap);
    unsigned passes_off;                      /* FACET_PASS_* that would take from it what it does itself */
    /* 1 << FACET_BF16, 1 << FACET_U8: kinds of numbers that it computes in by itself, with the graph left as read: a
     * body's metadata "facet.precision" is "bf16" when that was asked for; 8 bits are where the file's Q and DQ nodes are. */
    unsigned makes;
    /* Under FACET_PASS_FUSE_NETWORK, after all other passes: may put what it takes whole into subgraphs (see
     * facet_pass_subgraphs). NULL: it runs node by node. */
    int (*take_whole)(struct facet_graph *g);
    /* What a node keeps for one exec with these shapes: r is as it will be when run, but for the numbers in its
     * tensors. Called at each bind: *session is what the last one left there, NULL at first. Such a back
     * end never `packs`: its plans hold what cannot be written to a file. */
    int (*bind)(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r);
    void (*unbind)(void *session);
    const char *(*error_text)(void);          /* of a module, which has its own copy of base; NULL: facet_error_text */
};

/* After a call of a back end: its error text becomes ours. Returns err. */
int facet_backend_failed(const struct facet_backend_ops *ops, int err);

/* By name, NULL: the preferred one. FACET_E_NOT_FOUND: no such name. FACET_E_UNSUPPORTED: known, but not here (the
 * text says why, and what to install). Opens a module on first use; thread-safe. */
int facet_backend_find(const struct facet_backend_ops **out, const char *name);
/* All names, the absent ones' included; NULL-ended. */
extern const char *const facet_backend_names[];

/* Puts every group of nodes that `ops` supports, with nothing else between them, into one node "Subgraph" of domain
 * "facet", whose body they are: for take_whole. */
int facet_pass_subgraphs(struct facet_graph *g, const struct facet_backend_ops *ops);
bool facet_node_is_subgraph(const struct facet_node *n);

/* Those that are part of the program, in order of preference; NULL-ended. */
extern const struct facet_backend_ops *const facet_backends[];

/* What a module of a back end exports. */
#define FACET_BACKEND_SYMBOL "facet_backend_module"
struct facet_backend_module { const char *version; size_t ops_size; const struct facet_backend_ops *ops; };
extern const struct facet_backend_ops facet_backend_ref;
extern const struct facet_backend_ops facet_backend_cpu;
extern const struct facet_backend_ops facet_backend_onnxruntime;
extern const struct facet_backend_ops facet_backend_openvino;
extern const struct facet_backend_ops facet_backend_tensorflow;

#endif
