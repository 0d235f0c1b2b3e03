/* A device that runs with --serve shows its cameras itself. Here an admin says where it is and with which key (of role viewer) it is
 * asked; both are kept in the event store, sealed like everything there. What is asked for is fetched while it is asked for: the list
 * and one picture by the worker, a live view by a thread of its own that ends with its reader, so that the device sends nothing
 * that nobody watches. A reader that is slow slows the device's stream down, which then leaves frames out. */
#include "serve/device_view.h"

#include "base/lock.h"
#include "base/log.h"
#include "base/thread.h"
#include "net/http/post.h"
#include "store/events.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PREFIX "view/"
#define KEY 64
#define STREAMS 32
#define MOST_LIST ((size_t)1 << 20)
#define MOST_PICTURE ((size_t)16 << 20)
#define ASK_S 10
#define MAX_LIVE_FPS 15
#define PAUSE_MS 20
#define MOST_PAUSES 3000           /* a reader that takes nothing for a minute is gone */

struct view { char url[FACET__VIEW_URL], key[KEY]; };

struct views;
struct watch {
    struct views *all;
    struct facet_http_stream *out;     /* NULL: free, or over */
    struct facet_thread thread;
    bool was_started;                  /* the thread is to be joined */
    atomic_bool is_over;
    struct view view;
    char path[400];
};

struct views {
    struct facet_serve *serve;
    struct facet_lock lock;            /* of the watches */
    struct watch at[STREAMS];
    atomic_bool is_stopping;
    _Atomic int64_t bytes;
};

/* --- where devices are --- */

static void state_key(const char *device, char out[96])
{
    snprintf(out, 96, PREFIX "%.63s", device);
}

static struct facet_events *store_of(struct facet_serve *s)
{
    struct facet_node *n = facet__serve_node(s);
    return n ? facet_node_events(n) : NULL;
}

/* FACET_E_NOT_FOUND: nobody said where it is. */
static int find_view(struct facet_serve *s, const char *device, struct view *out)
{
    char key[96];
    void *text = NULL;
    size_t len = 0;
    struct facet_json *j = NULL;
    struct facet_events *e = store_of(s);
    state_key(device, key);
    int err = e ? facet_events_state_get(e, key, &text, &len) : FACET_E_NOT_FOUND;
    if (err == FACET_E_NOT_FOUND)
        return facet_fail(err, "nobody said here how device '%s' is watched: PUT /v1/devices/{name}/view", device);
    if (!err)
        err = facet_json_parse(&j, text, len, "the view of a device");
    if (!err)
        err = facet_copy_text(out->url, sizeof(out->url), facet_json_str(facet_json_get(j, "url"), ""));
    if (!err)
        err = facet_copy_text(out->key, sizeof(out->key), facet_json_str(facet_json_get(j, "key"), ""));
    facet_json_unref(&j);
    if (text)
        explicit_bzero(text, len);
    free(text);
    return err;
}

void facet__device_view_url(struct facet_serve *s, const char *device, char out[FACET__VIEW_URL])
{
    struct view v;
    out[0] = '\0';
    if (find_view(s, device, &v))
        return;
    snprintf(out, FACET__VIEW_URL, "%s", v.url);
    explicit_bzero(v.key, sizeof(v.key));
}

struct adding { struct facet_device *list; int n, max; };

static int add_device(void *ctx, const char *key, const void *data, size_t len)
{
    struct adding *a = ctx;
    const char *name = key + strlen(PREFIX);
    for (int i = 0; i < a->n; i++)
        if (!strcmp(a->list[i].name, name))
            return FACET_OK;
    if (a->n == a->max)
        return FACET_OK;
    struct facet_device *d = &a->list[a->n++];
    *d = (struct facet_device){ .seen_ms = 0 };
    snprintf(d->name, sizeof(d->name), "%.63s", name);
    return FACET_OK;
}

int facet__device_view_add(struct facet_serve *s, struct facet_device *list, int n, int max)
{
    struct adding a = { list, n, max };
    struct facet_events *e = store_of(s);
    if (e && facet_events_states(e, PREFIX, add_device, &a))
        facet_log(FACET_LOG_WARN, "serve", "devices that are watched cannot be listed: %s", facet_error_text());
    return a.n;
}

static bool is_all_of(const char *text, const char *more)
{
    for (; *text; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') || (*text >= '0' && *text <= '9') || strchr(more, *text)))
            return false;
    return true;
}

/* The host of "http://host:port". */
static void host_of(const char *url, char out[256])
{
    const char *host = url + strlen("http://");
    bool is_v6 = *host == '[';
    snprintf(out, 256, "%.*s", (int)strcspn(host + is_v6, is_v6 ? "]" : ":/"), host + is_v6);
}

/* The key goes there: by TLS, or to this machine, as everywhere. */
static int check_view(struct facet_serve *s, const struct view *v)
{
    char host[256] = "";
    bool is_plain = !strncmp(v->url, "http://", 7), is_tls = !strncmp(v->url, "https://", 8);
    if ((!is_plain && !is_tls) || !is_all_of(v->url, ":/.-_[]") || !v->url[is_tls ? 8 : 7])
        return facet_fail(FACET_E_INVALID, "'url' is https://HOST:PORT of the device, without user, path and question");
    if (is_plain)
        host_of(v->url, host);
    if (is_plain && !facet_host_is_local(host) && !facet__serve_site(s)->serve.insecure)
        return facet_fail(FACET_E_PERMISSION, "'url' must be https: the key would travel openly to '%s' (serve.insecure in the site's file allows it)", host);
    return *v->key && is_all_of(v->key, "-_") ? FACET_OK : facet_fail(FACET_E_INVALID, "'key' is a key of the device's, of role viewer");
}

static int put_view(void *ctx, struct facet_http_request *q)
{
    struct facet_events *e = store_of(ctx);
    struct facet_json *j = NULL;
    struct view v;
    struct facet_str text = FACET_STR_INIT;
    const char *url, *secret;
    char key[96];
    if (!e)
        return facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "this server keeps no events"));
    int err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "url", &url);
    if (!err)
        err = facet__json_text(q, j, "key", &secret);
    if (!err && (facet_copy_text(v.url, sizeof(v.url), url) || facet_copy_text(v.key, sizeof(v.key), secret)))
        err = facet__refused(q, 422, facet_fail(FACET_E_INVALID, "'url' or 'key' is too long"));
    facet_json_unref(&j);
    if (!err)
        err = check_view(ctx, &v);
    if (err)
        return err;
    facet_str_printf(&text, "{\"url\":\"%s\",\"key\":\"%s\"}", v.url, v.key); /* their characters were looked at */
    state_key(facet_http_param(q, "name"), key);
    err = text.err ? facet_fail_nomem() : facet_events_state_put(e, key, text.data, text.len);
    if (text.data)
        explicit_bzero(text.data, text.len);
    facet_str_fini(&text);
    return err ? err : facet__answer_nothing(q);
}

static int drop_view(void *ctx, struct facet_http_request *q)
{
    struct view v;
    char key[96];
    int err = find_view(ctx, facet_http_param(q, "name"), &v);
    state_key(facet_http_param(q, "name"), key);
    if (!err)
        err = facet_events_state_delete(store_of(ctx), key);
    return err ? err : facet__answer_nothing(q);
}

/* --- asking a device --- */

struct asking {
    const struct view *view;
    const char *path;
    int (*take)(void *ctx, const void *data, size_t len);
    void *ctx;
    bool is_endless;
    bool (*is_over)(void *ctx);
};

static int ask(struct facet_serve *s, const struct asking *a, int *status)
{
    const struct facet_site *site = facet__serve_site(s);
    struct facet_post *post = NULL;
    struct facet_post_opts o = { .total_s = ASK_S, .connect_s = 5, .ca = *site->server.ca ? site->server.ca : NULL, .is_over = a->is_over, .ctx = a->ctx };
    struct facet_post_answer answer = { 0 };
    char url[FACET__VIEW_URL + 400], key[KEY + 16];
    const char *headers[] = { key };
    size_t len = strlen(a->view->url);
    snprintf(url, sizeof(url), "%.*s%s", (int)(len && a->view->url[len - 1] == '/' ? len - 1 : len), a->view->url, a->path);
    snprintf(key, sizeof(key), "x-api-key: %s", a->view->key);
    const struct facet_post_request q = { .url = url, .method = "GET", .headers = headers, .n_headers = 1, .take = a->take, .take_ctx = a->ctx,
                                          .is_endless = a->is_endless };
    int err = facet_post_open(&post, &o);
    if (!err)
        err = facet_post_send(post, &q, &answer);
    facet_post_close(&post);
    explicit_bzero(key, sizeof(key));
    *status = answer.status;
    return err;
}

/* What the device refused, as an answer of ours. */
static int judge(struct facet_http_request *q, const char *device, int status)
{
    if (status >= 200 && status < 300)
        return FACET_OK;
    if (status == 404)
        return facet_fail(FACET_E_NOT_FOUND, "device '%s' has no such camera, or no picture of it yet", device);
    if (status == 403)
        return facet_fail(FACET_E_PERMISSION, "device '%s' does not let itself be watched: serve.live_view is off there, or the key's role too low", device);
    if (status == 401)
        return facet__refused(q, 502, facet_fail(FACET_E_NET, "device '%s' does not know the key that is kept here for it", device));
    return facet__refused(q, 502, facet_fail(FACET_E_NET, "device '%s' answers with status %d", device, status));
}

struct body { struct facet_str text; size_t most; };

static int take_body(void *ctx, const void *data, size_t len)
{
    struct body *b = ctx;
    if (b->text.len + len > b->most)
        return FACET_E_LIMIT;
    facet_str_append(&b->text, data, len);
    return b->text.err;
}

static int fetch(struct facet_serve *s, struct facet_http_request *q, const struct view *v, const char *path, struct body *b)
{
    int status;
    const struct asking a = { .view = v, .path = path, .take = take_body, .ctx = b };
    int err = ask(s, &a, &status);
    return err ? err : judge(q, facet_http_param(q, "name"), status);
}

/* --- the list, a picture --- */

static int hand_on(struct facet_serve *s, struct facet_http_request *q, const char *path, const char *type, size_t most)
{
    struct view v;
    struct body b = { FACET_STR_INIT, most };
    int err = find_view(s, facet_http_param(q, "name"), &v);
    if (!err)
        err = fetch(s, q, &v, path, &b);
    if (!err) {
        facet_http_status(q, 200);
        (void)facet_http_set_header(q, "cache-control", "no-store");
        (void)facet_http_set_header(q, "x-content-type-options", "nosniff");
        err = facet_http_send_str(q, type, &b.text);
    }
    facet_str_fini(&b.text);
    return err;
}

static int list(void *ctx, struct facet_http_request *q)
{
    return hand_on(ctx, q, "/v1/cameras", "application/json", MOST_LIST);
}

static int camera_path(struct facet_serve *s, struct facet_http_request *q, const char *rest, char *out, size_t cap)
{
    const char *camera = facet_http_param(q, "camera");
    if (!facet__serve_site(s)->serve.live_view)
        return facet__refused(q, 403, facet_fail(FACET_E_PERMISSION, "pictures are not shown here: serve.live_view is off in the site's file"));
    if (!is_all_of(camera, "-_."))
        return facet_fail(FACET_E_NOT_FOUND, "there is no camera '%.60s'", camera);
    snprintf(out, cap, "/v1/cameras/%.127s%s", camera, rest);
    return FACET_OK;
}

static int snapshot(void *ctx, struct facet_http_request *q)
{
    char path[400];
    int err = camera_path(ctx, q, "/snapshot", path, sizeof(path));
    return err ? err : hand_on(ctx, q, path, "image/jpeg", MOST_PICTURE);
}

/* --- live --- */

static bool is_over(void *ctx)
{
    struct watch *w = ctx;
    return atomic_load(&w->all->is_stopping);
}

static int take_piece(void *ctx, const void *data, size_t len)
{
    struct watch *w = ctx;
    int err = FACET_E_AGAIN;
    for (int i = 0; err == FACET_E_AGAIN && i < MOST_PAUSES && !is_over(w); i++) {
        err = facet_http_stream_write(w->out, data, len);
        if (err == FACET_E_AGAIN)
            nanosleep(&(struct timespec){ .tv_nsec = PAUSE_MS * 1000000L }, NULL);
    }
    if (!err)
        atomic_fetch_add(&w->all->bytes, (int64_t)len);
    return err;
}

static void relay(void *ctx)
{
    struct watch *w = ctx;
    int status;
    const struct asking a = { .view = &w->view, .path = w->path, .take = take_piece, .ctx = w, .is_endless = true, .is_over = is_over };
    (void)ask(w->all->serve, &a, &status); /* its end is the stream's end, whatever it was */
    facet_http_stream_end(&w->out);
    explicit_bzero(&w->view, sizeof(w->view));
    atomic_store(&w->is_over, true);
}

/* The lock is held. */
static struct watch *find_free(struct views *v)
{
    for (int i = 0; i < STREAMS; i++) {
        struct watch *w = &v->at[i];
        if (w->was_started && atomic_load(&w->is_over)) {
            facet_thread_join(&w->thread);
            w->was_started = false;
        }
        if (!w->was_started)
            return w;
    }
    return NULL;
}

static int begin(struct views *all, struct facet_http_request *q, const struct view *v, const char *path)
{
    facet_lock_take(&all->lock);
    struct watch *w = atomic_load(&all->is_stopping) ? NULL : find_free(all);
    int err = w ? FACET_OK : facet_fail(FACET_E_AGAIN, "%d live views of devices are watched already; try again later", STREAMS);
    if (!err) {
        (void)facet_http_set_header(q, "cache-control", "no-store");
        err = facet_http_stream_begin(q, "multipart/x-mixed-replace; boundary=facet", &w->out);
    }
    if (!err) {
        w->all = all;
        w->view = *v;
        snprintf(w->path, sizeof(w->path), "%s", path);
        atomic_store(&w->is_over, false);
        err = facet_thread_start(&w->thread, "device-view", relay, w);
        w->was_started = !err;
        if (err)
            facet_http_stream_end(&w->out);
    }
    facet_lock_give(&all->lock);
    return err;
}

static int live(void *ctx, struct facet_http_request *q)
{
    struct views *all = facet__serve_state(ctx, &facet__resource_device_view);
    char path[400], rest[64];
    struct view v;
    struct body b = { FACET_STR_INIT, MOST_LIST };
    const char *boxes = facet_http_query(q, "boxes");
    double fps;
    int err = facet__asked_num(q, "fps", 0.1, MAX_LIVE_FPS, 5, &fps);
    if (!err)
        err = camera_path(ctx, q, "", path, sizeof(path));
    if (!err)
        err = find_view(ctx, facet_http_param(q, "name"), &v);
    if (!err)
        err = fetch(ctx, q, &v, path, &b); /* what is wrong is said before the stream begins */
    facet_str_fini(&b.text);
    snprintf(rest, sizeof(rest), "/live?fps=%.2f&boxes=%d", fps, boxes && (!strcmp(boxes, "1") || !strcmp(boxes, "true")));
    if (!err)
        err = camera_path(ctx, q, rest, path, sizeof(path));
    return err ? err : begin(all, q, &v, path);
}

int64_t facet__device_view_bytes(struct facet_serve *s)
{
    struct views *v = facet__serve_state(s, &facet__resource_device_view);
    return v ? atomic_load(&v->bytes) : 0;
}

/* --- the resource --- */

static int views_open(struct facet_serve *s, void **state)
{
    struct views *v = calloc(1, sizeof(*v));
    int err = v ? facet_lock_init(&v->lock) : facet_fail_nomem();
    if (err)
        free(v);
    else
        v->serve = s;
    *state = err ? NULL : v;
    return err;
}

static void views_stop(struct facet_serve *s, void *state)
{
    struct views *v = state;
    atomic_store(&v->is_stopping, true);
    facet_lock_take(&v->lock);
    for (int i = 0; i < STREAMS; i++)
        if (v->at[i].was_started) {
            facet_thread_join(&v->at[i].thread);
            v->at[i].was_started = false;
        }
    facet_lock_give(&v->lock);
}

static void views_close(struct facet_serve *s, void *state)
{
    struct views *v = state;
    if (!v)
        return;
    views_stop(s, v);
    facet_lock_fini(&v->lock);
    free(v);
}

#define GET FACET_HTTP_GET
#define VIEWER FACET__ROLE(FACET_ROLE_VIEWER)
#define ADMIN FACET__ROLE(FACET_ROLE_ADMIN)

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_PUT, .path = "/v1/devices/{name}/view", .handler = put_view, .flags = ADMIN, .max_body = 4096},
    {.method = FACET_HTTP_DELETE, .path = "/v1/devices/{name}/view", .handler = drop_view, .flags = ADMIN},
    {.method = GET, .path = "/v1/devices/{name}/cameras", .handler = list, .flags = VIEWER},
    {.method = GET, .path = "/v1/devices/{name}/cameras/{camera}/snapshot", .handler = snapshot, .flags = VIEWER},
    {.method = GET, .path = "/v1/devices/{name}/cameras/{camera}/live", .handler = live, .flags = VIEWER},
};

const struct facet__resource facet__resource_device_view = {
    .name = "device_view", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
    .open = views_open, .stop = views_stop, .close = views_close,
};
