/* For engines that get the network as it was read, in one piece. */
#ifndef FACET_ENGINE_BACKENDS_WHOLE_H
#define FACET_ENGINE_BACKENDS_WHOLE_H

#include "engine/backend.h"

/* Passes that are no hindrance to them; the others are theirs to do. */
#define FACET_WHOLE_PASSES (FACET_PASS_FUSE_NETWORK | FACET_PASS_REUSE_MEMORY)

/* Every operator of ONNX: what the engine lacks, it says when it loads. */
bool facet_whole_supports(const struct facet_graph *g, int node);
bool facet_whole_drops(const void *state, const struct facet_graph *g, int node);
/* The node's body as the bytes of an ONNX file, malloc'ed. FACET_E_UNSUPPORTED for a node by itself. */
int facet_whole_onnx(const struct facet_graph *g, int node, uint8_t **onnx, size_t *len);

#endif
