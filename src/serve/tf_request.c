#include "serve/tf_request.h"

#include "base/base64.h"
#include "base/errors.h"
#include "image/resize.h"
#include "media/picture.h"
#include "models/spec.h"
#include "serve/tensor_json.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    struct facet__tf_request *q;
    const struct facet_net_info *info;
    const struct facet_model_spec *spec;
};

/* --- pictures --- */

static int decode_b64(struct facet_image *img, const char *text)
{
    size_t cap = strlen(text) / 4 * 3 + 3, len;
    uint8_t *bytes = malloc(cap);
    int err = bytes ? facet_base64_decode(bytes, cap, &len, text) : facet_fail_nomem();
    if (!err)
        err = facet_picture_decode(img, bytes, len, "b64");
    free(bytes);
    return err;
}

static int feed_picture(const struct reading *r, const char *text, float *out)
{
    struct facet_image img, fitted;
    int err = decode_b64(&img, text);
    if (err)
        return err;
    err = facet_image_init(&fitted, FACET_PIXEL_RGB24, r->spec->width, r->spec->height);
    if (!err)
        err = facet_resize(&fitted, &img, FACET_SCALE_AREA);
    if (!err)
        facet_image_to_float(out, &fitted, &r->spec->norm);
    facet_image_fini(&fitted);
    facet_image_fini(&img);
    return err;
}

static bool takes_pictures(const struct reading *r, const struct facet_net_port *p)
{
    const struct facet_model_spec *s = r->spec;
    return s && s->width > 0 && s->height > 0 && p->shape.rank == 4 && p->shape.dim[1] == 3 && p->shape.dim[2] == s->height &&
           p->shape.dim[3] == s->width;
}

static const char *b64_of(const struct facet_json *j)
{
    return facet_json_is_object(j) && facet_json_size(j) == 1 ? facet_json_str(facet_json_get(j, "b64"), NULL) : NULL;
}

/* --- one input, all of its batch --- */

static int take_pictures(const struct reading *r, const struct facet_net_port *p, const struct facet_json *const *list, size_t n,
                         struct facet_shape *shape, float **data)
{
    size_t each = (size_t)p->shape.dim[1] * (size_t)p->shape.dim[2] * (size_t)p->shape.dim[3];
    *shape = p->shape;
    shape->dim[0] = (int64_t)n;
    *data = malloc(n * each * sizeof(**data));
    int err = *data ? FACET_OK : facet_fail_nomem();
    for (size_t i = 0; !err && i < n; i++)
        err = b64_of(list[i]) ? feed_picture(r, b64_of(list[i]), *data + i * each)
                              : facet_fail(FACET_E_FORMAT, "input '%s' has pictures and numbers in one batch", p->name);
    return err;
}

static int make_room(const struct facet_net_port *p, size_t n, size_t count, float **data)
{
    if (n > FACET_MAX_INFER_BODY / sizeof(float) / count)
        return facet_fail(FACET_E_LIMIT, "input '%s' is too large", p->name);
    *data = malloc(n * count * sizeof(**data));
    return *data ? FACET_OK : facet_fail_nomem();
}

/* Rows of numbers, all of one shape, one under the other. */
static int take_rows(const struct facet_net_port *p, const struct facet_json *const *list, size_t n, struct facet_shape *shape, float **data)
{
    struct facet_shape row = {0}, other;
    size_t count = 0;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < n; i++) {
        float *v;
        err = facet__tensor_from_json(i ? &other : &row, &v, list[i], "an instance");
        if (err)
            return err;
        if (!i)
            err = make_room(p, n, count = (size_t)facet_shape_count(&row), data);
        else if (!facet_shape_equal(&row, &other))
            err = facet_fail(FACET_E_FORMAT, "the instances of input '%s' have different shapes", p->name);
        if (!err)
            memcpy(*data + i * count, v, count * sizeof(*v));
        free(v);
    }
    if (!err && row.rank >= FACET_MAX_DIMS)
        return facet_fail(FACET_E_LIMIT, "input '%s' has too many dimensions", p->name);
    *shape = (struct facet_shape){.rank = row.rank + 1, .dim = {(int64_t)n}};
    memcpy(shape->dim + 1, row.dim, (size_t)row.rank * sizeof(*row.dim));
    return err;
}

static int take_batch(struct reading *r, const struct facet_net_port *p, const struct facet_json *const *list, size_t n)
{
    struct facet_net_tensor *t = &r->q->inputs[r->q->n_inputs];
    float **memory = &r->q->memory[r->q->n_inputs];
    t->port = *p;
    r->q->n_inputs++;
    if (n > FACET_MAX_INFER_BATCH)
        return facet_fail(FACET_E_LIMIT, "a batch of %zu is too large: %d at most", n, FACET_MAX_INFER_BATCH);
    bool is_picture = b64_of(list[0]) != NULL;
    if (is_picture && !takes_pictures(r, p))
        return facet_fail(FACET_E_INVALID, "input '%s' takes numbers, not b64", p->name);
    int err = is_picture ? take_pictures(r, p, list, n, &t->port.shape, memory) : take_rows(p, list, n, &t->port.shape, memory);
    t->data = *memory;
    return err;
}

/* --- the two forms --- */

static int read_instances(struct reading *r, const struct facet_json *instances)
{
    const struct facet_json *list[FACET_MAX_INFER_BATCH];
    size_t n = facet_json_size(instances);
    if (!facet_json_is_array(instances) || n < 1)
        return facet_fail(FACET_E_FORMAT, "'instances' is no list of at least one");
    if (n > FACET_MAX_INFER_BATCH)
        return facet_fail(FACET_E_LIMIT, "a batch of %zu is too large: %d at most", n, FACET_MAX_INFER_BATCH);
    bool is_named = facet_json_is_object(facet_json_at(instances, 0)) && !b64_of(facet_json_at(instances, 0));
    if (!is_named && r->info->n_inputs != 1)
        return facet_fail(FACET_E_INVALID, "model '%s' has %d inputs: give each instance as an object of them", r->info->name, r->info->n_inputs);
    int err = FACET_OK;
    for (int k = 0; !err && k < r->info->n_inputs; k++) {
        const struct facet_net_port *p = &r->info->inputs[k];
        for (size_t i = 0; i < n; i++) {
            const struct facet_json *j = facet_json_at(instances, i);
            list[i] = is_named ? facet_json_get(j, p->name) : j;
            if (!list[i] || (is_named && facet_json_size(j) != (size_t)r->info->n_inputs))
                return facet_fail(FACET_E_INVALID, "instance %zu is no object of the model's inputs ('%s' ...) alone", i, p->name);
        }
        err = take_batch(r, p, list, n);
    }
    return err;
}

static int read_column(struct reading *r, const struct facet_net_port *p, const struct facet_json *j)
{
    const struct facet_json *list[FACET_MAX_INFER_BATCH];
    size_t n = facet_json_size(j);
    if (b64_of(j))
        return take_batch(r, p, &j, 1);
    if (!facet_json_is_array(j) || n < 1)
        return facet_fail(FACET_E_FORMAT, "input '%s' is no list", p->name);
    if (n > FACET_MAX_INFER_BATCH)
        return facet_fail(FACET_E_LIMIT, "a batch of %zu is too large: %d at most", n, FACET_MAX_INFER_BATCH);
    for (size_t i = 0; i < n; i++)
        list[i] = facet_json_at(j, i);
    return take_batch(r, p, list, n);
}

static int read_columns(struct reading *r, const struct facet_json *inputs)
{
    bool is_named = facet_json_is_object(inputs) && !b64_of(inputs);
    if (!is_named && r->info->n_inputs != 1)
        return facet_fail(FACET_E_INVALID, "model '%s' has %d inputs: give 'inputs' as an object of them", r->info->name, r->info->n_inputs);
    if (is_named && facet_json_size(inputs) != (size_t)r->info->n_inputs)
        return facet_fail(FACET_E_INVALID, "model '%s' has %d inputs, not %zu", r->info->name, r->info->n_inputs, facet_json_size(inputs));
    int err = FACET_OK;
    for (int k = 0; !err && k < r->info->n_inputs; k++) {
        const struct facet_net_port *p = &r->info->inputs[k];
        const struct facet_json *j = is_named ? facet_json_get(inputs, p->name) : inputs;
        err = j ? read_column(r, p, j) : facet_fail(FACET_E_INVALID, "model '%s' has an input '%s' that was not given", r->info->name, p->name);
    }
    return err;
}

int facet__tf_request_parse(struct facet__tf_request *out, const struct facet_net_info *info, const struct facet_model_spec *spec,
                            const void *body, size_t len)
{
    struct facet_json *top = NULL;
    struct reading r = {out, info, spec};
    memset(out, 0, sizeof(*out));
    if (len > FACET_MAX_INFER_JSON)
        return facet_fail(FACET_E_LIMIT, "the request is %zu bytes, at most %u", len, FACET_MAX_INFER_JSON);
    int err = facet_json_parse(&top, body, len, "the request");
    const struct facet_json *instances = facet_json_get(top, "instances"), *inputs = facet_json_get(top, "inputs");
    const char *signature = facet_json_str(facet_json_get(top, "signature_name"), "serving_default");
    if (!err && !instances == !inputs)
        err = facet_fail(FACET_E_FORMAT, "the request has %s of 'instances' and 'inputs': give one", instances ? "both" : "none");
    if (!err && strcmp(signature, "serving_default"))
        err = facet_fail(FACET_E_NOT_FOUND, "model '%s' has no signature '%s', only 'serving_default'", info->name, signature);
    out->is_row = instances != NULL;
    if (!err)
        err = instances ? read_instances(&r, instances) : read_columns(&r, inputs);
    facet_json_unref(&top);
    return err;
}

void facet__tf_request_fini(struct facet__tf_request *q)
{
    for (int i = 0; i < FACET_NET_PORTS; i++)
        free(q->memory[i]);
    memset(q, 0, sizeof(*q));
}
