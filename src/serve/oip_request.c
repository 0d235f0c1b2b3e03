#include "serve/oip_request.h"

#include "base/errors.h"
#include "base/str.h"
#include "serve/tensor_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name; enum facet_dtype type; } types[] = {
    {"FP32", FACET_F32}, {"INT64", FACET_I64}, {"INT32", FACET_I32}, {"UINT8", FACET_U8}, {"INT8", FACET_I8},
    {"BOOL", FACET_BOOL}, {"FP64", FACET_F64}, {"FP16", FACET_F16}, {"BF16", FACET_BF16},
};

const char *facet__oip_datatype(enum facet_dtype t)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].type == t)
            return types[i].name;
    return NULL;
}

/* What is left of the binary part. */
struct binary { const uint8_t *at; size_t left; };

/* --- inputs --- */

static int read_name(char *out, const struct facet_json *j, const char *of)
{
    const char *name = facet_json_str(facet_json_get(j, "name"), NULL);
    if (!name || !*name)
        return facet_fail(FACET_E_FORMAT, "an element of '%s' has no name", of);
    return facet_copy_text(out, FACET_NET_PORT_NAME, name);
}

static int read_shape(struct facet_shape *s, const struct facet_json *j, const char *name)
{
    const struct facet_json *dims = facet_json_get(j, "shape");
    size_t n = facet_json_size(dims);
    if (!facet_json_is_array(dims) || n < 1 || n > FACET_MAX_DIMS)
        return facet_fail(FACET_E_FORMAT, "input '%s' has no shape of 1 to %d numbers", name, FACET_MAX_DIMS);
    s->rank = (int)n;
    for (size_t i = 0; i < n; i++) {
        s->dim[i] = facet_json_int(facet_json_at(dims, i), -1);
        if (s->dim[i] < 1)
            return facet_fail(FACET_E_INVALID, "input '%s' has a shape with something else than whole numbers from 1 on", name);
    }
    int64_t count = facet_shape_count(s);
    if (count < 1 || count > (int64_t)(FACET_MAX_INFER_BODY / sizeof(float)))
        return facet_fail(FACET_E_LIMIT, "input '%s' is too large: %u numbers at most", name, (unsigned)(FACET_MAX_INFER_BODY / sizeof(float)));
    return FACET_OK;
}

static int read_datatype(enum facet_dtype *t, const struct facet_json *j, const char *name)
{
    const char *word = facet_json_str(facet_json_get(j, "datatype"), "");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(types[i].name, word)) {
            *t = types[i].type;
            return FACET_OK;
        }
    return facet_fail(FACET_E_INVALID, "input '%s' has datatype '%s'; FP32 is taken", name, word);
}

static int take_binary(float **out, const struct facet_net_port *p, int64_t size, struct binary *b)
{
    int64_t want = facet_shape_count(&p->shape) * (int64_t)facet_dtype_size(p->dtype);
    if (size != want)
        return facet_fail(FACET_E_INVALID, "input '%s' has %lld bytes of binary data, its shape and datatype want %lld", p->name,
                          (long long)size, (long long)want);
    if ((uint64_t)size > b->left)
        return facet_fail(FACET_E_FORMAT, "the binary data of input '%s' ends after %zu of %lld bytes", p->name, b->left, (long long)size);
    *out = malloc((size_t)size);
    if (!*out)
        return facet_fail_nomem();
    memcpy(*out, b->at, (size_t)size);
    b->at += size;
    b->left -= (size_t)size;
    return FACET_OK;
}

static int take_json(float **out, const struct facet_net_port *p, const struct facet_json *data)
{
    struct facet_shape s;
    char what[FACET_NET_PORT_NAME + 32], want[96], have[96];
    if (p->dtype != FACET_F32)
        return facet_fail(FACET_E_INVALID, "input '%s' has datatype '%s'; FP32 is taken", p->name, facet__oip_datatype(p->dtype));
    snprintf(what, sizeof(what), "the data of input '%s'", p->name);
    if (!facet_json_is_array(data))
        return facet_fail(FACET_E_FORMAT, "%s is no list, and there is no binary_data_size", what);
    int err = facet__tensor_from_json(&s, out, data, what);
    if (err)
        return err;
    bool is_flat = s.rank == 1 && s.dim[0] == facet_shape_count(&p->shape);
    if (is_flat || facet_shape_equal(&s, &p->shape))
        return FACET_OK;
    facet_shape_text(&p->shape, want, sizeof(want));
    facet_shape_text(&s, have, sizeof(have));
    return facet_fail(FACET_E_INVALID, "%s has shape %s, not %s", what, have, want);
}

static int read_input(struct facet__oip_request *q, const struct facet_json *j, struct binary *b)
{
    struct facet_net_port *p = &q->inputs[q->n_inputs].port;
    const struct facet_json *size = facet_json_get(facet_json_get(j, "parameters"), "binary_data_size"), *data = facet_json_get(j, "data");
    int err = read_name(p->name, j, "inputs");
    for (int i = 0; !err && i < q->n_inputs; i++)
        if (!strcmp(q->inputs[i].port.name, p->name))
            err = facet_fail(FACET_E_INVALID, "input '%s' is given twice", p->name);
    if (!err)
        err = read_shape(&p->shape, j, p->name);
    if (!err)
        err = read_datatype(&p->dtype, j, p->name);
    if (!err && size && data)
        err = facet_fail(FACET_E_INVALID, "input '%s' has both data and binary_data_size", p->name);
    if (err)
        return err;
    float **memory = &q->memory[q->n_inputs];
    err = size ? take_binary(memory, p, facet_json_int(size, -1), b) : take_json(memory, p, data);
    q->inputs[q->n_inputs++].data = *memory;
    return err;
}

static int read_inputs(struct facet__oip_request *q, const struct facet_json *top, struct binary *b)
{
    const struct facet_json *list = facet_json_get(top, "inputs");
    size_t n = facet_json_size(list);
    if (!facet_json_is_array(list) || n < 1 || n > FACET_NET_PORTS)
        return facet_fail(FACET_E_FORMAT, "the request has no list 'inputs' of 1 to %d", FACET_NET_PORTS);
    int err = FACET_OK;
    for (size_t i = 0; !err && i < n; i++)
        err = read_input(q, facet_json_at(list, i), b);
    if (!err && b->left)
        err = facet_fail(FACET_E_FORMAT, "there are %zu bytes behind the last input's binary data", b->left);
    return err;
}

/* --- outputs --- */

static int read_outputs(struct facet__oip_request *q, const struct facet_json *top)
{
    const struct facet_json *list = facet_json_get(top, "outputs");
    size_t n = facet_json_size(list);
    q->is_binary = facet_json_bool(facet_json_get(facet_json_get(top, "parameters"), "binary_data_output"), false);
    if (!list)
        return FACET_OK;
    if (!facet_json_is_array(list) || n > FACET_NET_PORTS)
        return facet_fail(FACET_E_FORMAT, "'outputs' is no list of at most %d", FACET_NET_PORTS);
    for (size_t i = 0; i < n; i++) {
        const struct facet_json *j = facet_json_at(list, i), *p = facet_json_get(j, "parameters");
        int err = read_name(q->outputs[i].name, j, "outputs");
        if (!err && facet_json_get(p, "classification"))
            err = facet_fail(FACET_E_UNSUPPORTED, "output '%s' asks for classes: only numbers are given", q->outputs[i].name);
        if (err)
            return err;
        q->outputs[i].is_binary = facet_json_bool(facet_json_get(p, "binary_data"), q->is_binary);
        q->n_outputs++;
    }
    return FACET_OK;
}

static int read_id(struct facet__oip_request *q, const struct facet_json *top)
{
    const struct facet_json *id = facet_json_get(top, "id");
    const char *text = facet_json_str(id, NULL);
    if (!id)
        return FACET_OK;
    if (!text)
        return facet_fail(FACET_E_FORMAT, "'id' is no text");
    q->has_id = true;
    return facet_copy_text(q->id, sizeof(q->id), text);
}

int facet__oip_request_parse(struct facet__oip_request *out, const void *body, size_t len, size_t json_len)
{
    struct facet_json *top = NULL;
    memset(out, 0, sizeof(*out));
    if (json_len > len)
        return facet_fail(FACET_E_FORMAT, "the JSON part is said to be %zu bytes of %zu", json_len, len);
    if (json_len > FACET_MAX_INFER_JSON)
        return facet_fail(FACET_E_LIMIT, "the JSON part is %zu bytes, at most %u; send binary tensors", json_len, FACET_MAX_INFER_JSON);
    struct binary b = {(const uint8_t *)body + json_len, len - json_len};
    int err = facet_json_parse(&top, body, json_len, "the request");
    if (!err && !facet_json_is_object(top))
        err = facet_fail(FACET_E_FORMAT, "the request is no JSON object");
    if (!err)
        err = read_id(out, top);
    if (!err)
        err = read_outputs(out, top);
    if (!err)
        err = read_inputs(out, top, &b);
    facet_json_unref(&top);
    return err;
}

void facet__oip_request_fini(struct facet__oip_request *q)
{
    for (int i = 0; i < FACET_NET_PORTS; i++)
        free(q->memory[i]);
    memset(q, 0, sizeof(*q));
}
