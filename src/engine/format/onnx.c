/* ONNX in. The bytes are walked once for nesting and number of parts (wire.h), unpacked by protobuf-c,
 * and copied into a graph; Constant nodes become constants at once. What the file says of the shapes
 * between its inputs and outputs is not believed: inference works them out. */
#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "engine/format/onnx_priv.h"
#include "engine/format/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_NODE_VALUES 4096 /* inputs or outputs of one node */

static int refuse(const struct facet_graph *g, int err, const char *what)
{
    return facet_fail(err, "cannot read '%s': %s", g->name, what);
}

/* ---- inputs and outputs ---- */

static int read_type(const struct facet_graph *g, const Onnx__ValueInfoProto *v, enum facet_dtype *dtype,
                     struct facet_shape *shape)
{
    const Onnx__TypeProto *type = v->type;
    if (!type || type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE || !type->tensor_type->shape)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': input '%s' is no tensor with a shape", g->name, v->name);
    const Onnx__TensorShapeProto *s = type->tensor_type->shape;
    if (!facet__onnx_dtype(type->tensor_type->elem_type, dtype))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': input '%s' has type %d, which is not known", g->name,
                          v->name, (int)type->tensor_type->elem_type);
    if (s->n_dim > FACET_MAX_DIMS)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': input '%s' has %zu dimensions", g->name, v->name, s->n_dim);
    shape->rank = (int)s->n_dim;
    for (size_t i = 0; i < s->n_dim; i++) {
        const Onnx__TensorShapeProto__Dimension *d = s->dim[i];
        bool is_fixed = d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0;
        shape->dim[i] = is_fixed ? d->dim_value : -1;
    }
    return FACET_OK;
}

static int add_inputs(struct facet_graph *g, const Onnx__GraphProto *p)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < p->n_input; i++) {
        const Onnx__ValueInfoProto *v = p->input[i];
        enum facet_dtype dtype;
        struct facet_shape shape;
        if (!v->name || !*v->name)
            return refuse(g, FACET_E_FORMAT, "an input has no name");
        int at = facet_graph_find(g, v->name);
        if (at >= 0 && g->values[at].data)
            continue; /* older files list their weights as inputs, too */
        err = read_type(g, v, &dtype, &shape);
        if (!err)
            at = facet_graph_input(g, v->name, dtype, &shape);
        if (!err && at < 0)
            err = at;
    }
    return err;
}

static int add_outputs(struct facet_graph *g, const Onnx__GraphProto *p)
{
    int err = FACET_OK;
    for (size_t i = 0; !err && i < p->n_output; i++) {
        int v = p->output[i]->name ? facet_graph_find(g, p->output[i]->name) : -1;
        if (v < 0)
            return refuse(g, FACET_E_FORMAT, "an output is made nowhere");
        err = facet_graph_output(g, v);
    }
    return err;
}

static int add_initializers(struct facet_graph *g, const Onnx__GraphProto *p)
{
    if (p->n_sparse_initializer > 0)
        return refuse(g, FACET_E_UNSUPPORTED, "sparse weights are not known");
    for (size_t i = 0; i < p->n_initializer; i++) {
        enum facet_dtype dtype;
        struct facet_shape shape;
        void *data;
        if (!p->initializer[i]->name || !*p->initializer[i]->name)
            return refuse(g, FACET_E_FORMAT, "a weight has no name");
        int err = facet__onnx_tensor(p->initializer[i], g->name, &dtype, &shape, &data);
        if (err)
            return err;
        int v = facet_graph_const_take(g, p->initializer[i]->name, dtype, &shape, data);
        if (v < 0)
            return v;
    }
    return FACET_OK;
}

/* ---- nodes ---- */

static int add_string(struct facet_graph *g, int node, const char *name, const ProtobufCBinaryData *s)
{
    char *text = malloc(s->len + 1);
    if (!text)
        return facet_fail_nomem();
    if (s->len)
        memcpy(text, s->data, s->len);
    text[s->len] = '\0';
    int err = facet_graph_attr_string(g, node, name, text);
    free(text);
    return err;
}

static int add_tensor(struct facet_graph *g, int node, const char *name, Onnx__TensorProto *t)
{
    enum facet_dtype dtype;
    struct facet_shape shape;
    void *data;
    int err = t ? facet__onnx_tensor(t, g->name, &dtype, &shape, &data) : refuse(g, FACET_E_FORMAT, "an attribute lacks its tensor");
    return err ? err : facet_graph_attr_tensor(g, node, name, dtype, &shape, data);
}

static int add_attribute(struct facet_graph *g, int node, Onnx__AttributeProto *a)
{
    if (!a->name || (a->ref_attr_name && *a->ref_attr_name))
        return refuse(g, FACET_E_FORMAT, "an attribute has no name or belongs to a function");
    switch (a->type) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT: return facet_graph_attr_float(g, node, a->name, a->f);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT: return facet_graph_attr_int(g, node, a->name, a->i);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING: return add_string(g, node, a->name, &a->s);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS: return facet_graph_attr_floats(g, node, a->name, a->floats, a->n_floats);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS: return facet_graph_attr_ints(g, node, a->name, a->ints, a->n_ints);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR: return add_tensor(g, node, a->name, a->t);
    default:
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': node '%s' (%s): attribute '%s' is of a kind that is not known",
                          g->name, g->nodes[node].name, g->nodes[node].op, a->name);
    }
}

static int number_values(struct facet_graph *g, char **names, size_t n, int **out)
{
    *out = malloc((n ? n : 1) * sizeof(int));
    if (!*out)
        return facet_fail_nomem();
    for (size_t i = 0; i < n; i++) {
        int v = names[i][0] ? facet_graph_value(g, names[i]) : -1;
        if (v < -1)
            return v;
        (*out)[i] = v;
    }
    return FACET_OK;
}

/* value_float, value_ints ...: the newer spellings of Constant. */
static int constant_data(struct facet_graph *g, struct facet_node *n, enum facet_dtype *t, struct facet_shape *s, void **data)
{
    struct facet_attr *a = n->n_attrs == 1 ? &n->attrs[0] : NULL;
    *s = (struct facet_shape){0};
    if (!a || strncmp(a->name, "value", 5) != 0 || a->kind == FACET_ATTR_STRING)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': node '%s' (Constant): its value is of a kind that is not known",
                          g->name, n->name);
    if (a->kind == FACET_ATTR_TENSOR) {
        *t = a->tensor.dtype;
        *s = a->tensor.shape;
        *data = a->tensor.data;
        a->tensor.data = NULL;
        return FACET_OK;
    }
    bool is_int = a->kind == FACET_ATTR_INT || a->kind == FACET_ATTR_INTS;
    bool is_list = a->kind == FACET_ATTR_INTS || a->kind == FACET_ATTR_FLOATS;
    const void *from = is_list ? (is_int ? (void *)a->ints : (void *)a->floats) : (is_int ? (void *)&a->i : (void *)&a->f);
    *t = is_int ? FACET_I64 : FACET_F32;
    if (is_list)
        *s = (struct facet_shape){1, {(int64_t)a->count}};
    size_t bytes = (is_list ? a->count : 1) * facet_dtype_size(*t);
    *data = malloc(bytes ? bytes : 1);
    if (!*data)
        return facet_fail_nomem();
    if (bytes)
        memcpy(*data, from, bytes);
    return FACET_OK;
}

/* The node is taken out again and its output becomes a constant. */
static int constant_node(struct facet_graph *g, int node)
{
    struct facet_node *n = &g->nodes[node];
    enum facet_dtype t = FACET_F32;
    struct facet_shape s;
    void *data;
    if (n->n_outputs != 1 || n->outputs[0] < 0)
        return refuse(g, FACET_E_FORMAT, "a Constant has no output");
    int out = n->outputs[0];
    int err = constant_data(g, n, &t, &s, &data);
    if (err)
        return err;
    facet_graph_kill_node(g, node);
    int v = facet_graph_const_take(g, g->values[out].name, t, &s, data);
    return v < 0 ? v : FACET_OK;
}

static int add_node(struct facet_graph *g, Onnx__NodeProto *p)
{
    int *in = NULL, *out = NULL;
    if (!p->op_type || !*p->op_type || p->n_input > MAX_NODE_VALUES || p->n_output > MAX_NODE_VALUES)
        return refuse(g, FACET_E_FORMAT, "a node has no operator or too many inputs or outputs");
    int err = number_values(g, p->input, p->n_input, &in);
    if (!err)
        err = number_values(g, p->output, p->n_output, &out);
    int node = err ? err
                   : facet_graph_add_node(g, p->op_type, p->domain, p->name, in, (int)p->n_input, out, (int)p->n_output);
    err = node < 0 ? node : FACET_OK;
    for (size_t i = 0; !err && i < p->n_attribute; i++)
        err = add_attribute(g, node, p->attribute[i]);
    if (!err && strcmp(p->op_type, "Constant") == 0 && !*g->nodes[node].domain)
        err = constant_node(g, node);
    free(in);
    free(out);
    return err;
}

/* ---- the model ---- */

static int find_opset(const Onnx__ModelProto *m, const char *origin, int *opset)
{
    *opset = 0;
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const Onnx__OperatorSetIdProto *o = m->opset_import[i];
        if (!o->domain || !*o->domain || strcmp(o->domain, "ai.onnx") == 0)
            *opset = o->version > 1000 || o->version < 0 ? 1000 : (int)o->version;
    }
    if (*opset < FACET__ONNX_OPSET_MIN || *opset > FACET__ONNX_OPSET_MAX)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot read '%s': it is opset %d, %d to %d are known", origin, *opset,
                          FACET__ONNX_OPSET_MIN, FACET__ONNX_OPSET_MAX);
    return FACET_OK;
}

/* Two entries of one key: the last one counts, as with the writers that make such files. */
static int add_meta(struct facet_graph *g, const Onnx__ModelProto *m)
{
    int err = FACET_OK;
    if (m->n_metadata_props > FACET__ONNX_MAX_META)
        return refuse(g, FACET_E_LIMIT, "it has too much metadata");
    for (size_t i = 0; !err && i < m->n_metadata_props; i++) {
        const Onnx__StringStringEntryProto *p = m->metadata_props[i];
        if (p->key && *p->key)
            err = facet_graph_meta_set(g, p->key, p->value ? p->value : "");
    }
    return err;
}

static int fill_graph(struct facet_graph *g, Onnx__GraphProto *p)
{
    if (p->n_node > FACET_MAX_MODEL_NODES)
        return refuse(g, FACET_E_LIMIT, "it has too many nodes");
    int err = add_initializers(g, p);
    if (!err)
        err = add_inputs(g, p);
    for (size_t i = 0; !err && i < p->n_node; i++)
        err = add_node(g, p->node[i]);
    if (!err)
        err = add_outputs(g, p);
    if (!err)
        err = facet_graph_sort(g);
    if (!err)
        err = facet_graph_check(g);
    return err;
}

int facet_onnx_parse(struct facet_graph **out, const uint8_t *data, size_t len, const char *origin)
{
    struct facet_graph *g = NULL;
    int opset = 0;
    *out = NULL;
    if (len > FACET_MAX_MODEL_FILE)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s': larger than %u bytes", origin, FACET_MAX_MODEL_FILE);
    int err = facet_wire_check(&onnx__model_proto__descriptor, data, len, origin);
    if (err)
        return err;
    Onnx__ModelProto *m = onnx__model_proto__unpack(NULL, len, data);
    if (!m || !m->graph)
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s': it is no ONNX model, or there is no memory for it", origin);
    if (!err)
        err = find_opset(m, origin, &opset);
    if (!err)
        err = facet_graph_new(&g, origin, opset);
    if (!err)
        err = add_meta(g, m);
    if (!err)
        err = fill_graph(g, m->graph);
    if (m)
        onnx__model_proto__free_unpacked(m, NULL);
    if (!err)
        snprintf(g->hash, sizeof(g->hash), "%016llx%llx", (unsigned long long)facet_hash64(data, len, 1),
                 (unsigned long long)len);
    if (err)
        facet_graph_free(&g);
    *out = g;
    return err;
}

int facet_onnx_load(struct facet_graph **out, const char *path)
{
    struct facet_map map;
    *out = NULL;
    int err = facet_map_open(&map, path, FACET_MAX_MODEL_FILE);
    if (err)
        return err;
    err = facet_onnx_parse(out, map.data, map.len, path);
    facet_map_close(&map);
    return err;
}
