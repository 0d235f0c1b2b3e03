#include "bench/agree.h"

#include "base/errors.h"
#include "base/file.h"
#include "media/picture.h"
#include "models/spec.h"
#include "stages/detect/detect.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH 8

struct agree {
    const struct facet_agree_opts *o;
    struct facet_agree *out;
    struct facet_detector *a, *b;
    char **files;
    size_t n_files;
    double overlaps;
    bool taken[FACET_MAX_FACES];
    struct facet_detection of_a[FACET_MAX_FACES], of_b[FACET_MAX_FACES];
};

static int note_file(void *ctx, const char *path)
{
    struct agree *g = ctx;
    char **more = realloc(g->files, (g->n_files + 1) * sizeof(*more));
    if (!more)
        return facet_fail_nomem();
    g->files = more;
    more[g->n_files] = strdup(path);
    return more[g->n_files++] ? FACET_OK : facet_fail_nomem();
}

/* The face of b that is not taken and overlaps most with this one of a. */
static int nearest(const struct agree *g, const struct facet_detection *d, int n, double *overlap)
{
    int best = -1;
    *overlap = 0;
    for (int i = 0; i < n; i++) {
        double iou = g->taken[i] ? 0 : (double)facet_box_iou(d->box, g->of_b[i].box);
        if (iou > *overlap) {
            *overlap = iou;
            best = i;
        }
    }
    return best;
}

static void match(struct agree *g, int na, int nb)
{
    double least = g->o->iou > 0 ? g->o->iou : 0.9, overlap;
    memset(g->taken, 0, sizeof(g->taken));
    for (int i = 0; i < na; i++) {
        int k = nearest(g, &g->of_a[i], nb, &overlap);
        g->out->roughly += k >= 0 && overlap >= 0.5;
        if (k < 0 || overlap < least)
            continue;
        g->taken[k] = true;
        g->out->same++;
        g->overlaps += overlap;
    }
    g->out->faces_a += (size_t)na;
    g->out->faces_b += (size_t)nb;
}

static int look(struct agree *g, const char *path)
{
    struct facet_image img;
    int err = facet_picture_read(&img, path);
    if (err == FACET_E_FORMAT || err == FACET_E_LIMIT) /* no picture: a list, a licence */
        return FACET_OK;
    if (err)
        return err;
    int na = facet_detector_run(g->a, &img, g->of_a, FACET_MAX_FACES);
    int nb = na < 0 ? na : facet_detector_run(g->b, &img, g->of_b, FACET_MAX_FACES);
    facet_image_fini(&img);
    if (nb < 0)
        return nb;
    g->out->pictures++;
    match(g, na, nb);
    return FACET_OK;
}

static int look_at_all(struct agree *g)
{
    size_t n = g->o->most && g->o->most < g->n_files ? g->o->most : g->n_files;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < n; i++) {
        if (g->o->cancel && *g->o->cancel)
            return facet_fail(FACET_E_CANCELLED, "comparing detectors was cancelled");
        if (g->o->progress)
            g->o->progress(g->o->ctx, "faces", (int64_t)i, (int64_t)n);
        err = look(g, g->files[i * g->n_files / n]);
    }
    if (!err && !g->out->pictures)
        err = facet_fail(FACET_E_NOT_FOUND, "no picture lies in '%s'", g->o->dir);
    return err;
}

static void close_agree(struct agree *g)
{
    facet_detector_close(&g->a);
    facet_detector_close(&g->b);
    for (size_t i = 0; i < g->n_files; i++)
        free(g->files[i]);
    free(g->files);
    free(g);
}

int facet_agree_measure(struct facet_agree *out, const struct facet_agree_opts *o)
{
    struct facet_detector_opts d = FACET_DETECTOR_OPTS_INIT;
    struct agree *g = calloc(1, sizeof(*g));
    *out = (struct facet_agree){0};
    if (!g)
        return facet_fail_nomem();
    g->o = o;
    g->out = out;
    d.min_face = o->min_face;
    d.pool = o->pool;
    d.backend = o->backend;
    d.model = o->a;
    int err = facet_detector_open(&g->a, &d);
    d.model = o->b;
    if (!err)
        err = facet_detector_open(&g->b, &d);
    if (!err)
        err = facet_walk(o->dir, DEPTH, note_file, g);
    if (!err)
        err = look_at_all(g);
    size_t most = out->faces_a > out->faces_b ? out->faces_a : out->faces_b;
    out->share = most ? (double)out->same / (double)most : 1;
    out->overlap = out->same ? g->overlaps / (double)out->same : 0;
    close_agree(g);
    return err;
}
