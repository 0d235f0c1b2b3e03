/* Open Inference Protocol v2 (REST) with the binary tensor extension, for every network of the manifest that is pulled. */
#include "serve/inference.h"
#include "serve/oip_request.h"
#include "serve/tensor_json.h"

#include "base/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_LENGTH "inference-header-content-length"

/* --- answers --- */

struct answer { struct facet_str text; struct facet_jsonw w; };

static void begin(struct answer *a)
{
    a->text = (struct facet_str){.max = 2 * FACET_MAX_INFER_BODY};
    facet_jsonw_init(&a->w, &a->text, false);
    facet_jsonw_object(&a->w);
}

static int end(struct answer *a, struct facet_http_request *q)
{
    facet_jsonw_end_object(&a->w);
    int err = facet__answer_json(q, 200, &a->text);
    facet_str_fini(&a->text);
    return err;
}

/* --- server --- */

static int server(void *ctx, struct facet_http_request *q)
{
    struct answer a;
    begin(&a);
    facet_jsonw_kstr(&a.w, "name", "facet");
    facet_jsonw_kstr(&a.w, "version", FACET_VERSION);
    facet_jsonw_key(&a.w, "extensions");
    facet_jsonw_array(&a.w);
    facet_jsonw_str(&a.w, "binary_tensor_data");
    facet_jsonw_end_array(&a.w);
    return end(&a, q);
}

static int live(void *ctx, struct facet_http_request *q)
{
    struct answer a;
    begin(&a);
    facet_jsonw_kbool(&a.w, "live", true);
    return end(&a, q);
}

static int ready(void *ctx, struct facet_http_request *q)
{
    struct answer a;
    begin(&a);
    facet_jsonw_kbool(&a.w, "ready", true);
    return end(&a, q);
}

/* What Triton's clients list models by. */
static int repository(void *ctx, struct facet_http_request *q)
{
    struct facet_nets *nets = facet__serve_nets(ctx);
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    facet_jsonw_array(&w);
    for (size_t i = 0; i < facet_nets_count(nets); i++) {
        struct facet_net_info info;
        if (facet_nets_look(nets, facet_nets_name(nets, i), &info) || !info.is_present)
            continue;
        facet_jsonw_object(&w);
        facet_jsonw_kstr(&w, "name", info.name);
        facet_jsonw_kstr(&w, "version", info.version);
        facet_jsonw_kstr(&w, "state", "READY");
        facet_jsonw_end_object(&w);
    }
    facet_jsonw_end_array(&w);
    int err = facet__answer_json(q, 200, &s);
    facet_str_fini(&s);
    return err;
}

/* --- models --- */

static int check_version(const struct facet_net_info *info, const struct facet_http_request *q)
{
    const char *version = facet_http_param(q, "version");
    return !version || facet__net_has_version(info, version)
               ? FACET_OK
               : facet_fail(FACET_E_NOT_FOUND, "model '%s' has version '%s', not '%s'", info->name, info->version, version);
}

static void put_port(struct facet_jsonw *w, const struct facet_net_port *p)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", p->name);
    facet_jsonw_kstr(w, "datatype", facet__oip_datatype(p->dtype));
    facet_jsonw_key(w, "shape");
    facet_jsonw_array(w);
    for (int i = 0; i < p->shape.rank; i++)
        facet_jsonw_int(w, p->shape.dim[i]);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static void put_ports(struct facet_jsonw *w, const char *key, const struct facet_net_port *p, int n)
{
    facet_jsonw_key(w, key);
    facet_jsonw_array(w);
    for (int i = 0; i < n; i++)
        put_port(w, &p[i]);
    facet_jsonw_end_array(w);
}

static int model(void *ctx, struct facet_http_request *q)
{
    struct facet_net_info info;
    struct answer a;
    int err = facet_nets_info(facet__serve_nets(ctx), facet_http_param(q, "model"), &info);
    if (!err)
        err = check_version(&info, q);
    if (err)
        return err;
    begin(&a);
    facet_jsonw_kstr(&a.w, "name", info.name);
    facet_jsonw_key(&a.w, "versions");
    facet_jsonw_array(&a.w);
    facet_jsonw_str(&a.w, info.version);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kstr(&a.w, "platform", "facet_onnx");
    put_ports(&a.w, "inputs", info.inputs, info.n_inputs);
    put_ports(&a.w, "outputs", info.outputs, info.n_outputs);
    return end(&a, q);
}

static int model_ready(void *ctx, struct facet_http_request *q)
{
    struct facet_net_info info;
    struct answer a;
    int err = facet_nets_look(facet__serve_nets(ctx), facet_http_param(q, "model"), &info);
    if (!err)
        err = check_version(&info, q);
    if (!err && !info.is_present)
        err = facet_fail(FACET_E_NOT_FOUND, "model '%s' is not here, run: facet models pull", info.name);
    if (err)
        return err;
    begin(&a);
    facet_jsonw_kstr(&a.w, "name", info.name);
    facet_jsonw_kbool(&a.w, "ready", true);
    return end(&a, q);
}

/* --- infer --- */

static const struct facet_net_tensor *find_output(const struct facet_net_answer *a, const char *name)
{
    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->outputs[i].port.name, name))
            return &a->outputs[i];
    facet_fail(FACET_E_INVALID, "the model has no output '%s'", name);
    return NULL;
}

/* Those asked for, or all. */
static int choose(const struct facet__oip_request *r, const struct facet_net_answer *a, const struct facet_net_tensor **list,
                  bool *is_binary, int *n)
{
    *n = r->n_outputs ? r->n_outputs : a->n;
    for (int i = 0; i < *n; i++) {
        list[i] = r->n_outputs ? find_output(a, r->outputs[i].name) : &a->outputs[i];
        is_binary[i] = r->n_outputs ? r->outputs[i].is_binary : r->is_binary;
        if (!list[i])
            return FACET_E_INVALID;
    }
    return FACET_OK;
}

static size_t bytes_of(const struct facet_net_tensor *t)
{
    return (size_t)facet_shape_count(&t->port.shape) * facet_dtype_size(t->port.dtype);
}

static void put_output(struct facet_jsonw *w, const struct facet_net_tensor *t, bool is_binary)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", t->port.name);
    facet_jsonw_kstr(w, "datatype", facet__oip_datatype(t->port.dtype));
    facet_jsonw_key(w, "shape");
    facet_jsonw_array(w);
    for (int i = 0; i < t->port.shape.rank; i++)
        facet_jsonw_int(w, t->port.shape.dim[i]);
    facet_jsonw_end_array(w);
    if (is_binary) {
        facet_jsonw_key(w, "parameters");
        facet_jsonw_object(w);
        facet_jsonw_kint(w, "binary_data_size", (int64_t)bytes_of(t));
        facet_jsonw_end_object(w);
    } else {
        facet_jsonw_key(w, "data");
        facet__tensor_to_flat_json(w, t);
    }
    facet_jsonw_end_object(w);
}

static int send_answer(struct facet_http_request *q, struct facet_str *text, const struct facet_net_tensor *const *list,
                       const bool *is_binary, int n)
{
    char length[32];
    size_t json = text->len;
    bool any = false;
    for (int i = 0; i < n; i++)
        if (is_binary[i]) {
            facet_str_append(text, list[i]->data, bytes_of(list[i]));
            any = true;
        }
    if (text->err)
        return facet_fail(text->err, "cannot answer: the outputs are too large");
    if (!any)
        return facet__answer_json(q, 200, text);
    snprintf(length, sizeof(length), "%zu", json);
    facet_http_status(q, 200);
    int err = facet_http_set_header(q, HEADER_LENGTH, length);
    return err ? err : facet_http_send_str(q, "application/octet-stream", text);
}

static int answer(struct facet_http_request *q, const char *model_name, const struct facet_net_info *info,
                  const struct facet__oip_request *r, const struct facet_net_answer *got)
{
    const struct facet_net_tensor *list[FACET_NET_PORTS];
    bool is_binary[FACET_NET_PORTS];
    struct answer a;
    int n, err = choose(r, got, list, is_binary, &n);
    if (err)
        return err;
    begin(&a);
    facet_jsonw_kstr(&a.w, "model_name", model_name);
    facet_jsonw_kstr(&a.w, "model_version", info->version);
    if (r->has_id)
        facet_jsonw_kstr(&a.w, "id", r->id);
    facet_jsonw_key(&a.w, "outputs");
    facet_jsonw_array(&a.w);
    for (int i = 0; i < n; i++)
        put_output(&a.w, list[i], is_binary[i]);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_end_object(&a.w);
    err = send_answer(q, &a.text, list, is_binary, n);
    facet_str_fini(&a.text);
    return err;
}

static int json_length(const struct facet_http_request *q, size_t len, size_t *out)
{
    const char *text = facet_http_header(q, HEADER_LENGTH);
    int64_t v = 0;
    *out = len;
    if (!text)
        return FACET_OK;
    int err = facet_parse_int(text, &v);
    if (err || v < 0)
        return facet_fail(FACET_E_INVALID, "header Inference-Header-Content-Length is '%s', no length", text);
    *out = (size_t)v;
    return FACET_OK;
}

static int infer(void *ctx, struct facet_http_request *q)
{
    struct facet_nets *nets = facet__serve_nets(ctx);
    const char *name = facet_http_param(q, "model");
    struct facet_net_info info;
    struct facet_net_answer got = {.n = 0};
    struct facet__oip_request r;
    size_t len, json_len;
    const void *body = facet_http_body(q, &len);
    int err = facet_nets_look(nets, name, &info);
    if (!err)
        err = check_version(&info, q);
    if (!err)
        err = json_length(q, len, &json_len);
    if (err)
        return err;
    facet__begin_reading(ctx, json_len);
    err = facet__oip_request_parse(&r, body, len, json_len);
    facet__end_reading(ctx, json_len);
    if (!err)
        err = facet_nets_run(nets, name, r.inputs, r.n_inputs, &got);
    if (!err)
        facet__count_infer(ctx, name, got.queued_ns, got.worked_ns);
    if (!err)
        err = answer(q, name, &info, &r, &got);
    facet_net_answer_fini(&got);
    facet__oip_request_fini(&r);
    return err;
}

/* --- the networks, for both forms of asking --- */

/* A large JSON text becomes many times as large in memory: one at a time is read. */
struct inference { struct facet_nets *nets; struct facet_lock reading; };
#define LARGE_JSON (1u << 20)

static void close_nets(struct facet_serve *s, void *state)
{
    struct inference *i = state;
    facet_nets_close(&i->nets);
    facet_lock_fini(&i->reading);
    free(i);
}

static int open_nets(struct facet_serve *s, void **state)
{
    const struct facet_site *site = facet__serve_site(s);
    const struct facet_nets_opts o = {
        .backend = *site->models.backend ? site->models.backend : NULL,
        .threads = (unsigned)site->models.threads,
    };
    struct inference *i = calloc(1, sizeof(*i));
    int err = i ? facet_lock_init(&i->reading) : facet_fail_nomem();
    if (err) {
        free(i);
        return err;
    }
    err = facet_nets_open(&i->nets, &o);
    if (err)
        close_nets(s, i);
    else
        *state = i;
    return err;
}

static struct inference *state_of(struct facet_serve *s)
{
    return facet__serve_state(s, &facet__resource_oip);
}

struct facet_nets *facet__serve_nets(struct facet_serve *s)
{
    return state_of(s)->nets;
}

void facet__begin_reading(struct facet_serve *s, size_t json_len)
{
    if (json_len > LARGE_JSON)
        facet_lock_take(&state_of(s)->reading);
}

void facet__end_reading(struct facet_serve *s, size_t json_len)
{
    if (json_len > LARGE_JSON)
        facet_lock_give(&state_of(s)->reading);
}

void facet__infer_fail(struct facet_http_request *q, int status, const char *code, const char *message)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "error", message);
    facet_jsonw_end_object(&w);
    (void)facet__answer_json(q, status == 422 || status == 501 ? 400 : status, &s);
    facet_str_fini(&s);
}

bool facet__net_has_version(const struct facet_net_info *info, const char *version)
{
    return !strcmp(version, info->version) || !strcmp(version, "1");
}

#define VIEWER FACET__ROLE(FACET_ROLE_VIEWER)
#define PUBLIC FACET__ROLE(FACET_ROLE_PUBLIC)

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_GET, .path = "/v2", .handler = server, .flags = VIEWER},
    {.method = FACET_HTTP_GET, .path = "/v2/health/live", .handler = live, .flags = PUBLIC},
    {.method = FACET_HTTP_GET, .path = "/v2/health/ready", .handler = ready, .flags = PUBLIC},
    {.method = FACET_HTTP_POST, .path = "/v2/repository/index", .handler = repository, .flags = VIEWER, .max_body = 4096},
    {.method = FACET_HTTP_GET, .path = "/v2/models/{model}", .handler = model, .flags = VIEWER},
    {.method = FACET_HTTP_GET, .path = "/v2/models/{model}/ready", .handler = model_ready, .flags = VIEWER},
    {.method = FACET_HTTP_POST, .path = "/v2/models/{model}/infer", .handler = infer, .flags = VIEWER, .max_body = FACET_MAX_INFER_BODY},
    {.method = FACET_HTTP_GET, .path = "/v2/models/{model}/versions/{version}", .handler = model, .flags = VIEWER},
    {.method = FACET_HTTP_GET, .path = "/v2/models/{model}/versions/{version}/ready", .handler = model_ready, .flags = VIEWER},
    {.method = FACET_HTTP_POST, .path = "/v2/models/{model}/versions/{version}/infer", .handler = infer, .flags = VIEWER, .max_body = FACET_MAX_INFER_BODY},
};

const struct facet__resource facet__resource_oip = {
    .name = "oip", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]), .fail = facet__infer_fail,
    .open = open_nets, .close = close_nets,
};
