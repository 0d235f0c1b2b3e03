/* A plan bound to buffers. Binding infers shapes, decides where values lie, lays out one arena and
 * writes down the steps; running walks the steps. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/pool.h"
#include "engine/plan_priv.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARENA ((size_t)32 << 30)
#define SLACK 64 /* kernels may read this far behind the last number of a buffer */

/* ---- life ---- */

static size_t count_arguments(const struct facet_graph *g, bool outputs)
{
    size_t n = 1;
    for (int i = 0; i < g->n_nodes; i++)
        n += (size_t)(outputs ? g->nodes[i].n_outputs : g->nodes[i].n_inputs);
    return n;
}

static bool exec_alloc(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    size_t values = (size_t)g->n_values + 1, nodes = (size_t)g->n_nodes + 1;
    e->bound = calloc((size_t)g->n_inputs, sizeof(*e->bound));
    e->facts = calloc(values, sizeof(*e->facts));
    e->tensors = calloc(values, sizeof(*e->tensors));
    e->places = calloc(values, sizeof(*e->places));
    e->buffer_of = calloc(values, sizeof(*e->buffer_of));
    e->ins = calloc(count_arguments(g, false), sizeof(*e->ins));
    e->outs = calloc(count_arguments(g, true), sizeof(*e->outs));
    e->steps = calloc(nodes, sizeof(*e->steps));
    e->buffers = calloc(values + nodes, sizeof(*e->buffers));
    e->order = calloc(values + nodes, sizeof(*e->order));
    e->flags = calloc(nodes, 1);
    e->node_bytes = calloc(nodes, sizeof(*e->node_bytes));
    e->node_ns = calloc(nodes, sizeof(*e->node_ns));
    e->sessions = calloc(nodes, sizeof(*e->sessions));
    return e->sessions && e->bound && e->facts && e->tensors && e->places && e->buffer_of && e->ins && e->outs && e->steps &&
           e->buffers && e->order && e->flags && e->node_bytes && e->node_ns;
}

/* Binds at once when the file leaves nothing free but the batch: 1 then. */
static int bind_default(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    for (int i = 0; i < g->n_inputs; i++) {
        e->bound[i] = g->values[g->inputs[i]].shape;
        for (int d = 0; d < e->bound[i].rank; d++) {
            if (e->bound[i].dim[d] < 0 && d > 0)
                return FACET_OK;
            if (e->bound[i].dim[d] < 0)
                e->bound[i].dim[d] = 1;
        }
    }
    return facet_exec_bind(e, e->bound, g->n_inputs);
}

int facet_exec_open(struct facet_exec **out, const struct facet_plan *p, struct facet_pool *pool)
{
    struct facet_exec *e = calloc(1, sizeof(*e));
    *out = NULL;
    if (!e)
        return facet_fail_nomem();
    e->p = p;
    e->pool = pool;
    int err = exec_alloc(e) ? FACET_OK : facet_fail_nomem();
    if (!err) {
        facet_infer_start(p->g, e->facts);
        err = bind_default(e);
    }
    if (err)
        facet_exec_close(&e);
    *out = e;
    return err;
}

static void drop_sessions(struct facet_exec *e)
{
    for (int i = 0; e->sessions && i < e->p->g->n_nodes; i++)
        if (e->sessions[i])
            e->p->nodes[i].backend->unbind(e->sessions[i]);
    free(e->sessions);
}

void facet_exec_close(struct facet_exec **exec)
{
    struct facet_exec *e = *exec;
    if (!e)
        return;
    drop_sessions(e);
    free(e->bound);
    free(e->facts);
    free(e->tensors);
    free(e->places);
    free(e->buffer_of);
    free(e->ins);
    free(e->outs);
    free(e->steps);
    free(e->buffers);
    free(e->order);
    free(e->flags);
    free(e->node_bytes);
    free(e->node_ns);
    free(e->arena);
    free(e);
    *exec = NULL;
}

/* ---- bind ---- */

static int check_inputs(const struct facet_exec *e, const struct facet_shape *inputs, int n)
{
    const struct facet_graph *g = e->p->g;
    if (n != g->n_inputs)
        return facet_fail(FACET_E_INVALID, "cannot run '%s': it has %d inputs, %d shapes were given", g->name, g->n_inputs, n);
    for (int i = 0; i < n; i++) {
        const struct facet_value *v = &g->values[g->inputs[i]];
        bool fits = inputs[i].rank == v->shape.rank && facet_shape_count(&inputs[i]) > 0;
        for (int d = 0; fits && d < v->shape.rank; d++)
            fits = v->shape.dim[d] < 0 || v->shape.dim[d] == inputs[i].dim[d];
        if (fits)
            continue;
        char want[96], got[96];
        facet_shape_text(&v->shape, want, sizeof(want));
        facet_shape_text(&inputs[i], got, sizeof(got));
        return facet_fail(FACET_E_INVALID, "cannot run '%s': input '%s' is %s, not %s", g->name, v->name, want, got);
    }
    return FACET_OK;
}

static bool is_same(const struct facet_exec *e, const struct facet_shape *inputs, int n)
{
    if (!e->is_bound || n != e->p->g->n_inputs)
        return false;
    for (int i = 0; i < n; i++)
        if (!facet_shape_equal(&e->bound[i], &inputs[i]))
            return false;
    return true;
}

static int infer_shapes(struct facet_exec *e, const struct facet_shape *inputs)
{
    const struct facet_graph *g = e->p->g;
    for (int i = 0; i < g->n_inputs; i++)
        e->facts[g->inputs[i]].shape = inputs[i];
    int err = facet_infer_run(g, e->facts);
    for (int i = 0; !err && i < g->n_nodes; i++) {
        int residual = g->nodes[i].epi.residual;
        if (residual >= 0 && !facet_shape_equal(&e->facts[residual].shape, &e->facts[g->nodes[i].outputs[0]].shape))
            return facet_op_fail(g, &g->nodes[i], FACET_E_UNSUPPORTED, "with these inputs its sum would have to spread; "
                                 "switch residual fusion off");
        for (int k = 0; k < g->nodes[i].n_outputs; k++) {
            int v = g->nodes[i].outputs[k];
            if (v >= 0 && facet_shape_count(&e->facts[v].shape) < 0)
                return facet_op_fail(g, &g->nodes[i], FACET_E_UNSUPPORTED, "the shape of its output depends on the data");
        }
    }
    return err;
}

static enum facet_dtype stored_dtype(const struct facet_exec *e, int v)
{
    const struct facet_value *value = &e->p->g->values[v];
    return value->is_stored ? value->store : e->facts[v].dtype;
}

static void fill_tensors(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    for (int v = 0; v < g->n_values; v++)
        e->tensors[v] = (struct facet_tensor){.dtype = stored_dtype(e, v),
                                              .layout = e->p->layouts[v],
                                              .shape = e->facts[v].shape,
                                              .pixel_stride = e->places[v].pixel_stride,
                                              .data = g->values[v].data,
                                              .quant = g->values[v].quant};
}

static void fill_steps(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    const struct facet_tensor **in = e->ins;
    struct facet_tensor **out = e->outs;
    e->n_steps = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const struct facet_node *n = &g->nodes[i];
        if (e->flags[i] != FACET__RUNS)
            continue;
        struct facet__step *s = &e->steps[e->n_steps++];
        *s = (struct facet__step){.node = i, .backend = e->p->nodes[i].backend, .state = e->p->nodes[i].state};
        s->run = (struct facet_run){.in = in, .n_in = n->n_inputs, .out = out, .n_out = n->n_outputs, .pool = e->pool};
        s->run.residual = n->epi.residual >= 0 ? &e->tensors[n->epi.residual] : NULL;
        for (int k = 0; k < n->n_inputs; k++)
            *in++ = n->inputs[k] >= 0 ? &e->tensors[n->inputs[k]] : NULL;
        for (int k = 0; k < n->n_outputs; k++)
            *out++ = n->outputs[k] >= 0 ? &e->tensors[n->outputs[k]] : NULL;
    }
}

static size_t value_bytes(const struct facet_exec *e, int v)
{
    return (size_t)facet_shape_count(&e->facts[v].shape) * facet_dtype_size(stored_dtype(e, v));
}

/* The buffer in which a value lies, living from now on at least. */
static void touch(struct facet_exec *e, int v, int step)
{
    if (v < 0 || facet_value_is_const(&e->p->g->values[v]))
        return;
    int root = e->places[v].root;
    if (facet_value_is_const(&e->p->g->values[root]))
        return;
    if (e->buffer_of[root] < 0) {
        e->buffer_of[root] = e->n_buffers;
        e->buffers[e->n_buffers++] = (struct facet__buffer){.bytes = value_bytes(e, root), .first = step, .last = step};
    }
    struct facet__buffer *b = &e->buffers[e->buffer_of[root]];
    b->first = step < b->first ? step : b->first;
    b->last = step > b->last ? step : b->last;
}

static void collect_buffers(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    unsigned threads = facet_pool_threads(e->pool);
    e->n_buffers = 0;
    for (int v = 0; v < g->n_values; v++)
        e->buffer_of[v] = -1;
    for (int i = 0; i < g->n_inputs; i++) { /* kept whole, so that a run can be repeated */
        touch(e, g->inputs[i], 0);
        touch(e, g->inputs[i], e->n_steps);
    }
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; e->flags[i] == FACET__STATIC && k < g->nodes[i].n_outputs; k++) {
            touch(e, g->nodes[i].outputs[k], 0);
            touch(e, g->nodes[i].outputs[k], e->n_steps);
        }
    for (int s = 0; s < e->n_steps; s++) {
        const struct facet_node *n = &g->nodes[e->steps[s].node];
        for (int k = 0; k < n->n_inputs; k++)
            touch(e, n->inputs[k], s);
        for (int k = 0; k < n->n_outputs; k++)
            touch(e, n->outputs[k], s);
        touch(e, n->epi.residual, s);
    }
    for (int i = 0; i < g->n_outputs; i++)
        touch(e, g->outputs[i], e->n_steps);
    memset(e->node_bytes, 0, (size_t)g->n_nodes * sizeof(*e->node_bytes));
    for (int s = 0; s < e->n_steps; s++) {
        struct facet__step *step = &e->steps[s];
        size_t scratch = step->backend->scratch_bytes
                             ? step->backend->scratch_bytes(step->state, g, step->node, &step->run, threads)
                             : 0;
        e->buffers[e->n_buffers++] = (struct facet__buffer){.bytes = scratch, .first = s, .last = s};
        e->node_bytes[step->node] = scratch;
        for (int k = 0; k < g->nodes[step->node].n_outputs; k++)
            if (g->nodes[step->node].outputs[k] >= 0)
                e->node_bytes[step->node] += value_bytes(e, g->nodes[step->node].outputs[k]);
    }
}

static int plan_arena(struct facet_exec *e)
{
    bool reuse = (e->p->passes & FACET_PASS_REUSE_MEMORY) != 0;
    size_t need = facet__memory_plan(e->buffers, e->n_buffers, e->order, reuse) + SLACK;
    if (need > MAX_ARENA)
        return facet_fail(FACET_E_LIMIT, "cannot run '%s': it needs %zu bytes of memory", e->p->g->name, need);
    e->peak = need;
    int err = facet__arena_fit(e, need);
    if (!err)
        memset(e->arena + need - SLACK, 0, SLACK);
    return err;
}

static void set_addresses(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    for (int v = 0; v < g->n_values; v++) {
        int root = e->places[v].root, b = e->buffer_of[root];
        size_t size = facet_dtype_size(stored_dtype(e, v));
        if (b >= 0)
            e->tensors[v].data = e->arena + e->buffers[b].offset + (size_t)e->places[v].offset * size;
    }
    int first_scratch = e->n_buffers - e->n_steps;
    for (int s = 0; s < e->n_steps; s++)
        if (e->buffers[first_scratch + s].bytes > 0)
            e->steps[s].run.scratch = e->arena + e->buffers[first_scratch + s].offset;
}

/* Shapes that the network computes for itself are known by now. */
static void write_static(struct facet_exec *e)
{
    const struct facet_graph *g = e->p->g;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; e->flags[i] == FACET__STATIC && k < g->nodes[i].n_outputs; k++) {
            int v = g->nodes[i].outputs[k];
            if (v >= 0 && e->buffer_of[v] >= 0 && e->facts[v].n_known > 0)
                memcpy(e->tensors[v].data, e->facts[v].known, (size_t)e->facts[v].n_known * sizeof(int64_t));
        }
}

static int bind_sessions(struct facet_exec *e)
{
    int err = FACET_OK;
    for (int s = 0; !err && s < e->n_steps; s++) {
        struct facet__step *step = &e->steps[s];
        const struct facet_backend_ops *b = step->backend;
        if (!b->bind)
            continue;
        err = facet_backend_failed(b, b->bind(&e->sessions[step->node], step->state, e->p->g, step->node, &step->run));
        step->run.session = e->sessions[step->node];
    }
    return err;
}

int facet_exec_bind(struct facet_exec *e, const struct facet_shape *inputs, int n)
{
    if (is_same(e, inputs, n))
        return FACET_OK;
    int err = check_inputs(e, inputs, n);
    if (err)
        return err;
    e->is_bound = false;
    err = infer_shapes(e, inputs);
    if (err)
        return err;
    facet__place_values(e);
    fill_tensors(e);
    fill_steps(e);
    collect_buffers(e);
    err = plan_arena(e);
    if (err)
        return err;
    set_addresses(e);
    write_static(e);
    err = bind_sessions(e);
    if (err)
        return err;
    memmove(e->bound, inputs, (size_t)n * sizeof(*inputs));
    e->is_bound = true;
    return FACET_OK;
}

/* ---- run ---- */

static int run_profiled(struct facet_exec *e)
{
    int err = FACET_OK;
    for (int s = 0; !err && s < e->n_steps; s++) {
        const struct facet__step *step = &e->steps[s];
        uint64_t start = facet_now_ns();
        err = facet_backend_failed(step->backend, step->backend->run(step->state, e->p->g, step->node, &step->run));
        e->node_ns[step->node] += facet_now_ns() - start;
    }
    return err;
}

int facet_exec_run(struct facet_exec *e)
{
    if (!e->is_bound)
        return facet_fail(FACET_E_INVALID, "cannot run '%s': its input shapes were not set", e->p->g->name);
    if (e->is_untouched)
        facet__arena_populate(e);
    if (e->profile)
        return run_profiled(e);
    int err = FACET_OK;
    for (int s = 0; !err && s < e->n_steps; s++) {
        const struct facet__step *step = &e->steps[s];
        err = facet_backend_failed(step->backend, step->backend->run(step->state, e->p->g, step->node, &step->run));
    }
    return err;
}

/* ---- questions ---- */

struct facet_tensor *facet_exec_input(struct facet_exec *e, int i)
{
    return i >= 0 && i < e->p->g->n_inputs && e->is_bound ? &e->tensors[e->p->g->inputs[i]] : NULL;
}

const struct facet_tensor *facet_exec_output(const struct facet_exec *e, int i)
{
    return i >= 0 && i < e->p->g->n_outputs && e->is_bound ? &e->tensors[e->p->g->outputs[i]] : NULL;
}

const struct facet_tensor *facet_exec_output_named(const struct facet_exec *e, const char *name)
{
    for (int i = 0; i < e->p->g->n_outputs; i++)
        if (strcmp(e->p->output_names[i], name) == 0)
            return facet_exec_output(e, i);
    return NULL;
}

size_t facet_exec_peak_bytes(const struct facet_exec *e)
{
    return e->peak;
}

size_t facet_exec_node_bytes(const struct facet_exec *e, int node)
{
    return node >= 0 && node < e->p->g->n_nodes ? e->node_bytes[node] : 0;
}

void facet_exec_profile(struct facet_exec *e, bool on)
{
    e->profile = on;
    memset(e->node_ns, 0, (size_t)e->p->g->n_nodes * sizeof(*e->node_ns));
}

uint64_t facet_exec_node_ns(const struct facet_exec *e, int node)
{
    return node >= 0 && node < e->p->g->n_nodes ? e->node_ns[node] : 0;
}
