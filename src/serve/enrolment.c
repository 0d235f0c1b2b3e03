/* Pictures of a request become templates of a person: each is taken or refused for itself. */
#include "serve/people.h"

#include "base/hash.h"
#include "deploy/engine_room.h"
#include "deploy/enrol.h"
#include "image/image.h"
#include "store/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_PICTURES 32

struct outcome {
    char file[256];
    int err, status;
    char message[512];
    struct facet_enrolled enrolled;
};

struct enrolment {
    struct facet_serve *s;
    struct facet_http_request *q;
    const char *name;
    struct facet_gallery *gallery;
    struct facet_engine_room *engine;
    bool force, largest;
    double min_quality;
    struct facet_event seen;       /* whose kept picture it is, when */
    bool is_seen;
    struct outcome outcome[MAX_PICTURES];
    int n;
};

/* Of the picture kept with an event, the face that the event is about and half of its size around: others may be in it. A picture
 * that is no whole frame was cut out already (deploy/snapshot.c). */
static struct facet_image part_of(const struct facet_image *img, const struct facet_event *seen)
{
    if (!seen || !seen->has_box || seen->width < 1 || abs(img->height * seen->width - img->width * seen->height) > 2 * seen->width)
        return *img;
    float scale = (float)img->width / (float)seen->width, w = scale * facet_box_width(seen->box), h = scale * facet_box_height(seen->box);
    struct facet_image part = facet_image_crop(img, (int)(scale * seen->box.x1 - w / 2), (int)(scale * seen->box.y1 - h / 2), (int)(2 * w), (int)(2 * h));
    return part.width > 0 && part.height > 0 ? part : *img;
}

static int enrol_picture(struct enrolment *e, const struct facet__picture_source *p, struct outcome *o)
{
    struct facet_image img;
    struct facet_recogniser *r = NULL;
    struct facet_template about = { .id = 0 };
    struct facet_enrol_opts opts = { .force = e->force, .largest = e->largest || e->is_seen, .threshold = facet__serve_site(e->s)->gallery.threshold,
                                     .min_quality = (float)e->min_quality };
    bool has = false;
    facet_http_status(e->q, 0);
    int err = facet__decode_picture(e->q, p, &img);
    o->status = facet_http_status_of(e->q);
    facet_http_status(e->q, 0);
    if (err)
        return err;
    snprintf(about.source, sizeof(about.source), "%s", p->name);
    memcpy(about.source_sha256, p->sha256, sizeof(about.source_sha256));
    err = facet_gallery_has_source(e->gallery, e->name, p->sha256, &has);
    if (!err && has)
        err = facet_fail(FACET_E_EXISTS, "this picture is a template of '%s' already", e->name);
    if (!err)
        err = facet_engine_room_lend(e->engine, &r);
    if (!err) {
        opts.file = *about.source ? about.source : "the picture";
        struct facet_image part = part_of(&img, e->is_seen ? &e->seen : NULL);
        err = facet_enrol(r, e->gallery, e->name, &part, &about, &opts, &o->enrolled);
        facet_engine_room_return(e->engine, &r);
    }
    facet_image_fini(&img);
    return err;
}

static void take(struct enrolment *e, const struct facet__picture_source *p)
{
    struct outcome *o = &e->outcome[e->n++];
    snprintf(o->file, sizeof(o->file), "%s", p->name);
    o->err = enrol_picture(e, p, o);
    if (o->err)
        snprintf(o->message, sizeof(o->message), "%s", facet_error_text());
}

/* ---- where the pictures are ---- */

/* {"snapshot": "id"}: a kept picture. {"event": "id"}: the face that the event is about, in the picture kept with it. */
static int take_snapshot(struct enrolment *e, const struct facet_json *j)
{
    struct facet_node *n;
    struct facet__picture_source p = { .len = 0 };
    const char *id = facet_json_str(facet_json_get(j, "snapshot"), ""), *event = facet_json_str(facet_json_get(j, "event"), NULL);
    int err = facet__need_node(e->s, e->q, &n);
    if (!err && !facet_node_events(n))
        err = facet__refused(e->q, 503, facet_fail(FACET_E_UNSUPPORTED, "this server keeps no events"));
    if (!err && event)
        err = facet_events_get(facet_node_events(n), event, &e->seen);
    if (!err && event) {
        e->is_seen = true;
        id = e->seen.snapshot;
    }
    if (!err)
        err = facet_events_snapshot_get(facet_node_events(n), id, &p.memory, &p.len);
    if (err)
        return err;
    p.data = p.memory;
    snprintf(p.name, sizeof(p.name), "snapshot %.200s", id);
    facet_sha256_of(p.data, p.len, p.sha256);
    take(e, &p);
    e->is_seen = false;
    facet__picture_source_fini(&p);
    return FACET_OK;
}

static int take_body(struct enrolment *e)
{
    const char *type = facet_http_header(e->q, "content-type");
    bool is_form = type && !strncasecmp(type, "multipart/form-data", 19);
    int err = FACET_OK;
    for (int i = 0; !err && i < MAX_PICTURES && (i == 0 || is_form); i++) {
        struct facet__picture_source p;
        size_t len;
        if (i > 0 && !facet_http_part(e->q, "file", i, &len, NULL))
            break;
        err = facet__body_picture_bytes(e->q, "file", i, &p);
        if (err)
            break;
        take(e, &p);
        facet__picture_source_fini(&p);
    }
    return err;
}

static int take_all(struct enrolment *e)
{
    const char *type = facet_http_header(e->q, "content-type");
    struct facet_json *j;
    if (!type || strncasecmp(type, "application/json", 16) != 0)
        return take_body(e);
    int err = facet__body_json(e->q, &j);
    if (err)
        return err;
    bool is_snapshot = facet_json_get(j, "snapshot") != NULL || facet_json_get(j, "event") != NULL;
    if (is_snapshot)
        err = take_snapshot(e, j);
    facet_json_unref(&j);
    return is_snapshot ? err : take_body(e);
}

/* ---- the answer ---- */

static void write_outcomes(struct facet_jsonw *w, const struct enrolment *e, bool taken)
{
    char word[64];
    for (int i = 0; i < e->n; i++) {
        const struct outcome *o = &e->outcome[i];
        if ((o->err == FACET_OK) != taken)
            continue;
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "file", o->file);
        if (taken) {
            facet_jsonw_kint(w, "template", o->enrolled.template_id);
            facet_jsonw_knum(w, "quality", (double)o->enrolled.quality.score, 4);
            facet__write_box(w, &o->enrolled.box);
        } else {
            facet_jsonw_kstr(w, "code", facet__code_of(0, o->err, word, sizeof(word)));
            facet_jsonw_kstr(w, "message", o->message);
        }
        facet_jsonw_end_object(w);
    }
}

static int answer(struct enrolment *e)
{
    struct facet__answer a;
    struct facet_person p;
    int taken = 0;
    for (int i = 0; i < e->n; i++)
        taken += !e->outcome[i].err;
    if (!taken) { /* the first one's reason */
        facet_http_status(e->q, e->outcome[0].status);
        return facet_fail(e->outcome[0].err, "%s", e->outcome[0].message);
    }
    int err = facet_gallery_person(e->gallery, e->name, &p);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "person");
    facet_jsonw_object(&a.w);
    facet__write_person(&a.w, &p);
    facet_jsonw_end_object(&a.w);
    facet_jsonw_key(&a.w, "enrolled");
    facet_jsonw_array(&a.w);
    write_outcomes(&a.w, e, true);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_key(&a.w, "refused");
    facet_jsonw_array(&a.w);
    write_outcomes(&a.w, e, false);
    facet_jsonw_end_array(&a.w);
    return facet__answer_end(&a, e->q, 201, FACET_OK);
}

static bool asked(const struct facet_http_request *q, const char *key)
{
    const char *v = facet_http_query(q, key);
    return v && (!*v || !strcmp(v, "1") || !strcmp(v, "true"));
}

int facet__enrol_request(struct facet_serve *s, struct facet_http_request *q, const char *name)
{
    struct enrolment *e = calloc(1, sizeof(*e));
    if (!e)
        return facet_fail_nomem();
    *e = (struct enrolment){ .s = s, .q = q, .name = name, .force = asked(q, "force"), .largest = asked(q, "largest") };
    int err = facet__asked_num(q, "min_quality", -1, 1, 0, &e->min_quality);
    if (!err)
        err = facet__need_gallery(s, q, &e->gallery);
    if (!err)
        err = facet__need_engine(s, q, &e->engine);
    if (!err)
        err = take_all(e);
    if (!err)
        err = answer(e);
    free(e);
    return err;
}
