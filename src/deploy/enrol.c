#include "deploy/enrol.h"

#include "base/errors.h"
#include "models/models.h"

#include <stdio.h>
#include <string.h>

void facet_quality_describe(char *out, size_t cap, const struct facet_quality *q)
{
    const struct { float value; const char *name, *words; } parts[] = {
        { q->sharpness, "sharpness", "it is blurred" },
        { q->pose, "pose", "it is turned away" },
        { q->size, "size", "it is too small or cut off" },
        { q->exposure, "exposure", "it is too dark, too bright or too flat" },
    };
    size_t worst = 0;
    for (size_t i = 1; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (parts[i].value < parts[worst].value)
            worst = i;
    snprintf(out, cap, "%s (%s %.2f)", parts[worst].words, parts[worst].name, (double)parts[worst].value);
}

/* Faint further detections do not make a portrait a group. */
static int count_clear(const struct facet_recognised *f, int n, const struct facet_enrol_opts *o)
{
    float least = o->clear == 0 ? FACET_ENROL_CLEAR : o->clear;
    int clear = 0;
    for (int i = 1; i < n; i++)
        clear += f[i].score >= least;
    return clear + (n > 0);
}

static int border(const struct facet_enrol_opts *o)
{
    return o->pad == 0 ? FACET_PAD : o->pad > 0 ? o->pad : 0;
}

static int fail_no_face(const char *picture, int pad)
{
    if (!pad)
        return facet_fail(FACET_E_NO_FACE, "cannot enrol '%s': there is no face in it", picture);
    return facet_fail(FACET_E_NO_FACE, "cannot enrol '%s': there is no face in it, nor with a border of %d pixels",
                      picture, pad);
}

static const char *called(const struct facet_template *about, const struct facet_enrol_opts *o)
{
    return o->file ? o->file : *about->source ? about->source : "the photo";
}

static int check_faces(const struct facet_recognised *f, int n, const struct facet_template *about,
                       const struct facet_enrol_opts *o)
{
    float least = o->min_quality == 0 ? FACET_ENROL_QUALITY : o->min_quality;
    if (n == 0)
        return fail_no_face(called(about, o), border(o));
    int clear = count_clear(f, n, o);
    if (clear > 1 && !o->largest)
        return facet_fail(FACET_E_MANY_FACES, "cannot enrol '%s': there are %d faces in it", called(about, o), clear);
    if (f[0].quality.score >= least)
        return FACET_OK;
    char why[128];
    facet_quality_describe(why, sizeof(why), &f[0].quality);
    return facet_fail(FACET_E_QUALITY, "cannot enrol '%s': the face's quality is %.2f, at least %.2f is wanted: %s",
                      called(about, o), (double)f[0].quality.score, (double)least, why);
}

/* Whose face is it most, besides `name`? */
static int check_others(struct facet_recogniser *r, struct facet_gallery *g, const char *name, const float *embedding,
                        const struct facet_template *about, const struct facet_enrol_opts *o, struct facet_match *other)
{
    struct facet_match m[2];
    double threshold = o->threshold;
    int err = threshold == 0 ? facet_model_threshold(facet_recogniser_model(r), 0, &threshold) : FACET_OK;
    int n = err ? err : facet_gallery_search(g, embedding, facet_recogniser_dim(r), 2, m);
    if (n <= 0)
        return n;
    bool is_own = !strcmp(m[0].name, name);
    if (!is_own || n > 1)
        *other = m[is_own];
    if (is_own || o->force || (double)m[0].cosine < threshold)
        return FACET_OK;
    return facet_fail(FACET_E_EXISTS,
                      "cannot enrol '%s' as '%s': the face is that of '%s' (cosine %.2f, from %.2f on the same)",
                      called(about, o), name, m[0].name, (double)m[0].cosine, threshold);
}

int facet_enrol(struct facet_recogniser *r, struct facet_gallery *g, const char *name, const struct facet_image *img,
                const struct facet_template *about, const struct facet_enrol_opts *o, struct facet_enrolled *out)
{
    struct facet_recognised *f;
    memset(out, 0, sizeof(*out));
    if (strcmp(facet_recogniser_contract(r), facet_gallery_contract(g)))
        return facet_fail(FACET_E_CONTRACT, "gallery '%s' holds embeddings of another recogniser than '%s'",
                          facet_gallery_path(g), facet_recogniser_model(r)->name);
    int n = facet_recogniser_find(r, img, border(o), &f, &out->was_padded);
    int err = n < 0 ? n : check_faces(f, n, about, o);
    out->faces = n > 0 ? n : 0;
    if (err)
        return err;
    out->box = f[0].box;
    out->quality = f[0].quality;
    err = facet_recogniser_embed(r, 1);
    if (!err)
        err = check_others(r, g, name, f[0].embedding, about, o, &out->other);
    if (err)
        return err;
    struct facet_template t = *about;
    t.quality = f[0].quality.score;
    return facet_gallery_add(g, name, f[0].embedding, facet_recogniser_dim(r), &t, &out->template_id);
}
