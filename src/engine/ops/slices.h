/* Slice and Pad, read once for inference and for running. */
#ifndef FACET_ENGINE_OPS_SLICES_H
#define FACET_ENGINE_OPS_SLICES_H

#include "engine/graph.h"

struct facet_slice { int64_t start[FACET_MAX_DIMS], step[FACET_MAX_DIMS], count[FACET_MAX_DIMS]; };

/* The lists as the operator gives them; n_axes and n_steps -1: not given. A free dimension that is
 * cut gets count -1. */
int facet_slice_init(struct facet_slice *s, const struct facet_graph *g, const struct facet_node *n,
                     const struct facet_shape *in, const int64_t *starts, const int64_t *ends, int n_starts,
                     const int64_t *axes, int n_axes, const int64_t *steps, int n_steps);

struct facet_pads { int64_t before[FACET_MAX_DIMS], after[FACET_MAX_DIMS]; };
int facet_pads_init(struct facet_pads *p, const struct facet_graph *g, const struct facet_node *n, int rank,
                    const int64_t *pads, int n_pads, const int64_t *axes, int n_axes);

#endif
