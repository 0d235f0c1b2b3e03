#include "kernels/nets.h"

#include "base/pool.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct net net_new(void)
{
    struct net n = { 0 };
    facet_rng_seed(&n.rng, 7);
    assert_int_equal(facet_graph_new(&n.g, "test", 17), FACET_OK);
    return n;
}

struct facet_shape shape(int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    return (struct facet_shape){ rank, { a, b, c, d } };
}

int net_const(struct net *n, struct facet_shape s)
{
    char name[16];
    size_t count = (size_t)facet_shape_count(&s);
    float *v = malloc(count * sizeof(*v));
    assert_non_null(v);
    for (size_t i = 0; i < count; i++)
        v[i] = facet_rng_uniform(&n->rng) - 0.4f;
    snprintf(name, sizeof(name), "c%d", n->names++);
    int value = facet_graph_const(n->g, name, FACET_F32, &s, v);
    free(v);
    assert_true(value >= 0);
    return value;
}

int net_node(struct net *n, const char *op, int a, int b, int c, int *node)
{
    char name[16];
    int in[3] = { a, b, c }, made;
    snprintf(name, sizeof(name), "v%d", n->names++);
    int value = facet_graph_node(n->g, op, name, in, b < 0 ? 1 : c < 0 ? 2 : 3, node ? node : &made);
    assert_true(value >= 0);
    return value;
}

int net_conv(struct net *n, int x, int64_t oc, int64_t ic, int64_t k, int64_t stride, int64_t pad, int64_t group)
{
    int node, out = net_node(n, "Conv", x, net_const(n, shape(4, oc, ic / group, k, k)), net_const(n, shape(1, oc, 0, 0, 0)), &node);
    facet_graph_attr_ints(n->g, node, "strides", (int64_t[]){ stride, stride }, 2);
    facet_graph_attr_ints(n->g, node, "pads", (int64_t[]){ pad, pad, pad, pad }, 4);
    facet_graph_attr_int(n->g, node, "group", group);
    return out;
}

struct facet_graph *net_end(struct net *n, int out)
{
    assert_int_equal(facet_graph_output(n->g, out), FACET_OK);
    return n->g;
}

float *run_net(struct facet_graph *g, const struct facet_plan_opts *o, const struct facet_shape *in, struct facet_pool *pool, size_t *count)
{
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_rng rng;
    int n_out = g->n_outputs;
    float *out = NULL;
    *count = 0;
    if (facet_plan_open(&p, &g, o) || facet_exec_open(&e, p, pool) || facet_exec_bind(e, in, 1))
        fail_msg("%s", facet_error_text());
    struct facet_tensor *x = facet_exec_input(e, 0);
    facet_rng_seed(&rng, 99);
    for (int64_t i = 0; i < facet_shape_count(&x->shape); i++)
        ((float *)x->data)[i] = facet_rng_uniform(&rng) * 2 - 1;
    for (int i = 0; i < 2; i++)
        if (facet_exec_run(e))
            fail_msg("%s", facet_error_text());
    for (int i = 0; i < n_out; i++) {
        const struct facet_tensor *t = facet_exec_output(e, i);
        size_t n = (size_t)facet_shape_count(&t->shape);
        out = realloc(out, (*count + n) * sizeof(*out));
        memcpy(out + *count, t->data, n * sizeof(*out));
        *count += n;
    }
    facet_exec_close(&e);
    facet_plan_close(&p);
    return out;
}
