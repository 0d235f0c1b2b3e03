/* The module facet-opencv.so: OpenCV's own networks, in float32. It gets the network as it was read, but with all
 * dimensions fixed, since it settles shapes when it reads: a network is made for each of the last shapes that it was
 * bound to. */
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backends/opencv/adapt.h"
#include "engine/backends/opencv/cv.h"
#include "engine/backends/whole.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "engine/quant/quant.h"

#include <facet/export.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 16
#define KEPT 4

struct made {
    struct facet_shape in[MAX_ARGUMENTS];
    struct facet_cv_net *net;
};

struct session {
    struct made kept[KEPT];
    int next;                       /* whose place is taken next */
    struct facet_cv_net *now;
    const char *outputs[MAX_ARGUMENTS];
    struct facet_cv_blob y[MAX_ARGUMENTS];
};

static int refuse(const struct facet_graph *g, const char *doing, const struct facet_cv_why *why)
{
    return facet_fail(FACET_E_UNSUPPORTED, "'%s': OpenCV cannot %s: %s", g->name, doing, why->text);
}

/* ---- a network for some shapes ---- */

static int write_fixed(const struct facet_graph *body, const struct facet_run *r, uint8_t **onnx, size_t *len)
{
    struct facet_graph *g = NULL;
    int err = facet_graph_copy(&g, body);
    for (int i = 0; !err && i < r->n_in; i++)
        g->values[g->inputs[i]].shape = r->in[i]->shape;
    if (!err)
        err = facet_graph_infer(g);
    if (!err)
        err = facet__cv_adapt(g);
    if (!err)
        err = facet_onnx_write(g, onnx, len);
    facet_graph_free(&g);
    return err;
}

static int make_net(struct facet_cv_net **out, const struct facet_graph *g, const struct facet_graph *body, const struct facet_run *r)
{
    struct facet_cv_why why = { "" };
    uint8_t *onnx = NULL;
    size_t len = 0;
    int err = write_fixed(body, r, &onnx, &len);
    if (!err && facet_cv_load(out, (const char *)onnx, len, &why))
        err = refuse(g, "read the network", &why);
    free(onnx);
    for (int i = 0; !err && i < body->n_outputs; i++)
        if (!facet_cv_gives(*out, body->values[body->outputs[i]].name))
            err = facet_fail(FACET_E_UNSUPPORTED, "'%s': OpenCV made no layer of output '%s'", g->name, body->values[body->outputs[i]].name);
    if (err)
        facet_cv_unload(out);
    return err;
}

static struct made *find_made(struct session *s, const struct facet_run *r)
{
    for (int k = 0; k < KEPT; k++) {
        int same = 0;
        while (s->kept[k].net && same < r->n_in && facet_shape_equal(&s->kept[k].in[same], &r->in[same]->shape))
            same++;
        if (s->kept[k].net && same == r->n_in)
            return &s->kept[k];
    }
    return NULL;
}

static int choose(struct session *s, const struct facet_graph *g, const struct facet_graph *body, const struct facet_run *r)
{
    struct made *m = find_made(s, r);
    int err = FACET_OK;
    s->now = NULL;
    if (!m) {
        m = &s->kept[s->next];
        facet_cv_unload(&m->net);
        err = make_net(&m->net, g, body, r);
        for (int i = 0; !err && i < r->n_in; i++)
            m->in[i] = r->in[i]->shape;
        s->next = err ? s->next : (s->next + 1) % KEPT;
    }
    if (!err)
        s->now = m->net;
    return err;
}

/* ---- the back end ---- */

static int describe(struct facet_cv_blob *b, const struct facet_tensor *t)
{
    if (t->dtype != FACET_F32 || t->shape.rank > FACET_CV_DIMS)
        return facet_fail(FACET_E_UNSUPPORTED, "OpenCV takes no numbers of type %s in %d dimensions", facet_dtype_name(t->dtype), t->shape.rank);
    *b = (struct facet_cv_blob){ .rank = t->shape.rank, .data = t->data };
    for (int d = 0; d < t->shape.rank; d++) {
        if (t->shape.dim[d] > INT32_MAX)
            return facet_fail(FACET_E_LIMIT, "OpenCV takes no dimension of %lld", (long long)t->shape.dim[d]);
        b->dim[d] = (int)t->shape.dim[d];
    }
    return FACET_OK;
}

static int put_all(struct session *s, const struct facet_graph *g, const struct facet_graph *body, const struct facet_run *r)
{
    struct facet_cv_why why = { "" };
    struct facet_cv_blob x;
    int err = FACET_OK;
    for (int i = 0; !err && i < r->n_in; i++) {
        err = describe(&x, r->in[i]);
        if (!err && facet_cv_put(s->now, body->values[body->inputs[i]].name, &x, &why))
            err = refuse(g, "take an input", &why);
    }
    return err;
}

static int opencv_bind(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct facet_graph *body = g->nodes[node].body;
    struct session *s = *session;
    int err = FACET_OK;
    if (!body || r->n_in > MAX_ARGUMENTS || r->n_out > MAX_ARGUMENTS)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot run '%s' on OpenCV: whole networks of at most %d inputs and outputs are run", g->name,
                          MAX_ARGUMENTS);
    if (!s)
        s = calloc(1, sizeof(*s));
    if (!s)
        return facet_fail_nomem();
    *session = s;
    for (int i = 0; !err && i < r->n_out; i++) {
        s->outputs[i] = body->values[body->outputs[i]].name;
        err = describe(&s->y[i], r->out[i]);
    }
    return err ? err : choose(s, g, body, r);
}

static void opencv_unbind(void *session)
{
    struct session *s = session;
    for (int k = 0; k < KEPT; k++)
        facet_cv_unload(&s->kept[k].net);
    free(s);
}

static int opencv_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct session *s = r->session;
    struct facet_cv_why why = { "" };
    int err = put_all(s, g, g->nodes[node].body, r);
    if (!err && facet_cv_run(s->now, facet_pool_threads(r->pool), s->outputs, s->y, (size_t)r->n_out, &why))
        err = refuse(g, "run", &why);
    return err;
}

static int opencv_available(char *version, size_t cap)
{
    snprintf(version, cap, "%s", facet_cv_version());
    return FACET_OK;
}

static bool opencv_supports(const struct facet_graph *g, int node)
{
    return facet_whole_supports(g, node) && (facet_node_is_subgraph(&g->nodes[node]) || facet__cv_supports(g, node));
}

static int take_whole(struct facet_graph *g);

static const struct facet_backend_ops ops = {
    .name = "opencv",
    .supports = opencv_supports,
    .take_whole = take_whole,
    .run = opencv_run,
    .available = opencv_available,
    .passes_off = ~(unsigned)FACET_WHOLE_PASSES,
    .bind = opencv_bind,
    .unbind = opencv_unbind,
    .error_text = facet_error_text,
};

static int take_whole(struct facet_graph *g)
{
    return facet_pass_subgraphs(g, &ops);
}

extern FACET_API const struct facet_backend_module facet_backend_module;
const struct facet_backend_module facet_backend_module = { .version = FACET_VERSION, .ops_size = sizeof(struct facet_backend_ops), .ops = &ops };
