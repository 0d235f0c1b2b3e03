/* The device's part of cloud: each camera is registered at the server. What has an address of its own is read by the server
 * from there; files and USB cameras are sent, as H.264 in MPEG-TS, in one request without end. A server that is away is tried
 * again; a file waits meanwhile, of a live camera what does not fit the ring is let go and counted. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/log.h"
#include "base/url.h"
#include "deploy/camera_json.h"
#include "deploy/node_priv.h"
#include "deploy/strategy.h"
#include "deploy/upload.h"
#include "media/video.h"
#include "net/http/post.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_PAUSE_MS 500
#define MOST_PAUSE_MS 5000
#define REFUSED_PAUSE_MS 30000
#define AGAIN_MS 30000             /* a registered camera is registered again: the server may have been started anew */
#define FILE_WAIT_MS 86400000u

struct sent_camera {
    struct cloud *cloud;
    const struct facet_camera_conf *conf;
    char name[FACET_MAX_NAME];     /* at the server */
    bool is_sent, is_live;         /* by us; a camera, not a file */
    struct facet_upload *ring;
    uint64_t writer;
    struct facet_thread relay, sender;
    bool has_relay, has_sender;
    atomic_bool relay_ended, is_done;
    _Atomic int64_t frames, bytes, dropped, first_ms;      /* first_ms: 0: nothing was sent yet */
};

struct cloud {
    struct facet_node *node;
    struct sent_camera *camera;
    int n;
    atomic_int stop;
};

static bool is_over(void *ctx)
{
    const struct cloud *c = ctx;
    return c->stop;
}

static void pause_ms(struct cloud *c, unsigned ms)
{
    for (unsigned waited = 0; waited < ms && !is_over(c); waited += 50)
        nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
}

/* ---- the video, on its way into the ring ---- */

static int put_bytes(void *ctx, const uint8_t *data, size_t len)
{
    struct sent_camera *s = ctx;
    if (!atomic_load(&s->first_ms))
        atomic_store(&s->first_ms, facet__wall_ms());
    int err = facet_upload_write(s->ring, s->writer, data, len, s->is_live ? 0 : FILE_WAIT_MS);
    if (err == FACET_E_TIMEOUT && s->is_live) {
        atomic_fetch_add(&s->dropped, 1);
        return FACET_OK;
    }
    return err;
}

static void relay(void *ctx)
{
    struct sent_camera *s = ctx;
    const struct facet_camera_conf *conf = s->conf;
    struct facet_relay_opts o = { .input = { .cancel = &s->cloud->stop, .live = s->is_live, .hardware = conf->hardware, .timeout_ms = conf->timeout_ms },
                                  .native_rate = conf->native_rate, .write = put_bytes, .write_ctx = s };
    unsigned pause = FIRST_PAUSE_MS;
    while (!is_over(s->cloud)) {
        struct facet_relay_facts f;
        int err = facet_video_relay(conf->url, &o, &f);
        atomic_fetch_add(&s->frames, f.frames);
        if (!err && !s->is_live && !conf->loop)
            break;
        if (err && !is_over(s->cloud))
            facet_log(FACET_LOG_WARN, "cloud", "camera '%s': %s", conf->name, facet_error_text());
        if (err)
            pause_ms(s->cloud, pause);
        pause = err ? (pause * 2 < MOST_PAUSE_MS ? pause * 2 : MOST_PAUSE_MS) : FIRST_PAUSE_MS;
    }
    facet_upload_end(s->ring, s->writer);
    atomic_store(&s->relay_ended, true);
}

/* ---- to the server ---- */

struct call { struct facet_post *post; char url[1024], key[320]; };

static int open_call(struct call *call, const struct sent_camera *s)
{
    const struct facet_site *site = s->cloud->node->site;
    struct facet_post_opts o = { .ca = *site->server.ca ? site->server.ca : NULL, .insecure = site->server.insecure, .is_over = is_over,
                                 .ctx = s->cloud };
    snprintf(call->key, sizeof(call->key), "x-api-key: %s", site->server.key);
    return facet_post_open(&call->post, &o);
}

static void address(struct call *call, const struct sent_camera *s, const char *rest)
{
    const char *url = s->cloud->node->site->server.url;
    size_t len = strlen(url);
    snprintf(call->url, sizeof(call->url), "%.*s/v1/cameras%s", (int)(len && url[len - 1] == '/' ? len - 1 : len), url, rest);
}

static int judge(const struct facet_post_answer *a, const char *doing)
{
    if (a->status >= 200 && a->status < 300)
        return FACET_OK;
    if (a->status == 401 || a->status == 403)
        return facet_fail(FACET_E_PERMISSION, "the server refuses %s: is server.key right, and of role device?", doing);
    return facet_fail(a->status == 404 ? FACET_E_NOT_FOUND : FACET_E_NET, "the server refuses %s: status %d", doing, a->status);
}

static int make_body(const struct sent_camera *s, struct facet_str *out)
{
    struct facet_jsonw w;
    struct facet_camera_conf *c = malloc(sizeof(*c));
    if (!c)
        return facet_fail_nomem();
    *c = *s->conf;
    memcpy(c->name, s->name, sizeof(c->name));
    if (s->is_sent) {
        snprintf(c->url, sizeof(c->url), "%s", FACET_UPLOAD_URL);
        c->native_rate = c->loop = c->hardware = false;
        c->username[0] = c->password[0] = '\0';
    }
    facet_jsonw_init(&w, out, false);
    facet_jsonw_object(&w);
    facet_camera_to_json(&w, c, true);
    facet_jsonw_end_object(&w);
    free(c);
    return out->err;
}

/* A camera that is there already is fine. */
static int announce(struct call *call, const struct sent_camera *s)
{
    const char *const headers[] = { "content-type: application/json", call->key };
    struct facet_str body = FACET_STR_INIT;
    struct facet_post_answer a;
    address(call, s, "");
    int err = make_body(s, &body);
    struct facet_post_request q = { .url = call->url, .headers = headers, .n_headers = 2, .body = body.data, .len = body.len };
    if (!err)
        err = facet_post_send(call->post, &q, &a);
    if (body.data)
        explicit_bzero(body.data, body.len);
    facet_str_fini(&body);
    return err || a.status == 409 ? err : judge(&a, "the camera");
}

static int read_ring(void *ctx, uint8_t *buf, size_t cap)
{
    struct sent_camera *s = ctx;
    int n = facet_upload_read(s->ring, buf, cap);
    if (n > 0)
        atomic_fetch_add(&s->bytes, n);
    if (n == 0) /* told once; a request that is cut off just then must not wait for ever */
        atomic_store(&s->is_done, true);
    return n == FACET_E_AGAIN && atomic_load(&s->is_done) ? 0 : n;
}

static int stream(struct call *call, struct sent_camera *s)
{
    const char *const headers[] = { "content-type: video/mp2t", call->key };
    char rest[FACET_MAX_NAME + 16];
    struct facet_post_answer a;
    snprintf(rest, sizeof(rest), "/%s/stream", s->name);
    address(call, s, rest);
    struct facet_post_request q = { .url = call->url, .method = "PUT", .headers = headers, .n_headers = 2, .read = read_ring, .read_ctx = s };
    int err = facet_post_send(call->post, &q, &a);
    return err ? err : judge(&a, "the video");
}

static void send_camera(void *ctx)
{
    struct sent_camera *s = ctx;
    struct call call = { .post = NULL };
    unsigned pause = FIRST_PAUSE_MS;
    int err = open_call(&call, s);
    while (!err && !is_over(s->cloud) && !atomic_load(&s->is_done)) {
        int failed = announce(&call, s);
        if (!failed && s->is_sent)
            failed = stream(&call, s);
        else if (!failed)
            pause_ms(s->cloud, AGAIN_MS);
        if (failed && !is_over(s->cloud))
            facet_log(FACET_LOG_WARN, "cloud", "camera '%s': %s", s->conf->name, facet_error_text());
        if (failed)
            pause_ms(s->cloud, failed == FACET_E_PERMISSION ? REFUSED_PAUSE_MS : pause);
        pause = !failed ? FIRST_PAUSE_MS : pause * 2 < MOST_PAUSE_MS ? pause * 2 : MOST_PAUSE_MS;
    }
    if (err)
        facet_log(FACET_LOG_ERROR, "cloud", "camera '%s': %s", s->conf->name, facet_error_text());
    facet_post_close(&call.post);
    atomic_store(&s->is_done, true);
}

/* ---- the node's part ---- */

static bool wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && n->strategy->is_elsewhere;
}

/* Names are the server's, over all of its devices. */
static void name_camera(struct sent_camera *s, const char *device)
{
    snprintf(s->name, sizeof(s->name), "%.60s-%.60s", device, s->conf->name);
    for (char *c = s->name; *c; c++)
        if (*c == '.')
            *c = '-';
}

static int start_camera(struct cloud *c, struct sent_camera *s, const struct facet_camera_conf *conf)
{
    char scheme[16];
    bool is_device = !strncmp(conf->url, "/dev/", 5) || !strncmp(conf->url, "v4l2:", 5);
    s->cloud = c;
    s->conf = conf;
    s->is_live = is_device;
    s->is_sent = is_device || !facet_url_scheme(conf->url, scheme, sizeof(scheme));
    if (!s->is_sent && *conf->ca)
        return facet_fail(FACET_E_UNSUPPORTED, "the server connects to camera '%s' itself and has not the file '%s': give its 'fingerprint' instead of 'ca'",
                          conf->name, conf->ca);
    name_camera(s, c->node->site->device);
    int err = s->is_sent ? facet_upload_open(&s->ring, 0) : FACET_OK;
    if (!err && s->is_sent) {
        s->writer = facet_upload_begin(s->ring);
        err = facet_thread_start(&s->relay, "relay", relay, s);
        s->has_relay = !err;
    }
    if (!err)
        err = facet_thread_start(&s->sender, "sender", send_camera, s);
    s->has_sender = !err;
    return err;
}

static int cloud_open(void *state, struct facet_node *n)
{
    struct cloud *c = state;
    int err = FACET_OK;
    c->node = n;
    c->camera = calloc((size_t)n->site->n_cameras, sizeof(*c->camera));
    if (!c->camera)
        return facet_fail_nomem();
    for (int i = 0; i < n->site->n_cameras && !err; i++) {
        c->n++;
        if (!n->site->cameras[i].disabled)
            err = start_camera(c, &c->camera[i], &n->site->cameras[i]);
        else
            atomic_store(&c->camera[i].is_done, true);
    }
    return err;
}

static bool is_done(void *state)
{
    const struct cloud *c = state;
    for (int i = 0; i < c->n; i++)
        if (!atomic_load(&c->camera[i].is_done))
            return false;
    return true;
}

static void count(void *state, struct facet_node_stats *out)
{
    const struct cloud *c = state;
    for (int i = 0; i < c->n; i++) {
        out->frames += atomic_load(&c->camera[i].frames);
        out->bytes_sent += atomic_load(&c->camera[i].bytes);
        out->dropped += atomic_load(&c->camera[i].dropped);
        int64_t first = atomic_load(&c->camera[i].first_ms);
        if (first && (!out->first_ms || first < out->first_ms))
            out->first_ms = first;
    }
}

static void stop(void *state)
{
    struct cloud *c = state;
    c->stop = 1;
    for (int i = 0; i < c->n; i++) {
        struct sent_camera *s = &c->camera[i];
        if (s->ring)
            facet_upload_abandon(s->ring);
        if (s->has_relay)
            facet_thread_join(&s->relay);
        if (s->has_sender)
            facet_thread_join(&s->sender);
        s->has_relay = s->has_sender = false;
    }
}

static void cloud_close(void *state)
{
    struct cloud *c = state;
    stop(c);
    for (int i = 0; i < c->n; i++)
        facet_upload_unref(&c->camera[i].ring);
    free(c->camera);
}

const struct facet__part facet__part_cloud_device = {
    .name = "cloud",
    .state_size = sizeof(struct cloud),
    .wanted = wanted,
    .open = cloud_open,
    .is_done = is_done,
    .count = count,
    .stop = stop,
    .close = cloud_close,
};
