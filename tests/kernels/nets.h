/* Small networks built by hand, with seeded weights, and run. */
#ifndef FACET_TESTS_KERNELS_NETS_H
#define FACET_TESTS_KERNELS_NETS_H

#include "test.h"

#include "base/rng.h"
#include "engine/plan.h"

struct facet_pool;

struct net { struct facet_graph *g; struct facet_rng rng; int names; };

struct net net_new(void);
struct facet_graph *net_end(struct net *n, int out);      /* the graph, with `out` as its output */
struct facet_shape shape(int rank, int64_t a, int64_t b, int64_t c, int64_t d);
int net_const(struct net *n, struct facet_shape s);       /* numbers in [-0.4, 0.6) */
int net_node(struct net *n, const char *op, int a, int b, int c, int *node);     /* inputs from the first -1 on are absent */
int net_conv(struct net *n, int x, int64_t oc, int64_t ic, int64_t k, int64_t stride, int64_t pad, int64_t group);

/* Runs g with random input of the given shape; the outputs one after another, malloc'ed. */
float *run_net(struct facet_graph *g, const struct facet_plan_opts *o, const struct facet_shape *in, struct facet_pool *pool, size_t *count);

#endif
