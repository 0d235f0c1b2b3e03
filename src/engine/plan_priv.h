/* What plan.c, plan_cache.c, exec.c, place.c and memory.c share. */
#ifndef FACET_ENGINE_PLAN_PRIV_H
#define FACET_ENGINE_PLAN_PRIV_H

#include "base/file.h"
#include "engine/backend.h"
#include "engine/ops/ops.h"
#include "engine/pack.h"
#include "engine/plan.h"

struct facet__plan_node {
    const struct facet_backend_ops *backend;
    void *state;
    unsigned strided;                 /* FACET_STRIDED_* */
    bool may_view;                    /* settled without running where the layout allows */
};

/* What a plan file was made from; the file is of use only while all of it is as it was. */
struct facet__plan_origin {
    char *key;                        /* options, CPU kind, version */
    struct facet_file_id model;       /* the model file, when it was read */
    char *pack;                       /* key of the packed weights; NULL: it has none */
    struct facet_file_id packed;      /* their file, when its checksum was last right */
};

struct facet_plan {
    struct facet_graph *g;
    struct facet__plan_node *nodes;   /* one per node */
    enum facet_layout *layouts;       /* one per value */
    char **output_names;              /* as in the file; passes may put other values there */
    struct facet_pack *pack;
    bool from_cache;
    unsigned passes;
    const struct facet_backend_ops *preferred;
};

/* ---- plan.c ---- */

const struct facet_backend_ops *facet__backend_find(const char *name);      /* NULL: the first; none: NULL */
int facet__plan_new(struct facet_plan **out, struct facet_graph **g, const struct facet_plan_opts *o);
/* Everything between the graph as read and packing. */
int facet__plan_build(struct facet_plan *p, const struct facet_plan_opts *o);
int facet__plan_pack_anew(struct facet_plan *p);
/* Lets every back end find its weights in p->pack; FACET_E_AGAIN: what is there is of another plan. */
int facet__plan_prepare(struct facet_plan *p);
/* Marks the constants that only packed nodes use, and frees their numbers. */
int facet__plan_mark_packed(struct facet_plan *p);
void facet__plan_drop_packed(struct facet_plan *p);

/* ---- plan_cache.c: facet_plan_load with a cache ---- */

int facet__plan_load_cached(struct facet_plan **out, const char *onnx_path, const struct facet_plan_opts *o);
/* The plan file's bytes: what the fuzz target and the tests of damage look at. */
#define FACET__PLAN_HEAD 49
/* Puts the right head over the first bytes of whatever follows. */
void facet__plan_seal(uint8_t *data, size_t len);
int facet__plan_bytes(const struct facet_plan *p, struct facet__plan_origin *origin, uint8_t **data, size_t *len);
int facet__plan_of_bytes(struct facet_plan **out, struct facet__plan_origin *origin, const uint8_t *data, size_t len,
                         const char *name);
void facet__plan_origin_fini(struct facet__plan_origin *origin);

struct facet__step {
    int node;
    const struct facet_backend_ops *backend;
    const void *state;
    struct facet_run run;
};

/* Where a value lies: in another value's memory (`root`) at an offset, or on its own. */
struct facet__place {
    int root;
    int64_t offset;                   /* elements from the root's start */
    int64_t pixel_stride;             /* NHWC */
    bool is_part;                     /* written straight into a concat's buffer */
};

/* One buffer of the arena. */
struct facet__buffer {
    size_t bytes, offset;
    int first, last;                  /* steps during which it holds something */
};

struct facet_exec {
    const struct facet_plan *p;
    struct facet_pool *pool;
    bool is_bound, profile;
    struct facet_shape *bound;        /* of the inputs */
    struct facet_fact *facts;         /* per value, and everything below */
    struct facet_tensor *tensors;
    struct facet__place *places;
    int *buffer_of;                   /* value -> buffer, -1: none */
    const struct facet_tensor **ins;  /* all nodes' argument lists, one after the other */
    struct facet_tensor **outs;
    struct facet__step *steps;
    int n_steps;
    struct facet__buffer *buffers;    /* values' buffers, then each step's scratch */
    int *order;                       /* work space of the memory planner */
    int n_buffers;
    unsigned char *flags;             /* per node: FACET__VIEW ... */
    size_t *node_bytes;               /* per node: outputs and scratch */
    uint64_t *node_ns;
    void **sessions;                  /* per node: what its back end made when bound */
    unsigned char *arena;
    size_t arena_cap, peak;
    bool is_untouched;                /* by any run */
    size_t lately;                    /* the most that a binding needed since the arena was last looked at */
    int bindings;                     /* since then */
};

enum { FACET__RUNS, FACET__VIEW, FACET__STATIC, FACET__IN_PLACE };

/* Offsets for all buffers, 64-byte aligned; buffers whose spans overlap in time never overlap in memory. */
size_t facet__memory_plan(struct facet__buffer *b, int n, int *order, bool reuse);

/* An arena of at least `need` bytes, whose contents are lost when it changes. */
int facet__arena_fit(struct facet_exec *e, size_t need);
/* Before the first run in it. */
void facet__arena_populate(struct facet_exec *e);

/* Which memory each value lies in: views and concats in place (bind). */
void facet__place_values(struct facet_exec *e);

#endif
