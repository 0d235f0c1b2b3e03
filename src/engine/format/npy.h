/* NumPy's array files (format 1.0 to 3.0), as float32 in C order. */
#ifndef FACET_ENGINE_FORMAT_NPY_H
#define FACET_ENGINE_FORMAT_NPY_H

#include "engine/tensor.h"

/* *out is malloc'ed, of facet_shape_count(shape) numbers. Little-endian floats and integers of any
 * size are read; the file must be exactly as long as its header says. `origin` names it in errors. */
int facet_npy_parse(float **out, struct facet_shape *shape, const uint8_t *data, size_t len, const char *origin);
int facet_npy_load(float **out, struct facet_shape *shape, const char *path);

#endif
