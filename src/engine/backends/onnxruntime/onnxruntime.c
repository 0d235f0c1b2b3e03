/* ONNX Runtime gets the network as it was read, in one piece: it has passes of its own. */
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backends/onnxruntime/ort.h"
#include "engine/backends/whole.h"
#include "engine/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct model {
    struct facet_ort *ort;
    uint8_t *onnx;
    size_t len;
};

static int ort_available(char *version, size_t cap)
{
    struct facet_ort *o = NULL;
    int err = facet_ort_open(&o);
    if (!err)
        snprintf(version, cap, "%s", facet_ort_version(o));
    facet_ort_close(&o);
    return err;
}

static int take_whole(struct facet_graph *g)
{
    return facet_pass_subgraphs(g, &facet_backend_onnxruntime);
}

static void ort_release(void *state)
{
    struct model *m = state;
    free(m->onnx);
    facet_ort_close(&m->ort);
    free(m);
}

static int ort_prepare(void **state, const struct facet_graph *g, int node, struct facet_pack *pack)
{
    struct model *m = calloc(1, sizeof(*m));
    int err = m ? FACET_OK : facet_fail_nomem();
    *state = NULL;
    if (err)
        return err;
    err = facet_ort_open(&m->ort);
    if (!err)
        err = facet_whole_onnx(g, node, &m->onnx, &m->len);
    if (err)
        ort_release(m);
    else
        *state = m;
    return err;
}

/* A session is the same for all shapes. */
static int ort_bind(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct model *m = state;
    struct facet_ort_net *n = *session;
    int err = n ? FACET_OK : facet_ort_load(&n, m->ort, m->onnx, m->len, facet_pool_threads(r->pool));
    *session = n;
    if (!err)
        err = facet_ort_bind(n, r->in, r->n_in, r->out, r->n_out);
    return err ? facet_fail_prefix(err, "'%s'", g->name) : FACET_OK;
}

static void ort_unbind(void *session)
{
    struct facet_ort_net *n = session;
    facet_ort_unload(&n);
}

static int ort_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    return facet_ort_run(r->session);
}

const struct facet_backend_ops facet_backend_onnxruntime = {
    .name = "onnxruntime",
    .supports = facet_whole_supports,
    .take_whole = take_whole,
    .prepare = ort_prepare,
    .release = ort_release,
    .drops_constants = facet_whole_drops,
    .run = ort_run,
    .available = ort_available,
    .passes_off = ~(unsigned)FACET_WHOLE_PASSES,
    .makes = 1u << FACET_U8,
    .bind = ort_bind,
    .unbind = ort_unbind,
};
