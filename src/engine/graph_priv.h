/* What graph.c, graph_io.c, attr.c, edit.c and check.c share. */
#ifndef FACET_ENGINE_GRAPH_PRIV_H
#define FACET_ENGINE_GRAPH_PRIV_H

#include "engine/codec.h"
#include "engine/graph.h"

void facet__attr_fini(struct facet_attr *a);
void facet__node_free(struct facet_node *n);

/* Makes the table of names anew; FACET_E_FORMAT when one is there twice. */
int facet__graph_reindex(struct facet_graph *g);
/* Writes or reads everything but the name of `g`, which is new and empty when read. */
void facet__graph_io(struct facet__io *io, struct facet_graph *g);

#endif
