/* ONNX in and out (opset 7 to 21), through protobuf-c and the published onnx.proto. */
#ifndef FACET_ENGINE_FORMAT_ONNX_H
#define FACET_ENGINE_FORMAT_ONNX_H

#include "engine/graph.h"

int facet_onnx_load(struct facet_graph **out, const char *path);
/* `origin` names the source in errors. Depth, sizes and counts are checked before and while reading. */
int facet_onnx_parse(struct facet_graph **out, const uint8_t *data, size_t len, const char *origin);
/* The same bytes in memory; malloc'ed. */
int facet_onnx_write(const struct facet_graph *g, uint8_t **data, size_t *len);
int facet_onnx_save(const struct facet_graph *g, const char *path);

#endif
