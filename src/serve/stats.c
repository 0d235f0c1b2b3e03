/* /v1/stats, /v1/strategies, /v1/devices: how it goes, where each step runs, who takes part. */
#include "serve/routes.h"

#include "deploy/strategy.h"
#include "net/mqtt/mqtt.h"
#include "serve/device_view.h"
#include "serve/live.h"

#include <stdlib.h>
#include <string.h>

#define DEVICES 256

/* --- stats --- */

static void put_spread(struct facet_jsonw *w, const char *key, const struct facet_histogram *h)
{
    facet_jsonw_key(w, key);
    facet_jsonw_object(w);
    facet_jsonw_kint(w, "count", (int64_t)h->count);
    facet_jsonw_knum(w, "mean_ms", h->count ? (double)h->sum_ns / (double)h->count / 1e6 : 0, 3);
    facet_jsonw_knum(w, "p50_ms", (double)facet_histogram_quantile(h, 0.5) / 1e6, 3);
    facet_jsonw_knum(w, "p95_ms", (double)facet_histogram_quantile(h, 0.95) / 1e6, 3);
    facet_jsonw_knum(w, "p99_ms", (double)facet_histogram_quantile(h, 0.99) / 1e6, 3);
    facet_jsonw_end_object(w);
}

static void put_outbox(struct facet_jsonw *w, const struct facet_node_stats *n, bool has_one)
{
    static const char *const states[] = {"connecting", "online", "offline", "refused"};
    bool has_broker = n->mqtt_state >= 0 && n->mqtt_state < (int)(sizeof(states) / sizeof(states[0]));
    facet_jsonw_key(w, "outbox");
    if (has_one) {
        facet_jsonw_object(w);
        facet_jsonw_kint(w, "items", n->outbox_items);
        facet_jsonw_kint(w, "bytes", n->outbox_bytes);
        facet_jsonw_kint(w, "dropped", n->outbox_dropped);
        facet_jsonw_end_object(w);
    } else
        facet_jsonw_null(w);
    facet_jsonw_kstr(w, "mqtt", has_broker ? states[n->mqtt_state] : NULL);
}

static void put_counts(struct facet_jsonw *w, const struct facet_node_stats *n)
{
    facet_jsonw_knum(w, "seconds", n->seconds, 1);
    facet_jsonw_kint(w, "frames", n->frames);
    facet_jsonw_kint(w, "faces", n->faces);
    facet_jsonw_kint(w, "tracks", n->tracks);
    facet_jsonw_kint(w, "embedded", n->embedded);
    facet_jsonw_kint(w, "named", n->named);
    facet_jsonw_kint(w, "dropped", n->dropped);
    facet_jsonw_key(w, "steps");
    facet_jsonw_object(w);
    for (int i = 0; i < FACET_STEPS; i++)
        put_spread(w, facet_step_names[i], &n->step[i]);
    facet_jsonw_end_object(w);
    put_spread(w, "queue", &n->queue);
    put_spread(w, "total", &n->total);
    put_spread(w, "delay", &n->delay);
}

static int stats(void *ctx, struct facet_http_request *q)
{
    struct facet_node *node;
    struct facet_node_stats n;
    struct facet__answer a;
    int err = facet__need_node(ctx, q, &node);
    if (err)
        return err;
    facet_node_stats(node, &n);
    facet__answer_begin(&a);
    put_counts(&a.w, &n);
    facet_jsonw_kint(&a.w, "bytes_sent", n.bytes_sent);
    facet_jsonw_kint(&a.w, "bytes_received", n.bytes_received);
    facet_jsonw_kint(&a.w, "live_bytes", n.live_bytes + facet__live_bytes(ctx));
    put_outbox(&a.w, &n, *facet_node_site(node)->mqtt.host);
    facet_jsonw_knum(&a.w, "clock_offset_ms", n.clock_offset_ms, 3);
    facet_jsonw_knum(&a.w, "cpu_seconds", n.cpu_seconds, 3);
    facet_jsonw_kint(&a.w, "resident_bytes", n.resident_bytes);
    facet_jsonw_key(&a.w, "joules");
    if (n.joules >= 0)
        facet_jsonw_num(&a.w, n.joules, 3);
    else
        facet_jsonw_null(&a.w);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* --- strategies --- */

struct words { const char *name, *leaves[4]; };

/* What crosses the network, as docs/strategies.md tells it. */
static const struct words leaving[] = {
    {"edge", {"events"}},
    {"cloud", {"video"}},
    {"hybrid", {"face chips", "events"}},
};

static void put_strategy(struct facet_jsonw *w, const struct facet_strategy *s)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", s->name);
    facet_jsonw_kstr(w, "summary", s->summary);
    facet_jsonw_key(w, "leaves_device");
    facet_jsonw_array(w);
    for (size_t i = 0; i < sizeof(leaving) / sizeof(leaving[0]); i++)
        for (int k = 0; !strcmp(leaving[i].name, s->name) && leaving[i].leaves[k]; k++)
            facet_jsonw_str(w, leaving[i].leaves[k]);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static int strategies(void *ctx, struct facet_http_request *q)
{
    const struct facet_site *site = facet__serve_site(ctx);
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "active", *site->strategy ? site->strategy : "edge");
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; facet_strategies[i]; i++)
        put_strategy(&a.w, facet_strategies[i]);
    facet_jsonw_end_array(&a.w);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* --- devices --- */

static void put_device(struct facet_jsonw *w, const struct facet_device *d, const char *view_url)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", d->name);
    facet_jsonw_kstr(w, "strategy", d->strategy);
    facet_jsonw_kbool(w, "online", d->is_online);
    facet_jsonw_kint(w, "seen_ms", d->seen_ms);
    facet_jsonw_kint(w, "gallery_version", d->gallery_version);
    facet_jsonw_kint(w, "cameras", d->cameras);
    facet_jsonw_knum(w, "clock_offset_ms", d->clock_offset_ms, 3);
    facet_jsonw_kstr(w, "view_url", *view_url ? view_url : NULL);
    facet_jsonw_end_object(w);
}

static int devices(void *ctx, struct facet_http_request *q)
{
    struct facet_device *list = calloc(DEVICES, sizeof(*list));
    struct facet_node *node;
    struct facet__answer a;
    int err = list ? facet__need_node(ctx, q, &node) : facet_fail_nomem();
    int n = err ? 0 : facet_node_devices(node, list, DEVICES);
    n = err ? 0 : facet__device_view_add(ctx, list, n < DEVICES ? n : DEVICES, DEVICES);
    if (err) {
        free(list);
        return err;
    }
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (int i = 0; i < n && i < DEVICES; i++) {
        char url[FACET__VIEW_URL];
        facet__device_view_url(ctx, list[i].name, url);
        put_device(&a.w, &list[i], url);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kstr(&a.w, "next", NULL);
    free(list);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static const struct facet_http_route routes[] = {
    {.method = FACET_HTTP_GET, .path = "/v1/stats", .handler = stats, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_GET, .path = "/v1/strategies", .handler = strategies, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
    {.method = FACET_HTTP_GET, .path = "/v1/devices", .handler = devices, .flags = FACET__ROLE(FACET_ROLE_VIEWER)},
};

const struct facet__resource facet__resource_stats = {
    .name = "stats", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
