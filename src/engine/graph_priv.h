/* What graph.c, attr.c, edit.c and check.c share. */
#ifndef FACET_ENGINE_GRAPH_PRIV_H
#define FACET_ENGINE_GRAPH_PRIV_H

#include "engine/graph.h"

void facet__attr_fini(struct facet_attr *a);
void facet__node_free(struct facet_node *n);

#endif
