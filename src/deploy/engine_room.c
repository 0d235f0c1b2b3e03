#include "deploy/engine_room.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/pool.h"
#include "base/str.h"
#include "deploy/batcher.h"
#include "deploy/line.h"
#include "models/models.h"
#include "stages/embed/embed.h"

#include <stdlib.h>
#include <string.h>

#define DETECTORS 2
#define MAX_BATCH 16
#define DEADLINE_MS 4
#define MAX_WAITING 64

struct facet_engine_room {
    struct facet_engine_room_opts o;               /* filled up; its texts are not kept */
    struct facet_recogniser *at[FACET_LINE_PLACES];
    char detector[FACET_MAX_NAME];
    const struct facet_model_spec *model;          /* of at[0]'s manifest */
    struct facet_pool *pool;
    struct facet_embedder *embedder;
    struct facet_batcher *batcher;
    struct facet_line line;
    struct facet_lock lock;                        /* of stats */
    struct facet_engine_room_stats stats;
    bool has_line, has_lock;
};

/* --- open and close --- */

static int run_network(void *ctx, const struct facet_image *const *chips, int n, float *out)
{
    struct facet_engine_room *r = ctx;
    return facet_embedder_run(r->embedder, chips, n, out);
}

static uint64_t network_cpu(void *ctx)
{
    return facet_pool_cpu_ns(((struct facet_engine_room *)ctx)->pool);
}

/* What the room's recognisers embed by. */
static int embed_for_recogniser(void *ctx, const struct facet_image *const *chips, int n, float *out)
{
    struct facet_engine_room *r = ctx;
    struct facet_batcher_times times = {0};
    return facet_batcher_run(r->batcher, chips, n, false, out, &times);
}

static int open_recognisers(struct facet_engine_room *r)
{
    unsigned cores = facet_cpu_count() / r->o.detectors;
    const struct facet_recogniser_opts ro = {
        .detector = r->o.detector, .recogniser = r->o.recogniser, .contract = r->o.contract, .min_face = r->o.min_face,
        .threads = cores ? cores : 1, .backend = r->o.backend, .strict = r->o.strict,
        .embed = embed_for_recogniser, .embed_ctx = r,
    };
    int err = FACET_OK;
    for (unsigned i = 0; !err && i < r->o.detectors; i++)
        err = facet_recogniser_open(&r->at[i], &ro);
    if (!err)
        r->model = facet_recogniser_model(r->at[0]);
    return err ? err : facet_copy_text(r->detector, sizeof(r->detector), facet_recogniser_detector(r->at[0]));
}

static int open_network(struct facet_engine_room *r)
{
    int err = facet_pool_open(&r->pool, r->o.threads);
    const struct facet_embedder_opts eo = {.model = r->model, .backend = r->o.backend, .strict = r->o.strict, .pool = r->pool};
    return err ? err : facet_embedder_open(&r->embedder, &eo);
}

static int open_batcher(struct facet_engine_room *r)
{
    const struct facet_batcher_opts bo = {.run = run_network, .cpu_ns = network_cpu, .ctx = r, .dim = r->model->dim,
                                          .max_batch = r->o.max_batch, .deadline_ms = r->o.deadline_ms};
    return facet_batcher_open(&r->batcher, &bo);
}

static int open_line(struct facet_engine_room *r)
{
    int err = facet_line_init(&r->line, r->o.detectors, r->o.max_waiting);
    r->has_line = !err;
    if (!err)
        err = facet_lock_init(&r->lock);
    r->has_lock = r->has_line && !err;
    return err;
}

static int open_parts(struct facet_engine_room *r)
{
    static int (*const parts[])(struct facet_engine_room *r) = {open_line, open_recognisers, open_network, open_batcher};
    int err = FACET_OK;
    for (size_t i = 0; !err && i < sizeof(parts) / sizeof(parts[0]); i++)
        err = parts[i](r);
    r->o.detector = r->o.recogniser = r->o.backend = r->o.contract = NULL;
    return err;
}

static void fill_defaults(struct facet_engine_room_opts *o)
{
    o->detectors = o->detectors ? o->detectors : DETECTORS;
    o->max_batch = o->max_batch ? o->max_batch : MAX_BATCH;
    o->deadline_ms = o->deadline_ms < 0 ? 0 : o->deadline_ms > 0 ? o->deadline_ms : DEADLINE_MS;
    o->max_waiting = o->max_waiting ? o->max_waiting : MAX_WAITING;
}

int facet_engine_room_open(struct facet_engine_room **out, const struct facet_engine_room_opts *o)
{
    *out = NULL;
    struct facet_engine_room *r = calloc(1, sizeof(*r));
    if (!r)
        return facet_fail_nomem();
    r->o = *o;
    fill_defaults(&r->o);
    int err = r->o.detectors > FACET_LINE_PLACES
                  ? facet_fail(FACET_E_INVALID, "cannot open %u detectors: %d at most", r->o.detectors, FACET_LINE_PLACES)
                  : open_parts(r);
    if (err)
        facet_engine_room_close(&r);
    *out = r;
    return err;
}

void facet_engine_room_close(struct facet_engine_room **pr)
{
    struct facet_engine_room *r = *pr;
    *pr = NULL;
    if (!r)
        return;
    if (r->has_line)
        facet_line_stop(&r->line);
    facet_batcher_close(&r->batcher);
    facet_embedder_close(&r->embedder);
    facet_pool_close(&r->pool);
    for (unsigned i = 0; i < FACET_LINE_PLACES; i++)
        facet_recogniser_close(&r->at[i]);
    if (r->has_lock)
        facet_lock_fini(&r->lock);
    if (r->has_line)
        facet_line_fini(&r->line);
    free(r);
}

const struct facet_model_spec *facet_engine_room_model(const struct facet_engine_room *r)
{
    return r->model;
}

const char *facet_engine_room_contract(const struct facet_engine_room *r)
{
    return facet_recogniser_contract(r->at[0]);
}

const char *facet_engine_room_detector(const struct facet_engine_room *r)
{
    return r->detector;
}

/* --- counting --- */

static int enter(struct facet_engine_room *r, bool must)
{
    int err = facet_line_enter(&r->line, must);
    facet_lock_take(&r->lock);
    r->stats.requests++;
    r->stats.refused += err != FACET_OK;
    facet_lock_give(&r->lock);
    return err;
}

static void leave(struct facet_engine_room *r, int err, const struct facet_face_list *l)
{
    facet_lock_take(&r->lock);
    r->stats.failed += err != FACET_OK;
    if (!err && l) {
        facet_histogram_add(&r->stats.queued, l->queued_ns);
        if (l->detect_ns)
            facet_histogram_add(&r->stats.detect, l->detect_ns);
        if (l->embed_ns)
            facet_histogram_add(&r->stats.embed, l->embed_ns);
    }
    facet_lock_give(&r->lock);
    facet_line_leave(&r->line);
}

void facet_engine_room_stats(struct facet_engine_room *r, struct facet_engine_room_stats *out)
{
    struct facet_batcher_stats b;
    facet_batcher_stats(r->batcher, &b);
    facet_lock_take(&r->lock);
    *out = r->stats;
    facet_lock_give(&r->lock);
    out->inside = facet_line_inside(&r->line);
    out->batches = b.batches;
    out->chips = b.chips;
    out->largest_batch = b.largest;
}

/* --- faces of a picture --- */

struct chips { struct facet_image *images; const struct facet_image **list; int n; };

static void chips_fini(struct chips *c)
{
    for (int i = 0; c->images && i < c->n; i++)
        facet_image_fini(&c->images[i]);
    free(c->images);
    free(c->list);
}

static int cut_chips(struct chips *c, const struct facet_recogniser *f, int n)
{
    const struct facet_chip_spec *spec = &facet_recogniser_model(f)->chip;
    c->images = calloc((size_t)n, sizeof(*c->images));
    c->list = calloc((size_t)n, sizeof(*c->list));
    if (!c->images || !c->list)
        return facet_fail_nomem();
    int err = FACET_OK;
    for (; !err && c->n < n; c->n++) {
        c->list[c->n] = &c->images[c->n];
        err = facet_image_init(&c->images[c->n], FACET_PIXEL_RGB24, spec->width, spec->height);
        if (!err)
            err = facet_recogniser_chip(f, c->n, &c->images[c->n]);
    }
    return err;
}

static int keep_faces(struct facet_face_list *l, const struct facet_recognised *faces, int n)
{
    size_t bytes = (size_t)n * sizeof(*faces);
    l->memory = malloc(bytes + (size_t)n * (size_t)l->dim * sizeof(float));
    if (!l->memory)
        return facet_fail_nomem();
    l->faces = l->memory;
    l->n = n;
    memcpy(l->faces, faces, bytes);
    return FACET_OK;
}

static int look(struct facet_engine_room *r, unsigned place, const struct facet_image *img, bool embed, struct facet_face_list *out,
                struct chips *chips)
{
    struct facet_recognised *faces;
    int n = facet_recogniser_find(r->at[place], img, 0, &faces, NULL);
    int err = n > 0 ? keep_faces(out, faces, n) : n;
    return !err && n > 0 && embed ? cut_chips(chips, r->at[place], n) : err;
}

static int detect(struct facet_engine_room *r, const struct facet_image *img, bool embed, struct facet_face_list *out,
                  struct chips *chips)
{
    unsigned place;
    uint64_t since = facet_now_ns();
    int err = facet_line_take(&r->line, &place);
    uint64_t began = facet_now_ns();
    out->queued_ns = began - since;
    if (err)
        return err;
    err = look(r, place, img, embed, out, chips);
    facet_line_give(&r->line, place);
    out->detect_ns = facet_now_ns() - began;
    return err;
}

static int embed_faces(struct facet_engine_room *r, const struct chips *chips, struct facet_face_list *out)
{
    struct facet_batcher_times times = {0};
    float *rows = (float *)(out->faces + out->n);
    int err = facet_batcher_run(r->batcher, chips->list, out->n, true, rows, &times);
    for (int i = 0; i < out->n; i++)
        out->faces[i].embedding = rows + (size_t)i * (size_t)out->dim;
    out->queued_ns += times.queued_ns;
    out->embed_ns = times.worked_ns;
    return err;
}

int facet_engine_room_faces(struct facet_engine_room *r, const struct facet_image *img, bool embed, struct facet_face_list *out)
{
    struct chips chips = {0};
    *out = (struct facet_face_list){.dim = r->model->dim};
    int err = enter(r, false);
    if (err)
        return err;
    facet_batcher_expect(r->batcher, embed);
    err = detect(r, img, embed, out, &chips);
    if (!err && embed && out->n)
        err = embed_faces(r, &chips, out);
    else
        facet_batcher_expect(r->batcher, embed ? -1 : 0);
    chips_fini(&chips);
    leave(r, err, out);
    if (err)
        facet_face_list_fini(out);
    return err;
}

void facet_face_list_fini(struct facet_face_list *l)
{
    free(l->memory);
    *l = (struct facet_face_list){0};
}

/* --- chips --- */

static int check_chips(const struct facet_engine_room *r, const struct facet_image *const *chips, int n)
{
    const struct facet_chip_spec *c = &r->model->chip;
    for (int i = 0; i < n; i++)
        if (chips[i]->width != c->width || chips[i]->height != c->height || chips[i]->format != FACET_PIXEL_RGB24)
            return facet_fail(FACET_E_INVALID, "cannot embed a chip of %dx%d with model '%s': it wants %dx%d in colour",
                              chips[i]->width, chips[i]->height, r->model->name, c->width, c->height);
    return FACET_OK;
}

static int embed_chips(struct facet_engine_room *r, const struct facet_image *const *chips, int n, bool must, float *out,
                       uint64_t *cpu_ns)
{
    struct facet_batcher_times times = {0};
    int err = check_chips(r, chips, n);
    if (!err)
        err = enter(r, must);
    if (err)
        return err;
    err = facet_batcher_run(r->batcher, chips, n, false, out, &times);
    leave(r, err, &(struct facet_face_list){.queued_ns = times.queued_ns, .embed_ns = times.worked_ns});
    *cpu_ns = times.cpu_ns;
    return err;
}

int facet_engine_room_embed(struct facet_engine_room *r, const struct facet_image *const *chips, int n, float *out)
{
    uint64_t cpu_ns;
    return embed_chips(r, chips, n, false, out, &cpu_ns);
}

int facet_engine_room_embed_for_stage(void *room, const struct facet_image *const *chips, int n, float *out, uint64_t *cpu_ns)
{
    return embed_chips(room, chips, n, true, out, cpu_ns);
}

/* --- lending --- */

int facet_engine_room_lend(struct facet_engine_room *r, struct facet_recogniser **out)
{
    unsigned place;
    *out = NULL;
    int err = enter(r, false);
    if (err)
        return err;
    err = facet_line_take(&r->line, &place);
    if (err)
        leave(r, err, NULL);
    else
        *out = r->at[place];
    return err;
}

void facet_engine_room_return(struct facet_engine_room *r, struct facet_recogniser **lent)
{
    unsigned place = 0;
    if (!*lent)
        return;
    while (r->at[place] != *lent)
        place++;
    facet_line_give(&r->line, place);
    leave(r, FACET_OK, NULL);
    *lent = NULL;
}
