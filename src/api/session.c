#include "api/session_priv.h"

#include "api/options.h"
#include "api/photo_priv.h"
#include "base/errors.h"
#include "base/pool.h"
#include "models/models.h"
#include "stages/align/align.h"

#include <stdlib.h>
#include <string.h>

static int find_model(const struct facet_model_spec **out, const struct facet_manifest *m, const char *name,
                      const char *task)
{
    *out = name ? facet_manifest_find(m, name) : facet_manifest_default(m, task);
    if (*out && strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", name,
                          (*out)->task, task);
    return *out ? FACET_OK : FACET_E_NOT_FOUND;
}

static int open_detector(struct facet_session *s, const struct facet_session_options *o)
{
    struct facet_detector_opts d = FACET_DETECTOR_OPTS_INIT;
    d.min_face = o->min_face;
    d.pool = s->pool;
    int err = find_model(&d.model, s->manifest, o->detector, "detect");
    return err ? err : facet_detector_open(&s->detector, &d);
}

static int open_recogniser(struct facet_session *s, const struct facet_session_options *o)
{
    struct facet_embedder_opts e = FACET_EMBEDDER_OPTS_INIT;
    e.max_batch = 1;
    e.pool = s->pool;
    int err = find_model(&e.model, s->manifest, o->recogniser, "embed");
    if (!err)
        err = facet_embedder_open(&s->embedder, &e);
    if (err)
        return err;
    s->recogniser = e.model;
    err = facet_model_threshold(e.model, 0, &s->threshold);
    return err ? err : facet_image_reserve(&s->chip, &s->chip_cap, FACET_PIXEL_RGB24, e.model->chip.width,
                                           e.model->chip.height);
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
    err = s ? facet_manifest_open(&s->manifest, NULL) : facet_fail_nomem();
    if (!err)
        err = facet_pool_open(&s->pool, o.threads);
    if (!err)
        err = open_detector(s, &o);
    if (!err)
        err = open_recogniser(s, &o);
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
    facet_image_fini(&s->chip);
    facet_embedder_close(&s->embedder);
    facet_detector_close(&s->detector);
    facet_pool_close(&s->pool);
    facet_manifest_close(&s->manifest);
    free(s);
    *sp = NULL;
}

static void describe(struct facet_found *out, const struct facet_detection *d, const struct facet_image *img)
{
    struct facet_quality q;
    facet_quality_measure(&q, img, d->box, d->has_points ? &d->points : NULL);
    *out = (struct facet_found){
        .x1 = d->box.x1, .y1 = d->box.y1, .x2 = d->box.x2, .y2 = d->box.y2,
        .has_points = d->has_points, .score = d->score, .quality = q.score,
    };
    for (int i = 0; d->has_points && i < FACET_LANDMARKS; i++) {
        out->points[i][0] = d->points.p[i].x;
        out->points[i][1] = d->points.p[i].y;
    }
}

int facet_session_find(struct facet_session *s, const struct facet_photo *p, struct facet_found *out, int max)
{
    if (max < 0 || (max > 0 && !out))
        return facet_fail(FACET_E_INVALID, "cannot give %d faces", max);
    int n = facet_detector_run(s->detector, &p->image, s->seen, max < FACET_MAX_FACES ? max : FACET_MAX_FACES);
    for (int i = 0; i < n; i++)
        describe(&out[i], &s->seen[i], &p->image);
    return n;
}

int facet_session_dim(const struct facet_session *s)
{
    return facet_embedder_dim(s->embedder);
}

const char *facet_session_contract(const struct facet_session *s)
{
    return facet_embedder_contract(s->embedder);
}

int facet_session_embed(struct facet_session *s, const struct facet_photo *p, const struct facet_found *face, float *out)
{
    struct facet_box box = { face->x1, face->y1, face->x2, face->y2 };
    struct facet_landmarks points;
    for (int i = 0; i < FACET_LANDMARKS; i++)
        points.p[i] = (struct facet_point){ face->points[i][0], face->points[i][1] };
    int err = facet_align_chip(&s->chip, &p->image, &s->recogniser->chip, box, face->has_points ? &points : NULL);
    const struct facet_image *chip = &s->chip;
    return err ? err : facet_embedder_run(s->embedder, &chip, 1, out);
}

int facet_session_compare(const struct facet_session *s, const float *a, const float *b, struct facet_comparison *out)
{
    double dot = 0;
    for (int i = 0, n = facet_session_dim(s); i < n; i++)
        dot += (double)a[i] * b[i];
    *out = (struct facet_comparison){
        .cosine = (float)dot,
        .score = (float)facet_model_score(s->recogniser, dot),
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
