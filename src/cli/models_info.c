/* A network as it will run: the plan after passes, bound to one picture of the size that the network
 * or the manifest fixes. What is free in both is looked at as 320x256. */
#include "cli/models_info.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/out.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "models/models.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#define FREE_WIDTH 320
#define FREE_HEIGHT 256
#define MAX_CUTS 512
#define MAX_INPUTS 8
#define MADE_SHOWN 100

struct info {
    struct facet_plan *plan;
    struct facet_exec *exec;
    const struct facet_graph *g;         /* after passes */
    struct facet_graph *source;          /* as in the file: parameters and cuts, under its own names */
    int64_t parameters, macs, layers;
    int n_other;                         /* nodes that the plan's own back end declined */
    int n_bytes, n_halves;               /* layers that write 8 bits, and 16 */
};

/* ---- finding and opening ---- */

static int64_t given(int64_t dim, int at)
{
    return dim >= 0 ? dim : at == 2 ? FREE_HEIGHT : at == 3 ? FREE_WIDTH : 1;
}

/* Gives every free dimension of the inputs a size, so that all others are known. */
static int fix_inputs(struct facet_graph *g, struct facet_shape *shapes)
{
    if (g->n_inputs > MAX_INPUTS)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot look into '%s': it has more than %d inputs", g->name, MAX_INPUTS);
    for (int k = 0; k < g->n_inputs; k++) {
        struct facet_shape *s = &g->values[g->inputs[k]].shape;
        for (int d = 0; d < s->rank; d++)
            s->dim[d] = given(s->dim[d], d);
        shapes[k] = *s;
    }
    return FACET_OK;
}

static const struct facet_value *result_of(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    return n->n_outputs && n->outputs[0] >= 0 ? &g->values[n->outputs[0]] : NULL;
}

/* The type in which a node's weights are given to its back end; "": it has none. */
static const char *weights_of(const struct facet_graph *g, int node)
{
    const struct facet_node *n = &g->nodes[node];
    const struct facet_value *w = n->n_inputs > 1 && n->inputs[1] >= 0 ? &g->values[n->inputs[1]] : NULL;
    bool is_product = !strcmp(n->op, "Conv") || !strcmp(n->op, "Gemm") || !strcmp(n->op, "MatMul");
    return is_product && w && facet_value_is_const(w) ? facet_dtype_name(facet_value_store(w)) : "";
}

static void count_work(struct info *i)
{
    for (int v = 0; v < i->source->n_values; v++) {
        const struct facet_value *value = &i->source->values[v];
        bool is_weight = value->shape.rank > 1 && (value->dtype == FACET_I8 || value->dtype == FACET_U8);
        bool is_float = value->dtype == FACET_F32 || value->dtype == FACET_F16 || value->dtype == FACET_BF16;
        if (value->data && (is_float || is_weight))
            i->parameters += facet_shape_count(&value->shape);
    }
    for (int n = 0; n < i->g->n_nodes; n++) {
        const char *by = facet_plan_backend_of(i->plan, n);
        int64_t macs = facet_node_macs(i->g, n);
        i->layers += *by != '\0';
        i->macs += macs > 0 ? macs : 0;
        i->n_other += !strcmp(by, "ref");
        const struct facet_value *y = result_of(i->g, n);
        i->n_bytes += *by && y && y->is_stored && y->store == FACET_U8;
        i->n_halves += *by && y && y->is_stored && y->store == FACET_BF16;
    }
}

static int info_open(struct info *i, const char *path, const char *backend)
{
    struct facet_plan_opts o = { .backend = backend };
    struct facet_shape shapes[MAX_INPUTS];
    struct facet_graph *g = NULL;
    int err = facet_onnx_load(&i->source, path);
    if (!err)
        err = fix_inputs(i->source, shapes);
    if (!err)
        err = facet_graph_infer(i->source);
    if (!err)
        err = facet_onnx_load(&g, path); /* again: a plan takes its graph and drops the weights */
    if (!err)
        err = fix_inputs(g, shapes);
    int n_inputs = err ? 0 : g->n_inputs;
    if (!err)
        err = facet_plan_open(&i->plan, &g, &o);
    facet_graph_free(&g);
    if (!err)
        err = facet_exec_open(&i->exec, i->plan, NULL);
    if (!err)
        err = facet_exec_bind(i->exec, shapes, n_inputs);
    if (err)
        return err;
    i->g = facet_plan_graph(i->plan);
    count_work(i);
    return FACET_OK;
}

static void info_close(struct info *i)
{
    facet_exec_close(&i->exec);
    facet_plan_close(&i->plan);
    facet_graph_free(&i->source);
}

/* ---- telling ---- */

static void shape_of(const struct info *i, int value, char *out, size_t cap)
{
    facet_shape_text(&i->g->values[value].shape, out, cap);
}

/* What a node that stands for several stands for. */
static void tell_body(const struct info *i, int n, const struct facet_cli *cli, struct facet_jsonw *w)
{
    const struct facet_graph *body = i->g->nodes[n].body;
    if (!body)
        return;
    facet_jsonw_key(w, "body");
    facet_jsonw_array(w);
    for (int k = 0; k < body->n_nodes; k++) {
        const struct facet_node *node = &body->nodes[k];
        facet_say(cli, "    %-32.32s %-18s %-16s %10.3f %9s  %s\n", node->name, node->op, "", (double)facet_node_macs(body, k) / 1e6, "",
                  facet_plan_backend_of(i->plan, n));
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", node->name);
        facet_jsonw_kstr(w, "op", node->op);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void tell_node(const struct info *i, int n, const struct facet_cli *cli, struct facet_jsonw *w)
{
    const struct facet_node *node = &i->g->nodes[n];
    const char *by = facet_plan_backend_of(i->plan, n);
    char shape[64] = "";
    int64_t macs = facet_node_macs(i->g, n);
    if (!*by)
        return;
    if (node->n_outputs)
        shape_of(i, node->outputs[0], shape, sizeof(shape));
    const struct facet_value *y = result_of(i->g, n);
    const char *kept = y ? facet_dtype_name(facet_value_store(y)) : "";
    facet_say(cli, "  %-34.34s %-18s %-16s %-9s %10.3f %9.1f  %s\n", node->name, node->op, shape, kept, (double)macs / 1e6,
              (double)facet_exec_node_bytes(i->exec, n) / 1024, by);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", node->name);
    facet_jsonw_kstr(w, "op", node->op);
    facet_jsonw_kstr(w, "shape", shape);
    facet_jsonw_kint(w, "macs", macs);
    facet_jsonw_kint(w, "bytes", (int64_t)facet_exec_node_bytes(i->exec, n));
    facet_jsonw_kstr(w, "backend", by);
    tell_body(i, n, cli, w);
    facet_jsonw_kstr(w, "kept", kept);
    if (y && y->is_stored && y->store == FACET_U8) {
        facet_jsonw_knum(w, "scale", (double)y->quant.scale, 9);
        facet_jsonw_kint(w, "zero", y->quant.zero);
    }
    if (*weights_of(i->g, n))
        facet_jsonw_kstr(w, "weights", weights_of(i->g, n));
    facet_jsonw_end_object(w);
}

static void tell_values(const struct info *i, const char *key, const int *values, int n, const struct facet_cli *cli,
                        struct facet_jsonw *w)
{
    facet_jsonw_key(w, key);
    facet_jsonw_array(w);
    for (int k = 0; k < n; k++) {
        char shape[64];
        shape_of(i, values[k], shape, sizeof(shape));
        facet_say(cli, "  %-8s %s %s\n", k ? "" : key, i->g->values[values[k]].name, shape);
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", i->g->values[values[k]].name);
        facet_jsonw_kstr(w, "shape", shape);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void tell_cuts(const struct info *i, const struct facet_cli *cli, struct facet_jsonw *w)
{
    struct facet_cut cuts[MAX_CUTS];
    size_t n = facet_graph_cuts(i->source, cuts, MAX_CUTS);
    facet_say(cli, "  cuts     %zu places where all that follows needs one value alone%s\n", n,
              cli->verbose ? ":" : " (-v lists them)");
    facet_jsonw_key(w, "cuts");
    facet_jsonw_array(w);
    for (size_t k = 0; k < n && k < MAX_CUTS; k++) {
        char shape[64];
        facet_shape_text(&cuts[k].shape, shape, sizeof(shape));
        if (cli->verbose)
            facet_say(cli, "           %-34.34s %-16s %9.1f KiB\n", i->source->values[cuts[k].value].name, shape,
                      (double)cuts[k].bytes / 1024);
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "value", i->source->values[cuts[k].value].name);
        facet_jsonw_kstr(w, "shape", shape);
        facet_jsonw_kint(w, "bytes", cuts[k].bytes);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void tell_precision(const struct info *i, const struct facet_cli *cli, struct facet_jsonw *w)
{
    const char *says = facet_graph_meta(i->source, "facet.precision"), *made = facet_graph_meta(i->source, "facet.made");
    facet_say(cli, "  kept     %d layers write 8 bits, %d write 16, %d write float32%s%s\n", i->n_bytes, i->n_halves,
              (int)i->layers - i->n_bytes - i->n_halves, says ? "; the file says " : "", says ? says : "");
    if (made && (cli->verbose || strlen(made) <= MADE_SHOWN))
        facet_say(cli, "  made     %s\n", made);
    else if (made)
        facet_say(cli, "  made     %.*s... (-v shows all)\n", MADE_SHOWN, made);
    facet_jsonw_kstr(w, "precision", says ? says : "fp32");
    facet_jsonw_kint(w, "layers_in_8_bits", i->n_bytes);
    facet_jsonw_kint(w, "layers_in_16_bits", i->n_halves);
    if (made)
        facet_jsonw_kstr(w, "made", made);
}

static void tell(const struct info *i, const char *title, const struct facet_cli *cli, struct facet_jsonw *w)
{
    int64_t peak = (int64_t)facet_exec_peak_bytes(i->exec), weights = (int64_t)facet_plan_weight_bytes(i->plan);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "network", title);
    facet_say(cli, "%s\n", title);
    tell_values(i, "inputs", i->g->inputs, i->g->n_inputs, cli, w);
    tell_values(i, "outputs", i->g->outputs, i->g->n_outputs, cli, w);
    facet_say(cli, "  %-34s %-18s %-16s %-9s %10s %9s  %s\n", "LAYER", "OPERATOR", "SHAPE", "KEPT AS", "MMAC", "KiB", "RUNS ON");
    facet_jsonw_key(w, "layers");
    facet_jsonw_array(w);
    for (int n = 0; n < i->g->n_nodes; n++)
        tell_node(i, n, cli, w);
    facet_jsonw_end_array(w);
    tell_cuts(i, cli, w);
    facet_jsonw_kint(w, "parameters", i->parameters);
    facet_jsonw_kint(w, "macs", i->macs);
    facet_jsonw_kint(w, "peak_bytes", peak);
    facet_jsonw_kint(w, "weight_bytes", weights);
    facet_jsonw_kint(w, "declined", i->n_other);
    facet_say(cli, "  total    %lld layers, %.3f M parameters, %.1f MMAC, %.1f MB of activations at the peak, "
              "%.1f MB of packed weights\n", (long long)i->layers, (double)i->parameters / 1e6, (double)i->macs / 1e6,
              (double)peak / 1e6, (double)weights / 1e6);
    tell_precision(i, cli, w);
    facet_jsonw_end_object(w);
    if (i->n_other)
        facet_say(cli, "  %d layers run on the plain back end, for the fast one declined them\n", i->n_other);
}

static int tell_file(const char *path, const char *title, const char *backend, const struct facet_cli *cli, struct facet_jsonw *w)
{
    struct info i = {0};
    int err = info_open(&i, path, backend);
    if (!err)
        tell(&i, title, cli, w);
    info_close(&i);
    return err;
}

/* ---- by name ---- */

static void tell_spec(const struct facet_model_spec *s, const struct facet_cli *cli)
{
    facet_say(cli, "%s %s: %s\n  licence  %s%s%s\n  source   %s\n", s->name, s->version, s->title, s->licence,
              *s->licence_note ? "; " : "", s->licence_note, s->source);
    if (s->dim)
        facet_say(cli, "  answers  %d numbers, the same person from cosine %.2f\n", s->dim, s->threshold);
}

static int check_part(const struct facet_model_spec *s, const char *part)
{
    char list[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < s->n_parts; i++) {
        if (!strcmp(part, s->parts[i].name))
            return FACET_OK;
        if (used < sizeof(list))
            used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", s->parts[i].name);
    }
    return facet_fail(FACET_E_NOT_FOUND, "the model '%s' has no part '%s'%s%s", s->name, part, *list ? "; it has " : "", list);
}

static int tell_model(const char *what, const char *backend, const struct facet_cli *cli, struct facet_jsonw *w)
{
    char name[FACET_MAX_NAME], path[PATH_MAX], title[FACET_MAX_NAME + 40];
    const char *slash = strchr(what, '/');
    struct facet_manifest *m;
    snprintf(name, sizeof(name), "%.*s", (int)(slash ? slash - what : (long)strlen(what)), what);
    int err = facet_manifest_open(&m, NULL);
    const struct facet_model_spec *s = err ? NULL : facet_manifest_find(m, name);
    if (!err && !s)
        err = FACET_E_NOT_FOUND;
    if (!err && slash)
        err = check_part(s, slash + 1);
    if (!err)
        tell_spec(s, cli);
    for (size_t i = 0; !err && i < s->n_parts; i++) {
        if (slash && strcmp(slash + 1, s->parts[i].name))
            continue;
        err = facet_model_path(s, s->parts[i].name, path, sizeof(path));
        snprintf(title, sizeof(title), "%s%s%s", s->name, *s->parts[i].name ? "/" : "", s->parts[i].name);
        if (!err)
            err = tell_file(path, title, backend, cli, w);
    }
    facet_manifest_close(&m);
    return err;
}

int facet_models_info(struct facet_cli *cli, const char *what, const char *backend)
{
    struct facet_answer a;
    bool is_file = !strcmp(facet_path_ext(what), "onnx") || facet_path_exists(what);
    facet_answer_begin(&a);
    facet_jsonw_key(&a.w, "networks");
    facet_jsonw_array(&a.w);
    int err = is_file ? tell_file(what, what, backend, cli, &a.w) : tell_model(what, backend, cli, &a.w);
    facet_jsonw_end_array(&a.w);
    if (!err && cli->json)
        return facet_answer_end(&a);
    facet_str_fini(&a.text);
    return err;
}
