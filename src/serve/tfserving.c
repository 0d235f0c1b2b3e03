/* TensorFlow Serving's REST form, for every network of the manifest that is pulled: state and metadata of a model, :predict. */
#include "serve/inference.h"
#include "serve/tensor_json.h"
#include "serve/tf_request.h"

#include <stdio.h>
#include <string.h>

/* --- the address: NAME, NAME/versions/V, NAME/metadata, each of the first two with ":verb" --- */

struct target { char name[FACET_NET_NAME]; const char *version, *verb; bool is_metadata; char text[256]; };

static int read_target(struct target *t, const struct facet_http_request *q)
{
    char *colon, *slash;
    memset(t, 0, sizeof(*t));
    int err = facet_copy_text(t->text, sizeof(t->text), facet_http_param(q, "rest"));
    if (err)
        return err;
    colon = strchr(t->text, ':');
    if (colon)
        *colon = '\0', t->verb = colon + 1;
    slash = strchr(t->text, '/');
    if (slash)
        *slash++ = '\0';
    if (slash && !strncmp(slash, "versions/", 9)) {
        t->version = slash + 9;
        slash = strchr(slash + 9, '/');
        if (slash)
            *slash++ = '\0';
    }
    t->is_metadata = slash && !strcmp(slash, "metadata");
    if (slash && (!t->is_metadata || t->verb))
        return facet_fail(FACET_E_NOT_FOUND, "there is nothing at '%s'", facet_http_path(q));
    return facet_copy_text(t->name, sizeof(t->name), t->text);
}

static int check_version(const struct target *t, const struct facet_net_info *info)
{
    return !t->version || facet__net_has_version(info, t->version)
               ? FACET_OK
               : facet_fail(FACET_E_NOT_FOUND, "model '%s' has version '%s', not '%s'", info->name, info->version, t->version);
}

static int begin(struct facet_jsonw *w, struct facet_str *s)
{
    s->max = 2 * FACET_MAX_INFER_BODY;
    facet_jsonw_init(w, s, false);
    facet_jsonw_object(w);
    return FACET_OK;
}

static int end(struct facet_jsonw *w, struct facet_str *s, struct facet_http_request *q)
{
    facet_jsonw_end_object(w);
    int err = facet__answer_json(q, 200, s);
    facet_str_fini(s);
    return err;
}

/* --- state and metadata --- */

void facet__tf_version_status(struct facet_jsonw *w, bool is_present)
{
    facet_jsonw_key(w, "model_version_status");
    facet_jsonw_array(w);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "version", "1");
    facet_jsonw_kstr(w, "state", is_present ? "AVAILABLE" : "END");
    facet_jsonw_key(w, "status");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "error_code", is_present ? "OK" : "NOT_FOUND");
    facet_jsonw_kstr(w, "error_message", is_present ? "" : "not here, run: facet models pull");
    facet_jsonw_end_object(w);
    facet_jsonw_end_object(w);
    facet_jsonw_end_array(w);
}

static void put_tensor_info(struct facet_jsonw *w, const struct facet_net_port *p)
{
    char size[24];
    facet_jsonw_key(w, p->name);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "dtype", p->dtype == FACET_F32 ? "DT_FLOAT" : p->dtype == FACET_I64 ? "DT_INT64" : "DT_INVALID");
    facet_jsonw_kstr(w, "name", p->name);
    facet_jsonw_key(w, "tensor_shape");
    facet_jsonw_object(w);
    facet_jsonw_key(w, "dim");
    facet_jsonw_array(w);
    for (int i = 0; i < p->shape.rank; i++) {
        snprintf(size, sizeof(size), "%lld", (long long)p->shape.dim[i]);
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "size", size);
        facet_jsonw_kstr(w, "name", "");
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_kbool(w, "unknown_rank", p->shape.rank < 0);
    facet_jsonw_end_object(w);
    facet_jsonw_end_object(w);
}

static void put_signature(struct facet_jsonw *w, const struct facet_net_info *info)
{
    facet_jsonw_object(w);
    facet_jsonw_key(w, "inputs");
    facet_jsonw_object(w);
    for (int i = 0; i < info->n_inputs; i++)
        put_tensor_info(w, &info->inputs[i]);
    facet_jsonw_end_object(w);
    facet_jsonw_key(w, "outputs");
    facet_jsonw_object(w);
    for (int i = 0; i < info->n_outputs; i++)
        put_tensor_info(w, &info->outputs[i]);
    facet_jsonw_end_object(w);
    facet_jsonw_kstr(w, "method_name", "tensorflow/serving/predict");
    facet_jsonw_end_object(w);
}

static void put_metadata(struct facet_jsonw *w, const struct facet_net_info *info)
{
    facet_jsonw_key(w, "model_spec");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", info->name);
    facet_jsonw_kstr(w, "signature_name", "");
    facet_jsonw_kstr(w, "version", "1");
    facet_jsonw_end_object(w);
    facet_jsonw_key(w, "metadata");
    facet_jsonw_object(w);
    facet_jsonw_key(w, "signature_def");
    facet_jsonw_object(w);
    facet_jsonw_key(w, "signature_def");
    facet_jsonw_object(w);
    facet_jsonw_key(w, "serving_default");
    put_signature(w, info);
    facet_jsonw_end_object(w);
    facet_jsonw_end_object(w);
    facet_jsonw_end_object(w);
}

static int look(void *ctx, struct facet_http_request *q)
{
    struct facet_nets *nets = facet__serve_nets(ctx);
    struct facet_str s = FACET_STR_INIT;
    struct facet_net_info info;
    struct facet_jsonw w;
    struct target t;
    int err = read_target(&t, q);
    if (!err && t.verb)
        err = facet_fail(FACET_E_NOT_FOUND, "'%s' is asked for by POST", t.verb);
    if (!err)
        err = t.is_metadata ? facet_nets_info(nets, t.name, &info) : facet_nets_look(nets, t.name, &info);
    if (!err)
        err = check_version(&t, &info);
    if (!err)
        err = begin(&w, &s);
    if (err)
        return err;
    if (t.is_metadata)
        put_metadata(&w, &info);
    else
        facet__tf_version_status(&w, info.is_present);
    return end(&w, &s, q);
}

/* --- predict --- */

static void put_rows(struct facet_jsonw *w, const struct facet_net_answer *a)
{
    int64_t rows = a->outputs[0].port.shape.dim[0];
    facet_jsonw_key(w, "predictions");
    facet_jsonw_array(w);
    for (int64_t i = 0; i < rows; i++) {
        if (a->n > 1)
            facet_jsonw_object(w);
        for (int k = 0; k < a->n; k++) {
            const struct facet_net_tensor *t = &a->outputs[k];
            if (a->n > 1)
                facet_jsonw_key(w, t->port.name);
            facet__tensor_to_json(w, t, 1, i * (facet_shape_count(&t->port.shape) / rows));
        }
        if (a->n > 1)
            facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void put_columns(struct facet_jsonw *w, const struct facet_net_answer *a)
{
    facet_jsonw_key(w, "outputs");
    if (a->n > 1)
        facet_jsonw_object(w);
    for (int k = 0; k < a->n; k++) {
        if (a->n > 1)
            facet_jsonw_key(w, a->outputs[k].port.name);
        facet__tensor_to_json(w, &a->outputs[k], 0, 0);
    }
    if (a->n > 1)
        facet_jsonw_end_object(w);
}

/* Rows can be told apart where every output has one for each instance. */
static int check_rows(const struct facet__tf_request *r, const struct facet_net_answer *a)
{
    int64_t rows = r->inputs[0].port.shape.dim[0];
    for (int k = 0; r->is_row && k < a->n; k++)
        if (a->outputs[k].port.shape.rank < 1 || a->outputs[k].port.shape.dim[0] != rows)
            return facet_fail(FACET_E_UNSUPPORTED, "output '%s' has no row for each instance: use 'inputs'", a->outputs[k].port.name);
    return FACET_OK;
}

static int predict(void *ctx, struct facet_http_request *q, const struct target *t)
{
    struct facet_nets *nets = facet__serve_nets(ctx);
    struct facet_str s = FACET_STR_INIT;
    struct facet_net_answer got = {.n = 0};
    struct facet__tf_request r = {.n_inputs = 0};
    struct facet_net_info info;
    struct facet_jsonw w;
    size_t len;
    const void *body = facet_http_body(q, &len);
    int err = facet_nets_info(nets, t->name, &info);
    if (!err)
        err = check_version(t, &info);
    facet__begin_reading(ctx, len);
    if (!err)
        err = facet__tf_request_parse(&r, &info, facet_nets_spec(nets, t->name), body, len);
    facet__end_reading(ctx, len);
    if (!err)
        err = facet_nets_run(nets, t->name, r.inputs, r.n_inputs, &got);
    if (!err)
        facet__count_infer(ctx, t->name, got.queued_ns, got.worked_ns);
    if (!err)
        err = check_rows(&r, &got);
    if (!err)
        err = begin(&w, &s);
    if (!err && r.is_row)
        put_rows(&w, &got);
    else if (!err)
        put_columns(&w, &got);
    if (!err)
        err = end(&w, &s, q);
    facet_net_answer_fini(&got);
    facet__tf_request_fini(&r);
    return err;
}

static int ask(void *ctx, struct facet_http_request *q)
{
    struct target t;
    int err = read_target(&t, q);
    if (err)
        return err;
    if (!t.verb || strcmp(t.verb, "predict"))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot do '%s' with a model: only :predict is offered", t.verb ? t.verb : "");
    return predict(ctx, q, &t);
}

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_GET, .path = "/v1/models/{rest...}", .handler = look, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_POST, .path = "/v1/models/{rest...}", .handler = ask, .flags = FACET__ROLE(FACET_ROLE_VIEWER), .max_body = FACET_MAX_INFER_JSON},
};

const struct facet__resource facet__resource_tfserving = {
    .name = "tfserving", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]), .fail = facet__infer_fail,
};
