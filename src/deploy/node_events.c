/* What happens to an event: it goes to the outbox, is kept, counted and told, in this order. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "deploy/node_priv.h"
#include "deploy/strategy.h"
#include "store/events.h"

#include <stdio.h>
#include <unistd.h>

int64_t facet__wall_ms(void)
{
    return facet_clock_system.wall_ms(facet_clock_system.ctx);
}

/* Capture to event, by one clock. */
static void count_delay(struct facet_node *n, const struct facet_event *e, int64_t offset_ms)
{
    int64_t delay = e->published_ms - (e->captured_ms + offset_ms);
    if (e->captured_ms <= 0 || e->type == FACET_EVENT_CAMERA)
        return;
    facet_lock_take(&n->lock);
    facet_histogram_add(&n->stats.delay, delay > 0 ? (uint64_t)delay * 1000000u : 0);
    facet_lock_give(&n->lock);
}

/* *is_new false: it was here already. */
static int keep(struct facet_node *n, const struct facet_event *e, bool *is_new)
{
    *is_new = true;
    return n->events ? facet_events_put(n->events, e, is_new) : FACET_OK;
}

void facet__node_event(struct facet_node *n, const struct facet_event *e, int64_t offset_ms)
{
    bool is_new;
    /* Who is killed between the two has sent what it has not kept, and never kept what it will not send. */
    facet__parts_event(n, e, true);
    if (keep(n, e, &is_new))
        facet_log(FACET_LOG_ERROR, "node", "event %s could not be kept: %s", e->id, facet_error_text());
    if (!is_new)
        return;
    count_delay(n, e, offset_ms);
    facet__node_tell(n, e);
}

int facet__node_arrived(struct facet_node *n, const struct facet_event *e)
{
    bool is_new;
    int err = keep(n, e, &is_new);
    if (err || !is_new)
        return err;
    facet__parts_event(n, e, false);
    count_delay(n, e, 0);
    facet__node_tell(n, e);
    return FACET_OK;
}

void facet__node_make_event(struct facet_node *n, struct facet_event *e)
{
    e->published_ms = facet__wall_ms();
    if (!e->captured_ms)
        e->captured_ms = e->published_ms;
    if (n->site->event_expires_ms > 0)
        e->expires_ms = e->captured_ms + (int64_t)n->site->event_expires_ms;
    facet_lock_take(&n->lock);
    unsigned number = ++n->next_id;
    snprintf(e->run, sizeof(e->run), "%s", n->run);
    facet_lock_give(&n->lock);
    snprintf(e->id, sizeof(e->id), "%llx-%06x-n%u", (unsigned long long)(n->started_ns / 1000), (unsigned)getpid() & 0xffffff, number);
    snprintf(e->site, sizeof(e->site), "%s", n->site->name);
    snprintf(e->device, sizeof(e->device), "%s", n->site->device);
    snprintf(e->strategy, sizeof(e->strategy), "%s", n->strategy->name);
}
