#include "engine/tensor.h"

#include <stdio.h>
#include <string.h>

struct dtype_row {
    const char *name;
    size_t size;
};

static const struct dtype_row dtype_rows[] = {
    [FACET_F32] = {"float32", 4}, [FACET_I64] = {"int64", 8},   [FACET_I32] = {"int32", 4},
    [FACET_U8] = {"uint8", 1},    [FACET_I8] = {"int8", 1},     [FACET_BOOL] = {"bool", 1},
    [FACET_F64] = {"float64", 8}, [FACET_F16] = {"float16", 2}, [FACET_BF16] = {"bfloat16", 2},
};

static const struct dtype_row *row_of(enum facet_dtype t)
{
    size_t n = sizeof(dtype_rows) / sizeof(dtype_rows[0]);
    return (size_t)t < n ? &dtype_rows[t] : NULL;
}

size_t facet_dtype_size(enum facet_dtype t)
{
    const struct dtype_row *row = row_of(t);
    return row ? row->size : 0;
}

const char *facet_dtype_name(enum facet_dtype t)
{
    const struct dtype_row *row = row_of(t);
    return row ? row->name : "unknown";
}

int64_t facet_shape_count(const struct facet_shape *s)
{
    if (s->rank < 0 || s->rank > FACET_MAX_DIMS)
        return -1;
    int64_t count = 1;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] < 0 || __builtin_mul_overflow(count, s->dim[i], &count))
            return -1;
    return count;
}

bool facet_shape_equal(const struct facet_shape *a, const struct facet_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

void facet_shape_text(const struct facet_shape *s, char *out, size_t cap)
{
    if (cap == 0)
        return;
    if (s->rank <= 0 || s->rank > FACET_MAX_DIMS) {
        snprintf(out, cap, "%s", s->rank == 0 ? "scalar" : "?");
        return;
    }
    size_t used = 0;
    for (int i = 0; i < s->rank && used < cap; i++) {
        const char *times = i ? "x" : "";
        int n = s->dim[i] < 0 ? snprintf(out + used, cap - used, "%s?", times)
                              : snprintf(out + used, cap - used, "%s%lld", times, (long long)s->dim[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}
