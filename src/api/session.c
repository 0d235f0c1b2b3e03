#include "api/session_priv.h"

#include "api/options.h"
#include "api/photo_priv.h"
#include "base/errors.h"
#include "models/models.h"

#include <stdlib.h>

static int open_models(struct facet_session *s, const struct facet_session_options *o)
{
    struct facet_recogniser_opts r = FACET_RECOGNISER_OPTS_INIT;
    r.detector = o->detector;
    r.recogniser = o->recogniser;
    r.min_face = o->min_face;
    r.threads = o->threads;
    int err = facet_recogniser_open(&s->recogniser, &r);
    if (err)
        return err;
    s->model = facet_recogniser_model(s->recogniser);
    return facet_model_threshold(s->model, 0, &s->threshold);
}

int facet_session_open(struct facet_session **out, const struct facet_session_options *theirs)
{
    struct facet_session_options o;
    *out = NULL;
    int err = facet__options_take(&o, sizeof(o), theirs);
    if (!err && (o.min_face < 0 || o.threads > 1024))
        err = facet_fail(FACET_E_INVALID, "cannot open a session: min_face %d, threads %u", o.min_face, o.threads);
    if (err)
        return err;
    struct facet_session *s = calloc(1, sizeof(*s));
    err = s ? open_models(s, &o) : facet_fail_nomem();
    if (err)
        facet_session_close(&s);
    *out = s;
    return err;
}

void facet_session_close(struct facet_session **sp)
{
    struct facet_session *s = *sp;
    if (!s)
        return;
    facet_recogniser_close(&s->recogniser);
    free(s);
    *sp = NULL;
}

static int by_score(const void *a, const void *b)
{
    const struct facet_recognised *x = a, *y = b;
    return x->score < y->score ? 1 : x->score > y->score ? -1 : 0;
}

static void describe(struct facet_found *out, const struct facet_recognised *f)
{
    *out = (struct facet_found){
        .x1 = f->box.x1, .y1 = f->box.y1, .x2 = f->box.x2, .y2 = f->box.y2,
        .has_points = f->has_points, .score = f->score, .quality = f->quality.score,
    };
    for (int i = 0; f->has_points && i < FACET_LANDMARKS; i++) {
        out->points[i][0] = f->points.p[i].x;
        out->points[i][1] = f->points.p[i].y;
    }
}

int facet_session_find(struct facet_session *s, const struct facet_photo *p, struct facet_found *out, int max)
{
    struct facet_recognised *faces;
    if (max < 0 || (max > 0 && !out))
        return facet_fail(FACET_E_INVALID, "cannot give %d faces", max);
    int n = facet_recogniser_find(s->recogniser, &p->image, 0, &faces, NULL);
    if (n <= 0)
        return n;
    qsort(faces, (size_t)n, sizeof(*faces), by_score);
    n = n < max ? n : max;
    for (int i = 0; i < n; i++)
        describe(&out[i], &faces[i]);
    return n;
}

int facet_session_dim(const struct facet_session *s)
{
    return facet_recogniser_dim(s->recogniser);
}

const char *facet_session_contract(const struct facet_session *s)
{
    return facet_recogniser_contract(s->recogniser);
}

int facet_session_embed(struct facet_session *s, const struct facet_photo *p, const struct facet_found *face, float *out)
{
    struct facet_box box = { face->x1, face->y1, face->x2, face->y2 };
    struct facet_landmarks points;
    for (int i = 0; i < FACET_LANDMARKS; i++)
        points.p[i] = (struct facet_point){ face->points[i][0], face->points[i][1] };
    return facet_recogniser_embed_face(s->recogniser, &p->image, box, face->has_points ? &points : NULL, out);
}

int facet_session_compare(const struct facet_session *s, const float *a, const float *b, struct facet_comparison *out)
{
    double dot = 0;
    for (int i = 0, n = facet_session_dim(s); i < n; i++)
        dot += (double)a[i] * b[i];
    *out = (struct facet_comparison){
        .cosine = (float)dot,
        .score = (float)facet_model_score(s->model, dot),
        .threshold = (float)s->threshold,
        .is_same = dot >= s->threshold,
    };
    return FACET_OK;
}

static int embed_best(struct facet_session *s, const struct facet_photo *p, const char *which, float *out)
{
    struct facet_found face;
    int n = facet_session_find(s, p, &face, 1);
    if (n == 0)
        return facet_fail(FACET_E_NO_FACE, "cannot compare: there is no face in the %s photo", which);
    return n < 0 ? n : facet_session_embed(s, p, &face, out);
}

int facet_session_verify(struct facet_session *s, const struct facet_photo *a, const struct facet_photo *b,
                         struct facet_comparison *out)
{
    float of_a[FACET_MAX_EMBEDDING], of_b[FACET_MAX_EMBEDDING];
    int err = embed_best(s, a, "first", of_a);
    if (!err)
        err = embed_best(s, b, "second", of_b);
    return err ? err : facet_session_compare(s, of_a, of_b, out);
}
