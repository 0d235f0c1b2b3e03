/* "Not this person": a name that was told by mistake is taken back. The events of that track stay, as of somebody unknown; their
 * pictures become those of nobody known, with that class's key and retention. */
#include "store/events_priv.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS 256             /* of one track that name it */

struct track { const struct facet_event *like; char (*id)[FACET_EVENT_ID]; int n; };

static bool is_of_track(const struct facet_event *a, const struct facet_event *b)
{
    return !strcmp(a->id, b->id) || (a->track > 0 && a->track == b->track && !strcmp(a->run, b->run));
}

static int take_of_track(void *ctx, int64_t seq, const struct facet_event *ev)
{
    struct track *t = ctx;
    if (t->n < MAX_EVENTS && ev->identity.decision == FACET_KNOWN && is_of_track(t->like, ev))
        memcpy(t->id[t->n++], ev->id, sizeof(ev->id));
    return FACET_OK;
}

/* What else was told of the track: by the same device, through the same camera, around that time. */
static int find_track(struct facet_events *e, struct track *t)
{
    const int64_t around_ms = 6 * 3600 * 1000;
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    f.camera = *t->like->camera ? t->like->camera : NULL;
    f.device = *t->like->device ? t->like->device : NULL;
    f.name = t->like->identity.name;
    f.from_ms = t->like->captured_ms - around_ms > 0 ? t->like->captured_ms - around_ms : 0;
    f.to_ms = t->like->captured_ms + around_ms;
    f.limit = 10000;
    return facet_events_query(e, &f, take_of_track, t);
}

static int free_snapshot(struct facet_events *e, const char *event)
{
    struct facet_event ev;
    void *data = NULL;
    size_t len = 0;
    int err = facet_events_get(e, event, &ev);
    if (err || !*ev.snapshot)
        return err;
    err = facet_events_snapshot_get(e, ev.snapshot, &data, &len);
    if (!err)
        err = facet_events_snapshot_put(e, ev.snapshot, 0, data, len, ev.captured_ms);
    if (data)
        explicit_bzero(data, len);
    free(data);
    return err == FACET_E_NOT_FOUND ? FACET_OK : err;      /* it was let go before */
}

static int take_name(struct facet_events *e, const char *id)
{
    struct facet__row row = { .seq = 0 };
    struct facet__query q;
    facet__query_begin(&q, &e->db, "read", "SELECT " FACET__EVENT_COLUMNS " FROM events WHERE id = ?");
    facet__query_text(&q, id);
    bool there = facet__query_row(&q);
    if (there)
        q.err = facet__events_take(e, &q, &row);
    int err = facet__query_end(&q);
    row.ev.identity = (struct facet_identity){ .decision = FACET_UNKNOWN, .cosine = -1 };
    return err || !there ? err : facet__events_replace(e, &row.ev);
}

static int take_names(struct facet_events *e, const struct track *t)
{
    facet_lock_take(&e->lock);
    int err = facet__db_begin(&e->db, "change");
    for (int i = 0; !err && i < t->n; i++)
        err = take_name(e, t->id[i]);
    if (!err)
        err = facet__db_commit(&e->db, "change");
    if (err)
        facet__db_rollback(&e->db);
    facet_lock_give(&e->lock);
    return err;
}

int facet_events_correct(struct facet_events *e, const char *id, int *corrected)
{
    struct facet_event ev;
    struct track t = { .like = &ev, .id = calloc(MAX_EVENTS, sizeof(*t.id)) };
    *corrected = 0;
    int err = t.id ? facet_events_get(e, id, &ev) : facet_fail_nomem();
    if (!err && ev.identity.decision != FACET_KNOWN)
        err = facet_fail(FACET_E_INVALID, "event '%.64s' names nobody", id);
    if (!err)
        err = find_track(e, &t);
    for (int i = 0; !err && i < t.n; i++)
        err = free_snapshot(e, t.id[i]);
    if (!err)
        err = take_names(e, &t);
    *corrected = err ? 0 : t.n;
    free(t.id);
    return err;
}
