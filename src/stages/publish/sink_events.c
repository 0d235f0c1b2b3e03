/* One JSON line for what happens (docs/events.md): a face appears, a track is given a name or found
 * unknown, a track ends; in pictures, each face. Of each living track a few facts are kept, so that
 * its end can tell them; the table has a ceiling, beyond which an end tells the number alone. */
#include "stages/publish/sink_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_TRACKS 1024

struct seen {
    int64_t track, frames;
    int source;
    double first_ms, last_ms;
    int64_t last_frame;
    struct facet_box box;
    float score;
    struct facet_identity identity;
};

struct events {
    struct facet__lines out;
    int64_t next_id;
    unsigned process; /* tells runs that start in the same millisecond apart */
    int n_seen;
    struct seen seen[MAX_TRACKS];
};

static const char *events_path(const struct facet_publish_opts *o)
{
    return o->events;
}

static int events_open(void *state, const struct facet__publish *pub, const char *path)
{
    struct events *e = state;
    e->process = (unsigned)getpid() & 0xffffff;
    return facet__lines_open(&e->out, path);
}

/* What all events begin with. */
struct when {
    int source;
    int64_t frame;
    double pts_ms;
    int64_t wall_ms;
};

static void begin(struct facet_jsonw *w, struct events *e, const struct facet__publish *pub,
                  const char *type, const struct when *t)
{
    char id[64], time[25];
    snprintf(id, sizeof(id), "%llx-%06x-%llu", (unsigned long long)pub->started_ms, e->process,
             (unsigned long long)++e->next_id);
    facet_format_time(time, t->wall_ms);
    facet_jsonw_init(w, &e->out.text, false);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "id", id);
    facet_jsonw_kstr(w, "type", type);
    facet_jsonw_kstr(w, "run", pub->o.run);
    facet_jsonw_kstr(w, "source", facet__source_name(pub, t->source));
    facet_jsonw_kint(w, "frame", t->frame);
    facet_jsonw_knum(w, "pts_ms", t->pts_ms, 3);
    facet_jsonw_kstr(w, "time", time);
}

static int end(struct facet_jsonw *w, struct events *e)
{
    facet_jsonw_end_object(w);
    facet_str_puts(&e->out.text, "\n");
    return facet__lines_write(&e->out);
}

static void add_box(struct facet_jsonw *w, struct facet_box b, float score)
{
    const float sides[4] = {b.x1, b.y1, b.x2, b.y2};
    facet_jsonw_key(w, "box");
    facet_jsonw_array(w);
    for (int i = 0; i < 4; i++)
        facet_jsonw_num(w, (double)sides[i], 1);
    facet_jsonw_end_array(w);
    facet_jsonw_knum(w, "score", (double)score, 4);
}

static void add_points(struct facet_jsonw *w, const struct facet_face *f)
{
    facet_jsonw_key(w, "landmarks");
    facet_jsonw_array(w);
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        facet_jsonw_array(w);
        facet_jsonw_num(w, (double)f->points.p[i].x, 1);
        facet_jsonw_num(w, (double)f->points.p[i].y, 1);
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
}

static void add_identity(struct facet_jsonw *w, const struct facet_identity *id)
{
    static const char *const words[] = {"undecided", "unknown", "known"};
    bool is_known = id->decision == FACET_KNOWN;
    facet_jsonw_kstr(w, "decision", words[id->decision]);
    facet_jsonw_key(w, "person");
    if (is_known)
        facet_jsonw_int(w, id->person);
    else
        facet_jsonw_null(w);
    facet_jsonw_kstr(w, "name", is_known ? id->name : NULL);
    if (id->decision == FACET_UNDECIDED)
        return;
    facet_jsonw_knum(w, "cosine", (double)id->cosine, 4);
    facet_jsonw_knum(w, "calibrated", (double)id->score, 4);
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
        *s = (struct seen){.track = f->track, .source = t->source, .first_ms = t->pts_ms};
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

static int put_face(struct events *e, const struct facet__publish *pub, const char *type,
                    const struct facet_face *f, const struct when *t)
{
    struct facet_jsonw w;
    begin(&w, e, pub, type, t);
    if (f->track)
        facet_jsonw_kint(&w, "track", f->track);
    add_box(&w, f->box, f->score);
    if (f->has_points)
        add_points(&w, f);
    facet_jsonw_knum(&w, "quality", (double)f->quality.score, 3);
    if (strcmp(type, "face_new") != 0)
        add_identity(&w, facet__identity_of(f));
    return end(&w, e);
}

static int put_end(struct events *e, const struct facet__publish *pub, int64_t track,
                   const struct when *now)
{
    struct facet_jsonw w;
    struct seen *s = find(e, track);
    struct when t = *now;
    if (s && t.frame < 0) {
        t.frame = s->last_frame;
        t.pts_ms = s->last_ms;
    }
    begin(&w, e, pub, "track_end", &t);
    facet_jsonw_kint(&w, "track", track);
    if (s) {
        add_box(&w, s->box, s->score);
        facet_jsonw_kint(&w, "frames", s->frames);
        facet_jsonw_knum(&w, "first_ms", s->first_ms, 3);
        facet_jsonw_knum(&w, "last_ms", s->last_ms, 3);
        add_identity(&w, &s->identity);
        *s = e->seen[--e->n_seen];
    }
    return end(&w, e);
}

static int put_faces(struct events *e, const struct facet__publish *pub,
                     const struct facet_packet *p, const struct when *t)
{
    bool is_picture = facet__source_fps(pub, p->source) <= 0;
    int err = FACET_OK;
    for (int i = 0; !err && i < p->n_faces; i++) {
        const struct facet_face *f = &p->faces[i];
        if (is_picture) {
            err = put_face(e, pub, "face", f, t);
            continue;
        }
        if (f->track)
            remember(e, f, t);
        if (f->is_new_track)
            err = put_face(e, pub, "face_new", f, t);
        if (!err && f->identity_changed)
            err = put_face(e, pub, "identity", f, t);
    }
    return err;
}

static int events_put(void *state, const struct facet__publish *pub, const struct facet_packet *p)
{
    struct events *e = state;
    struct when t = {p->source, -1, 0, 0};
    int err = FACET_OK;
    if (p->frame) {
        t = (struct when){p->source, p->frame->index, p->frame->pts_ms, p->frame->wall_ms};
        err = put_faces(e, pub, p, &t);
    } else {
        t.wall_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    }
    bool is_picture = facet__source_fps(pub, p->source) <= 0;
    for (int i = 0; !err && !is_picture && i < p->n_ended; i++)
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
