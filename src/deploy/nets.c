#include "deploy/nets.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/pool.h"
#include "base/str.h"
#include "deploy/line.h"
#include "engine/plan.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAITING 64

struct net {
    char name[FACET_NET_NAME];
    const struct facet_model_spec *spec;
    const char *part;
    struct facet_plan *plan;
    struct facet_exec *exec;
};

struct facet_nets {
    struct facet_manifest *manifest;
    struct facet_nets_opts o;
    char backend[32];
    struct facet_pool *pool;
    struct facet_line line;        /* one place: who has it may open and run */
    bool has_line;
    struct net *nets;
    size_t n;
};

/* --- open and close --- */

static size_t count_parts(const struct facet_manifest *m)
{
    size_t n = 0;
    for (size_t i = 0; i < facet_manifest_count(m); i++) {
        size_t parts = facet_manifest_at(m, i)->n_parts;
        n += parts ? parts : 1;
    }
    return n;
}

static void add_net(struct facet_nets *n, const struct facet_model_spec *s, const char *part)
{
    struct net *net = &n->nets[n->n++];
    net->spec = s;
    net->part = part;
    snprintf(net->name, sizeof(net->name), *part ? "%s.%s" : "%s%s", s->name, part);
}

static int list_nets(struct facet_nets *n)
{
    n->nets = calloc(count_parts(n->manifest) + 1, sizeof(*n->nets));
    if (!n->nets)
        return facet_fail_nomem();
    for (size_t i = 0; i < facet_manifest_count(n->manifest); i++) {
        const struct facet_model_spec *s = facet_manifest_at(n->manifest, i);
        if (!s->n_parts)
            add_net(n, s, "");
        for (size_t k = 0; k < s->n_parts; k++)
            add_net(n, s, s->parts[k].name);
    }
    return FACET_OK;
}

static int open_parts(struct facet_nets *n)
{
    int err = facet_copy_text(n->backend, sizeof(n->backend), n->o.backend ? n->o.backend : "");
    n->o.backend = *n->backend ? n->backend : NULL;
    if (!err)
        err = facet_manifest_open(&n->manifest, n->o.manifest);
    if (!err)
        err = list_nets(n);
    if (!err)
        err = facet_pool_open(&n->pool, n->o.threads);
    if (!err)
        err = facet_line_init(&n->line, 1, n->o.max_waiting ? n->o.max_waiting : MAX_WAITING);
    n->has_line = !err;
    return err;
}

int facet_nets_open(struct facet_nets **out, const struct facet_nets_opts *o)
{
    *out = NULL;
    struct facet_nets *n = calloc(1, sizeof(*n));
    if (!n)
        return facet_fail_nomem();
    n->o = *o;
    int err = open_parts(n);
    n->o.manifest = NULL;
    if (err)
        facet_nets_close(&n);
    *out = n;
    return err;
}

void facet_nets_close(struct facet_nets **pn)
{
    struct facet_nets *n = *pn;
    *pn = NULL;
    if (!n)
        return;
    if (n->has_line)
        facet_line_stop(&n->line);
    for (size_t i = 0; i < n->n; i++) {
        facet_exec_close(&n->nets[i].exec);
        facet_plan_close(&n->nets[i].plan);
    }
    free(n->nets);
    facet_pool_close(&n->pool);
    facet_manifest_close(&n->manifest);
    if (n->has_line)
        facet_line_fini(&n->line);
    free(n);
}

/* --- what there is --- */

size_t facet_nets_count(const struct facet_nets *n)
{
    return n->n;
}

const char *facet_nets_name(const struct facet_nets *n, size_t i)
{
    return n->nets[i].name;
}

static struct net *find(const struct facet_nets *n, const char *name)
{
    for (size_t i = 0; i < n->n; i++)
        if (!strcmp(n->nets[i].name, name))
            return &n->nets[i];
    facet_fail(FACET_E_NOT_FOUND, "there is no model '%s'", name);
    return NULL;
}

static void describe(const struct net *net, struct facet_net_info *out)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "%s", net->name);
    snprintf(out->version, sizeof(out->version), "%s", net->spec->version);
    out->is_present = facet_model_present(net->spec);
}

int facet_nets_look(const struct facet_nets *n, const char *name, struct facet_net_info *out)
{
    const struct net *net = find(n, name);
    if (!net)
        return FACET_E_NOT_FOUND;
    describe(net, out);
    return FACET_OK;
}

const struct facet_model_spec *facet_nets_spec(const struct facet_nets *n, const char *name)
{
    const struct net *net = find(n, name);
    return net ? net->spec : NULL;
}

static int open_net(struct facet_nets *n, struct net *net)
{
    if (net->exec)
        return FACET_OK;
    struct facet_plan_opts po = FACET_PLAN_OPTS_INIT;
    po.backend = n->o.backend;
    po.strict = n->o.strict;
    po.cache = true;
    int err = net->plan ? FACET_OK : facet_model_plan(&net->plan, net->spec, net->part, &po);
    return err ? err : facet_exec_open(&net->exec, net->plan, n->pool);
}

/* A batch of 1 in the file is free (facet_exec_bind). */
static void put_input(struct facet_net_port *p, const struct facet_value *v)
{
    snprintf(p->name, sizeof(p->name), "%s", v->name);
    p->dtype = v->dtype;
    p->shape = v->shape;
    if (p->shape.rank > 0 && p->shape.dim[0] == 1)
        p->shape.dim[0] = -1;
}

/* Sizes are known when inputs are: what was inferred from a batch of 1 tells only the rank. */
static void put_output(struct facet_net_port *p, const struct facet_value *v, const char *name)
{
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->dtype = v->dtype;
    p->shape = v->shape;
    if (p->shape.rank > 0)
        p->shape.dim[0] = -1;
}

static int put_ports(const struct net *net, struct facet_net_info *out)
{
    const struct facet_graph *g = facet_plan_graph(net->plan);
    if (g->n_inputs > FACET_NET_PORTS || g->n_outputs > FACET_NET_PORTS)
        return facet_fail(FACET_E_LIMIT, "cannot serve model '%s': it has more than %d inputs or outputs", net->name, FACET_NET_PORTS);
    for (int i = 0; i < g->n_inputs; i++)
        put_input(&out->inputs[i], &g->values[g->inputs[i]]);
    for (int i = 0; i < g->n_outputs; i++)
        put_output(&out->outputs[i], &g->values[g->outputs[i]], facet_plan_output_name(net->plan, i));
    out->n_inputs = g->n_inputs;
    out->n_outputs = g->n_outputs;
    return FACET_OK;
}

int facet_nets_info(struct facet_nets *n, const char *name, struct facet_net_info *out)
{
    struct net *net = find(n, name);
    unsigned place;
    int err = net ? facet_line_enter(&n->line, false) : FACET_E_NOT_FOUND;
    if (err)
        return err;
    err = facet_line_take(&n->line, &place);
    if (!err) {
        describe(net, out);
        err = open_net(n, net);
        if (!err)
            err = put_ports(net, out);
        facet_line_give(&n->line, place);
    }
    facet_line_leave(&n->line);
    return err;
}

/* --- running --- */

static const struct facet_net_tensor *given(const struct facet_net_tensor *inputs, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strcmp(inputs[i].port.name, name))
            return &inputs[i];
    return NULL;
}

static int check_shape(const char *model, const struct facet_net_port *want, const struct facet_net_port *have)
{
    char a[96], b[96];
    bool fits = want->shape.rank == have->shape.rank && want->dtype == have->dtype;
    for (int i = 0; fits && i < want->shape.rank; i++)
        fits = have->shape.dim[i] > 0 && (want->shape.dim[i] < 0 || want->shape.dim[i] == have->shape.dim[i]);
    facet_shape_text(&want->shape, a, sizeof(a));
    facet_shape_text(&have->shape, b, sizeof(b));
    if (!fits)
        return facet_fail(FACET_E_INVALID, "input '%s' of model '%s' is %s of shape %s, not %s of %s", want->name, model,
                          facet_dtype_name(want->dtype), a, facet_dtype_name(have->dtype), b);
    int64_t count = facet_shape_count(&have->shape);
    if (count < 1 || count > (int64_t)(FACET_MAX_INFER_BODY / sizeof(float)))
        return facet_fail(FACET_E_LIMIT, "input '%s' of shape %s is too large: %u numbers at most", want->name, b,
                          (unsigned)(FACET_MAX_INFER_BODY / sizeof(float)));
    if (want->shape.rank && want->shape.dim[0] < 0 && have->shape.dim[0] > FACET_MAX_INFER_BATCH)
        return facet_fail(FACET_E_LIMIT, "a batch of %d is too large: %d at most", (int)have->shape.dim[0], FACET_MAX_INFER_BATCH);
    return FACET_OK;
}

static int check_inputs(const struct facet_net_info *info, const struct facet_net_tensor *inputs, int n, struct facet_shape *shapes)
{
    if (n != info->n_inputs)
        return facet_fail(FACET_E_INVALID, "model '%s' has %d inputs, not %d", info->name, info->n_inputs, n);
    int err = FACET_OK;
    for (int i = 0; !err && i < info->n_inputs; i++) {
        const struct facet_net_tensor *t = given(inputs, n, info->inputs[i].name);
        err = t ? check_shape(info->name, &info->inputs[i], &t->port)
                : facet_fail(FACET_E_INVALID, "model '%s' has an input '%s' that was not given", info->name, info->inputs[i].name);
        if (!err)
            shapes[i] = t->port.shape;
    }
    return err;
}

static size_t bytes_of(const struct facet_tensor *t)
{
    return (size_t)facet_shape_count(&t->shape) * facet_dtype_size(t->dtype);
}

static int keep_outputs(const struct net *net, const struct facet_net_info *info, struct facet_net_answer *out)
{
    size_t total = 0, at = 0;
    for (int i = 0; i < info->n_outputs; i++)
        total += (bytes_of(facet_exec_output(net->exec, i)) + 15) & ~(size_t)15;
    char *memory = out->memory = malloc(total + 1);
    if (!memory)
        return facet_fail_nomem();
    for (int i = 0; i < info->n_outputs; i++) {
        const struct facet_tensor *t = facet_exec_output(net->exec, i);
        struct facet_net_tensor *to = &out->outputs[out->n++];
        to->port = info->outputs[i];
        to->port.dtype = t->dtype;
        to->port.shape = t->shape;
        to->data = memcpy(memory + at, t->data, bytes_of(t));
        at += (bytes_of(t) + 15) & ~(size_t)15;
    }
    return FACET_OK;
}

static int run_net(struct facet_nets *n, struct net *net, const struct facet_net_tensor *inputs, int n_inputs, struct facet_net_answer *out)
{
    struct facet_net_info info;
    struct facet_shape shapes[FACET_NET_PORTS];
    describe(net, &info);
    int err = open_net(n, net);
    if (!err)
        err = put_ports(net, &info);
    if (!err)
        err = check_inputs(&info, inputs, n_inputs, shapes);
    if (!err)
        err = facet_exec_bind(net->exec, shapes, n_inputs);
    for (int i = 0; !err && i < n_inputs; i++) {
        struct facet_tensor *to = facet_exec_input(net->exec, i);
        if (to->dtype != FACET_F32)
            err = facet_fail(FACET_E_UNSUPPORTED, "cannot serve model '%s': its input '%s' is no float32", net->name, info.inputs[i].name);
        else
            memcpy(to->data, given(inputs, n_inputs, info.inputs[i].name)->data, bytes_of(to));
    }
    if (!err)
        err = facet_exec_run(net->exec);
    return err ? err : keep_outputs(net, &info, out);
}

int facet_nets_run(struct facet_nets *n, const char *name, const struct facet_net_tensor *inputs, int n_inputs,
                   struct facet_net_answer *out)
{
    unsigned place;
    memset(out, 0, sizeof(*out));
    struct net *net = find(n, name);
    int err = net ? facet_line_enter(&n->line, false) : FACET_E_NOT_FOUND;
    if (err)
        return err;
    uint64_t since = facet_now_ns();
    err = facet_line_take(&n->line, &place);
    if (!err) {
        uint64_t began = facet_now_ns();
        out->queued_ns = began - since;
        err = run_net(n, net, inputs, n_inputs, out);
        out->worked_ns = facet_now_ns() - began;
        facet_line_give(&n->line, place);
    }
    facet_line_leave(&n->line);
    if (err)
        facet_net_answer_fini(out);
    return err;
}

void facet_net_answer_fini(struct facet_net_answer *a)
{
    free(a->memory);
    memset(a, 0, sizeof(*a));
}
