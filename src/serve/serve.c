#include "serve/serve_core.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_WORKERS 8

/* ---- what handlers ask for ---- */

struct facet_node *facet__serve_node(struct facet_serve *s)
{
    return s->o.node;
}

struct facet_engine_room *facet__serve_engine(struct facet_serve *s)
{
    return s->engine;
}

const struct facet_site *facet__serve_site(struct facet_serve *s)
{
    return s->site;
}

const struct facet__resource *facet__resource_of(const struct facet_serve *s, const struct facet_http_route *r)
{
    size_t i = r ? (size_t)(r - s->routes) : s->n_routes;
    return i < s->n_routes && s->owner[i] < FACET__MAX_RESOURCES ? facet__resources[s->owner[i]] : NULL;
}

void *facet__serve_state(struct facet_serve *s, const struct facet__resource *r)
{
    for (int i = 0; facet__resources[i]; i++)
        if (facet__resources[i] == r)
            return s->state[i];
    return NULL;
}

int facet__need_node(struct facet_serve *s, struct facet_http_request *q, struct facet_node **out)
{
    *out = s->o.node;
    return *out ? FACET_OK : facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "this server has no gallery and no cameras"));
}

int facet__need_gallery(struct facet_serve *s, struct facet_http_request *q, struct facet_gallery **out)
{
    *out = s->o.node ? facet_node_gallery(s->o.node) : NULL;
    return *out ? FACET_OK : facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "this server has no gallery"));
}

int facet__need_engine(struct facet_serve *s, struct facet_http_request *q, struct facet_engine_room **out)
{
    *out = s->engine;
    return *out ? FACET_OK : facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "this server has no models"));
}

/* ---- between the HTTP server and the resources ---- */

/* Paths may hold names: logs tell the route's pattern. */
static const char *route_of(const struct facet_http_request *q)
{
    const struct facet_http_route *r = facet_http_route_of(q);
    return r ? r->path : "no route";
}

static void on_fail(void *ctx, struct facet_http_request *q, int err)
{
    const struct facet__resource *r = facet__resource_of(ctx, facet_http_route_of(q));
    int status = facet_http_status_of(q);
    char word[64], why[1024];
    if (status < 400)
        status = facet__status_of_error(err);
    snprintf(why, sizeof(why), "%s", *facet_error_text() ? facet_error_text() : facet_error_name(err));
    const char *code = facet__code_of(status, err, word, sizeof(word));
    if (status >= 500 && status != 503)
        facet_log_of(FACET_LOG_WARN, "serve", &(struct facet_log_about){.request = facet_http_id(q)}, "%s: %s", route_of(q), why);
    if (status == 401)
        (void)facet_http_set_header(q, "www-authenticate", "Bearer realm=\"facet\"");
    if (r && r->fail)
        r->fail(q, status, code, why);
    else
        (void)facet__answer_error(q, status, code, why);
}

static void on_done(void *ctx, const struct facet_http_request *q, int status, uint64_t queued_ns, uint64_t worked_ns, size_t in, size_t out)
{
    struct facet_serve *s = ctx;
    facet_log_of(FACET_LOG_INFO, "http", &(struct facet_log_about){.request = facet_http_id(q)}, "%d %s, %.1f ms (waited %.1f), %zu in, %zu out",
                 status, route_of(q), (double)worked_ns / 1e6, (double)queued_ns / 1e6, in, out);
    for (int i = 0; i < s->n_open; i++)
        if (facet__resources[i]->done)
            facet__resources[i]->done(s, s->state[i], q, status, queued_ns, worked_ns, in, out);
}

/* ---- opening ---- */

static int check_exposure(const struct facet_serve_opts *o)
{
    const struct facet_site *site = o->site;
    bool is_local = facet_host_is_local(site->serve.listen);
    if (is_local || site->serve.insecure)
        return FACET_OK;
    if (o->allow_open)
        return facet_fail(FACET_E_PERMISSION, "cannot listen at '%s' for everybody without a key: listen at 127.0.0.1, or say so twice "
                          "(--allow-open and --insecure)", site->serve.listen);
    if (!*site->serve.cert)
        return facet_fail(FACET_E_PERMISSION, "cannot listen at '%s' without TLS: give serve.cert and serve.key, listen at 127.0.0.1, or say "
                          "--insecure", site->serve.listen);
    return FACET_OK;
}

static size_t count_routes(void)
{
    size_t n = 0;
    for (int i = 0; facet__resources[i]; i++)
        n += facet__resources[i]->n_routes;
    return n;
}

static int gather_routes(struct facet_serve *s, size_t n_page)
{
    size_t n = count_routes();
    s->routes = calloc(n + n_page + 1, sizeof(*s->routes));
    s->owner = malloc(n + n_page + 1);
    if (!s->routes || !s->owner)
        return facet_fail_nomem();
    for (int i = 0; facet__resources[i]; i++) {
        const struct facet__resource *r = facet__resources[i];
        memcpy(s->routes + s->n_routes, r->routes, r->n_routes * sizeof(*r->routes));
        memset(s->owner + s->n_routes, i, r->n_routes);
        s->n_routes += r->n_routes;
    }
    memset(s->owner + s->n_routes, 255, n_page);
    if (n_page)
        facet__page_routes(s->page, s->routes + s->n_routes);
    s->n_routes += n_page;
    return FACET_OK;
}

static int open_resources(struct facet_serve *s)
{
    int err = FACET_OK;
    for (int i = 0; !err && facet__resources[i]; i++) {
        if (i == FACET__MAX_RESOURCES)
            return facet_fail(FACET_E_INTERNAL, "there are more than %d resources", FACET__MAX_RESOURCES);
        if (facet__resources[i]->open)
            err = facet__resources[i]->open(s, &s->state[i]);
        s->n_open += !err;
    }
    return err;
}

static int open_engine(struct facet_serve *s)
{
    s->engine = s->o.engine;
    return s->engine || !s->o.node || s->o.look_only ? FACET_OK : facet_node_engine(s->o.node, &s->engine);
}

static int open_http(struct facet_serve *s)
{
    const struct facet_site *site = s->site;
    struct facet_http_server_opts o = {
        .host = site->serve.listen,
        .port = site->serve.port,
        .cert = *site->serve.cert ? site->serve.cert : NULL,
        .key = *site->serve.key ? site->serve.key : NULL,
        .routes = s->routes,
        .n_routes = s->n_routes,
        .authorise = facet__authorise,
        .fail = on_fail,
        .done = on_done,
        .ctx = s,
        .workers = site->serve.workers ? site->serve.workers : DEFAULT_WORKERS,
    };
    return facet_http_server_open(&s->http, &o);
}

int facet_serve_open(struct facet_serve **out, const struct facet_serve_opts *o)
{
    struct facet_serve *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return facet_fail_nomem();
    s->o = *o;
    s->site = o->site;
    s->begun_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    int err = check_exposure(o);
    if (!err && !o->allow_open)
        err = facet_keys_open(&s->keys, o->site->serve.keys, &s->first);
    if (!err)
        err = facet_sessions_open(&s->sessions, NULL);
    if (!err)
        err = open_engine(s);
    if (!err)
        err = facet__page_open(&s->page, o->page);
    if (!err)
        err = gather_routes(s, facet__page_count(s->page));
    if (!err)
        err = open_resources(s);
    if (!err)
        err = open_http(s);
    if (err)
        facet_serve_close(&s, 0);
    *out = s;
    return err;
}

void facet_serve_close(struct facet_serve **serve, unsigned wait_ms)
{
    struct facet_serve *s = *serve;
    *serve = NULL;
    if (!s)
        return;
    for (int i = s->n_open; s->http && i-- > 0;)
        if (facet__resources[i]->stop)
            facet__resources[i]->stop(s, s->state[i]);
    facet_http_server_close(&s->http, wait_ms);
    while (s->n_open-- > 0)
        if (facet__resources[s->n_open]->close)
            facet__resources[s->n_open]->close(s, s->state[s->n_open]);
    facet_sessions_close(&s->sessions);
    facet_keys_close(&s->keys);
    facet__page_close(&s->page);
    facet_wipe(&s->first, sizeof(s->first));
    free(s->routes);
    free(s->owner);
    free(s);
}

int facet_serve_port(const struct facet_serve *s)
{
    return facet_http_server_port(s->http);
}

const struct facet_first_secrets *facet_serve_first(const struct facet_serve *s)
{
    return *s->first.key ? &s->first : NULL;
}

/* ---- reading the configuration again ---- */

static int check_restart(const struct facet_site *old, const struct facet_site *site)
{
    const char *what = strcmp(old->serve.listen, site->serve.listen) ? "serve.listen"
                       : old->serve.port != site->serve.port         ? "serve.port"
                       : strcmp(old->serve.cert, site->serve.cert)   ? "serve.cert"
                       : strcmp(old->serve.key, site->serve.key)     ? "serve.key"
                       : strcmp(old->serve.keys, site->serve.keys)   ? "serve.keys"
                       : old->serve.workers != site->serve.workers   ? "serve.workers" : NULL;
    return what ? facet_fail(FACET_E_UNSUPPORTED, "cannot take over '%s': a new %s needs a restart", site->path, what) : FACET_OK;
}

/* Who may come in, and by which certificate: the files were read before, and may have been written since. */
static int take_files(struct facet_serve *s)
{
    int err = s->keys ? facet_keys_refresh(s->keys) : FACET_OK;
    return err ? err : facet_http_server_reload_tls(s->http);
}

/* Everything is looked at before anything is taken over. */
int facet_serve_reload(struct facet_serve *s, const struct facet_site *site, struct facet_str *changed)
{
    struct facet_str unused = FACET_STR_INIT;
    int err = check_restart(s->site, site);
    if (!err && s->keys)
        err = facet_keys_check(s->keys);
    if (!err)
        err = facet_http_server_check_tls(s->http);
    if (!err && s->o.node)
        err = facet_node_reload(s->o.node, site, changed ? changed : &unused);
    facet_str_fini(&unused);
    if (err)
        return err;
    s->site = site;
    if (take_files(s))
        facet_log(FACET_LOG_ERROR, "serve", "keys and certificate stay as they were: %s", facet_error_text());
    return FACET_OK;
}
