/* TensorProto: numbers as raw bytes or in typed lists; data outside the file is refused. */
#include "base/errors.h"
#include "engine/format/onnx_priv.h"

#include <stdlib.h>
#include <string.h>

static const struct { int onnx; enum facet_dtype dtype; } types[] = {
    {1, FACET_F32}, {2, FACET_U8},  {3, FACET_I8},   {6, FACET_I32},  {7, FACET_I64},
    {9, FACET_BOOL}, {10, FACET_F16}, {11, FACET_F64}, {16, FACET_BF16},
};

bool facet__onnx_dtype(int onnx, enum facet_dtype *out)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].onnx == onnx) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

int facet__onnx_dtype_number(enum facet_dtype t)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].dtype == t)
            return types[i].onnx;
    return 0;
}

static const char *name_of(const Onnx__TensorProto *t)
{
    return t->name ? t->name : "";
}

static int wrong_size(const Onnx__TensorProto *t, const char *origin)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s': tensor '%s' does not hold as many numbers as its shape says",
                      origin, name_of(t));
}

static int read_shape(const Onnx__TensorProto *t, const char *origin, struct facet_shape *s, size_t *count)
{
    if (t->n_dims > FACET_MAX_DIMS)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': tensor '%s' has %zu dimensions, at most %d are known",
                          origin, name_of(t), t->n_dims, FACET_MAX_DIMS);
    s->rank = (int)t->n_dims;
    for (int i = 0; i < s->rank; i++)
        s->dim[i] = t->dims[i];
    int64_t n = facet_shape_count(s);
    if (n < 0 || (uint64_t)n > FACET_MAX_MODEL_FILE)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': tensor '%s' has an impossible shape", origin, name_of(t));
    *count = (size_t)n;
    return FACET_OK;
}

static int take_raw(Onnx__TensorProto *t, const char *origin, size_t bytes, void **data)
{
    if (t->raw_data.len != bytes)
        return wrong_size(t, origin);
    *data = t->raw_data.data;
    t->raw_data.data = NULL;
    t->raw_data.len = 0;
    t->has_raw_data = 0;
    if (!*data) /* an empty tensor */
        *data = malloc(1);
    return *data ? FACET_OK : facet_fail_nomem();
}

static void narrow(const int32_t *from, size_t n, size_t size, uint8_t *to)
{
    for (size_t i = 0; i < n; i++)
        memcpy(to + i * size, &from[i], size); /* little-endian: the low bytes come first */
}

static int copy_list(const Onnx__TensorProto *t, const char *origin, enum facet_dtype d, size_t count, uint8_t *to)
{
    const void *from = NULL;
    size_t have = 0, size = facet_dtype_size(d);
    switch (d) {
    case FACET_F32: from = t->float_data; have = t->n_float_data; break;
    case FACET_I64: from = t->int64_data; have = t->n_int64_data; break;
    case FACET_F64: from = t->double_data; have = t->n_double_data; break;
    default: have = t->n_int32_data; break;
    }
    if (have != count)
        return wrong_size(t, origin);
    if (from)
        memcpy(to, from, count * size);
    else if (count)
        narrow(t->int32_data, count, size, to);
    return FACET_OK;
}

int facet__onnx_tensor(Onnx__TensorProto *t, const char *origin, enum facet_dtype *dtype, struct facet_shape *shape,
                       void **data)
{
    size_t count = 0;
    *data = NULL;
    if (t->n_external_data > 0 || (t->has_data_location && t->data_location != 0))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': tensor '%s' lies in another file; convert the model "
                          "to one file", origin, name_of(t));
    if (!facet__onnx_dtype(t->data_type, dtype))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': tensor '%s' has type %d, which is not known", origin,
                          name_of(t), (int)t->data_type);
    int err = read_shape(t, origin, shape, &count);
    if (err)
        return err;
    if (t->has_raw_data)
        return take_raw(t, origin, count * facet_dtype_size(*dtype), data);
    uint8_t *copy = malloc(count ? count * facet_dtype_size(*dtype) : 1);
    if (!copy)
        return facet_fail_nomem();
    err = copy_list(t, origin, *dtype, count, copy);
    if (err) {
        free(copy);
        return err;
    }
    *data = copy;
    return FACET_OK;
}
