/* What a node keeps for a while: pictures with events, where its file asks for them, and how long anything stays. */
#include "base/errors.h"
#include "base/log.h"
#include "base/str.h"
#include "deploy/node_priv.h"
#include "deploy/snapshot.h"
#include "store/events.h"

#include <stdio.h>
#include <string.h>

#define EACH_MS ((int64_t)10 * 60 * 1000)

/* One picture a track: when its answer changes the newer takes the older one's place, so that a picture never outlives
 * what it was called. Undecided faces get none: they could not be found again when their person is erased. */
static void name_snapshot(struct facet_event *e)
{
    char run[FACET_EVENT_ID];
    snprintf(run, sizeof(run), "%.32s", e->id);
    char *number = strrchr(run, '-');
    if (number && e->track)
        snprintf(number, sizeof(run) - (size_t)(number - run), "-s%lld", (long long)e->track);
    snprintf(e->snapshot, sizeof(e->snapshot), "%s", run);
}

void facet__node_picture(void *ctx, struct facet_event *e, const struct facet_packet *p, const struct facet_face *f)
{
    struct facet_node *n = ctx;
    const struct facet_site *s = n->site;
    struct facet_str jpeg = FACET_STR_INIT;
    struct facet_snapshot_opts o = { .shows_others = !s->store.blur_others, .is_crop = s->store.crops };
    if (!n->events || !(s->store.snapshots || s->store.crops) || !p->frame || e->identity.decision == FACET_UNDECIDED)
        return;
    name_snapshot(e);
    int err = facet_snapshot_make(p->frame, p->faces, p->n_faces, (int)(f - p->faces), &o, &jpeg);
    if (!err)
        err = facet_events_snapshot_put(n->events, e->snapshot, e->identity.person, jpeg.data, jpeg.len, e->captured_ms);
    if (err) {
        facet_log(FACET_LOG_ERROR, "node", "the picture of event %s could not be kept: %s", e->id, facet_error_text());
        e->snapshot[0] = '\0';
    }
    facet_str_fini(&jpeg);
}

/* --- how long --- */

struct keep { struct facet_node *node; int64_t next_ms; };

static bool keep_wanted(const struct facet_node *n)
{
    return n->events != NULL;
}

static int keep_open(void *state, struct facet_node *n)
{
    ((struct keep *)state)->node = n;
    return FACET_OK;
}

static void keep_tick(void *state, int64_t now_ms)
{
    struct keep *k = state;
    struct facet_retention_report r;
    if (k->next_ms - now_ms > EACH_MS) /* the clock was set back */
        k->next_ms = now_ms;
    if (now_ms < k->next_ms)
        return;
    k->next_ms = now_ms + EACH_MS;
    if (facet_events_retain(k->node->events, &k->node->site->store.retention, &r))
        facet_log(FACET_LOG_ERROR, "node", "what is older than it may be could not be removed: %s", facet_error_text());
    else if (r.events || r.snapshots || r.unknown)
        facet_log(FACET_LOG_INFO, "node", "removed by age: %lld events, %lld pictures of known and %lld of unknown faces, %lld bytes",
                  (long long)r.events, (long long)r.snapshots, (long long)r.unknown, (long long)r.bytes);
}

static void keep_close(void *state)
{
    (void)state;
}

const struct facet__part facet__part_keep = {
    .name = "keep",
    .state_size = sizeof(struct keep),
    .wanted = keep_wanted,
    .open = keep_open,
    .tick = keep_tick,
    .close = keep_close,
};
