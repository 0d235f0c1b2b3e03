#include "serve/tensor_json.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

/* --- reading --- */

static int measure(struct facet_shape *shape, const struct facet_json *j, const char *what)
{
    shape->rank = 0;
    for (; facet_json_is_array(j); j = facet_json_at(j, 0)) {
        if (shape->rank == FACET_MAX_DIMS)
            return facet_fail(FACET_E_LIMIT, "%s is nested deeper than %d lists", what, FACET_MAX_DIMS);
        shape->dim[shape->rank++] = (int64_t)facet_json_size(j);
        if (!facet_json_size(j))
            return facet_fail(FACET_E_FORMAT, "%s has an empty list", what);
    }
    return FACET_OK;
}

struct filling { const struct facet_shape *shape; float *at; const char *what; };

static int fill(struct filling *f, const struct facet_json *j, int level)
{
    if (level == f->shape->rank) {
        if (!facet_json_is_number(j))
            return facet_fail(FACET_E_FORMAT, "%s has something else than numbers where numbers are wanted", f->what);
        *f->at++ = (float)facet_json_num(j, 0);
        return FACET_OK;
    }
    if (!facet_json_is_array(j) || (int64_t)facet_json_size(j) != f->shape->dim[level])
        return facet_fail(FACET_E_FORMAT, "%s is ragged: its lists at depth %d do not all have %lld elements", f->what, level + 1,
                          (long long)f->shape->dim[level]);
    int err = FACET_OK;
    for (size_t i = 0; !err && i < facet_json_size(j); i++)
        err = fill(f, facet_json_at(j, i), level + 1);
    return err;
}

int facet__tensor_from_json(struct facet_shape *shape, float **data, const struct facet_json *j, const char *what)
{
    *data = NULL;
    int err = measure(shape, j, what);
    if (err)
        return err;
    int64_t count = facet_shape_count(shape);
    if (count < 1 || count > (int64_t)(FACET_MAX_INFER_BODY / sizeof(float)))
        return facet_fail(FACET_E_LIMIT, "%s has too many numbers", what);
    *data = malloc((size_t)count * sizeof(**data));
    struct filling f = {shape, *data, what};
    err = *data ? fill(&f, j, 0) : facet_fail_nomem();
    if (err) {
        free(*data);
        *data = NULL;
    }
    return err;
}

/* --- writing --- */

static void put_number(struct facet_jsonw *w, const struct facet_net_tensor *t, int64_t i)
{
    switch (t->port.dtype) {
    case FACET_F32: facet_jsonw_num(w, (double)((const float *)t->data)[i], -1); break;
    case FACET_F64: facet_jsonw_num(w, ((const double *)t->data)[i], -1); break;
    case FACET_I64: facet_jsonw_int(w, ((const int64_t *)t->data)[i]); break;
    case FACET_I32: facet_jsonw_int(w, ((const int32_t *)t->data)[i]); break;
    case FACET_U8: facet_jsonw_int(w, ((const uint8_t *)t->data)[i]); break;
    case FACET_I8: facet_jsonw_int(w, ((const int8_t *)t->data)[i]); break;
    case FACET_BOOL: facet_jsonw_bool(w, ((const uint8_t *)t->data)[i]); break;
    default: facet_jsonw_null(w);
    }
}

void facet__tensor_to_json(struct facet_jsonw *w, const struct facet_net_tensor *t, int level, int64_t at)
{
    const struct facet_shape *s = &t->port.shape;
    if (level == s->rank) {
        put_number(w, t, at);
        return;
    }
    int64_t step = 1;
    for (int i = level + 1; i < s->rank; i++)
        step *= s->dim[i];
    facet_jsonw_array(w);
    for (int64_t i = 0; i < s->dim[level]; i++)
        facet__tensor_to_json(w, t, level + 1, at + i * step);
    facet_jsonw_end_array(w);
}

void facet__tensor_to_flat_json(struct facet_jsonw *w, const struct facet_net_tensor *t)
{
    int64_t count = facet_shape_count(&t->port.shape);
    facet_jsonw_array(w);
    for (int64_t i = 0; i < count; i++)
        put_number(w, t, i);
    facet_jsonw_end_array(w);
}
