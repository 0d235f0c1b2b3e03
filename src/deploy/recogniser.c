#include "deploy/recogniser.h"

#include "base/errors.h"
#include "base/pool.h"
#include "deploy/tuning.h"
#include "models/models.h"
#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 8

struct facet_recogniser {
    struct facet_manifest *manifest;
    const struct facet_model_spec *model;      /* of the manifest */
    struct facet_pool *pool, *embed_pool;     /* of the detector, or of both; of the embedder where it differs */
    struct facet_detector *detector;
    struct facet_embedder *embedder;           /* NULL: embed does it */
    int (*embed)(void *ctx, const struct facet_image *const *chips, int n, float *out);
    void *embed_ctx;
    char contract[65];
    struct facet_image rgb, padded;            /* the picture as it was looked at, when it is not the given one */
    struct facet_image seen;                   /* view of that: of the given picture, rgb or padded */
    struct facet_image chips[BATCH];
    size_t rgb_cap, chip_cap[BATCH];
    struct facet_detection found[FACET_MAX_FACES];
    struct facet_recognised faces[FACET_MAX_FACES];
    int n_faces, border;
    float *embeddings;                         /* FACET_MAX_FACES x dim */
    int dim;
};

static int find_model(const struct facet_model_spec **out, const struct facet_manifest *m, const char *name, const char *task)
{
    *out = name ? facet_manifest_find(m, name) : facet_manifest_default(m, task);
    if (*out && strcmp((*out)->task, task))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s' here: its task is '%s', not '%s'", (*out)->name,
                          (*out)->task, task);
    return *out ? FACET_OK : FACET_E_NOT_FOUND;
}

static int open_manifest(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    (void)o;
    return facet_manifest_open(&r->manifest, NULL);
}

static int open_pool(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    const struct facet_tuning *t = o->tuning && o->tuning->is_there && !o->threads ? o->tuning : NULL;
    unsigned detect = t ? (unsigned)t->detector_threads : o->threads, embed = t ? (unsigned)t->recogniser_threads : o->threads;
    int err = facet_pool_open(&r->pool, detect);
    return err || embed == detect ? err : facet_pool_open(&r->embed_pool, embed);
}

static int open_detector(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    struct facet_detector_opts d = FACET_DETECTOR_OPTS_INIT;
    d.min_face = o->min_face;
    d.backend = o->backend;
    d.strict = o->strict;
    d.pool = r->pool;
    int err = find_model(&d.model, r->manifest, o->detector, "detect");
    return err ? err : facet_detector_open(&r->detector, &d);
}

static int open_network(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    struct facet_embedder_opts e = FACET_EMBEDDER_OPTS_INIT;
    e.model = r->model;
    e.max_batch = BATCH;
    e.backend = o->backend;
    e.strict = o->strict;
    e.pool = r->embed_pool ? r->embed_pool : r->pool;
    return facet_embedder_open(&r->embedder, &e);
}

static int open_embedder(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    const char *name = o->recogniser ? o->recogniser : facet_tuning_recogniser(o->tuning, r->manifest);
    r->embed = o->embed;
    r->embed_ctx = o->embed_ctx;
    int err = find_model(&r->model, r->manifest, name, "embed");
    if (!err && !o->embed)
        err = open_network(r, o);
    if (!err)
        err = facet_model_contract(r->model, r->contract);
    if (err)
        return err;
    r->dim = r->model->dim;
    if (o->contract && strcmp(o->contract, r->contract))
        return facet_fail(FACET_E_CONTRACT, "the templates were made by another recogniser than '%s' as it is here",
                          r->model->name);
    r->embeddings = calloc((size_t)FACET_MAX_FACES * (size_t)r->dim, sizeof(float));
    return r->embeddings ? FACET_OK : facet_fail_nomem();
}

static int open_parts(struct facet_recogniser *r, const struct facet_recogniser_opts *o)
{
    static int (*const parts[])(struct facet_recogniser *r, const struct facet_recogniser_opts *o) = {
        open_manifest, open_pool, open_detector, open_embedder,
    };
    static const char *const names[] = { "manifest read", "threads started", "detector open", "recogniser open" };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        int err = parts[i](r, o);
        if (err)
            return err;
        if (o->mark)
            o->mark(o->mark_ctx, names[i]);
    }
    return FACET_OK;
}

int facet_recogniser_open(struct facet_recogniser **out, const struct facet_recogniser_opts *o)
{
    struct facet_recogniser *r = calloc(1, sizeof(*r));
    int err = r ? open_parts(r, o) : facet_fail_nomem();
    if (err)
        facet_recogniser_close(&r);
    *out = r;
    return err;
}

void facet_recogniser_close(struct facet_recogniser **pr)
{
    struct facet_recogniser *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    for (int i = 0; i < BATCH; i++)
        facet_image_fini(&r->chips[i]);
    facet_image_fini(&r->rgb);
    facet_image_fini(&r->padded);
    free(r->embeddings);
    facet_embedder_close(&r->embedder);
    facet_detector_close(&r->detector);
    facet_pool_close(&r->embed_pool);
    facet_pool_close(&r->pool);
    facet_manifest_close(&r->manifest);
    free(r);
}

const struct facet_model_spec *facet_recogniser_model(const struct facet_recogniser *r)
{
    return r->model;
}

const char *facet_recogniser_detector(const struct facet_recogniser *r)
{
    return facet_detector_name(r->detector);
}

const char *facet_recogniser_contract(const struct facet_recogniser *r)
{
    return r->contract;
}

int facet_recogniser_dim(const struct facet_recogniser *r)
{
    return r->dim;
}

/* --- finding --- */

static int gray_to_rgb(struct facet_recogniser *r, const struct facet_image *img)
{
    int err = facet_image_reserve(&r->rgb, &r->rgb_cap, FACET_PIXEL_RGB24, img->width, img->height);
    for (int y = 0; !err && y < img->height; y++) {
        const uint8_t *from = img->data + (size_t)y * img->stride;
        uint8_t *to = r->rgb.data + (size_t)y * r->rgb.stride;
        for (int x = 0; x < img->width; x++, to += 3)
            to[0] = to[1] = to[2] = from[x];
    }
    return err;
}

static int by_area(const void *a, const void *b)
{
    const struct facet_recognised *x = a, *y = b;
    float ax = facet_box_area(x->box), ay = facet_box_area(y->box);
    return ax < ay ? 1 : ax > ay ? -1 : 0;
}

static int look(struct facet_recogniser *r)
{
    r->n_faces = 0;
    int n = facet_detector_run(r->detector, &r->seen, r->found, FACET_MAX_FACES);
    for (int i = 0; i < n; i++) {
        const struct facet_detection *d = &r->found[i];
        struct facet_recognised *f = &r->faces[i];
        *f = (struct facet_recognised){ .box = d->box, .points = d->points, .has_points = d->has_points, .score = d->score };
        facet_quality_measure(&f->quality, &r->seen, f->box, f->has_points ? &f->points : NULL);
    }
    r->n_faces = n > 0 ? n : 0;
    qsort(r->faces, (size_t)r->n_faces, sizeof(*r->faces), by_area);
    return n;
}

static void move(struct facet_recognised *f, float by)
{
    f->box.x1 += by, f->box.x2 += by, f->box.y1 += by, f->box.y2 += by;
    for (int i = 0; i < FACET_LANDMARKS; i++)
        f->points.p[i].x += by, f->points.p[i].y += by;
}

static int look_padded(struct facet_recogniser *r, int pad)
{
    struct facet_image padded;
    int err = facet_image_pad(&padded, &r->seen, pad);
    if (err)
        return err;
    facet_image_fini(&r->padded);
    r->padded = r->seen = padded;
    r->border = pad;
    int n = look(r);
    for (int i = 0; i < n; i++)
        move(&r->faces[i], (float)-pad);
    return n;
}

int facet_recogniser_find(struct facet_recogniser *r, const struct facet_image *img, int pad,
                          struct facet_recognised **faces, bool *was_padded)
{
    int err = img->format == FACET_PIXEL_GRAY8 ? gray_to_rgb(r, img) : FACET_OK;
    if (err)
        return err;
    r->seen = img->format == FACET_PIXEL_GRAY8 ? r->rgb : *img;
    r->border = 0;
    int n = look(r);
    bool again = n == 0 && pad > 0;
    if (again)
        n = look_padded(r, pad);
    if (was_padded)
        *was_padded = again;
    *faces = r->faces;
    return n;
}

static int run_embedder(struct facet_recogniser *r, const struct facet_image *const *chips, int n, float *out)
{
    return r->embed ? r->embed(r->embed_ctx, chips, n, out) : facet_embedder_run(r->embedder, chips, n, out);
}

int facet_recogniser_chip(const struct facet_recogniser *r, int i, struct facet_image *out)
{
    if (i < 0 || i >= r->n_faces)
        return facet_fail(FACET_E_INVALID, "there are %d faces, none is number %d", r->n_faces, i);
    struct facet_recognised f = r->faces[i];
    move(&f, (float)r->border);
    return facet_align_chip(out, &r->seen, &r->model->chip, f.box, f.has_points ? &f.points : NULL);
}

static int reserve_chip(struct facet_recogniser *r, int slot)
{
    const struct facet_chip_spec *spec = &r->model->chip;
    return facet_image_reserve(&r->chips[slot], &r->chip_cap[slot], FACET_PIXEL_RGB24, spec->width, spec->height);
}

static int embed_some(struct facet_recogniser *r, int first, int n)
{
    const struct facet_image *chips[BATCH];
    for (int i = 0; i < n; i++) {
        int err = reserve_chip(r, i);
        if (!err)
            err = facet_recogniser_chip(r, first + i, &r->chips[i]);
        if (err)
            return err;
        chips[i] = &r->chips[i];
        r->faces[first + i].embedding = r->embeddings + (size_t)(first + i) * (size_t)r->dim;
    }
    return run_embedder(r, chips, n, r->embeddings + (size_t)first * (size_t)r->dim);
}

int facet_recogniser_embed(struct facet_recogniser *r, int n)
{
    int err = n < 0 || n > r->n_faces ? facet_fail(FACET_E_INVALID, "there are %d faces, not %d", r->n_faces, n) : FACET_OK;
    for (int i = 0; !err && i < n; i += BATCH)
        err = embed_some(r, i, n - i < BATCH ? n - i : BATCH);
    return err;
}

int facet_recogniser_embed_face(struct facet_recogniser *r, const struct facet_image *img, struct facet_box box,
                                const struct facet_landmarks *points, float *out)
{
    const struct facet_image *chip = &r->chips[0];
    int err = reserve_chip(r, 0);
    if (!err)
        err = facet_align_chip(&r->chips[0], img, &r->model->chip, box, points);
    return err ? err : run_embedder(r, &chip, 1, out);
}

int facet_recogniser_faces(struct facet_recogniser *r, const struct facet_image *img, int pad,
                           struct facet_recognised **faces, bool *was_padded)
{
    int n = facet_recogniser_find(r, img, pad, faces, was_padded);
    int err = n > 0 ? facet_recogniser_embed(r, n) : FACET_OK;
    return err ? err : n;
}
