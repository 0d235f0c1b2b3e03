#include "bench/calibrate.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "engine/plan.h"
#include "media/picture.h"
#include "media/video.h"
#include "stages/align/align.h"
#include "stages/detect/detect.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_MOST 320
#define DEPTH 8
#define MAX_FILES 100000
#define MAX_SET_BYTES ((size_t)512 << 20)
#define FACES_PER_PICTURE 6
#define FRAMES_PER_VIDEO 24
#define ROWS_PER_RUN 16              /* of a batch of windows */
#define LEVEL_SIDE 192               /* of a level of the pyramid, that much at most */
#define PAD 40                       /* faces that fill the picture are found with a border */
#define HELD_EVERY 4

struct reader {
    struct facet_calib *out;
    const struct facet_calib_opts *o;
    char **files;
    size_t n_files;
    struct facet_detector *detector;
    struct facet_image chip;
    struct facet_detection found[FACET_MAX_FACES];
    struct facet_rng rng;
    struct facet_sha256 hash;
};

/* ---- sets ---- */

/* Room for one more input, or NULL with *err. A set that is full takes no more: *err stays FACET_OK. */
static float *add_input(struct facet_calib_set *s, const struct facet_shape *shape, int *err)
{
    size_t bytes = (size_t)facet_shape_count(shape) * sizeof(float);
    *err = FACET_OK;
    if (s->bytes + bytes > MAX_SET_BYTES)
        return NULL;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 64;
        struct facet_calib_input *more = realloc(s->items, cap * sizeof(*more));
        if (!more) {
            *err = facet_fail_nomem();
            return NULL;
        }
        s->items = more;
        s->cap = cap;
    }
    float *data = malloc(bytes);
    if (!data) {
        *err = facet_fail_nomem();
        return NULL;
    }
    s->items[s->n++] = (struct facet_calib_input){*shape, data};
    s->bytes += bytes;
    return data;
}

/* What is held out stands at the end; every fourth, so that both halves have seen the same places. */
static int split(struct facet_calib_set *s)
{
    struct facet_calib_input *sorted = malloc((s->n + 1) * sizeof(*sorted));
    size_t at = 0;
    if (!sorted)
        return facet_fail_nomem();
    for (int held = 0; held < 2; held++) {
        for (size_t i = 0; i < s->n; i++)
            if ((i % HELD_EVERY == HELD_EVERY - 1) == held)
                sorted[at++] = s->items[i];
        if (!held)
            s->calibrated = at;
    }
    free(s->items);
    s->items = sorted;
    s->cap = s->n;
    return FACET_OK;
}

void facet_calib_fini(struct facet_calib *c)
{
    for (size_t k = 0; k < c->n_sets; k++) {
        for (size_t i = 0; i < c->sets[k].n; i++)
            free(c->sets[k].items[i].data);
        free(c->sets[k].items);
    }
    *c = (struct facet_calib){0};
}

static int fill_from(struct facet_calib_input *in, struct facet_exec *e)
{
    int err = facet_exec_bind(e, &in->shape, 1);
    if (!err)
        memcpy(facet_exec_input(e, 0)->data, in->data, (size_t)facet_shape_count(&in->shape) * sizeof(float));
    return err;
}

static int fill_calibrated(void *ctx, size_t i, struct facet_exec *e)
{
    struct facet_calib_set *s = ctx;
    return fill_from(&s->items[i], e);
}

static int fill_held(void *ctx, size_t i, struct facet_exec *e)
{
    struct facet_calib_set *s = ctx;
    return fill_from(&s->items[s->calibrated + i], e);
}

struct facet_quant_inputs facet_calib_inputs(struct facet_calib_set *s, bool held)
{
    if (held)
        return (struct facet_quant_inputs){s->n - s->calibrated, fill_held, s};
    return (struct facet_quant_inputs){s->calibrated, fill_calibrated, s};
}

/* ---- detectors: what their parts are run on ---- */

static size_t part_of(const struct facet_model_spec *s, const char *name)
{
    size_t k = 0;
    while (k < s->n_parts && strcmp(s->parts[k].name, name))
        k++;
    return k;
}

/* A piece of a picture that may be of any size. */
static int take_piece(struct reader *r, struct facet_calib_set *s, const struct facet_tensor *t)
{
    const struct facet_shape *from = &t->shape;
    struct facet_shape piece = *from;
    int err;
    for (int d = 2; d < 4; d++)
        piece.dim[d] = from->dim[d] < LEVEL_SIDE ? from->dim[d] : LEVEL_SIDE;
    piece.dim[0] = 1;
    int64_t y0 = facet_rng_below(&r->rng, (uint32_t)(from->dim[2] - piece.dim[2] + 1));
    int64_t x0 = facet_rng_below(&r->rng, (uint32_t)(from->dim[3] - piece.dim[3] + 1));
    float *to = add_input(s, &piece, &err);
    for (int64_t c = 0; to && c < piece.dim[1]; c++)
        for (int64_t y = 0; y < piece.dim[2]; y++, to += piece.dim[3])
            memcpy(to, (const float *)t->data + (c * from->dim[2] + y0 + y) * from->dim[3] + x0,
                   (size_t)piece.dim[3] * sizeof(float));
    return err;
}

static int take_rows(struct reader *r, struct facet_calib_set *s, const struct facet_tensor *t)
{
    struct facet_shape some = t->shape;
    int err;
    some.dim[0] = some.dim[0] < ROWS_PER_RUN ? some.dim[0] : ROWS_PER_RUN;
    size_t row = (size_t)(facet_shape_count(&t->shape) / t->shape.dim[0]);
    float *to = add_input(s, &some, &err);
    for (int64_t i = 0; to && i < some.dim[0]; i++, to += row)
        memcpy(to, (const float *)t->data + (size_t)(i * t->shape.dim[0] / some.dim[0]) * row, row * sizeof(float));
    return err;
}

static int tap(void *ctx, const char *part, struct facet_exec *e)
{
    struct reader *r = ctx;
    size_t k = part_of(r->o->model, part);
    const struct facet_tensor *t = facet_exec_input(e, 0);
    if (k == r->o->model->n_parts || t->dtype != FACET_F32 || t->shape.rank != 4)
        return FACET_OK;
    bool is_level = !strcmp(part, "pnet");
    return is_level ? take_piece(r, &r->out->sets[k], t) : take_rows(r, &r->out->sets[k], t);
}

/* ---- recognisers: chips ---- */

static int take_chip(struct reader *r, const struct facet_image *img, const struct facet_detection *d)
{
    const struct facet_model_spec *m = r->o->model;
    const struct facet_shape shape = {4, {1, 3, m->height, m->width}};
    int err = facet_align_chip(&r->chip, img, &m->chip, d->box, d->has_points ? &d->points : NULL);
    float *to = err ? NULL : add_input(&r->out->sets[0], &shape, &err);
    if (to)
        facet_image_to_float(to, &r->chip, &m->norm);
    return err;
}

static int take_faces(struct reader *r, const struct facet_image *img)
{
    int n = facet_detector_run(r->detector, img, r->found, FACET_MAX_FACES), err = FACET_OK;
    bool is_detector = !strcmp(r->o->model->task, "detect");
    for (int i = 0; !err && !is_detector && i < n && i < FACES_PER_PICTURE; i++)
        err = take_chip(r, img, &r->found[i]);
    r->out->faces += n > 0 ? (size_t)n : 0;
    return n < 0 ? n : err ? err : n;
}

/* ---- files ---- */

static int take_picture(struct reader *r, const struct facet_image *img)
{
    struct facet_image padded;
    r->out->pictures++;
    int n = take_faces(r, img);
    if (n)
        return n < 0 ? n : FACET_OK;
    int err = facet_image_pad(&padded, img, PAD);
    if (err)
        return err;
    n = take_faces(r, &padded);
    facet_image_fini(&padded);
    return n < 0 ? n : FACET_OK;
}

static int take_frames(struct reader *r, struct facet_video *v, int64_t every)
{
    struct facet_frame_pool *pool = NULL;
    int err = facet_frame_pool_open(&pool, 2);
    for (int64_t i = 0, taken = 0; !err && taken < FRAMES_PER_VIDEO; i++) {
        struct facet_frame *f = NULL;
        if (i % every) {
            err = facet_video_skip(v);
            continue;
        }
        err = facet_video_read(v, pool, &f);
        if (!err)
            err = take_picture(r, &f->image);
        facet_frame_unref(&f);
        taken++;
    }
    facet_frame_pool_close(&pool);
    return err == FACET_E_END ? FACET_OK : err;
}

static int take_video(struct reader *r, const char *path)
{
    struct facet_video_opts o = FACET_VIDEO_OPTS_INIT;
    struct facet_video *v = NULL;
    o.cancel = r->o->cancel;
    int err = facet_video_open(&v, path, &o);
    if (!err) {
        int64_t frames = facet_video_info(v)->frames;
        err = take_frames(r, v, frames > FRAMES_PER_VIDEO ? frames / FRAMES_PER_VIDEO : 1);
    }
    facet_video_close(&v);
    return err;
}

static bool is_video(const char *path)
{
    static const char *const ext[] = {"mp4", "mkv", "avi", "mov", "webm", NULL};
    for (int i = 0; ext[i]; i++)
        if (!strcmp(facet_path_ext(path), ext[i]))
            return true;
    return false;
}

static int take_still(struct reader *r, const char *path)
{
    struct facet_image img;
    uint8_t *data = NULL;
    size_t len = 0;
    int err = facet_file_read(path, FACET_MAX_IMAGE_FILE, &data, &len);
    if (!err)
        err = facet_picture_decode(&img, data, len, path);
    if (!err) {
        facet_sha256_update(&r->hash, data, len);
        err = take_picture(r, &img);
        facet_image_fini(&img);
    }
    free(data);
    return err;
}

static int take_file(struct reader *r, const char *path)
{
    int err = is_video(path) ? take_video(r, path) : take_still(r, path);
    if (!err && is_video(path)) {
        char sha256[FACET_SHA256_HEX];
        err = facet_sha256_file(path, sha256);
        facet_sha256_update(&r->hash, sha256, strlen(sha256));
    }
    bool is_theirs = err == FACET_E_FORMAT || err == FACET_E_LIMIT || err == FACET_E_PERMISSION || err == FACET_E_UNSUPPORTED;
    if (!is_theirs)
        return err;
    facet_log(FACET_LOG_WARN, "calibrate", "'%s' is left out: %s", path, facet_error_text());
    return FACET_OK;
}

/* ---- the folder ---- */

static bool may_hold_faces(const char *path)
{
    static const char *const ext[] = {"jpg", "jpeg", "png", "pgm", "ppm", "bmp", "gif", "JPG", "JPEG", "PNG", NULL};
    for (int i = 0; ext[i]; i++)
        if (!strcmp(facet_path_ext(path), ext[i]))
            return true;
    return is_video(path);
}

static int note_file(void *ctx, const char *path)
{
    struct reader *r = ctx;
    if (!may_hold_faces(path))
        return FACET_OK;
    if (r->n_files == MAX_FILES)
        return facet_fail(FACET_E_LIMIT, "more than %d pictures in '%s'", MAX_FILES, r->o->dir);
    char **more = realloc(r->files, (r->n_files + 1) * sizeof(*more));
    if (!more)
        return facet_fail_nomem();
    r->files = more;
    more[r->n_files] = strdup(path);
    return more[r->n_files++] ? FACET_OK : facet_fail_nomem();
}

static int list_files(struct reader *r)
{
    if (!facet_path_is_dir(r->o->dir))
        return facet_fail(FACET_E_NOT_FOUND, "cannot calibrate with '%s': there is no such folder", r->o->dir);
    int err = facet_walk(r->o->dir, DEPTH, note_file, r);
    if (!err && !r->n_files)
        err = facet_fail(FACET_E_NOT_FOUND, "cannot calibrate with '%s': no picture or video lies in it", r->o->dir);
    return err;
}

/* Evenly over the list, so that every folder has its part. */
static int take_files(struct reader *r)
{
    size_t most = r->o->most ? r->o->most : DEFAULT_MOST, n = r->n_files < most ? r->n_files : most;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < n; i++) {
        if (r->o->cancel && *r->o->cancel)
            return facet_fail(FACET_E_CANCELLED, "calibrating was cancelled");
        if (r->o->progress)
            r->o->progress(r->o->ctx, "pictures", (int64_t)i, (int64_t)n);
        err = take_file(r, r->files[i * r->n_files / n]);
    }
    if (r->o->progress)
        r->o->progress(r->o->ctx, "pictures", (int64_t)n, (int64_t)n);
    return err;
}

static int check_sets(const struct reader *r)
{
    if (!r->out->pictures)
        return facet_fail(FACET_E_FORMAT, "cannot calibrate with '%s': none of its pictures can be read", r->o->dir);
    for (size_t k = 0; k < r->out->n_sets; k++)
        if (r->out->sets[k].n < 2)
            return facet_fail(FACET_E_NO_FACE, "cannot calibrate with '%s': %s in %zu pictures", r->o->dir,
                              r->out->sets[k].n ? "only one face was found" : "no face was found", r->out->pictures);
    return FACET_OK;
}

static int open_reader(struct reader *r)
{
    struct facet_detector_opts o = FACET_DETECTOR_OPTS_INIT;
    bool is_detector = !strcmp(r->o->model->task, "detect");
    o.model = is_detector ? r->o->model : r->o->detector;
    o.min_face = is_detector ? 0 : 40;
    o.pool = r->o->pool;
    o.tap = is_detector ? tap : NULL;
    o.tap_ctx = r;
    int err = facet_detector_open(&r->detector, &o);
    if (!err && !is_detector)
        err = facet_image_init(&r->chip, FACET_PIXEL_RGB24, r->o->model->chip.width, r->o->model->chip.height);
    return err;
}

static void close_reader(struct reader *r)
{
    facet_detector_close(&r->detector);
    facet_image_fini(&r->chip);
    for (size_t i = 0; i < r->n_files; i++)
        free(r->files[i]);
    free(r->files);
}

int facet_calib_read(struct facet_calib *out, const struct facet_calib_opts *o)
{
    struct reader *r = calloc(1, sizeof(*r));
    *out = (struct facet_calib){.n_sets = o->model->n_parts};
    if (!r)
        return facet_fail_nomem();
    r->out = out;
    r->o = o;
    facet_rng_seed(&r->rng, 20);
    facet_sha256_init(&r->hash);
    int err = list_files(r);
    if (!err)
        err = open_reader(r);
    if (!err)
        err = take_files(r);
    if (!err)
        err = check_sets(r);
    for (size_t k = 0; !err && k < out->n_sets; k++)
        err = split(&out->sets[k]);
    facet_sha256_hex(&r->hash, out->sha256);
    close_reader(r);
    free(r);
    if (err)
        facet_calib_fini(out);
    return err;
}
