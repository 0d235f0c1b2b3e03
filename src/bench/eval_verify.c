#include "bench/eval_verify.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/dot.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/pool.h"
#include "bench/eval_faces.h"
#include "media/picture.h"
#include "models/spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
    const struct facet_verify_opts *o;
    struct facet_verify_result *out;
    struct facet_pairs pairs;
    struct facet_pool *pool;
    struct facet_face_worker *workers;
    unsigned n_workers;
    size_t dim;
    const struct facet_dot_ops *dot;
    float *rows;                       /* an embedding per picture */
    bool *is_missing;
    struct facet_lock lock;            /* of what follows */
    int64_t done;
    int err;
    char text[512];                    /* why, from the thread where it was */
};

/* ---- pictures to embeddings ---- */

static int picture_path(const struct job *j, size_t i, char *out, size_t cap)
{
    static const char *const kinds[] = {"jpg", "jpeg", "png", "pgm"};
    const char *name = j->pairs.pictures[i], *person_end = strrchr(name, '_');
    int person = person_end ? (int)(person_end - name) : 0;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        if (snprintf(out, cap, "%s/%s.%s", j->o->dir, name, kinds[k]) < (int)cap && facet_path_exists(out))
            return FACET_OK;
        if (snprintf(out, cap, "%s/%.*s/%s.%s", j->o->dir, person, name, name, kinds[k]) < (int)cap && facet_path_exists(out))
            return FACET_OK;
    }
    return facet_fail(FACET_E_NOT_FOUND, "cannot find picture '%s' in '%s': it is neither there nor in a folder '%.*s'", name,
                      j->o->dir, person, name);
}

static int embed_picture(struct job *j, size_t i, struct facet_face_worker *w, bool *second)
{
    char path[4096];
    struct facet_image img;
    int err = picture_path(j, i, path, sizeof(path));
    if (!err)
        err = facet_picture_read(&img, path);
    if (err)
        return err;
    err = facet_face_embed(w, &img, j->rows + i * j->dim, second);
    facet_image_fini(&img);
    return err == FACET_E_NO_FACE ? err : err ? facet_fail_prefix(err, "'%s'", path) : FACET_OK;
}

static void note(struct job *j, size_t i, int err, bool second)
{
    struct facet_verify_result *out = j->out;
    facet_lock_take(&j->lock);
    j->is_missing[i] = err == FACET_E_NO_FACE;
    out->second_try += second && !err;
    if (j->is_missing[i] && out->missing++ < FACET_VERIFY_NAMED)
        memcpy(out->missing_names[out->missing - 1], j->pairs.pictures[i], FACET_MAX_NAME);
    if (err && err != FACET_E_NO_FACE && !j->err) {
        j->err = err;
        snprintf(j->text, sizeof(j->text), "%s", facet_error_text());
    }
    j->done++;
    if (j->o->progress)
        j->o->progress(j->o->ctx, j->done, (int64_t)j->pairs.n_pictures);
    facet_lock_give(&j->lock);
}

static bool is_over(struct job *j)
{
    facet_lock_take(&j->lock);
    bool over = j->err || (j->o->cancel && *j->o->cancel);
    facet_lock_give(&j->lock);
    return over;
}

static void picture_step(void *ctx, size_t i, unsigned worker)
{
    struct job *j = ctx;
    bool second = false;
    if (is_over(j))
        return;
    int err = embed_picture(j, i, &j->workers[worker], &second);
    note(j, i, err, second);
}

static int embed_pictures(struct job *j)
{
    facet_pool_for(j->pool, j->pairs.n_pictures, picture_step, j);
    if (j->err)
        return facet_fail(j->err, "%s", j->text);
    return j->o->cancel && *j->o->cancel ? facet_fail(FACET_E_CANCELLED, "cancelled") : FACET_OK;
}

/* ---- embeddings to numbers ---- */

static float cosine(const struct job *j, int a, int b)
{
    return j->dot->f32(j->rows + (size_t)a * j->dim, j->rows + (size_t)b * j->dim, j->dim);
}

static struct facet_scored *score_pairs(const struct job *j)
{
    struct facet_scored *s = calloc(j->pairs.n, sizeof(*s));
    for (size_t i = 0; s && i < j->pairs.n; i++) {
        const struct facet_pair *p = &j->pairs.pairs[i];
        s[i].is_same = p->is_same;
        s[i].fold = p->fold;
        s[i].is_missing = j->is_missing[p->a] || j->is_missing[p->b];
        s[i].cosine = s[i].is_missing ? -1 : cosine(j, p->a, p->b);
    }
    return s;
}

/* TAR at FAR 1e-2, when the pairs carry it. */
static int measure_tar(struct facet_verify_result *out, const struct facet_scored *s, size_t n)
{
    struct facet_counts c;
    struct facet_threshold rows[FACET_VERIFY_ROWS];
    int err = facet_counts_init(&c);
    if (err)
        return err;
    for (size_t i = 0; i < n; i++)
        facet_counts_add(&c, s[i].cosine, s[i].is_same);
    int count = facet_counts_table(&c, rows, FACET_VERIFY_ROWS);
    out->tar = -1;
    for (int i = 0; i < count; i++)
        if (rows[i].far == 0.01) {
            out->tar = rows[i].tar;
            out->tar_cosine = rows[i].cosine;
            out->tar_errors = rows[i].errors;
        }
    facet_counts_fini(&c);
    return FACET_OK;
}

static int judge_pairs(struct job *j)
{
    struct facet_verify_result *out = j->out;
    struct facet_scored *s = score_pairs(j);
    if (!s)
        return facet_fail_nomem();
    facet_roc_folds(&out->folds, s, j->pairs.n, j->pairs.folds, j->o->recogniser->threshold);
    facet_roc_calibrate(&out->calib_a, &out->calib_b, s, j->pairs.n);
    int err = facet_roc_auc(&out->auc, s, j->pairs.n);
    if (!err)
        err = measure_tar(out, s, j->pairs.n);
    free(s);
    return err;
}

static bool is_same_person(const char *a, const char *b)
{
    const char *end = strrchr(a, '_');
    size_t len = end ? (size_t)(end - a) + 1 : strlen(a);
    return strncmp(a, b, len) == 0 && strrchr(b, '_') == b + len - 1;
}

static int judge_all_pairs(struct job *j)
{
    struct facet_counts c;
    int err = facet_counts_init(&c);
    if (err)
        return err;
    for (size_t a = 0; a < j->pairs.n_pictures; a++)
        for (size_t b = a + 1; b < j->pairs.n_pictures; b++)
            if (!j->is_missing[a] && !j->is_missing[b])
                facet_counts_add(&c, cosine(j, (int)a, (int)b), is_same_person(j->pairs.pictures[a], j->pairs.pictures[b]));
    j->out->n_rows = facet_counts_table(&c, j->out->rows, FACET_VERIFY_ROWS);
    j->out->same_pairs = c.n_same;
    j->out->different_pairs = c.n_different;
    facet_counts_fini(&c);
    return FACET_OK;
}

/* ---- the whole ---- */

static int open_pairs(struct job *j)
{
    int err = facet_pairs_read(&j->pairs, j->o->pairs);
    if (!err && j->o->first_fold)
        err = facet_pairs_keep(&j->pairs, j->o->first_fold - 1, j->o->last_fold - 1);
    if (err)
        return err;
    j->dim = (size_t)j->o->recogniser->dim;
    j->rows = calloc(j->pairs.n_pictures * j->dim, sizeof(float));
    j->is_missing = calloc(j->pairs.n_pictures, sizeof(bool));
    return j->rows && j->is_missing ? FACET_OK : facet_fail_nomem();
}

static int open_workers(struct job *j)
{
    struct facet_detector_opts o = FACET_DETECTOR_OPTS_INIT;
    o.model = j->o->detector;
    o.min_face = j->o->min_face ? j->o->min_face : 40;
    int err = facet_pool_open(&j->pool, j->o->threads);
    if (err)
        return err;
    j->n_workers = facet_pool_threads(j->pool);
    j->workers = calloc(j->n_workers, sizeof(*j->workers));
    if (!j->workers)
        return facet_fail_nomem();
    for (unsigned i = 0; !err && i < j->n_workers; i++)
        err = facet_face_worker_open(&j->workers[i], &o, j->o->recogniser, j->o->backend, j->o->strict);
    return err;
}

static void close_job(struct job *j)
{
    for (unsigned i = 0; j->workers && i < j->n_workers; i++)
        facet_face_worker_close(&j->workers[i]);
    free(j->workers);
    facet_pool_close(&j->pool);
    facet_pairs_fini(&j->pairs);
    free(j->rows);
    free(j->is_missing);
    facet_lock_fini(&j->lock);
}

int facet_eval_verify(struct facet_verify_result *out, const struct facet_verify_opts *o)
{
    struct job j = {.o = o, .out = out};
    uint64_t begin = facet_now_ns();
    memset(out, 0, sizeof(*out));
    if (!facet_path_is_dir(o->dir))
        return facet_fail(FACET_E_NOT_FOUND, "cannot find the folder '%s' with the pictures", o->dir);
    j.dot = facet_dot_for(facet_cpu_flags(NULL));
    int err = facet_lock_init(&j.lock);
    if (err)
        return err;
    err = open_pairs(&j);
    if (!err)
        err = open_workers(&j);
    if (!err)
        err = embed_pictures(&j);
    if (!err)
        err = judge_pairs(&j);
    if (!err && o->far_table)
        err = judge_all_pairs(&j);
    out->pairs = j.pairs.n;
    out->pictures = j.pairs.n_pictures;
    out->seconds = (double)(facet_now_ns() - begin) / 1e9;
    close_job(&j);
    return err;
}
