/* What happens becomes events (docs/events.md): a face appears, a track is given a name or found unknown,
 * a track ends; in pictures, each face. Each is one JSON line, and one call of the `event` option. Of each
 * living track a few facts are kept, so that its end can tell them; the table has a ceiling, beyond which
 * an end tells the number alone. */
#include "stages/publish/sink_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TRACKS 1024

struct seen {
    int64_t track, frames;
    double first_ms, last_ms;
    int64_t last_frame;
    struct facet_box box;
    float score;
    struct facet_identity identity;
};

struct events {
    struct facet__lines out; /* not open: events are only handed on */
    int64_t next_id;
    unsigned process; /* tells runs that start in the same millisecond apart */
    struct facet_event event;
    int n_seen;
    struct seen seen[MAX_TRACKS];
};

static const char *events_path(const struct facet_publish_opts *o)
{
    return !o->events && o->event ? "" : o->events;
}

static int events_open(void *state, const struct facet__publish *pub, const char *path)
{
    struct events *e = state;
    e->process = (unsigned)getpid() & 0xffffff;
    return path[0] ? facet__lines_open(&e->out, path) : FACET_OK;
}

/* What all events of a packet begin with. */
struct when {
    int source, width, height;
    int64_t frame;
    double pts_ms;
    int64_t wall_ms;
};

static struct facet_event *begin(struct events *e, const struct facet__publish *pub, enum facet_event_type type,
                                 const struct when *t)
{
    struct facet_event *ev = &e->event;
    const struct facet_publish_opts *o = &pub->o;
    *ev = (struct facet_event){.type = type, .frame = t->frame, .pts_ms = t->pts_ms, .captured_ms = t->wall_ms,
                               .width = t->width, .height = t->height};
    snprintf(ev->id, sizeof(ev->id), "%llx-%06x-%llu", (unsigned long long)pub->started_ms, e->process,
             (unsigned long long)++e->next_id);
    snprintf(ev->run, sizeof(ev->run), "%s", o->run);
    snprintf(ev->site, sizeof(ev->site), "%s", o->site ? o->site : "");
    snprintf(ev->device, sizeof(ev->device), "%s", o->device);
    snprintf(ev->strategy, sizeof(ev->strategy), "%s", o->strategy);
    snprintf(ev->camera, sizeof(ev->camera), "%s", facet__source_name(pub, t->source));
    ev->published_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    if (o->event_expires_ms > 0)
        ev->expires_ms = ev->captured_ms + (int64_t)o->event_expires_ms;
    return ev;
}

static int end(struct events *e, const struct facet__publish *pub)
{
    int err = FACET_OK;
    if (e->out.path) {
        err = facet_event_to_json(&e->event, &e->out.text);
        facet_str_puts(&e->out.text, "\n");
        if (!err)
            err = facet__lines_write(&e->out);
    }
    if (!err && pub->o.event)
        pub->o.event(pub->o.event_ctx, &e->event);
    return err;
}

static struct seen *find(struct events *e, int64_t track)
{
    for (int i = 0; i < e->n_seen; i++)
        if (e->seen[i].track == track)
            return &e->seen[i];
    return NULL;
}

static void remember(struct events *e, const struct facet_face *f, const struct when *t)
{
    struct seen *s = find(e, f->track);
    if (!s && e->n_seen < MAX_TRACKS) {
        s = &e->seen[e->n_seen++];
        *s = (struct seen){.track = f->track, .first_ms = t->pts_ms};
    }
    if (!s)
        return;
    s->frames++;
    s->last_ms = t->pts_ms;
    s->last_frame = t->frame;
    s->box = f->box;
    s->score = f->score;
    s->identity = f->identity;
}

static int put_face(struct events *e, const struct facet__publish *pub, enum facet_event_type type,
                    const struct facet_packet *p, const struct facet_face *f, const struct when *t)
{
    struct facet_event *ev = begin(e, pub, type, t);
    ev->track = f->track;
    ev->has_box = true;
    ev->box = f->box;
    ev->score = f->score;
    ev->has_points = f->has_points;
    ev->points = f->points;
    ev->quality = f->quality.score;
    ev->live = f->live;
    ev->live_score = f->live_score;
    if (type != FACET_EVENT_NEW)
        ev->identity = *facet__identity_of(f);
    if (pub->o.picture && p->frame)
        pub->o.picture(pub->o.event_ctx, ev, p, f);
    return end(e, pub);
}

static int put_end(struct events *e, const struct facet__publish *pub, int64_t track, const struct when *now)
{
    struct seen *s = find(e, track);
    struct when t = *now;
    if (s && t.frame < 0) {
        t.frame = s->last_frame;
        t.pts_ms = s->last_ms;
    }
    struct facet_event *ev = begin(e, pub, FACET_EVENT_END, &t);
    ev->track = track;
    if (s) {
        ev->has_box = true;
        ev->box = s->box;
        ev->score = s->score;
        ev->frames = s->frames;
        ev->first_ms = s->first_ms;
        ev->last_ms = s->last_ms;
        ev->identity = s->identity;
        *s = e->seen[--e->n_seen];
    }
    return end(e, pub);
}

static bool is_picture(const struct facet__publish *pub, int source)
{
    return !pub->o.live && facet__source_fps(pub, source) <= 0;
}

static int put_faces(struct events *e, const struct facet__publish *pub, const struct facet_packet *p,
                     const struct when *t)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < p->n_faces; i++) {
        const struct facet_face *f = &p->faces[i];
        if (is_picture(pub, p->source)) {
            err = put_face(e, pub, FACET_EVENT_FACE, p, f, t);
            continue;
        }
        if (f->track)
            remember(e, f, t);
        if (f->is_new_track)
            err = put_face(e, pub, FACET_EVENT_NEW, p, f, t);
        if (!err && f->identity_changed)
            err = put_face(e, pub, FACET_EVENT_IDENTITY, p, f, t);
    }
    return err;
}

static int events_put(void *state, const struct facet__publish *pub, const struct facet_packet *p)
{
    struct events *e = state;
    struct when t = {.source = p->source, .frame = -1};
    int err = FACET_OK;
    if (p->frame) {
        const struct facet_frame *f = p->frame;
        t = (struct when){p->source, f->image.width, f->image.height, f->index, f->pts_ms, f->wall_ms};
        err = put_faces(e, pub, p, &t);
    } else {
        t.wall_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    }
    for (int i = 0; !err && !is_picture(pub, p->source) && i < p->n_ended; i++)
        err = put_end(e, pub, p->ended[i], &t);
    return err;
}

static int events_close(void *state)
{
    struct events *e = state;
    return facet__lines_close(&e->out);
}

const struct facet__sink facet__sink_events = {
    .name = "events",
    .state_size = sizeof(struct events),
    .path = events_path,
    .open = events_open,
    .put = events_put,
    .close = events_close,
};
