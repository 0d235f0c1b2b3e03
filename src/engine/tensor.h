/* Dense arrays. NCHW order in graphs and at the engine's border; a plan may keep values in NHWC. */
#ifndef FACET_ENGINE_TENSOR_H
#define FACET_ENGINE_TENSOR_H

#include "base/limits.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum facet_dtype {
    FACET_F32, FACET_I64, FACET_I32, FACET_U8, FACET_I8, FACET_BOOL, FACET_F64, FACET_F16, FACET_BF16,
};
size_t facet_dtype_size(enum facet_dtype t);
const char *facet_dtype_name(enum facet_dtype t);      /* "float32", ... */

struct facet_shape { int rank; int64_t dim[FACET_MAX_DIMS]; };     /* dim -1: free (known when bound) */
int64_t facet_shape_count(const struct facet_shape *s);            /* product; -1 when any is free or it overflows */
bool facet_shape_equal(const struct facet_shape *a, const struct facet_shape *b);
void facet_shape_text(const struct facet_shape *s, char *out, size_t cap);    /* "1x3x?x?" */

enum facet_layout { FACET_NCHW, FACET_NHWC };   /* how rank-4 data lies; other ranks are always FACET_NCHW (plain row-major) */

/* What a stored number means: real = (stored - zero) * scale; weights may have one scale for each index along
 * `axis` (zero is 0 then). scale 0: no such meaning, the number is itself. */
struct facet_quant {
    float scale;
    int32_t zero;
    float *scales;                  /* n_scales of them, owned by the graph's value; NULL: `scale` for all */
    int n_scales, axis;
};

struct facet_tensor {
    enum facet_dtype dtype;         /* as the numbers lie in memory */
    enum facet_layout layout;
    struct facet_shape shape;       /* always given in NCHW order, whatever the layout */
    int64_t pixel_stride;           /* NHWC: elements from one pixel to the next; the channels when dense, more
                                     * when this tensor is a slice of a concat's buffer (rows and pictures follow:
                                     * row = width * pixel_stride). Always set in NHWC; 0 in NCHW. Only given to
                                     * nodes whose back end said FACET_STRIDED_IN or _OUT (backend.h). */
    void *data;                     /* borrowed or owned as the holder says */
    struct facet_quant quant;       /* of 8-bit numbers; scales borrowed */
};

#endif
