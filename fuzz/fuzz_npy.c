/* NumPy arrays from anywhere: what is accepted has as many numbers as its shape says. */
#include "engine/format/npy.h"

#include <facet/error.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_shape shape;
    float *v;
    if (facet_npy_parse(&v, &shape, data, size, "fuzz") != FACET_OK)
        return 0;
    int64_t n = facet_shape_count(&shape);
    if (n < 0)
        abort();
    float least = 0;
    for (int64_t i = 0; i < n; i++) /* every number is read: the sanitizer sees one too many */
        least = v[i] < least ? v[i] : least;
    if (least > 0)
        abort();
    free(v);
    return 0;
}
