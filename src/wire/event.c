/* An event as JSON, both ways. What is written is what is read: tests hold the two against each other. */
#include "wire/event.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "base/utf8.h"

#include <math.h>
#include <string.h>

#define LARGEST 1e12 /* of any number in an event */

const char *const facet_event_words[FACET_EVENT_TYPES] = {"face", "face_new", "identity", "track_end", "camera"};
const char *const facet_decision_words[3] = {"undecided", "unknown", "known"};

static const char *const live_words[] = {"unjudged", "real", "spoof"};

/* ---- writing ---- */

static void put_text(struct facet_jsonw *w, const char *key, const char *text)
{
    if (text[0])
        facet_jsonw_kstr(w, key, text);
}

static void put_time(struct facet_jsonw *w, const char *key, int64_t ms)
{
    char text[25];
    if (!ms)
        return;
    facet_format_time(text, ms);
    facet_jsonw_kstr(w, key, text);
}

static void put_box(struct facet_jsonw *w, struct facet_box b)
{
    const float sides[4] = {b.x1, b.y1, b.x2, b.y2};
    facet_jsonw_key(w, "box");
    facet_jsonw_array(w);
    for (int i = 0; i < 4; i++)
        facet_jsonw_num(w, (double)sides[i], 1);
    facet_jsonw_end_array(w);
}

static void put_points(struct facet_jsonw *w, const struct facet_landmarks *points)
{
    facet_jsonw_key(w, "landmarks");
    facet_jsonw_array(w);
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        facet_jsonw_array(w);
        facet_jsonw_num(w, (double)points->p[i].x, 1);
        facet_jsonw_num(w, (double)points->p[i].y, 1);
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
}

static void put_identity(struct facet_jsonw *w, const struct facet_identity *id)
{
    bool is_known = id->decision == FACET_KNOWN;
    facet_jsonw_kstr(w, "decision", facet_decision_words[id->decision]);
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

static void put_head(struct facet_jsonw *w, const struct facet_event *e)
{
    char time[25];
    facet_jsonw_kstr(w, "id", e->id);
    facet_jsonw_kstr(w, "type", facet_event_words[e->type]);
    facet_jsonw_kstr(w, "run", e->run);
    put_text(w, "site", e->site);
    put_text(w, "device", e->device);
    put_text(w, "strategy", e->strategy);
    facet_jsonw_kstr(w, "source", e->camera);
    facet_jsonw_kstr(w, "camera", e->camera);
    facet_jsonw_kint(w, "frame", e->frame);
    facet_jsonw_knum(w, "pts_ms", e->pts_ms, 3);
    facet_format_time(time, e->captured_ms);
    facet_jsonw_kstr(w, "time", time);
    put_time(w, "published_at", e->published_ms);
    put_time(w, "expires_at", e->expires_ms);
}

static void put_face(struct facet_jsonw *w, const struct facet_event *e)
{
    bool is_end = e->type == FACET_EVENT_END;
    if (e->track)
        facet_jsonw_kint(w, "track", e->track);
    if (e->has_box) {
        put_box(w, e->box);
        facet_jsonw_knum(w, "score", (double)e->score, 4);
    }
    if (e->has_points && !is_end)
        put_points(w, &e->points);
    if (e->has_box && !is_end)
        facet_jsonw_knum(w, "quality", (double)e->quality, 3);
    if (e->live != FACET_LIVE_UNJUDGED) {
        facet_jsonw_kstr(w, "live", live_words[e->live]);
        facet_jsonw_knum(w, "live_score", (double)e->live_score, 3);
    }
    if (is_end && e->frames > 0) {
        facet_jsonw_kint(w, "frames", e->frames);
        facet_jsonw_knum(w, "first_ms", e->first_ms, 3);
        facet_jsonw_knum(w, "last_ms", e->last_ms, 3);
    }
    if (e->type != FACET_EVENT_NEW && (!is_end || e->frames > 0))
        put_identity(w, &e->identity);
}

int facet_event_to_json(const struct facet_event *e, struct facet_str *out)
{
    struct facet_jsonw w;
    facet_jsonw_init(&w, out, false);
    facet_jsonw_object(&w);
    put_head(&w, e);
    if (e->type == FACET_EVENT_CAMERA)
        facet_jsonw_kstr(&w, "state", e->state);
    else
        put_face(&w, e);
    if (e->width > 0 && e->height > 0) {
        facet_jsonw_kint(&w, "width", e->width);
        facet_jsonw_kint(&w, "height", e->height);
    }
    put_text(&w, "snapshot", e->snapshot);
    facet_jsonw_end_object(&w);
    if (out->err == FACET_E_NOMEM)
        return facet_fail_nomem();
    return out->err ? facet_fail(out->err, "an event is too long to be written") : FACET_OK;
}

/* ---- reading ---- */

/* The first refusal stays; later reads do nothing. */
struct reader {
    const struct facet_json *object;
    int err;
};

static const struct facet_json *member(struct reader *r, const char *key)
{
    const struct facet_json *j = r->err ? NULL : facet_json_get(r->object, key);
    return facet_json_is_null(j) ? NULL : j;
}

static void refuse(struct reader *r, const char *key, const char *what)
{
    if (!r->err)
        r->err = facet_fail(FACET_E_FORMAT, "an event's '%s' is %s", key, what);
}

/* `plain`: shown and logged, so nothing may be hidden in it. */
static void take_text(struct reader *r, const char *key, char *out, size_t cap, bool plain)
{
    const struct facet_json *j = member(r, key);
    const char *text = facet_json_str(j, NULL);
    if (!j)
        return;
    if (!text)
        refuse(r, key, "no text");
    else if (strlen(text) >= cap)
        refuse(r, key, "too long");
    else if (plain && !facet_utf8_is_plain(text))
        refuse(r, key, "no plain text");
    else
        memcpy(out, text, strlen(text) + 1);
}

static void take_time(struct reader *r, const char *key, int64_t *out)
{
    const struct facet_json *j = member(r, key);
    const char *text = facet_json_str(j, "");
    if (j && !r->err)
        r->err = facet_parse_time(text, out);
}

static void take_num(struct reader *r, const char *key, const struct facet_json *j, double least, double most, double *out)
{
    if (!j || r->err)
        return;
    double v = facet_json_num(j, (double)NAN);
    if (!(v >= least && v <= most)) /* nor not-a-number */
        refuse(r, key, "no number in its range");
    else
        *out = v;
}

static void take_float(struct reader *r, const char *key, double least, double most, float *out)
{
    double v = (double)*out;
    take_num(r, key, member(r, key), least, most, &v);
    *out = (float)v;
}

static void take_double(struct reader *r, const char *key, double *out)
{
    take_num(r, key, member(r, key), -LARGEST, LARGEST, out);
}

static void take_int(struct reader *r, const char *key, int64_t least, int64_t most, int64_t *out)
{
    const struct facet_json *j = member(r, key);
    if (!j)
        return;
    int64_t v = facet_json_int(j, INT64_MIN);
    if (v < least || v > most)
        refuse(r, key, "no whole number in its range");
    else
        *out = v;
}

static int take_word(struct reader *r, const char *key, const char *const *words, int n)
{
    const char *text = facet_json_str(member(r, key), "");
    for (int i = 0; i < n; i++)
        if (!strcmp(text, words[i]))
            return i;
    refuse(r, key, "no word that is known here");
    return 0;
}

static void take_pair(struct reader *r, const char *key, const struct facet_json *j, size_t at, float *x)
{
    double v = 0;
    if (!facet_json_is_number(facet_json_at(j, at)))
        refuse(r, key, "no list of numbers");
    take_num(r, key, facet_json_at(j, at), -1e7, 1e7, &v);
    *x = (float)v;
}

static void take_box(struct reader *r, struct facet_event *e)
{
    const struct facet_json *j = member(r, "box");
    if (!j)
        return;
    if (!facet_json_is_array(j) || facet_json_size(j) != 4)
        refuse(r, "box", "no list of four numbers");
    take_pair(r, "box", j, 0, &e->box.x1);
    take_pair(r, "box", j, 1, &e->box.y1);
    take_pair(r, "box", j, 2, &e->box.x2);
    take_pair(r, "box", j, 3, &e->box.y2);
    if (e->box.x2 < e->box.x1 || e->box.y2 < e->box.y1)
        refuse(r, "box", "turned inside out");
    e->has_box = true;
}

static void take_points(struct reader *r, struct facet_event *e)
{
    const struct facet_json *j = member(r, "landmarks");
    if (!j)
        return;
    if (!facet_json_is_array(j) || facet_json_size(j) != FACET_LANDMARKS)
        refuse(r, "landmarks", "no list of five points");
    for (size_t i = 0; !r->err && i < FACET_LANDMARKS; i++) {
        const struct facet_json *p = facet_json_at(j, i);
        if (!facet_json_is_array(p) || facet_json_size(p) != 2)
            refuse(r, "landmarks", "no list of five points");
        take_pair(r, "landmarks", p, 0, &e->points.p[i].x);
        take_pair(r, "landmarks", p, 1, &e->points.p[i].y);
    }
    e->has_points = true;
}

static void take_identity(struct reader *r, struct facet_identity *id)
{
    if (!member(r, "decision"))
        return;
    id->decision = (enum facet_decision)take_word(r, "decision", facet_decision_words, 3);
    take_float(r, "cosine", -1.01, 1.01, &id->cosine);
    take_float(r, "calibrated", 0, 1, &id->score);
    if (id->decision != FACET_KNOWN)
        return;
    take_int(r, "person", 0, INT64_MAX, &id->person);
    take_text(r, "name", id->name, sizeof(id->name), true);
    if (!r->err && !id->name[0])
        refuse(r, "name", "missing, though the person is known");
}

static void take_head(struct reader *r, struct facet_event *e)
{
    take_text(r, "id", e->id, sizeof(e->id), true);
    if (!e->id[0])
        refuse(r, "id", "missing");
    e->type = (enum facet_event_type)take_word(r, "type", facet_event_words, FACET_EVENT_TYPES);
    take_text(r, "run", e->run, sizeof(e->run), true);
    take_text(r, "site", e->site, sizeof(e->site), true);
    take_text(r, "device", e->device, sizeof(e->device), true);
    take_text(r, "strategy", e->strategy, sizeof(e->strategy), true);
    take_text(r, member(r, "camera") ? "camera" : "source", e->camera, sizeof(e->camera), false);
    take_text(r, "state", e->state, sizeof(e->state), true);
    take_text(r, "snapshot", e->snapshot, sizeof(e->snapshot), true);
    take_time(r, "time", &e->captured_ms);
    take_time(r, "published_at", &e->published_ms);
    take_time(r, "expires_at", &e->expires_ms);
}

static void take_numbers(struct reader *r, struct facet_event *e)
{
    int64_t width = 0, height = 0;
    take_int(r, "track", 0, INT64_MAX, &e->track);
    take_int(r, "frame", -1, INT64_MAX, &e->frame);
    take_int(r, "frames", 0, INT64_MAX, &e->frames);
    take_int(r, "width", 0, FACET_MAX_IMAGE_SIDE, &width);
    take_int(r, "height", 0, FACET_MAX_IMAGE_SIDE, &height);
    take_double(r, "pts_ms", &e->pts_ms);
    take_double(r, "first_ms", &e->first_ms);
    take_double(r, "last_ms", &e->last_ms);
    take_float(r, "score", 0, 1, &e->score);
    take_float(r, "quality", 0, 1, &e->quality);
    take_float(r, "live_score", 0, 1, &e->live_score);
    if (member(r, "live"))
        e->live = (enum facet_live)take_word(r, "live", live_words, 3);
    e->width = (int)width;
    e->height = (int)height;
}

int facet_event_from_json(struct facet_event *out, const char *text, size_t len)
{
    struct facet_json *j = NULL;
    memset(out, 0, sizeof(*out));
    if (len > FACET_MAX_EVENT_JSON)
        return facet_fail(FACET_E_LIMIT, "an event of %zu bytes is larger than the %d allowed", len, FACET_MAX_EVENT_JSON);
    int err = facet_json_parse(&j, text, len, "event");
    if (err)
        return err;
    struct reader r = {j, FACET_OK};
    if (!facet_json_is_object(j))
        r.err = facet_fail(FACET_E_FORMAT, "an event is no JSON object");
    take_head(&r, out);
    take_numbers(&r, out);
    take_box(&r, out);
    take_points(&r, out);
    take_identity(&r, &out->identity);
    facet_json_unref(&j);
    if (r.err)
        memset(out, 0, sizeof(*out));
    return r.err;
}
