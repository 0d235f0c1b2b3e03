/* Inside the module facet-xnnpack.so. */
#ifndef FACET_ENGINE_BACKENDS_XNNPACK_PRIV_H
#define FACET_ENGINE_BACKENDS_XNNPACK_PRIV_H

#include "engine/backend.h"

#include <xnnpack.h>

#define XN_MAX_OPS 4

struct xn_session {
    xnn_operator_t ops[XN_MAX_OPS];
    int n_ops;                      /* 0: a node that only moves numbers */
    pthreadpool_t pool;             /* NULL: one thread */
    bool has_pool;
};

int facet__xn_check(enum xnn_status s, const char *doing, const struct facet_graph *g, const struct facet_node *n);

/* Makes and sets up the operators of a node (nodes.c). */
int facet__xn_build(struct xn_session *s, const struct facet_graph *g, const struct facet_node *n, const struct facet_run *r);
/* Layout and Concat: by hand. */
int facet__xn_move(const struct facet_node *n, const struct facet_run *r);

/* (supports.c) */
bool facet__xn_supports(const struct facet_graph *g, int node);
enum facet_layout facet__xn_layout(const struct facet_graph *g, int node);
unsigned facet__xn_strided(const struct facet_graph *g, int node);

#endif
