/* The module facet-xnnpack.so: node by node on XNNPACK's operators, float32, channels last. Layouts, views,
 * concatenations in place and memory are the plan's, as for our own kernels; what XNNPACK lacks stays with ref. A session
 * is the operators that one node takes, packed and set up for the shapes at hand. */
#include "base/errors.h"
#include "base/pool.h"
#include "engine/backend.h"
#include "engine/backends/xnnpack/xnnpack_priv.h"

#include <facet/export.h>
#include <pthreadpool.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

/* Threads are few and dear: all sessions of so many threads share one pool. */
static struct { mtx_t lock; pthreadpool_t pool; unsigned threads, users; } shared;
static once_flag shared_once = ONCE_FLAG_INIT;

static void make_lock(void)
{
    mtx_init(&shared.lock, mtx_plain);
}

static pthreadpool_t borrow_pool(unsigned threads, bool *is_shared)
{
    pthreadpool_t pool = NULL;
    *is_shared = false;
    if (threads < 2)
        return NULL;
    call_once(&shared_once, make_lock);
    mtx_lock(&shared.lock);
    if (!shared.users) {
        shared.pool = pthreadpool_create(threads);
        shared.threads = threads;
    }
    if (shared.pool && shared.threads == threads) {
        shared.users++;
        pool = shared.pool;
        *is_shared = true;
    }
    mtx_unlock(&shared.lock);
    return pool; /* another number of threads at the same time runs on the caller alone */
}

static void return_pool(void)
{
    mtx_lock(&shared.lock);
    if (--shared.users == 0) {
        pthreadpool_destroy(shared.pool);
        shared.pool = NULL;
    }
    mtx_unlock(&shared.lock);
}

/* ---- sessions ---- */

int facet__xn_check(enum xnn_status s, const char *doing, const struct facet_graph *g, const struct facet_node *n)
{
    if (s == xnn_status_success)
        return FACET_OK;
    return facet_fail(s == xnn_status_out_of_memory ? FACET_E_NOMEM : FACET_E_UNSUPPORTED, "XNNPACK cannot %s '%s' (%s) of '%s': status %d", doing,
                      n->name, n->op, g->name, (int)s);
}

static void drop_ops(struct xn_session *s)
{
    for (int i = 0; i < s->n_ops; i++)
        xnn_delete_operator(s->ops[i]);
    s->n_ops = 0;
}

static void xn_unbind(void *session)
{
    struct xn_session *s = session;
    drop_ops(s);
    if (s->has_pool)
        return_pool();
    free(s);
}

static int xn_bind(void **session, const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    struct xn_session *s = *session;
    if (!s) {
        s = calloc(1, sizeof(*s));
        if (!s)
            return facet_fail_nomem();
        s->pool = borrow_pool(facet_pool_threads(r->pool), &s->has_pool);
        *session = s;
    }
    drop_ops(s);
    int err = facet__xn_build(s, g, &g->nodes[node], r);
    if (err)
        drop_ops(s);
    return err;
}

static int xn_run(const void *state, const struct facet_graph *g, int node, const struct facet_run *r)
{
    const struct xn_session *s = r->session;
    int err = s->n_ops ? FACET_OK : facet__xn_move(&g->nodes[node], r);
    for (int i = 0; !err && i < s->n_ops; i++)
        err = facet__xn_check(xnn_run_operator(s->ops[i], s->pool), "run", g, &g->nodes[node]);
    return err;
}

static int xn_available(char *version, size_t cap)
{
    if (xnn_initialize(NULL) != xnn_status_success)
        return facet_fail(FACET_E_UNSUPPORTED, "back end 'xnnpack' is not here: XNNPACK cannot use this processor");
    snprintf(version, cap, "present");
    return FACET_OK;
}

static const struct facet_backend_ops ops = {
    .name = "xnnpack",
    .supports = facet__xn_supports,
    .layout = facet__xn_layout,
    .strided = facet__xn_strided,
    .run = xn_run,
    .available = xn_available,
    .bind = xn_bind,
    .unbind = xn_unbind,
    .error_text = facet_error_text,
};

extern FACET_API const struct facet_backend_module facet_backend_module;
const struct facet_backend_module facet_backend_module = { .version = FACET_VERSION, .ops_size = sizeof(struct facet_backend_ops), .ops = &ops };
