/* A network as OpenCV's reader can have it (adapt.c). */
#ifndef FACET_ENGINE_BACKENDS_OPENCV_ADAPT_H
#define FACET_ENGINE_BACKENDS_OPENCV_ADAPT_H

#include <stdbool.h>

struct facet_graph;

/* False: OpenCV has no such layer, or not in this form. */
bool facet__cv_supports(const struct facet_graph *g, int node);
/* Changes nodes, not what they mean; to be written, not to be run by us. */
int facet__cv_adapt(struct facet_graph *g);

#endif
