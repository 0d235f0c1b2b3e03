/* ONNX out. Importers end here: the graph's strings and numbers are lent to protobuf-c's structs, packed
 * in one go and written atomically. Only graphs as read or built are written, not what passes made. */
#include "base/errors.h"
#include "base/file.h"
#include "engine/format/onnx_priv.h"

#include <stdlib.h>
#include <string.h>

/* All protobuf structs of one save; freed as a whole. */
struct block {
    struct block *next;
    _Alignas(16) unsigned char data[];
};

struct saver {
    const struct facet_graph *g;
    struct block *blocks;
    bool failed;
};

static void *make(struct saver *s, size_t count, size_t size)
{
    struct block *b = calloc(1, sizeof(*b) + (count ? count : 1) * size);
    if (!b) {
        s->failed = true;
        return NULL;
    }
    b->next = s->blocks;
    s->blocks = b;
    return b->data;
}

static void saver_fini(struct saver *s)
{
    while (s->blocks) {
        struct block *next = s->blocks->next;
        free(s->blocks);
        s->blocks = next;
    }
}

static Onnx__TensorProto *make_tensor(struct saver *s, const char *name, enum facet_dtype t, const struct facet_shape *shape,
                                      void *data)
{
    Onnx__TensorProto *p = make(s, 1, sizeof(*p));
    if (!p)
        return NULL;
    onnx__tensor_proto__init(p);
    p->name = (char *)name;
    p->has_data_type = 1;
    p->data_type = facet__onnx_dtype_number(t);
    p->n_dims = (size_t)shape->rank;
    p->dims = (int64_t *)shape->dim;
    p->has_raw_data = 1;
    p->raw_data.data = data;
    p->raw_data.len = (size_t)facet_shape_count(shape) * facet_dtype_size(t);
    return p;
}

static Onnx__TensorShapeProto *make_shape(struct saver *s, const struct facet_shape *shape)
{
    Onnx__TensorShapeProto *p = make(s, 1, sizeof(*p));
    int rank = shape->rank > 0 ? shape->rank : 0;
    Onnx__TensorShapeProto__Dimension **dims = make(s, (size_t)rank, sizeof(*dims));
    Onnx__TensorShapeProto__Dimension *d = make(s, (size_t)rank, sizeof(*d));
    if (!p || !dims || !d)
        return NULL;
    onnx__tensor_shape_proto__init(p);
    for (int i = 0; i < rank; i++) {
        onnx__tensor_shape_proto__dimension__init(&d[i]);
        bool is_free = shape->dim[i] < 0;
        d[i].value_case = is_free ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                                  : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
        if (is_free)
            d[i].dim_param = (char *)(i == 0 ? "batch" : i == 2 ? "height" : i == 3 ? "width" : "free");
        else
            d[i].dim_value = shape->dim[i];
        dims[i] = &d[i];
    }
    p->dim = dims;
    p->n_dim = (size_t)rank;
    return p;
}

static Onnx__ValueInfoProto *make_value(struct saver *s, const struct facet_value *v)
{
    Onnx__ValueInfoProto *p = make(s, 1, sizeof(*p));
    Onnx__TypeProto *type = make(s, 1, sizeof(*type));
    Onnx__TypeProto__Tensor *tensor = make(s, 1, sizeof(*tensor));
    if (!p || !type || !tensor)
        return NULL;
    onnx__value_info_proto__init(p);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = 1;
    tensor->elem_type = facet__onnx_dtype_number(v->dtype);
    if (v->shape.rank >= 0)
        tensor->shape = make_shape(s, &v->shape);
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    p->name = v->name;
    p->type = type;
    return p;
}

static Onnx__AttributeProto *make_attribute(struct saver *s, const struct facet_attr *a)
{
    Onnx__AttributeProto *p = make(s, 1, sizeof(*p));
    if (!p)
        return NULL;
    onnx__attribute_proto__init(p);
    p->name = a->name;
    p->has_type = 1;
    switch (a->kind) {
    case FACET_ATTR_INT:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
        p->has_i = 1;
        p->i = a->i;
        break;
    case FACET_ATTR_FLOAT:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
        p->has_f = 1;
        p->f = a->f;
        break;
    case FACET_ATTR_STRING:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
        p->has_s = 1;
        p->s.data = (uint8_t *)a->s;
        p->s.len = strlen(a->s);
        break;
    case FACET_ATTR_INTS:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
        p->ints = a->ints;
        p->n_ints = a->count;
        break;
    case FACET_ATTR_FLOATS:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
        p->floats = a->floats;
        p->n_floats = a->count;
        break;
    case FACET_ATTR_TENSOR:
        p->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
        p->t = make_tensor(s, "", a->tensor.dtype, &a->tensor.shape, a->tensor.data);
        break;
    }
    return p;
}

static char **make_names(struct saver *s, const int *values, int n)
{
    char **names = make(s, (size_t)n, sizeof(*names));
    for (int i = 0; names && i < n; i++)
        names[i] = values[i] < 0 ? (char *)"" : s->g->values[values[i]].name;
    return names;
}

static Onnx__NodeProto *make_node(struct saver *s, const struct facet_node *n)
{
    Onnx__NodeProto *p = make(s, 1, sizeof(*p));
    Onnx__AttributeProto **attrs = make(s, (size_t)n->n_attrs, sizeof(*attrs));
    if (!p || !attrs)
        return NULL;
    onnx__node_proto__init(p);
    p->name = n->name;
    p->op_type = n->op;
    p->domain = n->domain;
    p->input = make_names(s, n->inputs, n->n_inputs);
    p->n_input = (size_t)n->n_inputs;
    p->output = make_names(s, n->outputs, n->n_outputs);
    p->n_output = (size_t)n->n_outputs;
    for (int i = 0; i < n->n_attrs; i++)
        attrs[i] = make_attribute(s, &n->attrs[i]);
    p->attribute = attrs;
    p->n_attribute = (size_t)n->n_attrs;
    return p;
}

static void make_weights(struct saver *s, Onnx__GraphProto *p)
{
    const struct facet_graph *g = s->g;
    p->initializer = make(s, (size_t)g->n_values, sizeof(*p->initializer));
    for (int i = 0; !s->failed && i < g->n_values; i++) {
        const struct facet_value *v = &g->values[i];
        if (v->data)
            p->initializer[p->n_initializer++] = make_tensor(s, v->name, v->dtype, &v->shape, v->data);
    }
}

static Onnx__GraphProto *make_graph(struct saver *s)
{
    const struct facet_graph *g = s->g;
    Onnx__GraphProto *p = make(s, 1, sizeof(*p));
    if (!p)
        return NULL;
    onnx__graph_proto__init(p);
    p->name = (char *)facet_path_base(g->name);
    make_weights(s, p);
    p->input = make(s, (size_t)g->n_inputs, sizeof(*p->input));
    p->output = make(s, (size_t)g->n_outputs, sizeof(*p->output));
    p->node = make(s, (size_t)g->n_nodes, sizeof(*p->node));
    for (int i = 0; !s->failed && i < g->n_inputs; i++)
        p->input[p->n_input++] = make_value(s, &g->values[g->inputs[i]]);
    for (int i = 0; !s->failed && i < g->n_outputs; i++)
        p->output[p->n_output++] = make_value(s, &g->values[g->outputs[i]]);
    for (int i = 0; !s->failed && i < g->n_nodes; i++)
        p->node[p->n_node++] = make_node(s, &g->nodes[i]);
    return p;
}

static void make_meta(struct saver *s, Onnx__ModelProto *m)
{
    const struct facet_graph *g = s->g;
    Onnx__StringStringEntryProto **entries = make(s, (size_t)g->n_meta, sizeof(*entries));
    Onnx__StringStringEntryProto *e = make(s, (size_t)g->n_meta, sizeof(*e));
    for (int i = 0; entries && e && i < g->n_meta; i++) {
        onnx__string_string_entry_proto__init(&e[i]);
        e[i].key = g->meta[2 * i];
        e[i].value = g->meta[2 * i + 1];
        entries[i] = &e[i];
    }
    m->metadata_props = entries;
    m->n_metadata_props = entries ? (size_t)g->n_meta : 0;
}

static Onnx__ModelProto *make_model(struct saver *s)
{
    Onnx__ModelProto *m = make(s, 1, sizeof(*m));
    Onnx__OperatorSetIdProto *opset = make(s, 1, sizeof(*opset)), **opsets = make(s, 1, sizeof(*opsets));
    if (!m || !opset || !opsets)
        return NULL;
    onnx__model_proto__init(m);
    onnx__operator_set_id_proto__init(opset);
    opset->has_version = 1;
    opset->version = s->g->opset;
    opsets[0] = opset;
    m->has_ir_version = 1;
    m->ir_version = 8;
    m->producer_name = (char *)"facet";
    m->producer_version = (char *)FACET_VERSION;
    m->opset_import = opsets;
    m->n_opset_import = 1;
    m->graph = make_graph(s);
    make_meta(s, m);
    return m;
}

static int check_plain(const struct facet_graph *g)
{
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (*n->domain || n->epi.act != FACET_ACT_NONE || n->epi.residual >= 0)
            return facet_fail(FACET_E_INVALID, "cannot write '%s': node '%s' was changed by a pass", g->name, n->name);
    }
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].is_stored)
            return facet_fail(FACET_E_INVALID, "cannot write '%s': how value '%s' is kept was changed by a pass", g->name,
                              g->values[i].name);
    return FACET_OK;
}

int facet_onnx_write(const struct facet_graph *g, uint8_t **data, size_t *len)
{
    struct saver s = {.g = g};
    *data = NULL;
    *len = 0;
    int err = check_plain(g);
    if (err)
        return err;
    Onnx__ModelProto *m = make_model(&s);
    size_t need = s.failed ? 0 : onnx__model_proto__get_packed_size(m);
    if (need > FACET_MAX_MODEL_FILE)
        err = facet_fail(FACET_E_LIMIT, "cannot write '%s': larger than %u bytes", g->name, FACET_MAX_MODEL_FILE);
    if (!err && !s.failed)
        *data = malloc(need);
    if (!err && !*data)
        err = facet_fail_nomem();
    if (!err)
        *len = onnx__model_proto__pack(m, *data);
    saver_fini(&s);
    return err;
}

int facet_onnx_save(const struct facet_graph *g, const char *path)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    int err = facet_onnx_write(g, &bytes, &len);
    if (!err)
        err = facet_file_write_atomic(path, bytes, len);
    free(bytes);
    return err;
}
