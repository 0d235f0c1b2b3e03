/* A subgraph as a list of oneDNN primitives for fixed shapes. Values keep whatever layout the primitive that makes
 * them likes best ("any"); another layout for a user of theirs is a reorder. Inside the module facet-onednn.so. */
#ifndef FACET_ENGINE_BACKENDS_ONEDNN_PRIV_H
#define FACET_ENGINE_BACKENDS_ONEDNN_PRIV_H

#include "engine/backend.h"
#include "engine/ops/ops.h"

#include <oneapi/dnnl/dnnl.h>

#define DN_MAX_ARGS 40

struct dn_buffer { void *data; size_t size; int refs; };       /* refs 0: free to be used again */

struct dn_value {
    dnnl_memory_desc_t md;
    int buffer;                     /* -1: nowhere yet; DN_OUTSIDE */
    int uses;                       /* still to come */
    dnnl_memory_t memory;           /* owned by the net; of an input: its numbers are set at bind */
};
enum { DN_OUTSIDE = -2 };

struct dn_step { dnnl_primitive_t primitive; dnnl_exec_arg_t args[DN_MAX_ARGS]; int n_args; };

struct dn_net {
    dnnl_engine_t engine;           /* borrowed */
    dnnl_stream_t stream;
    dnnl_primitive_attr_t plain;    /* of primitives that want nothing but their working memory from us */
    const struct facet_graph *g;    /* the body, borrowed */
    struct facet_fact *facts;       /* shapes as bound */
    struct dn_value *values;
    struct dn_buffer *buffers;
    int n_buffers, cap_buffers;
    dnnl_memory_t *memories;        /* everything made, to be freed */
    int n_memories, cap_memories;
    struct dn_step *steps;
    int n_steps, cap_steps;
    dnnl_memory_t *outputs;         /* where results go, one per output; set at bind */
    int node;                       /* the one being built */
    bool is_blocked;                /* channels in blocks of 16 (8 without AVX-512) where it is reals, whatever "any" would say */
};

/* A refusal of oneDNN's with node and what was tried. */
int facet__dn_check(const struct dn_net *net, dnnl_status_t status, const char *doing);

/* Attributes by which a primitive's working memory is ours (facet__dn_step finds it). oneDNN's own belongs to the thread that made the
 * primitive: it is gone when that thread ends, whoever runs the primitive then. */
int facet__dn_attr(const struct dn_net *net, dnnl_primitive_attr_t *out);

/* ---- values (values.c) ---- */

dnnl_data_type_t facet__dn_type(enum facet_dtype t);               /* undef: none */
dnnl_data_type_t facet__dn_value_type(const struct dn_net *net, int v);
/* A value's dimensions, as a vector or matrix or picture; row-major ("plain"), or in any layout. */
void facet__dn_plain(const struct dn_net *net, int v, dnnl_data_type_t t, dnnl_memory_desc_t *md);
void facet__dn_any(const struct dn_net *net, int v, dnnl_data_type_t t, dnnl_memory_desc_t *md);
/* Memory of a value in layout md (NULL: as it is), through a reorder where it lies otherwise. */
int facet__dn_want(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out);
/* The value now lies so: new memory for it. */
int facet__dn_place(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out);
/* It lies where another lies, seen through md. */
int facet__dn_alias(struct dn_net *net, int v, int other, const dnnl_memory_desc_t *md);
/* The memory of a value that has its own, seen through md. */
int facet__dn_lens(struct dn_net *net, int v, const dnnl_memory_desc_t *md, dnnl_memory_t *out);
/* A constant's own memory, copied from `data` laid out as `from`, reordered to `to`. */
int facet__dn_const(struct dn_net *net, const void *data, const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to, dnnl_memory_t *out);
/* Memory for one node's own use, free again after it. */
int facet__dn_temp(struct dn_net *net, const dnnl_memory_desc_t *md, dnnl_memory_t *out);
int facet__dn_reorder(struct dn_net *net, dnnl_memory_t from, dnnl_memory_t to, const_dnnl_primitive_attr_t attr);
/* Frees what the node's inputs held when this was their last use. */
void facet__dn_node_done(struct dn_net *net, const struct facet_node *n);
int facet__dn_net_new(struct dn_net **out, dnnl_engine_t engine, const struct facet_graph *body, const struct facet_run *r,
                      bool is_blocked);
/* Where inputs and outputs are from now on. */
int facet__dn_net_bind(struct dn_net *net, const struct facet_run *r);
int facet__dn_net_run(const struct dn_net *net);
void facet__dn_net_free(struct dn_net **net);

/* Appends a step; takes the primitive descriptor, on failure too. `args` may be NULL with n 0. */
int facet__dn_step(struct dn_net *net, dnnl_primitive_desc_t pd, const dnnl_exec_arg_t *args, int n);
const dnnl_memory_desc_t *facet__dn_query(const_dnnl_primitive_desc_t pd, dnnl_query_t what);
bool facet__dn_is_slow(const_dnnl_primitive_desc_t pd);            /* reference code */

/* ---- nodes ---- */

int facet__dn_conv(struct dn_net *net, const struct facet_node *n);           /* Conv and Gemm */
int facet__dn_prelu(struct dn_net *net, dnnl_memory_t x, const float *slopes, int64_t count);   /* in place */
int facet__dn_pool(struct dn_net *net, const struct facet_node *n);
int facet__dn_eltwise(struct dn_net *net, const struct facet_node *n);
int facet__dn_binary(struct dn_net *net, const struct facet_node *n);
int facet__dn_softmax(struct dn_net *net, const struct facet_node *n);
int facet__dn_concat(struct dn_net *net, const struct facet_node *n);
int facet__dn_view(struct dn_net *net, const struct facet_node *n);
int facet__dn_transpose(struct dn_net *net, const struct facet_node *n);
int facet__dn_cast(struct dn_net *net, const struct facet_node *n);
int facet__dn_prelu_node(struct dn_net *net, const struct facet_node *n);

/* May a node come here? (supports.c) */
bool facet__dn_supports(const struct facet_graph *g, int node);
bool facet__dn_stores(const struct facet_graph *g, int node, enum facet_dtype t);
/* The function that builds it; NULL: none. */
typedef int facet__dn_build_fn(struct dn_net *net, const struct facet_node *n);
facet__dn_build_fn *facet__dn_builder(const struct facet_node *n);

#endif
