/* TensorFlow gets groups of nodes after folding, as a graph of its own operations; what fuses them is its own. */
#include "base/cpu.h"
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backend.h"
#include "engine/backends/tensorflow/build.h"
#include "engine/backends/tensorflow/build_priv.h"
#include "engine/backends/whole.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct facet_tf tf;
    struct facet_tf_graph graph;
    bool is_bf16;
};

struct session {
    const struct model *m;
    void *session;
};

static int tf_available(char *version, size_t cap)
{
    struct facet_tf tf;
    int err = facet_tf_open(&tf);
    const char *text = err ? NULL : tf.TF_Version();
    if (!err)
        snprintf(version, cap, "%s", text ? text : "?");
    return err;
}

static bool tf_supports(const struct facet_graph *g, int node)
{
    return facet_node_is_subgraph(&g->nodes[node]) || facet__tf_supports(g, node);
}

static int take_whole(struct facet_graph *g)
{
    return facet_pass_subgraphs(g, &facet_backend_tensorflow);
}

/* ---- a plan's ---- */

static void tf_release(void *state)
{
    struct model *m = state;
    if (m->graph.graph)
        m->tf.TF_DeleteGraph(m->graph.graph);
    free(m);
}

/* Its rewriter to bfloat16 is for oneDNN's operations, which can be switched off. */
static int check_bf16(void)
{
    const char *onednn = getenv("TF_ENABLE_ONEDNN_OPTS");
    bool is_off = onednn && strcmp(onednn, "0") == 0;
    if (!is_off && (facet_cpu_flags(NULL) & FACET_CPU_AVX512_BF16))
        return FACET_OK;
    return facet_fail(FACET_E_UNSUPPORTED, "TensorFlow has no bf16 %s", is_off ? "with TF_ENABLE_ONEDNN_OPTS=0" : "on this processor");
}

static int tf_prepare(void **state, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    const struct facet_node *n = &g->nodes[node];
    const char *precision = n->body ? facet_graph_meta(n->body, "facet.precision") : NULL;
    struct model *m = calloc(1, sizeof(*m));
    int err = m ? facet_tf_open(&m->tf) : facet_fail_nomem();
    if (!err && !n->body)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot run '%s' on TensorFlow: node '%s' is by itself", g->name, n->name);
    if (!err)
        m->is_bf16 = precision && strcmp(precision, "bf16") == 0;
    if (!err && m->is_bf16)
        err = check_bf16();
    if (!err)
        err = facet_tf_build(&m->graph, &m->tf, n->body);
    if (err && m)
        tf_release(m);
    *state = err ? NULL : m;
    return err;
}

/* ---- an exec's ---- */

/* A ConfigProto by hand: threads within an operation (field 2) and between them (5), pools of its own (9), and for
 * bfloat16 its rewriter (graph_options 10, rewrite_options 10, auto_mixed_precision_onednn_bfloat16 31: on). */
static size_t write_config(uint8_t out[16], unsigned threads, bool is_bf16)
{
    const uint8_t head[] = { 0x10, (uint8_t)(threads < 127 ? threads : 127), 0x28, 1, 0x48, 1 };
    static const uint8_t rewrite[] = { 0x52, 5, 0x52, 3, 0xf8, 0x01, 0x01 };
    memcpy(out, head, sizeof(head));
    if (is_bf16)
        memcpy(out + sizeof(head), rewrite, sizeof(rewrite));
    return sizeof(head) + (is_bf16 ? sizeof(rewrite) : 0);
}

static int start_session(struct session *s, unsigned threads)
{
    const struct facet_tf *tf = &s->m->tf;
    uint8_t config[16];
    size_t len = write_config(config, threads, s->m->is_bf16);
    void *options = tf->TF_NewSessionOptions(), *status = options ? tf->TF_NewStatus() : NULL;
    if (status)
        tf->TF_SetConfig(options, config, len, status);
    int err = facet_tf_check(tf, status, "take the number of threads");
    if (!err) {
        status = tf->TF_NewStatus();
        s->session = status ? tf->TF_NewSession(s->m->graph.graph, options, status) : NULL;
        err = facet_tf_check(tf, status, "start a session");
    }
    if (!err && !s->session)
        err = facet_fail(FACET_E_UNSUPPORTED, "TensorFlow started no session");
    if (options)
        tf->TF_DeleteSessionOptions(options);
    return err;
}

static void tf_unbind(void *session)
{
    struct session *s = session;
    const struct facet_tf *tf = &s->m->tf;
    void *status = s->session ? tf->TF_NewStatus() : NULL;
    if (status) {
        tf->TF_CloseSession(s->session, status);
        tf->TF_DeleteSession(s->session, status);
        tf->TF_DeleteStatus(status);
    }
    free(s);
}

/* Sessions are the same for all shapes. */
static int tf_bind(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct session *s = *session;
    if (s)
        return FACET_OK;
    s = calloc(1, sizeof(*s));
    if (!s)
        return facet_fail_nomem();
    s->m = state;
    int err = start_session(s, facet_pool_threads(r->pool));
    if (err)
        tf_unbind(s);
    else
        *session = s;
    return err ? facet_fail_prefix(err, "'%s'", g->name) : FACET_OK;
}

/* ---- a run ---- */

static void keep(void *data, size_t len, void *ctx)
{
}

static int take_output(const struct facet_tf *tf, void *tensor, struct facet_tensor *to)
{
    size_t bytes = (size_t)facet_shape_count(&to->shape) * sizeof(float);
    if (!tensor || tf->TF_TensorType(tensor) != TF_TYPE_FLOAT || tf->TF_TensorByteSize(tensor) != bytes)
        return facet_fail(FACET_E_UNSUPPORTED, "TensorFlow gave an output of another size or type");
    memcpy(to->data, tf->TF_TensorData(tensor), bytes);
    return FACET_OK;
}

static void drop_tensors(const struct facet_tf *tf, void **tensors)
{
    for (int i = 0; i < FACET_TF_ARGUMENTS; i++)
        if (tensors[i])
            tf->TF_DeleteTensor(tensors[i]);
}

static int run_session(const struct session *s, const struct facet_run *r, void **in, void **out)
{
    const struct facet_tf *tf = &s->m->tf;
    const struct facet_tf_graph *graph = &s->m->graph;
    for (int i = 0; i < r->n_in; i++) {
        const struct facet_tensor *t = r->in[i];
        in[i] = tf->TF_NewTensor(TF_TYPE_FLOAT, t->shape.dim, t->shape.rank, t->data, (size_t)facet_shape_count(&t->shape) * sizeof(float), keep, NULL);
        if (!in[i])
            return facet_fail(FACET_E_UNSUPPORTED, "TensorFlow takes no input of this shape");
    }
    void *status = tf->TF_NewStatus();
    if (status)
        tf->TF_SessionRun(s->session, NULL, graph->in, in, r->n_in, graph->out, out, r->n_out, NULL, 0, NULL, status);
    int err = facet_tf_check(tf, status, "run");
    for (int i = 0; !err && i < r->n_out; i++)
        err = take_output(tf, out[i], r->out[i]);
    return err;
}

static int tf_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct session *s = r->session;
    void *in[FACET_TF_ARGUMENTS] = { NULL }, *out[FACET_TF_ARGUMENTS] = { NULL };
    int err = run_session(s, r, in, out);
    drop_tensors(&s->m->tf, in);
    drop_tensors(&s->m->tf, out);
    return err ? facet_fail_prefix(err, "'%s'", g->name) : FACET_OK;
}

const struct facet_backend_ops facet_backend_tensorflow = {
    .name = "tensorflow",
    .supports = tf_supports,
    .take_whole = take_whole,
    .prepare = tf_prepare,
    .release = tf_release,
    .drops_constants = facet_whole_drops,
    .run = tf_run,
    .available = tf_available,
    .passes_off = FACET_PASS_FUSE_ACT | FACET_PASS_FUSE_RESIDUAL | FACET_PASS_CONCAT_IN_PLACE | FACET_PASS_LAYOUT | FACET_PASS_STORE,
    .makes = 1u << FACET_BF16,
    .bind = tf_bind,
    .unbind = tf_unbind,
};
