/* Attributes of nodes: a short list each, searched by name. */
#include "base/errors.h"
#include "engine/graph_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ATTRS 64

void facet__attr_fini(struct facet_attr *a)
{
    free(a->name);
    free(a->s);
    free(a->ints);
    free(a->floats);
    free(a->tensor.data);
    *a = (struct facet_attr){0};
}

/* Makes room for one more attribute, or empties the one of that name. */
static int attr_slot(struct facet_graph *g, int node, const char *name, struct facet_attr **out)
{
    struct facet_node *n = &g->nodes[node];
    struct facet_attr *a = (struct facet_attr *)facet_node_attr(n, name);
    if (!a) {
        if (n->n_attrs >= MAX_ATTRS)
            return facet_fail(FACET_E_LIMIT, "cannot use '%s': node '%s' has more than %d attributes", g->name,
                              n->name, MAX_ATTRS);
        struct facet_attr *more = realloc(n->attrs, (size_t)(n->n_attrs + 1) * sizeof(*more));
        if (!more)
            return facet_fail_nomem();
        n->attrs = more;
        a = &n->attrs[n->n_attrs++];
        *a = (struct facet_attr){0};
    } else {
        facet__attr_fini(a);
    }
    a->name = strdup(name);
    *out = a;
    if (a->name)
        return FACET_OK;
    n->n_attrs--;
    if (a != &n->attrs[n->n_attrs])
        *a = n->attrs[n->n_attrs];
    return facet_fail_nomem();
}

static void *copy_bytes(const void *from, size_t len)
{
    void *to = malloc(len ? len : 1);
    if (to && len)
        memcpy(to, from, len);
    return to;
}

int facet_graph_attr_int(struct facet_graph *g, int node, const char *name, int64_t v)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err)
        return err;
    a->kind = FACET_ATTR_INT;
    a->i = v;
    return FACET_OK;
}

int facet_graph_attr_float(struct facet_graph *g, int node, const char *name, float v)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err)
        return err;
    a->kind = FACET_ATTR_FLOAT;
    a->f = v;
    return FACET_OK;
}

int facet_graph_attr_string(struct facet_graph *g, int node, const char *name, const char *v)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err)
        return err;
    a->kind = FACET_ATTR_STRING;
    a->s = strdup(v);
    return a->s ? FACET_OK : facet_fail_nomem();
}

int facet_graph_attr_ints(struct facet_graph *g, int node, const char *name, const int64_t *v, size_t n)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err)
        return err;
    a->kind = FACET_ATTR_INTS;
    a->ints = copy_bytes(v, n * sizeof(*v));
    a->count = a->ints ? n : 0;
    return a->ints ? FACET_OK : facet_fail_nomem();
}

int facet_graph_attr_floats(struct facet_graph *g, int node, const char *name, const float *v, size_t n)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err)
        return err;
    a->kind = FACET_ATTR_FLOATS;
    a->floats = copy_bytes(v, n * sizeof(*v));
    a->count = a->floats ? n : 0;
    return a->floats ? FACET_OK : facet_fail_nomem();
}

int facet_graph_attr_tensor(struct facet_graph *g, int node, const char *name, enum facet_dtype t,
                            const struct facet_shape *s, void *data)
{
    struct facet_attr *a = NULL;
    int err = attr_slot(g, node, name, &a);
    if (err) {
        free(data);
        return err;
    }
    a->kind = FACET_ATTR_TENSOR;
    a->tensor = (struct facet_tensor){.dtype = t, .shape = *s, .data = data};
    return FACET_OK;
}

const struct facet_attr *facet_node_attr(const struct facet_node *n, const char *name)
{
    for (int i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, name) == 0)
            return &n->attrs[i];
    return NULL;
}

int64_t facet_node_int(const struct facet_node *n, const char *name, int64_t fallback)
{
    const struct facet_attr *a = facet_node_attr(n, name);
    return a && a->kind == FACET_ATTR_INT ? a->i : fallback;
}

float facet_node_float(const struct facet_node *n, const char *name, float fallback)
{
    const struct facet_attr *a = facet_node_attr(n, name);
    return a && a->kind == FACET_ATTR_FLOAT ? a->f : fallback;
}

const char *facet_node_string(const struct facet_node *n, const char *name, const char *fallback)
{
    const struct facet_attr *a = facet_node_attr(n, name);
    return a && a->kind == FACET_ATTR_STRING ? a->s : fallback;
}

size_t facet_node_ints(const struct facet_node *n, const char *name, int64_t *out, size_t max)
{
    const struct facet_attr *a = facet_node_attr(n, name);
    if (!a || a->kind != FACET_ATTR_INTS)
        return 0;
    size_t take = a->count < max ? a->count : max;
    if (take)
        memcpy(out, a->ints, take * sizeof(*out));
    return a->count;
}
