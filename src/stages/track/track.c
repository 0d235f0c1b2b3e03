#include "stages/track/track.h"

#include "base/errors.h"
#include "flow/sources.h"
#include "image/scene.h"
#include "stages/track/assign.h"
#include "stages/track/motion.h"

#include <stdlib.h>
#include <string.h>

#define TTL_MS 1000.0
#define MIN_HITS 2
#define IOU 0.3f
#define IOU_UNSURE 0.5f /* an unsure face must fit better */
#define SURE 0.7f

struct track {
    struct facet__motion motion;
    struct facet_box box; /* predicted for this frame */
    int64_t id;           /* 0 until min_hits */
    int hits;             /* in a row, until it has a number */
    double seen_ms;       /* when last matched */
    bool is_seen;         /* in this frame; during a step until matched: in the one before */
    bool is_matched;
};

/* What is known of one source. */
struct film {
    struct track tracks[FACET_MAX_FACES];
    int n_tracks;
    double now_ms;
    bool has_begun; /* a picture of this scene was seen */
    struct facet_scene cut;
};

struct facet_tracker {
    struct facet_track_opts o;
    int64_t last_id; /* of all sources */
    struct facet_sources sources;
    struct film films[FACET_MAX_LIVE_SOURCES];
    struct film *film; /* the packet's */
    struct facet__assign assign;
    int rows[FACET_MAX_FACES], columns[FACET_MAX_FACES]; /* tracks and faces of a round */
    int face_track[FACET_MAX_FACES];                     /* index of each face's track, -1: none */
};

int facet_tracker_open(struct facet_tracker **out, const struct facet_track_opts *o)
{
    *out = NULL;
    if (o->ttl_ms < 0 || o->min_hits < 0 || o->iou < 0 || o->iou > 1 || o->sure < 0)
        return facet_fail(FACET_E_INVALID,
                          "cannot track: ttl, hits and overlap must not be negative, and no "
                          "overlap is more than 1");
    struct facet_tracker *t = calloc(1, sizeof(*t));
    if (!t)
        return facet_fail_nomem();
    t->o = *o;
    t->o.ttl_ms = o->ttl_ms > 0 ? o->ttl_ms : TTL_MS;
    t->o.min_hits = o->min_hits ? o->min_hits : MIN_HITS;
    t->o.iou = o->iou > 0 ? o->iou : IOU;
    t->o.sure = o->sure > 0 ? o->sure : SURE;
    *out = t;
    return FACET_OK;
}

void facet_tracker_close(struct facet_tracker **t)
{
    free(*t);
    *t = NULL;
}

/* --- endings --- */

/* There are at most as many tracks as places in `ended`. */
static void end_track(struct facet_tracker *t, int i, struct facet_packet *p)
{
    if (t->film->tracks[i].id && p->n_ended < FACET_MAX_FACES)
        p->ended[p->n_ended++] = t->film->tracks[i].id;
    t->film->tracks[i] = t->film->tracks[--t->film->n_tracks];
}

static void end_all(struct facet_tracker *t, struct facet_packet *p)
{
    while (t->film->n_tracks > 0)
        end_track(t, t->film->n_tracks - 1, p);
    t->film->has_begun = false;
}

static void end_old(struct facet_tracker *t, struct facet_packet *p)
{
    for (int i = t->film->n_tracks - 1; i >= 0; i--) {
        const struct track *k = &t->film->tracks[i];
        bool is_false_start = !k->id && !k->is_seen;
        if (is_false_start || t->film->now_ms - k->seen_ms > t->o.ttl_ms)
            end_track(t, i, p);
    }
}

/* --- one round of matching --- */

/* Tracks with or without a number that have no face yet, against faces by score that have no track.
 */
struct round {
    bool numbered;
    bool sure;
    float iou;
};

static int choose_rows(struct facet_tracker *t, const struct round *r)
{
    int n = 0;
    for (int i = 0; i < t->film->n_tracks; i++) {
        if (!t->film->tracks[i].is_matched && (t->film->tracks[i].id != 0) == r->numbered)
            t->rows[n++] = i;
    }
    return n;
}

static int choose_columns(struct facet_tracker *t, const struct facet_packet *p,
                          const struct round *r)
{
    int n = 0;
    for (int i = 0; i < p->n_faces; i++) {
        if (t->face_track[i] < 0 && (p->faces[i].score >= t->o.sure) == r->sure)
            t->columns[n++] = i;
    }
    return n;
}

static void match(struct facet_tracker *t, int track, const struct facet_packet *p, int face)
{
    struct track *k = &t->film->tracks[track];
    facet__motion_update(&k->motion, p->faces[face].box);
    k->is_matched = true;
    k->hits++;
    k->seen_ms = t->film->now_ms;
    t->face_track[face] = track;
}

static void match_round(struct facet_tracker *t, const struct facet_packet *p, struct round r)
{
    int rows = choose_rows(t, &r), columns = choose_columns(t, p, &r);
    if (!rows || !columns)
        return;
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < columns; j++) {
            float iou = facet_box_iou(t->film->tracks[t->rows[i]].box, p->faces[t->columns[j]].box);
            t->assign.cost[i][j] = iou >= r.iou ? 1 - iou : FACET__ASSIGN_NEVER;
        }
    }
    facet__assign_solve(&t->assign, rows, columns);
    for (int i = 0; i < rows; i++) {
        if (t->assign.column_of[i] >= 0)
            match(t, t->rows[i], p, t->columns[t->assign.column_of[i]]);
    }
}

/* --- a frame --- */

static void predict_all(struct facet_tracker *t, double now_ms)
{
    double passed = now_ms > t->film->now_ms ? (now_ms - t->film->now_ms) / 1000 : 0;
    for (int i = 0; i < t->film->n_tracks; i++) {
        struct track *k = &t->film->tracks[i];
        facet__motion_predict(&k->motion, (float)passed, k->is_seen);
        k->box = facet__motion_box(&k->motion);
        k->is_matched = false;
    }
    t->film->now_ms = now_ms;
}

static void begin_tracks(struct facet_tracker *t, const struct facet_packet *p)
{
    for (int i = 0; i < p->n_faces && t->film->n_tracks < FACET_MAX_FACES; i++) {
        if (t->face_track[i] >= 0 || p->faces[i].score < t->o.sure)
            continue;
        struct track *k = &t->film->tracks[t->film->n_tracks];
        *k = (struct track){.seen_ms = t->film->now_ms, .hits = 1, .is_matched = true};
        if (!t->film->has_begun)
            k->hits = t->o.min_hits; /* nothing came before that it could have been missing from */
        facet__motion_begin(&k->motion, p->faces[i].box);
        t->face_track[i] = t->film->n_tracks++;
    }
}

static void number_faces(struct facet_tracker *t, struct facet_packet *p)
{
    for (int i = 0; i < p->n_faces; i++) {
        struct facet_face *f = &p->faces[i];
        struct track *k = t->face_track[i] >= 0 ? &t->film->tracks[t->face_track[i]] : NULL;
        f->is_new_track = k && !k->id && k->hits >= t->o.min_hits;
        if (f->is_new_track)
            k->id = ++t->last_id;
        f->track = k ? k->id : 0;
    }
    for (int i = 0; i < t->film->n_tracks; i++)
        t->film->tracks[i].is_seen = t->film->tracks[i].is_matched;
}

static void look_for_cut(struct facet_tracker *t, struct facet_packet *p)
{
    if (t->o.cut < 0)
        return;
    p->cut = facet_scene_step(&t->film->cut, &p->frame->image, t->o.cut);
    if (p->cut)
        end_all(t, p);
}

static void track_frame(struct facet_tracker *t, struct facet_packet *p)
{
    look_for_cut(t, p);
    for (int i = 0; i < p->n_faces; i++)
        t->face_track[i] = -1;
    predict_all(t, p->frame->pts_ms);
    match_round(t, p, (struct round){.numbered = true, .sure = true, .iou = t->o.iou});
    match_round(t, p, (struct round){.numbered = true, .sure = false, .iou = IOU_UNSURE});
    match_round(t, p, (struct round){.numbered = false, .sure = true, .iou = t->o.iou});
    begin_tracks(t, p);
    number_faces(t, p);
    end_old(t, p);
    t->film->has_begun = true;
}

int facet_tracker_step(struct facet_tracker *t, struct facet_packet *p)
{
    if (p->n_faces < 0 || p->n_faces > FACET_MAX_FACES)
        return facet_fail(FACET_E_INVALID, "a packet holds at most %d faces, not %d",
                          FACET_MAX_FACES, p->n_faces);
    bool is_new;
    t->film = &t->films[facet_sources_slot(&t->sources, p->source, &is_new)];
    if (is_new) {
        end_all(t, p); /* of a source that never ended, when there were too many */
        facet_scene_forget(&t->film->cut);
        t->film->now_ms = p->frame ? p->frame->pts_ms : 0;
    }
    if (p->frame)
        track_frame(t, p);
    if (p->flush) {
        end_all(t, p);
        facet_sources_end(&t->sources, p->source);
    }
    return FACET_OK;
}

/* --- the stage --- */

struct track_stage {
    struct facet_tracker *tracker;
};

static int track_open(void *state, const void *opts)
{
    struct track_stage *s = state;
    return facet_tracker_open(&s->tracker, opts);
}

static int track_step(void *state, struct facet_packet *p)
{
    struct track_stage *s = state;
    return facet_tracker_step(s->tracker, p);
}

static void track_close(void *state)
{
    struct track_stage *s = state;
    facet_tracker_close(&s->tracker);
}

const struct facet_stage_ops facet_stage_track = {
    .name = "track",
    .state_size = sizeof(struct track_stage),
    .open = track_open,
    .step = track_step,
    .close = track_close,
};
