/* Faces and answers as JSON, and the rules by which this site names people. */
#include "serve/serve_priv.h"

#include "deploy/engine_room.h"
#include "models/models.h"
#include "stages/identify/identify.h"
#include "store/gallery.h"

#include <string.h>

void facet__write_box(struct facet_jsonw *w, const struct facet_box *b)
{
    const float n[] = { b->x1, b->y1, b->x2, b->y2 };
    facet_jsonw_key(w, "box");
    facet_jsonw_array(w);
    for (int i = 0; i < 4; i++)
        facet_jsonw_num(w, (double)n[i], 2);
    facet_jsonw_end_array(w);
}

static void write_points(struct facet_jsonw *w, const struct facet_landmarks *p)
{
    facet_jsonw_key(w, "points");
    facet_jsonw_array(w);
    for (int i = 0; i < FACET_LANDMARKS; i++) {
        facet_jsonw_array(w);
        facet_jsonw_num(w, (double)p->p[i].x, 2);
        facet_jsonw_num(w, (double)p->p[i].y, 2);
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
}

static void write_quality(struct facet_jsonw *w, const struct facet_quality *q)
{
    facet_jsonw_key(w, "quality");
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "score", (double)q->score, 4);
    facet_jsonw_knum(w, "sharpness", (double)q->sharpness, 4);
    facet_jsonw_knum(w, "pose", (double)q->pose, 4);
    facet_jsonw_knum(w, "size", (double)q->size, 4);
    facet_jsonw_knum(w, "exposure", (double)q->exposure, 4);
    facet_jsonw_knum(w, "yaw_deg", (double)q->yaw_deg, 1);
    facet_jsonw_knum(w, "pitch_deg", (double)q->pitch_deg, 1);
    facet_jsonw_knum(w, "roll_deg", (double)q->roll_deg, 1);
    facet_jsonw_end_object(w);
}

void facet__write_face(struct facet_jsonw *w, const struct facet_recognised *f)
{
    facet__write_box(w, &f->box);
    facet_jsonw_knum(w, "score", (double)f->score, 4);
    if (f->has_points)
        write_points(w, &f->points);
    write_quality(w, &f->quality);
}

void facet__write_identity(struct facet_jsonw *w, const struct facet_identity *id)
{
    bool is_known = id->decision == FACET_KNOWN;
    facet_jsonw_kbool(w, "known", is_known);
    facet_jsonw_kstr(w, "name", is_known ? id->name : NULL);
    facet_jsonw_key(w, "person");
    if (is_known)
        facet_jsonw_int(w, id->person);
    else
        facet_jsonw_null(w);
    facet_jsonw_knum(w, "cosine", (double)id->cosine, 4);
    facet_jsonw_knum(w, "calibrated", (double)id->score, 4);
}

int facet__identify_rules(struct facet_serve *s, struct facet_http_request *q, struct facet_identify_opts *out)
{
    const struct facet_site *site = facet__serve_site(s);
    struct facet_engine_room *e;
    *out = (struct facet_identify_opts){ .method = FACET_IDENTIFY_NEAREST, .margin = site->gallery.margin, .threshold = site->gallery.threshold };
    int err = facet__need_gallery(s, q, &out->gallery);
    if (!err)
        err = facet__need_engine(s, q, &e);
    if (err)
        return err;
    const struct facet_model_spec *spec = facet_engine_room_model(e);
    out->calib_a = spec->calib_a;
    out->calib_b = spec->calib_b;
    if (out->threshold == 0)
        err = facet_model_threshold(spec, site->gallery.far, &out->threshold);
    return err ? err : facet_gallery_refresh(out->gallery);
}
