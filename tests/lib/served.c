#include "lib/served.h"

#include "base/errors.h"
#include "serve/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int err)
{
    if (err < 0)
        fail_msg("%s", facet_error_text());
}

static void put(char *to, size_t cap, const char *text)
{
    must(facet_copy_text(to, cap, text));
}

static void make_site(struct served *s)
{
    struct facet_site *site = &s->site;
    must(facet_site_defaults(site));
    put(site->name, sizeof(site->name), "test");
    put(site->device, sizeof(site->device), "server");
    put(site->models.detector, sizeof(site->models.detector), SMALL_DETECTOR);
    put(site->models.recogniser, sizeof(site->models.recogniser), SMALL_EMBEDDER);
    put(site->gallery.path, sizeof(site->gallery.path), scratch_path(&s->folder, "gallery.db"));
    put(site->store.events, sizeof(site->store.events), scratch_path(&s->folder, "events.db"));
    put(site->serve.listen, sizeof(site->serve.listen), "127.0.0.1");
    put(site->serve.keys, sizeof(site->serve.keys), scratch_path(&s->folder, "keys.json"));
    put(site->outbox.path, sizeof(site->outbox.path), scratch_path(&s->folder, "outbox.db"));
    site->serve.port = 0;
    site->serve.live_view = true;
}

static void run_node(void *ctx)
{
    struct served *s = ctx;
    (void)facet_node_run(s->node);
}

static void open_parts(struct served *s, bool keys, bool runs)
{
    must(facet_node_open(&s->node, &(struct facet_node_opts){.site = &s->site, .role = FACET_NODE_SERVER}));
    must(facet_serve_open(&s->serve, &(struct facet_serve_opts){.site = &s->site, .node = s->node, .page = "", .allow_open = !keys}));
    s->port = facet_serve_port(s->serve);
    if (runs)
        must(facet_thread_start(&s->thread, "node", run_node, s));
    s->runs = runs;
}

static void close_parts(struct served *s)
{
    facet_serve_close(&s->serve, 1000);
    if (s->runs) {
        facet_node_stop(s->node);
        facet_thread_join(&s->thread);
    }
    facet_node_close(&s->node);
}

void served_open_with(struct served *s, bool keys, const struct facet_camera_conf *cameras, int n)
{
    memset(s, 0, sizeof(*s));
    scratch_open(&s->folder);
    small_models(&s->folder);
    make_site(s);
    if (n) {
        s->site.cameras = calloc((size_t)n, sizeof(*cameras));
        assert_non_null(s->site.cameras);
        memcpy(s->site.cameras, cameras, (size_t)n * sizeof(*cameras));
        s->site.n_cameras = n;
    }
    open_parts(s, keys, n > 0);
    if (keys)
        put(s->key, sizeof(s->key), facet_serve_first(s->serve)->key);
}

void served_open(struct served *s, bool keys)
{
    served_open_with(s, keys, NULL, 0);
}

void served_restart(struct served *s)
{
    bool runs = s->runs;
    close_parts(s);
    open_parts(s, *s->key != '\0', runs);
}

void served_close(struct served *s)
{
    close_parts(s);
    facet_site_fini(&s->site);
    scratch_close(&s->folder);
}

struct http_answer served_ask(const struct served *s, const char *method, const char *path, const char *type, const void *body, size_t len,
                              int status)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = s->port, .method = method, .path = path, .key = *s->key ? s->key : NULL, .type = type,
                                    .body = body, .len = len});
    if (a.status != status)
        fail_msg("%s %s: %d instead of %d: %.500s", method, path, a.status, status, a.body);
    return a;
}

struct http_answer served_get(const struct served *s, const char *path, int status)
{
    return served_ask(s, "GET", path, NULL, NULL, 0, status);
}

struct http_answer served_post_json(const struct served *s, const char *path, const char *json, int status)
{
    return served_ask(s, "POST", path, "application/json", json, strlen(json), status);
}

struct facet_json *served_json(struct http_answer *a)
{
    struct facet_json *j;
    if (facet_json_parse(&j, a->body, a->len, "the answer"))
        fail_msg("%s: %.500s", facet_error_text(), a->body);
    http_answer_fini(a);
    return j;
}

void served_has(struct http_answer *a, const char *text)
{
    if (!strstr(a->body, text))
        fail_msg("'%s' is not in: %.1000s", text, a->body);
    http_answer_fini(a);
}
