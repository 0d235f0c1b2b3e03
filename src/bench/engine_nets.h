/* The networks that `facet bench engine` races, and the graphs of each of them. */
#ifndef FACET_BENCH_ENGINE_NETS_H
#define FACET_BENCH_ENGINE_NETS_H

#include "engine/graph.h"

#include <stdbool.h>

#define FACET_BENCH_MAX_SHAPES 24

struct facet_bench_net {
    const char *name;               /* "pnet" */
    const char *builder;            /* architecture with seeded weights; NULL: the pulled model `name` */
    int64_t n, h, w;
    int pyramid_face;               /* > 0: all levels of a picture of w x h for faces of so many pixels */
};

extern const struct facet_bench_net facet_bench_nets[];        /* ends with name NULL */
const struct facet_bench_net *facet_bench_net_find(const char *name);     /* NULL: none */

/* A graph of its own each time. FACET_E_NOT_FOUND: it is a model that was not pulled. */
int facet_bench_net_graph(struct facet_graph **out, const struct facet_bench_net *net);
/* Every PReLU becomes a LeakyRelu, whose one slope other engines are good at; how many there were. */
int facet_bench_one_slope(struct facet_graph *g);
/* The graph in 8 bits, for its speed: ranges as seen on a few random inputs. Takes seconds. */
int facet_bench_net_quantise(struct facet_graph **out, const struct facet_bench_net *net);
/* Shapes of the input, one for each run that makes the whole; how many. */
int facet_bench_net_shapes(const struct facet_bench_net *net, struct facet_shape *out);
double facet_bench_net_mmac(const struct facet_bench_net *net);
/* Seeded numbers in -1..1. */
void facet_bench_fill(struct facet_tensor *t);

#endif
