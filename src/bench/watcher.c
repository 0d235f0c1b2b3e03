#include "bench/watcher.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"
#include "bench/stats.h"
#include "net/mqtt/mqtt.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MOST_HEARD 100000
#define PAUSE_NS 5000000

struct heard {
    char id[FACET_EVENT_ID];
    enum facet_event_type type;
    int64_t track, captured_ms, heard_ms;
    double pts_ms;
    char name[FACET_MAX_NAME];     /* "": of nobody known */
};

struct facet_watcher {
    struct facet_mqtt *mqtt;
    struct facet_lock lock;        /* below */
    bool has_lock;
    struct heard *heard; size_t n, cap;
    int64_t pictures;
    uint64_t last_ns;
};

/* ---- hearing, on the client's thread ---- */

static bool is_known(const struct facet_watcher *w, const char *id)
{
    for (size_t i = w->n; i-- > 0;)
        if (strcmp(w->heard[i].id, id) == 0)
            return true;
    return false;
}

static struct heard *add(struct facet_watcher *w)
{
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 256;
        struct heard *grown = cap <= MOST_HEARD * 2u ? realloc(w->heard, cap * sizeof(*grown)) : NULL;
        if (!grown)
            return NULL;
        w->heard = grown;
        w->cap = cap;
    }
    return &w->heard[w->n++];
}

static void hear(struct facet_watcher *w, const struct facet_event *e, int64_t now_ms)
{
    struct heard *h = is_known(w, e->id) ? NULL : add(w);
    if (!h)
        return;
    *h = (struct heard){ .type = e->type, .track = e->track, .captured_ms = e->captured_ms, .heard_ms = now_ms, .pts_ms = e->pts_ms };
    memcpy(h->id, e->id, sizeof(h->id));
    if (e->type == FACET_EVENT_IDENTITY && e->identity.decision == FACET_KNOWN)
        snprintf(h->name, sizeof(h->name), "%s", e->identity.name);
    w->last_ns = facet_now_ns();
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

static int on_message(void *ctx, const struct facet_mqtt_message *m)
{
    static const char key[] = "\"after\":";
    struct facet_watcher *w = ctx;
    struct facet_event e;
    int64_t now_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    bool is_chip = ends_with(m->topic, "/chip");
    const char *at = !is_chip && m->len ? memmem(m->payload, m->len, key, sizeof(key) - 1) : NULL;
    const char *end = (const char *)m->payload + m->len - 1;
    bool is_event = at && facet_event_from_json(&e, at + sizeof(key) - 1, (size_t)(end - at) - (sizeof(key) - 1)) == FACET_OK;
    facet_lock_take(&w->lock);
    w->pictures += is_chip;
    if (is_event)
        hear(w, &e, now_ms);
    facet_lock_give(&w->lock);
    return FACET_OK;
}

/* ---- life ---- */

static int wait_online(struct facet_watcher *w, unsigned wait_ms)
{
    const struct timespec pause = { .tv_nsec = PAUSE_NS };
    uint64_t until = facet_now_ns() + (uint64_t)wait_ms * 1000000u;
    for (;;) {
        struct facet_mqtt_stats s;
        facet_mqtt_stats(w->mqtt, &s);
        if (s.state == FACET_MQTT_ONLINE)
            return FACET_OK;
        if (facet_now_ns() > until)
            return facet_fail(FACET_E_TIMEOUT, "the broker does not answer");
        nanosleep(&pause, NULL);
    }
}

int facet_watcher_open(struct facet_watcher **out, const char *host, int port, unsigned wait_ms)
{
    struct facet_watcher *w = calloc(1, sizeof(*w));
    char id[64];
    *out = NULL;
    if (!w)
        return facet_fail_nomem();
    snprintf(id, sizeof(id), "facet-bench-%ld", (long)getpid());
    const struct facet_mqtt_opts o = { .host = host, .port = port, .client_id = id, .clean_start = true, .backoff_ms = 20,
                                       .on_message = on_message, .ctx = w };
    int err = facet_lock_init(&w->lock);
    w->has_lock = !err;
    w->last_ns = facet_now_ns();
    if (!err)
        err = facet_mqtt_open(&w->mqtt, &o);
    if (!err)
        err = wait_online(w, wait_ms);
    if (!err)
        err = facet_mqtt_subscribe(w->mqtt, "facet/events", 1);
    if (!err)
        err = facet_mqtt_subscribe(w->mqtt, "facet/wire/+/chip", 0);
    if (err)
        facet_watcher_close(&w);
    *out = w;
    return err;
}

void facet_watcher_close(struct facet_watcher **pw)
{
    struct facet_watcher *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    facet_mqtt_close(&w->mqtt, 0);
    if (w->has_lock)
        facet_lock_fini(&w->lock);
    free(w->heard);
    free(w);
}

/* ---- telling ---- */

void facet_watcher_state(struct facet_watcher *w, struct facet_watched_state *out)
{
    *out = (struct facet_watched_state){ 0 };
    facet_lock_take(&w->lock);
    for (size_t i = 0; i < w->n; i++) {
        out->begun += w->heard[i].type == FACET_EVENT_NEW;
        out->ended += w->heard[i].type == FACET_EVENT_END;
    }
    out->events = (int64_t)w->n;
    out->quiet_s = (double)(facet_now_ns() - w->last_ns) * 1e-9;
    facet_lock_give(&w->lock);
}

static bool is_first_of(const struct facet_watcher *w, size_t at, bool by_name)
{
    const struct heard *h = &w->heard[at];
    for (size_t i = 0; i < at; i++)
        if (*w->heard[i].name && (by_name ? !strcmp(w->heard[i].name, h->name) : w->heard[i].track == h->track))
            return false;
    return true;
}

void facet_watcher_tell(struct facet_watcher *w, int64_t first_ms, struct facet_watched *out)
{
    *out = (struct facet_watched){ 0 };
    facet_lock_take(&w->lock);
    double *delay = malloc((w->n + 1) * sizeof(*delay));
    out->events = (int64_t)w->n;
    out->pictures = w->pictures;
    for (size_t i = 0; i < w->n; i++) {
        const struct heard *h = &w->heard[i];
        out->tracks += h->type == FACET_EVENT_NEW;
        if (h->type != FACET_EVENT_IDENTITY)
            continue;
        double late = first_ms ? (double)(h->heard_ms - first_ms) - h->pts_ms : (double)(h->heard_ms - h->captured_ms);
        if (delay)
            delay[out->decisions++] = late > 0 ? late : 0;
        out->named += *h->name && is_first_of(w, i, false);
        out->names += *h->name && is_first_of(w, i, true);
    }
    struct facet_spread d;
    facet_spread_of(&d, delay, out->decisions);
    out->mean_ms = d.mean;
    out->p50_ms = d.p50;
    out->p95_ms = d.p95;
    out->p99_ms = d.p99;
    free(delay);
    facet_lock_give(&w->lock);
}
