#include "bench/eval_faces.h"

#include "base/errors.h"
#include "models/spec.h"
#include "stages/align/align.h"

#include <string.h>

int facet_face_worker_open(struct facet_face_worker *w, const struct facet_detector_opts *o,
                           const struct facet_model_spec *recogniser, const char *backend, bool strict)
{
    memset(w, 0, sizeof(*w));
    w->o = *o;
    w->o.backend = backend;
    w->o.strict = strict;
    w->recogniser = recogniser;
    struct facet_embedder_opts eo = FACET_EMBEDDER_OPTS_INIT;
    eo.model = recogniser;
    eo.max_batch = 1;
    eo.backend = backend;
    eo.strict = strict;
    int err = facet_detector_open(&w->detector, &w->o);
    if (!err)
        err = facet_embedder_open(&w->embedder, &eo);
    if (!err)
        err = facet_image_init(&w->chip, FACET_PIXEL_RGB24, recogniser->chip.width, recogniser->chip.height);
    return err;
}

void facet_face_worker_close(struct facet_face_worker *w)
{
    facet_detector_close(&w->detector);
    facet_detector_close(&w->second);
    facet_embedder_close(&w->embedder);
    facet_image_fini(&w->chip);
}

int facet_face_central(const struct facet_detection *found, int n, int width, int height)
{
    int best = -1;
    double most = 0;
    for (int i = 0; i < n; i++) {
        const struct facet_box *b = &found[i].box;
        double dx = ((double)b->x1 + (double)b->x2 - width) / 2, dy = ((double)b->y1 + (double)b->y2 - height) / 2;
        double worth = (double)facet_box_area(*b) - 2 * (dx * dx + dy * dy);
        if (best < 0 || worth > most) {
            best = i;
            most = worth;
        }
    }
    return best;
}

static int detect_again(struct facet_face_worker *w, const struct facet_image *img)
{
    if (!w->second) {
        struct facet_detector_opts o = w->o;
        for (int i = 0; i < 3; i++)
            o.threshold[i] = 0.5f;
        int err = facet_detector_open(&w->second, &o);
        if (err)
            return err;
    }
    return facet_detector_run(w->second, img, w->found, FACET_MAX_FACES);
}

int facet_face_embed(struct facet_face_worker *w, const struct facet_image *img, float *out, bool *second)
{
    int n = facet_detector_run(w->detector, img, w->found, FACET_MAX_FACES);
    *second = n == 0;
    if (n == 0)
        n = detect_again(w, img);
    if (n <= 0)
        return n < 0 ? n : facet_fail(FACET_E_NO_FACE, "no face found");
    const struct facet_detection *d = &w->found[facet_face_central(w->found, n, img->width, img->height)];
    int err = facet_align_chip(&w->chip, img, &w->recogniser->chip, d->box, d->has_points ? &d->points : NULL);
    const struct facet_image *chip = &w->chip;
    return err ? err : facet_embedder_run(w->embedder, &chip, 1, out);
}
