/* OpenVINO gets the network as it was read, in one piece: it has passes of its own, and makes bfloat16 of it when told. */
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backends/openvino/ov.h"
#include "engine/backends/whole.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct facet_ov *ov;
    uint8_t *onnx;
    size_t len;
};

static int openvino_available(char *version, size_t cap)
{
    struct facet_ov *o = NULL;
    int err = facet_ov_open(&o);
    if (!err)
        snprintf(version, cap, "%s", facet_ov_version(o));
    facet_ov_close(&o);
    return err;
}

static int take_whole(struct facet_graph *g)
{
    return facet_pass_subgraphs(g, &facet_backend_openvino);
}

static void openvino_release(void *state)
{
    struct model *m = state;
    free(m->onnx);
    facet_ov_close(&m->ov);
    free(m);
}

static int openvino_prepare(void **state, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    struct model *m = calloc(1, sizeof(*m));
    int err = m ? facet_ov_open(&m->ov) : facet_fail_nomem();
    if (!err)
        err = facet_whole_onnx(g, node, &m->onnx, &m->len);
    if (err && m)
        openvino_release(m);
    *state = err ? NULL : m;
    return err;
}

static int load(struct facet_ov_net **out, const struct model *m, const struct facet_graph *body, unsigned threads)
{
    struct facet_shape *inputs = calloc((size_t)body->n_inputs + 1, sizeof(*inputs));
    const char *precision = facet_graph_meta(body, "facet.precision");
    if (!inputs)
        return facet_fail_nomem();
    for (int i = 0; i < body->n_inputs; i++)
        inputs[i] = body->values[body->inputs[i]].shape;
    struct facet_ov_opts o = { .threads = threads, .is_bf16 = precision && !strcmp(precision, "bf16"), .inputs = inputs, .n_inputs = body->n_inputs };
    int err = facet_ov_load(out, m->ov, m->onnx, m->len, &o);
    free(inputs);
    return err;
}

static int openvino_bind(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct facet_ov_net *n = *session;
    int err = n ? FACET_OK : load(&n, state, g->nodes[node].body, facet_pool_threads(r->pool));
    *session = n;
    if (!err)
        err = facet_ov_bind(n, r->in, r->n_in, r->out, r->n_out);
    return err ? facet_fail_prefix(err, "'%s'", g->name) : FACET_OK;
}

static void openvino_unbind(void *session)
{
    struct facet_ov_net *n = session;
    facet_ov_unload(&n);
}

static int openvino_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    return facet_ov_run(r->session);
}

const struct facet_backend_ops facet_backend_openvino = {
    .name = "openvino",
    .supports = facet_whole_supports,
    .take_whole = take_whole,
    .prepare = openvino_prepare,
    .release = openvino_release,
    .drops_constants = facet_whole_drops,
    .run = openvino_run,
    .available = openvino_available,
    .passes_off = ~(unsigned)(FACET_WHOLE_PASSES | FACET_PASS_BF16),
    .makes = 1u << FACET_BF16 | 1u << FACET_U8,
    .bind = openvino_bind,
    .unbind = openvino_unbind,
};
