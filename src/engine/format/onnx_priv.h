/* What reading and writing ONNX share. */
#ifndef FACET_ENGINE_FORMAT_ONNX_PRIV_H
#define FACET_ENGINE_FORMAT_ONNX_PRIV_H

#include "engine/format/onnx.h"

#include "onnx.pb-c.h"

#define FACET__ONNX_OPSET_MIN 7
#define FACET__ONNX_OPSET_MAX 21
#define FACET__ONNX_MAX_META 256 /* entries */

bool facet__onnx_dtype(int onnx, enum facet_dtype *out);
int facet__onnx_dtype_number(enum facet_dtype t);

/* A TensorProto's shape and numbers. *data is malloc'ed; raw bytes are taken out of `t` where they can be. */
int facet__onnx_tensor(Onnx__TensorProto *t, const char *origin, enum facet_dtype *dtype, struct facet_shape *shape, void **data);

#endif
