/* Values and nodes live in two growing arrays and are known by number, so that passes can rewire a
 * network without touching pointers. Names are found through one open-addressed table. */
#include "engine/graph.h"

#include "base/errors.h"
#include "engine/graph_priv.h"
#include "engine/ops/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_VALUES (4 * FACET_MAX_MODEL_NODES)

/* ---- growing arrays ---- */

static int grow(void **items, int *cap, int want, size_t size)
{
    if (want <= *cap)
        return FACET_OK;
    int next = *cap ? *cap * 2 : 16;
    while (next < want)
        next *= 2;
    void *p = realloc(*items, (size_t)next * size);
    if (!p)
        return facet_fail_nomem();
    *items = p;
    *cap = next;
    return FACET_OK;
}

static int push_int(int **list, int *count, int *cap, int v)
{
    int err = grow((void **)list, cap, *count + 1, sizeof(int));
    if (!err)
        (*list)[(*count)++] = v;
    return err;
}

/* ---- names ---- */

static int index_slot(const struct facet_graph *g, const char *name)
{
    unsigned mask = (unsigned)g->cap_index - 1;
    unsigned at = 2166136261u; /* FNV-1a: names come from outside, but a value count is capped */
    for (const char *c = name; *c; c++)
        at = (at ^ (unsigned char)*c) * 16777619u;
    for (at &= mask; g->index[at] >= 0; at = (at + 1) & mask)
        if (strcmp(g->values[g->index[at]].name, name) == 0)
            break;
    return (int)at;
}

static int index_grow(struct facet_graph *g)
{
    if (g->cap_index >= 2 * (g->n_values + 1))
        return FACET_OK;
    int cap = g->cap_index ? g->cap_index * 4 : 64;
    int *fresh = malloc((size_t)cap * sizeof(int));
    if (!fresh)
        return facet_fail_nomem();
    for (int i = 0; i < cap; i++)
        fresh[i] = -1;
    free(g->index);
    g->index = fresh;
    g->cap_index = cap;
    for (int v = 0; v < g->n_values; v++)
        g->index[index_slot(g, g->values[v].name)] = v;
    return FACET_OK;
}

int facet__graph_reindex(struct facet_graph *g)
{
    int cap = 64;
    while (cap < 2 * (g->n_values + 1))
        cap *= 2;
    int *fresh = malloc((size_t)cap * sizeof(int));
    if (!fresh)
        return facet_fail_nomem();
    for (int i = 0; i < cap; i++)
        fresh[i] = -1;
    free(g->index);
    g->index = fresh;
    g->cap_index = cap;
    for (int v = 0; v < g->n_values; v++) {
        int at = index_slot(g, g->values[v].name);
        if (g->index[at] >= 0)
            return facet_fail(FACET_E_FORMAT, "cannot use '%s': value '%s' is there twice", g->name, g->values[v].name);
        g->index[at] = v;
    }
    return FACET_OK;
}

int facet_graph_find(const struct facet_graph *g, const char *name)
{
    return g->cap_index ? g->index[index_slot(g, name)] : -1;
}

/* ---- values ---- */

static int value_add(struct facet_graph *g, const char *name)
{
    if (g->n_values >= MAX_VALUES)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s': more than %d values", g->name, MAX_VALUES);
    int err = grow((void **)&g->values, &g->cap_values, g->n_values + 1, sizeof(*g->values));
    if (!err)
        err = index_grow(g);
    char *copy = err ? NULL : strdup(name);
    if (!copy)
        return err ? err : facet_fail_nomem();
    struct facet_value *v = &g->values[g->n_values];
    *v = (struct facet_value){.name = copy, .dtype = FACET_F32, .shape.rank = -1, .producer = -1};
    g->index[index_slot(g, copy)] = g->n_values;
    return g->n_values++;
}

int facet_graph_value(struct facet_graph *g, const char *name)
{
    int at = facet_graph_find(g, name);
    return at >= 0 ? at : value_add(g, name);
}

/* A value nobody has given a meaning yet: new, or only spoken of so far. */
static int value_fresh(struct facet_graph *g, const char *name)
{
    char made_up[48];
    if (!name) { /* a file may have been written with made-up names, too */
        for (int k = g->n_values; !name || facet_graph_find(g, name) >= 0; k++) {
            snprintf(made_up, sizeof(made_up), "facet:%d", k);
            name = made_up;
        }
    }
    int v = facet_graph_value(g, name);
    if (v < 0)
        return v;
    bool is_input = false;
    for (int i = 0; i < g->n_inputs; i++)
        is_input |= g->inputs[i] == v;
    if (is_input || g->values[v].data || g->values[v].producer >= 0)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s': value '%s' is given twice", g->name, name);
    return v;
}

static int check_shape(const struct facet_graph *g, const char *name, const struct facet_shape *s)
{
    if (s->rank < 0 || s->rank > FACET_MAX_DIMS)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s': value '%s' has %d dimensions, at most %d are known",
                          g->name, name, s->rank, FACET_MAX_DIMS);
    return FACET_OK;
}

int facet_graph_input(struct facet_graph *g, const char *name, enum facet_dtype t, const struct facet_shape *s)
{
    int err = check_shape(g, name, s);
    int v = err ? err : value_fresh(g, name);
    if (v < 0)
        return v;
    err = push_int(&g->inputs, &g->n_inputs, &g->cap_inputs, v);
    if (err)
        return err;
    g->values[v].dtype = t;
    g->values[v].shape = *s;
    return v;
}

static int const_bytes(const struct facet_graph *g, const char *name, enum facet_dtype t,
                       const struct facet_shape *s, size_t *bytes)
{
    int err = check_shape(g, name ? name : "", s);
    int64_t count = err ? -1 : facet_shape_count(s);
    if (err)
        return err;
    if (count < 0 || (uint64_t)count > FACET_MAX_MODEL_FILE || facet_dtype_size(t) == 0)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s': constant '%s' has an impossible size", g->name,
                          name ? name : "");
    *bytes = (size_t)count * facet_dtype_size(t);
    return FACET_OK;
}

int facet_graph_const_take(struct facet_graph *g, const char *name, enum facet_dtype t,
                           const struct facet_shape *s, void *data)
{
    size_t bytes = 0;
    int err = const_bytes(g, name, t, s, &bytes);
    int v = err ? err : value_fresh(g, name);
    if (v < 0) {
        free(data);
        return v;
    }
    struct facet_value *value = &g->values[v];
    value->dtype = t;
    value->shape = *s;
    value->data = data;
    value->bytes = bytes;
    return v;
}

int facet_graph_const(struct facet_graph *g, const char *name, enum facet_dtype t, const struct facet_shape *s,
                      const void *data)
{
    size_t bytes = 0;
    int err = const_bytes(g, name, t, s, &bytes);
    if (err)
        return err;
    void *copy = malloc(bytes ? bytes : 1);
    if (!copy)
        return facet_fail_nomem();
    if (bytes)
        memcpy(copy, data, bytes);
    return facet_graph_const_take(g, name, t, s, copy);
}

/* ---- nodes ---- */

static int *copy_ints(const int *from, int n)
{
    int *to = malloc((size_t)(n ? n : 1) * sizeof(int));
    if (to && n)
        memcpy(to, from, (size_t)n * sizeof(int));
    return to;
}

static void node_free(struct facet_node *n)
{
    for (int i = 0; i < n->n_attrs; i++)
        facet__attr_fini(&n->attrs[i]);
    free(n->attrs);
    free(n->name);
    free(n->op);
    free(n->domain);
    free(n->inputs);
    free(n->outputs);
    facet_graph_free(&n->body);
    *n = (struct facet_node){0};
}

void facet__node_free(struct facet_node *n)
{
    node_free(n);
}

static int claim_outputs(struct facet_graph *g, int node, const int *outputs, int n)
{
    for (int i = 0; i < n; i++) {
        int v = outputs[i];
        if (v < 0)
            continue;
        if (v >= g->n_values || g->values[v].producer >= 0 || g->values[v].data)
            return facet_fail(FACET_E_FORMAT, "cannot use '%s': value '%s' is given twice", g->name,
                              v < g->n_values ? g->values[v].name : "?");
        g->values[v].producer = node;
    }
    return FACET_OK;
}

static const char *onnx_domain(const char *domain)
{
    return domain && strcmp(domain, "ai.onnx") != 0 ? domain : "";
}

int facet_graph_add_node(struct facet_graph *g, const char *op, const char *domain, const char *name,
                         const int *inputs, int n_inputs, const int *outputs, int n_outputs)
{
    char made_up[96];
    if (g->n_nodes >= FACET_MAX_MODEL_NODES)
        return facet_fail(FACET_E_LIMIT, "cannot use '%s': more than %d nodes", g->name, FACET_MAX_MODEL_NODES);
    int err = grow((void **)&g->nodes, &g->cap_nodes, g->n_nodes + 1, sizeof(*g->nodes));
    if (err)
        return err;
    if (!name || !*name) {
        snprintf(made_up, sizeof(made_up), "%.64s_%d", op, g->n_nodes);
        name = made_up;
    }
    struct facet_node n = {.name = strdup(name), .op = strdup(op), .domain = strdup(onnx_domain(domain))};
    n.inputs = copy_ints(inputs, n_inputs);
    n.outputs = copy_ints(outputs, n_outputs);
    n.kind = facet_op_find(onnx_domain(domain), op);
    n.n_inputs = n_inputs;
    n.n_outputs = n_outputs;
    n.epi = (struct facet_epilogue){.residual = -1, .residual_scale = 1.0f, .slope = -1};
    if (!n.name || !n.op || !n.domain || !n.inputs || !n.outputs)
        err = facet_fail_nomem();
    if (!err)
        err = claim_outputs(g, g->n_nodes, outputs, n_outputs);
    if (err) {
        node_free(&n);
        return err;
    }
    g->nodes[g->n_nodes] = n;
    return g->n_nodes++;
}

int facet_graph_node(struct facet_graph *g, const char *op, const char *out_name, const int *inputs, int n_inputs,
                     int *node)
{
    int out = value_fresh(g, out_name);
    if (out < 0)
        return out;
    int at = facet_graph_add_node(g, op, "", out_name, inputs, n_inputs, &out, 1);
    if (at < 0)
        return at;
    if (node)
        *node = at;
    return out;
}

int facet_graph_node_output(struct facet_graph *g, int node, const char *out_name)
{
    struct facet_node *n = &g->nodes[node];
    int out = value_fresh(g, out_name);
    if (out < 0)
        return out;
    int *more = realloc(n->outputs, (size_t)(n->n_outputs + 1) * sizeof(int));
    if (!more)
        return facet_fail_nomem();
    n->outputs = more;
    n->outputs[n->n_outputs++] = out;
    g->values[out].producer = node;
    return out;
}

int facet_graph_output(struct facet_graph *g, int value)
{
    if (value < 0 || value >= g->n_values)
        return facet_fail(FACET_E_INVALID, "cannot use '%s': an output is no value", g->name);
    return push_int(&g->outputs, &g->n_outputs, &g->cap_outputs, value);
}

/* ---- life ---- */

int facet_graph_new(struct facet_graph **out, const char *name, int opset)
{
    struct facet_graph *g = calloc(1, sizeof(*g));
    if (g)
        g->name = strdup(name);
    if (!g || !g->name) {
        free(g);
        *out = NULL;
        return facet_fail_nomem();
    }
    g->opset = opset;
    *out = g;
    return FACET_OK;
}

bool facet_value_is_const(const struct facet_value *v)
{
    return v->data || v->is_packed;
}

enum facet_dtype facet_value_store(const struct facet_value *v)
{
    return v->is_stored ? v->store : v->dtype;
}

/* ---- metadata ---- */

const char *facet_graph_meta(const struct facet_graph *g, const char *key)
{
    for (int i = 0; i < g->n_meta; i++)
        if (strcmp(g->meta[2 * i], key) == 0)
            return g->meta[2 * i + 1];
    return NULL;
}

static int meta_add(struct facet_graph *g, char *key, char *value)
{
    char **more = realloc(g->meta, 2 * ((size_t)g->n_meta + 1) * sizeof(*more));
    if (!more)
        return facet_fail_nomem();
    g->meta = more;
    more[2 * g->n_meta] = key;
    more[2 * g->n_meta + 1] = value;
    g->n_meta++;
    return FACET_OK;
}

int facet_graph_meta_set(struct facet_graph *g, const char *key, const char *value)
{
    char *copy = strdup(value), *name = NULL;
    if (!copy)
        return facet_fail_nomem();
    for (int i = 0; i < g->n_meta; i++) {
        if (strcmp(g->meta[2 * i], key) != 0)
            continue;
        free(g->meta[2 * i + 1]);
        g->meta[2 * i + 1] = copy;
        return FACET_OK;
    }
    name = strdup(key);
    int err = name ? meta_add(g, name, copy) : facet_fail_nomem();
    if (err) {
        free(name);
        free(copy);
    }
    return err;
}

void facet_graph_free(struct facet_graph **graph)
{
    struct facet_graph *g = *graph;
    if (!g)
        return;
    for (int i = 0; i < g->n_nodes; i++)
        node_free(&g->nodes[i]);
    for (int i = 0; i < g->n_values; i++) {
        free(g->values[i].name);
        free(g->values[i].data);
        free(g->values[i].quant.scales);
    }
    for (int i = 0; i < 2 * g->n_meta; i++)
        free(g->meta[i]);
    free(g->meta);
    free(g->nodes);
    free(g->values);
    free(g->inputs);
    free(g->outputs);
    free(g->index);
    free(g->name);
    free(g);
    *graph = NULL;
}
