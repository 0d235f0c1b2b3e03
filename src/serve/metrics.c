/* /metrics: what the server and its node have done and spent, in Prometheus' text form. docs/metrics.md lists the names. */
#include "serve/routes.h"

#include "base/clock.h"
#include "base/lock.h"
#include "deploy/engine_room.h"
#include "measure/prometheus.h"
#include "net/mqtt/mqtt.h"
#include "serve/inference.h"
#include "serve/live.h"
#include "store/gallery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLASSES 5                  /* of statuses: 1xx .. 5xx */
#define RESOURCES 48
#define NETS 64
#define DEVICES 256
#define LABELS(...) (const struct facet_prom_label[]){__VA_ARGS__}

struct requests { uint64_t done[CLASSES]; struct facet_histogram worked; };
struct infer { char net[FACET_NET_NAME]; uint64_t done; struct facet_histogram queued, worked; };

struct metrics {
    struct facet_lock lock;
    bool has_lock;
    uint64_t begun_ns;
    struct requests of[RESOURCES + 1];     /* the last: of no resource */
    struct facet_histogram queued;
    uint64_t bytes_in, bytes_out;
    struct infer infer[NETS];
    int n_infer;
    int handle;                            /* at the node; -1: none */
    uint64_t identified[3];                /* by enum facet_decision */
};

/* --- counting --- */

static int resource_number(const struct facet_serve *s, const struct facet_http_request *q)
{
    const struct facet__resource *r = facet__resource_of(s, facet_http_route_of(q));
    for (int i = 0; r && i < RESOURCES && facet__resources[i]; i++)
        if (facet__resources[i] == r)
            return i;
    return RESOURCES;
}

static void on_done(struct facet_serve *s, void *state, const struct facet_http_request *q, int status, uint64_t queued_ns,
                    uint64_t worked_ns, size_t bytes_in, size_t bytes_out)
{
    struct metrics *m = state;
    struct requests *r = &m->of[resource_number(s, q)];
    int class = status / 100 - 1;
    facet_lock_take(&m->lock);
    r->done[class < 0 ? 0 : class >= CLASSES ? CLASSES - 1 : class]++;
    facet_histogram_add(&r->worked, worked_ns);
    facet_histogram_add(&m->queued, queued_ns);
    m->bytes_in += bytes_in;
    m->bytes_out += bytes_out;
    facet_lock_give(&m->lock);
}

static struct infer *find_infer(struct metrics *m, const char *net)
{
    for (int i = 0; i < m->n_infer; i++)
        if (!strcmp(m->infer[i].net, net))
            return &m->infer[i];
    if (m->n_infer == NETS)
        return NULL;
    struct infer *f = &m->infer[m->n_infer++];
    snprintf(f->net, sizeof(f->net), "%s", net);
    return f;
}

void facet__count_infer(struct facet_serve *s, const char *net, uint64_t queued_ns, uint64_t worked_ns)
{
    struct metrics *m = facet__serve_state(s, &facet__resource_metrics);
    if (!m)
        return;
    facet_lock_take(&m->lock);
    struct infer *f = find_infer(m, net);
    if (f) {
        f->done++;
        facet_histogram_add(&f->queued, queued_ns);
        facet_histogram_add(&f->worked, worked_ns);
    }
    facet_lock_give(&m->lock);
}

static void on_event(void *ctx, const struct facet_event *e)
{
    struct metrics *m = ctx;
    if (e->type != FACET_EVENT_IDENTITY && e->type != FACET_EVENT_FACE)
        return;
    facet_lock_take(&m->lock);
    m->identified[e->identity.decision <= FACET_KNOWN ? e->identity.decision : FACET_UNDECIDED]++;
    facet_lock_give(&m->lock);
}

/* --- families without labels --- */

static void one(struct facet_str *out, const char *name, enum facet_prom_kind kind, const char *help, double value)
{
    struct facet_prom p;
    facet_prom_family(&p, out, name, kind, help);
    facet_prom_sample(&p, NULL, 0, value);
}

static void one_histogram(struct facet_str *out, const char *name, const char *help, const struct facet_histogram *h)
{
    struct facet_prom p;
    facet_prom_family(&p, out, name, FACET_PROM_HISTOGRAM, help);
    facet_prom_histogram(&p, NULL, 0, h);
}

/* --- the server --- */

static void put_build(struct facet_str *out, const struct metrics *m)
{
    struct facet_prom p;
    facet_prom_family(&p, out, "facet_build_info", FACET_PROM_GAUGE, "Version of this build; always 1.");
    facet_prom_sample(&p, LABELS({"version", FACET_VERSION}), 1, 1);
    one(out, "facet_uptime_seconds", FACET_PROM_GAUGE, "Time since the server began.", (double)(facet_now_ns() - m->begun_ns) / 1e9);
    one(out, "facet_process_cpu_seconds_total", FACET_PROM_COUNTER, "CPU time of the process.", (double)facet_process_cpu_ns() / 1e9);
    one(out, "facet_process_resident_memory_bytes", FACET_PROM_GAUGE, "Memory of the process that is in RAM.", (double)facet_rss_bytes());
    one(out, "facet_process_peak_memory_bytes", FACET_PROM_GAUGE, "The most of it so far.", (double)facet_peak_rss_bytes());
}

static bool was_asked(const struct requests *r)
{
    return r->worked.count > 0;
}

static const char *resource_name(int i)
{
    return i < RESOURCES ? facet__resources[i]->name : "none";
}

static void put_requests(struct facet_str *out, const struct metrics *m)
{
    static const char *const classes[CLASSES] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
    struct facet_prom p;
    facet_prom_family(&p, out, "facet_http_requests_total", FACET_PROM_COUNTER, "Requests answered.");
    for (int i = 0; i <= RESOURCES; i++)
        for (int c = 0; c < CLASSES; c++)
            if (m->of[i].done[c])
                facet_prom_sample(&p, LABELS({"resource", resource_name(i)}, {"status", classes[c]}), 2, (double)m->of[i].done[c]);
    facet_prom_family(&p, out, "facet_http_duration_seconds", FACET_PROM_HISTOGRAM, "Time that handlers worked.");
    for (int i = 0; i <= RESOURCES; i++)
        if (was_asked(&m->of[i]))
            facet_prom_histogram(&p, LABELS({"resource", resource_name(i)}), 1, &m->of[i].worked);
    one_histogram(out, "facet_http_queue_seconds", "Time that requests waited for a worker.", &m->queued);
    one(out, "facet_http_received_bytes_total", FACET_PROM_COUNTER, "Bytes of requests' bodies.", (double)m->bytes_in);
    one(out, "facet_http_sent_bytes_total", FACET_PROM_COUNTER, "Bytes of answers' bodies.", (double)m->bytes_out);
}

static void put_engine(struct facet_str *out, struct facet_engine_room *room)
{
    struct facet_engine_room_stats e;
    struct facet_prom p;
    facet_engine_room_stats(room, &e);
    facet_prom_family(&p, out, "facet_engine_requests_total", FACET_PROM_COUNTER, "Pictures and chips that asked for recognition.");
    facet_prom_sample(&p, LABELS({"result", "done"}), 1, (double)(e.requests - e.refused - e.failed - e.inside));
    facet_prom_sample(&p, LABELS({"result", "refused"}), 1, (double)e.refused);
    facet_prom_sample(&p, LABELS({"result", "failed"}), 1, (double)e.failed);
    one(out, "facet_engine_inside", FACET_PROM_GAUGE, "Requests that wait or are under way.", (double)e.inside);
    one(out, "facet_engine_batches_total", FACET_PROM_COUNTER, "Runs of the recogniser.", (double)e.batches);
    one(out, "facet_engine_chips_total", FACET_PROM_COUNTER, "Faces embedded by them.", (double)e.chips);
    one_histogram(out, "facet_engine_queue_seconds", "Time that requests waited for detector and recogniser.", &e.queued);
    one_histogram(out, "facet_engine_detect_seconds", "Compute time of finding faces, a picture.", &e.detect);
    one_histogram(out, "facet_engine_embed_seconds", "Compute time of the batches that a request was in.", &e.embed);
}

static void put_infer(struct facet_str *out, const struct metrics *m)
{
    struct facet_prom p;
    facet_prom_family(&p, out, "facet_infer_requests_total", FACET_PROM_COUNTER, "Runs of networks on tensors that were sent.");
    for (int i = 0; i < m->n_infer; i++)
        facet_prom_sample(&p, LABELS({"model", m->infer[i].net}), 1, (double)m->infer[i].done);
    facet_prom_family(&p, out, "facet_infer_queue_seconds", FACET_PROM_HISTOGRAM, "Time that they waited.");
    for (int i = 0; i < m->n_infer; i++)
        facet_prom_histogram(&p, LABELS({"model", m->infer[i].net}), 1, &m->infer[i].queued);
    facet_prom_family(&p, out, "facet_infer_duration_seconds", FACET_PROM_HISTOGRAM, "Time that they computed.");
    for (int i = 0; i < m->n_infer; i++)
        facet_prom_histogram(&p, LABELS({"model", m->infer[i].net}), 1, &m->infer[i].worked);
}

/* --- the node --- */

/* Cameras that were looked at since the start; there are few. */
static void put_times(struct facet_str *out, struct facet_node *node, const char *placement)
{
    int n = facet_node_camera_times(node, NULL, 0);
    struct facet_camera_times *t = n ? calloc((size_t)n, sizeof(*t)) : NULL;
    struct facet_prom p;
    if (!t)
        return;
    int there = facet_node_camera_times(node, t, n);
    n = there < n ? there : n;
    facet_prom_family(&p, out, "facet_stage_duration_seconds", FACET_PROM_HISTOGRAM, "Compute time of each step of the path, a frame.");
    for (int i = 0; i < n; i++)
        for (int k = 0; k < FACET_STEPS; k++)
            facet_prom_histogram(&p, LABELS({"stage", facet_step_names[k]}, {"camera", t[i].camera}, {"placement", placement}), 3, &t[i].step[k]);
    facet_prom_family(&p, out, "facet_stage_queue_seconds", FACET_PROM_HISTOGRAM, "Time that frames waited between steps.");
    for (int i = 0; i < n; i++)
        facet_prom_histogram(&p, LABELS({"camera", t[i].camera}), 1, &t[i].queue);
    facet_prom_family(&p, out, "facet_frame_duration_seconds", FACET_PROM_HISTOGRAM, "From a frame's birth to its end.");
    for (int i = 0; i < n; i++)
        facet_prom_histogram(&p, LABELS({"camera", t[i].camera}), 1, &t[i].total);
    free(t);
}

static void put_path(struct facet_str *out, const struct facet_node_stats *n, const char *placement)
{
    struct facet_prom p;
    one_histogram(out, "facet_event_delay_seconds", "From a frame's capture to its event.", &n->delay);
    one(out, "facet_frames_total", FACET_PROM_COUNTER, "Frames that went the path.", (double)n->frames);
    one(out, "facet_faces_total", FACET_PROM_COUNTER, "Faces found in them.", (double)n->faces);
    one(out, "facet_tracks_total", FACET_PROM_COUNTER, "Tracks begun.", (double)n->tracks);
    one(out, "facet_embeddings_total", FACET_PROM_COUNTER, "Faces embedded.", (double)n->embedded);
    facet_prom_family(&p, out, "facet_placement_active", FACET_PROM_GAUGE, "The strategy that is in force; always 1.");
    facet_prom_sample(&p, LABELS({"plan", placement}), 1, 1);
}

static void put_network(struct facet_str *out, const struct facet_node_stats *n)
{
    one(out, "facet_network_sent_bytes_total", FACET_PROM_COUNTER, "Payload sent to broker and server.", (double)n->bytes_sent);
    one(out, "facet_network_received_bytes_total", FACET_PROM_COUNTER, "Payload received from them.", (double)n->bytes_received);
    one(out, "facet_outbox_items", FACET_PROM_GAUGE, "Messages that wait on disk.", (double)n->outbox_items);
    one(out, "facet_outbox_bytes", FACET_PROM_GAUGE, "Their bytes.", (double)n->outbox_bytes);
    one(out, "facet_outbox_dropped_total", FACET_PROM_COUNTER, "Messages dropped for age or space.", (double)n->outbox_dropped);
    if (n->mqtt_state >= 0)
        one(out, "facet_mqtt_connected", FACET_PROM_GAUGE, "1 while the broker is there.", n->mqtt_state == FACET_MQTT_ONLINE);
    one(out, "facet_clock_offset_seconds", FACET_PROM_GAUGE, "The server's clock minus this one.", n->clock_offset_ms / 1e3);
}

static void put_energy(struct facet_str *out, const struct facet_node_stats *n, const char *device)
{
    struct facet_prom p;
    if (n->joules < 0)
        return;
    facet_prom_family(&p, out, "facet_energy_joules_total", FACET_PROM_COUNTER, "Energy that the machine used, where it can tell.");
    facet_prom_sample(&p, LABELS({"device", device}), 1, n->joules);
}

static void put_people(struct facet_str *out, const struct metrics *m, struct facet_gallery *g)
{
    static const char *const results[] = {"undecided", "unknown", "known"};
    struct facet_gallery_info info;
    struct facet_prom p;
    facet_prom_family(&p, out, "facet_identify_total", FACET_PROM_COUNTER, "Answers about faces and tracks.");
    for (int i = 0; i < 3; i++)
        facet_prom_sample(&p, LABELS({"result", results[i]}), 1, (double)m->identified[i]);
    if (!g || facet_gallery_info(g, &info))
        return;
    one(out, "facet_gallery_people", FACET_PROM_GAUGE, "People who are known.", (double)info.people);
    one(out, "facet_gallery_templates", FACET_PROM_GAUGE, "Their templates.", (double)info.templates);
}

/* --- cameras and devices --- */

static void put_dropped(struct facet_str *out, const struct facet_camera_status *c, int n)
{
    struct facet_prom p;
    facet_prom_family(&p, out, "facet_frames_dropped_total", FACET_PROM_COUNTER, "Frames that did not go the path, by reason.");
    for (int i = 0; i < n; i++)
        for (int r = 0; r < FACET_DROP_REASONS; r++)
            facet_prom_sample(&p, LABELS({"camera", c[i].name}, {"reason", facet_drop_words[r]}), 2, (double)c[i].dropped[r]);
}

static void each(struct facet_str *out, const char *name, enum facet_prom_kind kind, const char *help, const struct facet_camera_status *c,
                 int n, double (*value)(const struct facet_camera_status *c))
{
    struct facet_prom p;
    facet_prom_family(&p, out, name, kind, help);
    for (int i = 0; i < n; i++)
        facet_prom_sample(&p, LABELS({"camera", c[i].name}), 1, value(&c[i]));
}

static double is_up(const struct facet_camera_status *c)
{
    return c->state == FACET_CAMERA_LIVE;
}

static double frames_of(const struct facet_camera_status *c)
{
    return (double)c->frames;
}

static double taken_of(const struct facet_camera_status *c)
{
    return (double)c->taken;
}

static double bytes_of(const struct facet_camera_status *c)
{
    return (double)c->bytes;
}

static double reconnects_of(const struct facet_camera_status *c)
{
    return (double)c->reconnects;
}

static void put_cameras(struct facet_str *out, struct facet_node *node)
{
    struct facet_cameras *cameras = facet_node_cameras(node);
    struct facet_camera_status *c = cameras ? calloc(FACET_MAX_CAMERAS, sizeof(*c)) : NULL;
    int n = c ? facet_cameras_status(cameras, c, FACET_MAX_CAMERAS) : 0;
    n = n > FACET_MAX_CAMERAS ? FACET_MAX_CAMERAS : n;
    if (n > 0) {
        each(out, "facet_camera_up", FACET_PROM_GAUGE, "1 while pictures come.", c, n, is_up);
        each(out, "facet_camera_frames_total", FACET_PROM_COUNTER, "Frames decoded.", c, n, frames_of);
        each(out, "facet_camera_frames_taken_total", FACET_PROM_COUNTER, "Frames that went the path.", c, n, taken_of);
        each(out, "facet_camera_received_bytes_total", FACET_PROM_COUNTER, "Bytes of video.", c, n, bytes_of);
        each(out, "facet_camera_reconnects_total", FACET_PROM_COUNTER, "Times it was connected again.", c, n, reconnects_of);
        put_dropped(out, c, n);
    }
    free(c);
}

static void put_devices(struct facet_str *out, struct facet_node *node)
{
    struct facet_device *d = calloc(DEVICES, sizeof(*d));
    int n = d ? facet_node_devices(node, d, DEVICES) : 0;
    struct facet_prom p;
    n = n > DEVICES ? DEVICES : n;
    if (n > 0) {
        facet_prom_family(&p, out, "facet_device_up", FACET_PROM_GAUGE, "1 while the device is online.");
        for (int i = 0; i < n; i++)
            facet_prom_sample(&p, LABELS({"device", d[i].name}), 1, d[i].is_online);
    }
    free(d);
}

static void put_node(struct facet_str *out, const struct metrics *m, struct facet_node *node, int64_t live_bytes)
{
    const struct facet_site *site = facet_node_site(node);
    struct facet_node_stats n;
    facet_node_stats(node, &n);
    const char *placement = *site->strategy ? site->strategy : "edge";
    put_times(out, node, placement);
    put_path(out, &n, placement);
    put_network(out, &n);
    one(out, "facet_live_sent_bytes_total", FACET_PROM_COUNTER, "Pictures and boxes of live views.", (double)(n.live_bytes + live_bytes));
    put_energy(out, &n, site->device);
    put_people(out, m, facet_node_gallery(node));
    put_cameras(out, node);
    put_devices(out, node);
}

/* --- the resource --- */

static int metrics_get(void *ctx, struct facet_http_request *q)
{
    struct metrics *m = facet__serve_state(ctx, &facet__resource_metrics), *copy = malloc(sizeof(*copy));
    struct facet_str out = FACET_STR_INIT;
    if (!copy)
        return facet_fail_nomem();
    facet_lock_take(&m->lock);
    memcpy(copy, m, sizeof(*copy));
    facet_lock_give(&m->lock);
    put_build(&out, copy);
    put_requests(&out, copy);
    if (facet__serve_engine(ctx))
        put_engine(&out, facet__serve_engine(ctx));
    put_infer(&out, copy);
    if (facet__serve_node(ctx))
        put_node(&out, copy, facet__serve_node(ctx), facet__live_bytes(ctx));
    free(copy);
    facet_http_status(q, 200);
    return facet_http_send_str(q, "text/plain; version=0.0.4; charset=utf-8", &out);
}

static void metrics_close(struct facet_serve *s, void *state)
{
    struct metrics *m = state;
    if (m->handle >= 0)
        facet_node_unlisten(facet__serve_node(s), m->handle);
    if (m->has_lock)
        facet_lock_fini(&m->lock);
    free(m);
}

static int metrics_open(struct facet_serve *s, void **state)
{
    struct metrics *m = *state = calloc(1, sizeof(*m));
    if (!m)
        return facet_fail_nomem();
    m->handle = -1;
    m->begun_ns = facet_now_ns();
    int err = facet_lock_init(&m->lock);
    m->has_lock = !err;
    if (!err && facet__serve_node(s))
        err = facet_node_listen(facet__serve_node(s), on_event, m, &m->handle);
    if (err)
        metrics_close(s, m);
    return err;
}

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_GET, .path = "/metrics", .handler = metrics_get, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
};

const struct facet__resource facet__resource_metrics = {
    .name = "metrics", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
    .open = metrics_open, .close = metrics_close, .done = on_done,
};
