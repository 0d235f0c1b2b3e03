/* Frames and their pool. Free frames lie in a bounded queue, which is the only lock; a frame is
 * made the first time the queue has none and the ceiling is not reached. Each frame that is out
 * holds the pool, so that closing need not wait: the last frame back frees what is left.
 * Frames that lay idle all through TRIM_GETS askings were for a jam that is over, and are freed. */
#include "image/frame.h"

#include "base/errors.h"
#include "base/queue.h"

#include <stdatomic.h>
#include <stdlib.h>

#define TRIM_GETS 2048
#define TRIM_SPARE 2

struct facet_frame_pool {
    struct facet_queue free;
    unsigned max_frames;
    unsigned made;
    atomic_uint gets, least_free;  /* since the last trimming */
    int refs;
    bool cancelled;
};

static void pool_unref(struct facet_frame_pool *p)
{
    if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    facet_queue_fini(&p->free);
    free(p);
}

static void frame_free(struct facet_frame *f)
{
    facet_image_fini(&f->image);
    free(f);
}

int facet_frame_pool_open(struct facet_frame_pool **out, unsigned max_frames)
{
    *out = NULL;
    if (max_frames == 0)
        return facet_fail(FACET_E_INVALID, "cannot open a pool of no frames");
    struct facet_frame_pool *p = calloc(1, sizeof(*p));
    if (!p)
        return facet_fail_nomem();
    int err = facet_queue_init(&p->free, max_frames);
    if (err) {
        free(p);
        return err;
    }
    p->max_frames = max_frames;
    p->least_free = max_frames;
    p->refs = 1;
    *out = p;
    return FACET_OK;
}

void facet_frame_pool_cancel(struct facet_frame_pool *p)
{
    if (!p)
        return;
    __atomic_store_n(&p->cancelled, true, __ATOMIC_RELEASE);
    facet_queue_close(&p->free);
}

void facet_frame_pool_close(struct facet_frame_pool **pool)
{
    struct facet_frame_pool *p = *pool;
    *pool = NULL;
    if (!p)
        return;
    facet_frame_pool_cancel(p);
    void *f;
    while (facet_queue_try_take(&p->free, &f) == FACET_OK)
        frame_free(f);
    pool_unref(p);
}

static int frame_make(struct facet_frame **out, struct facet_frame_pool *p)
{
    struct facet_frame *f = calloc(1, sizeof(*f));
    if (!f) {
        __atomic_sub_fetch(&p->made, 1, __ATOMIC_RELAXED);
        return facet_fail_nomem();
    }
    *out = f;
    return FACET_OK;
}

static int frame_take(struct facet_frame **out, struct facet_frame_pool *p)
{
    void *f = NULL;
    int err = facet_queue_try_take(&p->free, &f);
    if (err == FACET_E_AGAIN) {
        if (__atomic_fetch_add(&p->made, 1, __ATOMIC_RELAXED) < p->max_frames)
            return frame_make(out, p);
        __atomic_sub_fetch(&p->made, 1, __ATOMIC_RELAXED);
        err = facet_queue_take(&p->free, &f);
    }
    *out = f;
    return err;
}

static void frame_back(struct facet_frame *f, struct facet_frame_pool *p)
{
    if (facet_queue_put(&p->free, f) != FACET_OK)
        frame_free(f); /* cancelled or closed */
}

static void trim(struct facet_frame_pool *p)
{
    unsigned now = (unsigned)facet_queue_count(&p->free), least = p->least_free;
    while (now < least && !atomic_compare_exchange_weak(&p->least_free, &least, now))
        continue;
    if (++p->gets % TRIM_GETS)
        return;
    void *f = NULL;
    for (least = atomic_exchange(&p->least_free, p->max_frames); least > TRIM_SPARE; least--)
        if (facet_queue_try_take(&p->free, &f) == FACET_OK) {
            frame_free(f);
            __atomic_sub_fetch(&p->made, 1, __ATOMIC_RELAXED);
        }
}

int facet_frame_get(struct facet_frame **out, struct facet_frame_pool *p, enum facet_pixel format,
                    int width, int height)
{
    struct facet_frame *f = NULL;
    *out = NULL;
    int err = __atomic_load_n(&p->cancelled, __ATOMIC_ACQUIRE) ? FACET_E_END : frame_take(&f, p);
    if (err == FACET_E_END)
        return facet_fail(FACET_E_CANCELLED, "cannot get a frame: the pool was cancelled");
    if (err)
        return err;
    err = facet_image_reserve(&f->image, &f->cap, format, width, height);
    if (err) {
        frame_back(f, p);
        return err;
    }
    trim(p);
    f->index = 0;
    f->pts_ms = 0;
    f->wall_ms = 0;
    f->source = 0;
    f->refs = 1;
    f->pool = p;
    __atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
    *out = f;
    return FACET_OK;
}

struct facet_frame *facet_frame_ref(struct facet_frame *f)
{
    __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void facet_frame_unref(struct facet_frame **frame)
{
    struct facet_frame *f = *frame;
    *frame = NULL;
    if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    struct facet_frame_pool *p = f->pool;
    frame_back(f, p);
    pool_unref(p);
}

bool facet_frame_is_writable(const struct facet_frame *f)
{
    return __atomic_load_n(&f->refs, __ATOMIC_ACQUIRE) == 1;
}

unsigned facet_frame_pool_made(const struct facet_frame_pool *p)
{
    return __atomic_load_n(&p->made, __ATOMIC_RELAXED);
}
