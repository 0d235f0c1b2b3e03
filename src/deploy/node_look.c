/* What others see of a node: events as they happen, the last faces of a camera, figures. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "flow/packet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- listeners ---- */

int facet_node_listen(struct facet_node *n, facet_node_listener *fn, void *ctx, int *handle)
{
    int err = FACET_OK;
    *handle = 0;
    facet_lock_take(&n->listen_lock);
    if (n->n_listeners == FACET__NODE_LISTENERS)
        err = FACET_E_LIMIT;
    else {
        *handle = ++n->last_handle;
        n->listeners[n->n_listeners++] = (struct facet__listener){ .fn = fn, .ctx = ctx, .handle = *handle };
    }
    facet_lock_give(&n->listen_lock);
    return err ? facet_fail(err, "there are %d listeners to events already", FACET__NODE_LISTENERS) : FACET_OK;
}

void facet_node_unlisten(struct facet_node *n, int handle)
{
    facet_lock_take(&n->listen_lock);
    for (int i = 0; i < n->n_listeners; i++)
        if (n->listeners[i].handle == handle) {
            n->listeners[i] = n->listeners[--n->n_listeners];
            break;
        }
    facet_lock_give(&n->listen_lock);
}

void facet__node_tell(struct facet_node *n, const struct facet_event *e)
{
    facet_lock_take(&n->listen_lock);
    for (int i = 0; i < n->n_listeners; i++)
        n->listeners[i].fn(n->listeners[i].ctx, e);
    facet_lock_give(&n->listen_lock);
}

/* ---- last faces ---- */

static struct facet__last_faces *find_faces(struct facet_node *n, const char *camera, bool make)
{
    struct facet__last_faces *f;
    for (int i = 0; i < n->n_faces; i++)
        if (!strcmp(n->faces[i]->times.camera, camera))
            return n->faces[i];
    if (!make)
        return NULL;
    if (n->n_faces < FACET_MAX_CAMERAS) {
        f = calloc(1, sizeof(*f));
        if (!f)
            return NULL;
        n->faces[n->n_faces++] = f;
    } else { /* cameras came and went: the one not seen for longest makes room */
        f = n->faces[0];
        for (int i = 1; i < n->n_faces; i++)
            if (n->faces[i]->captured_ms < f->captured_ms)
                f = n->faces[i];
        memset(f, 0, sizeof(*f));
    }
    snprintf(f->times.camera, sizeof(f->times.camera), "%s", camera);
    return f;
}

static void keep_faces(struct facet__last_faces *f, const struct facet_packet *p)
{
    f->n = p->n_faces < FACET__NODE_FACES ? p->n_faces : FACET__NODE_FACES;
    f->captured_ms = p->frame->wall_ms;
    for (int i = 0; i < f->n; i++) {
        f->face[i] = p->faces[i];
        f->face[i].chip = (struct facet_image){ 0 };
        f->face[i].chip_cap = 0;
        f->face[i].embedding = NULL;
        f->face[i].has_chip = f->face[i].has_embedding = false;
    }
}

void facet__node_drop_faces(struct facet_node *n)
{
    for (int i = 0; i < n->n_faces; i++)
        free(n->faces[i]);
    n->n_faces = 0;
}

int facet_node_faces(struct facet_node *n, const char *camera, struct facet_face *out, int max, int64_t *captured_ms)
{
    int count = 0;
    facet_lock_take(&n->lock);
    struct facet__last_faces *f = find_faces(n, camera, false);
    *captured_ms = f ? f->captured_ms : 0;
    for (; f && count < f->n && count < max; count++)
        out[count] = f->face[count];
    facet_lock_give(&n->lock);
    return count;
}

/* ---- figures ---- */

static void count_packet(struct facet_node_stats *s, const struct facet_packet *p)
{
    s->dropped += p->dropped;
    s->embedded += p->embedded;
    s->faces += p->n_faces;
    for (int i = 0; i < p->n_faces; i++) {
        s->tracks += p->faces[i].is_new_track;
        s->named += p->faces[i].identity.decision == FACET_KNOWN;
    }
    s->frames += p->frame != NULL;
}

static void count_times(struct facet_histogram step[FACET_STEPS], struct facet_histogram *queue, struct facet_histogram *total,
                        const struct facet_packet *p, uint64_t now)
{
    for (int i = 0; i < FACET_STEPS; i++)
        facet_histogram_add(&step[i], p->step_ns[i]);
    facet_histogram_add(queue, p->queue_ns);
    facet_histogram_add(total, now - p->born_ns);
}

void facet__node_saw(struct facet_node *n, const struct facet_packet *p, const char *camera)
{
    uint64_t now = facet_now_ns();
    facet_lock_take(&n->lock);
    if (p->frame && !n->stats.first_ms)
        n->stats.first_ms = p->frame->wall_ms;
    count_packet(&n->stats, p);
    if (p->frame)
        count_times(n->stats.step, &n->stats.queue, &n->stats.total, p, now);
    struct facet__last_faces *f = p->frame ? find_faces(n, camera, true) : NULL;
    if (f) {
        keep_faces(f, p);
        count_times(f->times.step, &f->times.queue, &f->times.total, p, now);
    }
    facet_lock_give(&n->lock);
}

int facet_node_camera_times(struct facet_node *n, struct facet_camera_times *out, int max)
{
    facet_lock_take(&n->lock);
    int count = n->n_faces;
    for (int i = 0; i < count && i < max; i++)
        out[i] = n->faces[i]->times;
    facet_lock_give(&n->lock);
    return count;
}

/* What went over the network so far: the broker's payloads, cameras' streams, and what packets say of themselves. */
static void count_network(struct facet_node *n, struct facet_node_stats *s)
{
    struct facet_mqtt_stats m;
    struct facet_mqtt *mqtt = atomic_load(&n->mqtt);
    s->mqtt_state = -1;
    if (!mqtt)
        return;
    facet_mqtt_stats(mqtt, &m);
    s->mqtt_state = (int)m.state;
    s->bytes_sent += m.bytes_sent;
    s->bytes_received += m.bytes_received;
}

/* What cameras' streams brought to a server: there the way from the device is the network. */
static void count_streams(struct facet_node *n, struct facet_node_stats *s)
{
    struct facet_cameras *c = facet_node_cameras(n);
    struct facet_camera_status *status = c && facet__node_is_server(n) ? calloc(FACET_MAX_CAMERAS, sizeof(*status)) : NULL;
    int count = status ? facet_cameras_status(c, status, FACET_MAX_CAMERAS) : 0;
    for (int i = 0; i < count && i < FACET_MAX_CAMERAS; i++)
        s->bytes_received += status[i].bytes;
    free(status);
}

void facet__node_network(void *ctx, int64_t *sent, int64_t *received)
{
    struct facet_node *n = ctx;
    struct facet_node_stats s = { .bytes_sent = 0 };
    count_network(n, &s);
    *sent = s.bytes_sent - n->told_sent;
    *received = s.bytes_received - n->told_received;
    n->told_sent = s.bytes_sent;
    n->told_received = s.bytes_received;
}

static void count_outbox(struct facet_node *n, struct facet_node_stats *s)
{
    struct facet_spool_stats o;
    if (!n->outbox)
        return;
    facet_outbox_stats(n->outbox, &o);
    s->outbox_items = o.items;
    s->outbox_bytes = o.bytes;
    s->outbox_dropped = o.dropped_expired + o.dropped_age + o.dropped_space;
}

void facet_node_stats(struct facet_node *n, struct facet_node_stats *out)
{
    facet_lock_take(&n->lock);
    *out = n->stats;
    facet_lock_give(&n->lock);
    count_network(n, out);
    count_streams(n, out);
    count_outbox(n, out);
    facet__parts_count(n, out);
    out->seconds = (double)(facet_now_ns() - n->started_ns) / 1e9;
    out->cpu_seconds = (double)facet_process_cpu_ns() / 1e9;
    out->resident_bytes = facet_rss_bytes();
    if (!n->energy || facet_energy_read(n->energy, &out->joules))
        out->joules = -1;
}
