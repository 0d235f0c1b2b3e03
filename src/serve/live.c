#include "serve/live.h"

#include "base/clock.h"
#include "base/lock.h"
#include "base/thread.h"
#include "image/frame.h"
#include "image/resize.h"
#include "media/picture.h"
#include "serve/device_view.h"
#include "stages/ingest/cameras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATCHERS 64
#define WIDTH 1280                 /* wider pictures are shrunk */
#define QUALITY 75
#define BOXES_NS 50000000u         /* how often new boxes are looked for */
#define QUIET_NS 15000000000u      /* after so long without anything: a sign of life */
#define BOUNDARY "facet"

enum kind { PLAIN, DRAWN, BOXES };

struct watcher {
    struct facet_http_stream *out;     /* NULL: free */
    char camera[FACET_MAX_NAME];
    enum kind kind;
    uint64_t period_ns, due_ns, sent_ns;
    int64_t shown_ms;                  /* capture time of what was sent last */
};

struct facet__live {
    struct facet_node *node;
    struct facet_thread thread;
    bool has_lock, has_cond, is_running, is_stopping;
    struct facet_lock lock;
    struct facet_cond changed;
    struct watcher at[WATCHERS];
    int64_t bytes;
    struct facet_image small;          /* of the thread alone */
    size_t small_cap;
    struct facet_face faces[FACET_MAX_FACES];
};

/* --- pictures --- */

/* A picture of the round, kept for all who watch the same. */
struct shown { char camera[FACET_MAX_NAME]; enum kind kind; struct facet_str jpeg; int64_t captured_ms; int err; };
#define ROUND 16

static int shrink(struct facet__live *l, const struct facet_image *img)
{
    int width = img->width < WIDTH ? img->width : WIDTH;
    int height = (int)((int64_t)img->height * width / img->width);
    int err = facet_image_reserve(&l->small, &l->small_cap, img->format, width, height ? height : 1);
    return err ? err : facet_resize(&l->small, img, FACET_SCALE_AREA);
}

static void draw(struct facet__live *l, const char *camera, int width)
{
    int64_t when;
    int n = facet_node_faces(l->node, camera, l->faces, FACET_MAX_FACES, &when);
    float by = (float)l->small.width / (float)width;
    for (int i = 0; i < n; i++) {
        struct facet_box *b = &l->faces[i].box;
        b->x1 *= by, b->y1 *= by, b->x2 *= by, b->y2 *= by;
    }
    facet__draw_faces(&l->small, l->faces, n);
}

static int take_picture(struct facet__live *l, struct shown *s)
{
    struct facet_frame *f = NULL;
    int err = facet_cameras_picture(facet_node_cameras(l->node), s->camera, &f);
    if (err)
        return err;
    int width = f->image.width;
    s->captured_ms = f->wall_ms;
    err = shrink(l, &f->image);
    facet_frame_unref(&f);             /* the camera wants it back */
    if (!err && s->kind == DRAWN)
        draw(l, s->camera, width);
    return err ? err : facet_picture_encode(&s->jpeg, &l->small, "jpeg", QUALITY);
}

static struct shown *show(struct facet__live *l, struct shown *round, int *n, const struct watcher *w)
{
    for (int i = 0; i < *n; i++)
        if (round[i].kind == w->kind && !strcmp(round[i].camera, w->camera))
            return &round[i];
    struct shown *s = &round[*n < ROUND ? (*n)++ : ROUND - 1];
    facet_str_fini(&s->jpeg);
    *s = (struct shown){.kind = w->kind};
    memcpy(s->camera, w->camera, sizeof(s->camera));
    s->err = take_picture(l, s);
    return s;
}

/* --- sending --- */

static int put(struct facet__live *l, struct watcher *w, const void *data, size_t len)
{
    int err = facet_http_stream_write(w->out, data, len);
    if (!err) {
        l->bytes += (int64_t)len;
        w->sent_ns = facet_now_ns();
    }
    return err;
}

static int send_picture(struct facet__live *l, struct watcher *w, const struct shown *s)
{
    struct facet_str part = FACET_STR_INIT;
    if (s->err)
        return s->err;
    if (s->captured_ms == w->shown_ms)
        return FACET_E_AGAIN;
    facet_str_printf(&part, "--" BOUNDARY "\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n\r\n", s->jpeg.len);
    facet_str_append(&part, s->jpeg.data, s->jpeg.len);
    facet_str_puts(&part, "\r\n");
    int err = part.err ? part.err : put(l, w, part.data, part.len);
    facet_str_fini(&part);
    if (!err)
        w->shown_ms = s->captured_ms;
    return err;
}

static void write_face(struct facet_jsonw *w, const struct facet_face *f)
{
    static const char *const decisions[] = {"undecided", "unknown", "known"};
    const float box[4] = {f->box.x1, f->box.y1, f->box.x2, f->box.y2};
    const struct facet_identity *id = &f->identity;
    facet_jsonw_object(w);
    facet_jsonw_key(w, "box");
    facet_jsonw_array(w);
    for (int i = 0; i < 4; i++)
        facet_jsonw_num(w, (double)box[i], 1);
    facet_jsonw_end_array(w);
    facet_jsonw_knum(w, "score", (double)f->score, 4);
    facet_jsonw_kint(w, "track", f->track);
    facet_jsonw_kstr(w, "decision", decisions[id->decision]);
    facet_jsonw_kstr(w, "name", id->decision == FACET_KNOWN ? id->name : NULL);
    facet_jsonw_knum(w, "cosine", (double)id->cosine, 4);
    facet_jsonw_knum(w, "calibrated", (double)id->score, 4);
    facet_jsonw_end_object(w);
}

static void find_size(struct facet__live *l, const char *camera, int *width, int *height)
{
    struct facet_frame *f = NULL;
    *width = *height = 0;
    if (facet_cameras_picture(facet_node_cameras(l->node), camera, &f))
        return;
    *width = f->image.width;
    *height = f->image.height;
    facet_frame_unref(&f);
}

static int send_boxes(struct facet__live *l, struct watcher *w)
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_jsonw j;
    int64_t when;
    int width, height, n = facet_node_faces(l->node, w->camera, l->faces, FACET_MAX_FACES, &when);
    if (when == w->shown_ms)
        return facet_now_ns() - w->sent_ns > QUIET_NS ? put(l, w, ": still here\n\n", 14) : FACET_E_AGAIN;
    find_size(l, w->camera, &width, &height);
    facet_str_puts(&text, "data: ");
    facet_jsonw_init(&j, &text, false);
    facet_jsonw_object(&j);
    facet_jsonw_kint(&j, "captured_ms", when);
    facet_jsonw_kint(&j, "width", width);
    facet_jsonw_kint(&j, "height", height);
    facet_jsonw_key(&j, "faces");
    facet_jsonw_array(&j);
    for (int i = 0; i < n; i++)
        write_face(&j, &l->faces[i]);
    facet_jsonw_end_array(&j);
    facet_jsonw_end_object(&j);
    facet_str_puts(&text, "\n\n");
    int err = text.err ? text.err : put(l, w, text.data, text.len);
    facet_str_fini(&text);
    if (!err)
        w->shown_ms = when;
    return err;
}

/* --- the thread --- */

/* Its reader or its camera is gone; a full buffer, or no new picture, is not that. */
static bool is_over(int err)
{
    return err && err != FACET_E_AGAIN && err != FACET_E_NOMEM;
}

/* Feeds those whose time has come; returns when the next one's comes. */
static uint64_t feed_due(struct facet__live *l)
{
    struct shown *round = calloc(ROUND, sizeof(*round));
    uint64_t now = facet_now_ns(), next = UINT64_MAX;
    int n = 0;
    for (int i = 0; round && i < WATCHERS; i++) {
        struct watcher *w = &l->at[i];
        if (w->out && w->due_ns <= now) {
            int err = w->kind == BOXES ? send_boxes(l, w) : send_picture(l, w, show(l, round, &n, w));
            w->due_ns = now + w->period_ns;
            if (is_over(err))
                facet_http_stream_end(&w->out);
        }
        if (w->out && w->due_ns < next)
            next = w->due_ns;
    }
    for (int i = 0; i < n; i++)
        facet_str_fini(&round[i].jpeg);
    free(round);
    return next;
}

static void feed(void *ctx)
{
    struct facet__live *l = ctx;
    facet_lock_take(&l->lock);
    while (!l->is_stopping) {
        uint64_t next = feed_due(l);
        if (next == UINT64_MAX)
            facet_cond_wait(&l->changed, &l->lock);
        else
            (void)facet_cond_wait_until(&l->changed, &l->lock, next);
    }
    for (int i = 0; i < WATCHERS; i++)
        if (l->at[i].out)
            facet_http_stream_end(&l->at[i].out);
    facet_lock_give(&l->lock);
}

/* --- open and close --- */

int facet__live_open(struct facet__live **out, struct facet_node *node)
{
    struct facet__live *l = *out = calloc(1, sizeof(*l));
    if (!l)
        return facet_fail_nomem();
    l->node = node;
    int err = facet_lock_init(&l->lock);
    l->has_lock = !err;
    if (!err)
        err = facet_cond_init(&l->changed);
    l->has_cond = l->has_lock && !err;
    if (!err)
        err = facet_thread_start(&l->thread, "live", feed, l);
    l->is_running = !err;
    if (err)
        facet__live_close(out);
    return err;
}

void facet__live_stop(struct facet__live *l)
{
    if (!l->is_running)
        return;
    facet_lock_take(&l->lock);
    l->is_stopping = true;
    facet_cond_wake(&l->changed);
    facet_lock_give(&l->lock);
    facet_thread_join(&l->thread);
    l->is_running = false;
}

void facet__live_close(struct facet__live **pl)
{
    struct facet__live *l = *pl;
    *pl = NULL;
    if (!l)
        return;
    facet__live_stop(l);
    facet_image_fini(&l->small);
    if (l->has_cond)
        facet_cond_fini(&l->changed);
    if (l->has_lock)
        facet_lock_fini(&l->lock);
    free(l);
}

/* --- joining --- */

static int join(struct facet__live *l, struct facet_http_request *q, const char *type, struct watcher w)
{
    struct watcher *free_one = NULL;
    facet_lock_take(&l->lock);
    for (int i = 0; i < WATCHERS && !l->is_stopping; i++)
        if (!l->at[i].out)
            free_one = &l->at[i];
    int err = free_one ? FACET_OK : facet_fail(FACET_E_AGAIN, "%d watch already; try again later", WATCHERS);
    if (!err)
        (void)facet_http_set_header(q, "cache-control", "no-store");
    if (!err)
        err = facet_http_stream_begin(q, type, &w.out);
    if (err == FACET_E_LIMIT)
        err = facet__refused(q, 503, err);
    if (!err) {
        w.sent_ns = facet_now_ns();
        *free_one = w;
        facet_cond_wake(&l->changed);
    }
    facet_lock_give(&l->lock);
    return err;
}

int facet__live_watch(struct facet__live *l, struct facet_http_request *q, const char *camera, double fps, bool boxes)
{
    struct watcher w = {.kind = boxes ? DRAWN : PLAIN, .period_ns = (uint64_t)(1e9 / fps)};
    int err = facet_copy_text(w.camera, sizeof(w.camera), camera);
    return err ? err : join(l, q, "multipart/x-mixed-replace; boundary=" BOUNDARY, w);
}

int facet__live_boxes(struct facet__live *l, struct facet_http_request *q, const char *camera)
{
    struct watcher w = {.kind = BOXES, .period_ns = BOXES_NS, .shown_ms = -1};
    int err = facet_copy_text(w.camera, sizeof(w.camera), camera);
    return err ? err : join(l, q, "text/event-stream", w);
}

int64_t facet__live_bytes(struct facet_serve *s)
{
    struct facet__live *l = facet__serve_state(s, &facet__resource_cameras);
    int64_t bytes = facet__device_view_bytes(s);
    if (!l)
        return bytes;
    facet_lock_take(&l->lock);
    bytes += l->bytes;
    facet_lock_give(&l->lock);
    return bytes;
}
