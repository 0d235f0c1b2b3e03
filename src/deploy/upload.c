#include "deploy/upload.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/lock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define CAP (4u << 20)
#define READ_WAIT_NS 100000000u

struct facet_upload {
    atomic_int refs;
    struct facet_lock lock;        /* below */
    struct facet_cond changed;
    uint8_t *data;
    size_t cap, head, count;       /* `count` bytes from `head` on */
    uint64_t writer;               /* of the one that may write; 0: none yet */
    bool is_ended;                 /* it said all */
    bool owes_end;                 /* the reader has not been told of an end yet */
    bool has_read;                 /* the reader got something of this stream */
    bool is_abandoned;
    int64_t bytes;
    bool has_lock, has_cond;
};

static void destroy(struct facet_upload *u)
{
    if (u->has_cond)
        facet_cond_fini(&u->changed);
    if (u->has_lock)
        facet_lock_fini(&u->lock);
    free(u->data);
    free(u);
}

int facet_upload_open(struct facet_upload **out, size_t cap)
{
    struct facet_upload *u = calloc(1, sizeof(*u));
    *out = NULL;
    if (!u)
        return facet_fail_nomem();
    u->cap = cap ? cap : CAP;
    u->data = malloc(u->cap);
    int err = u->data ? facet_lock_init(&u->lock) : facet_fail_nomem();
    u->has_lock = !err;
    if (!err)
        err = facet_cond_init(&u->changed);
    u->has_cond = !err && u->has_lock;
    atomic_init(&u->refs, 1);
    if (err)
        destroy(u);
    else
        *out = u;
    return err;
}

struct facet_upload *facet_upload_ref(struct facet_upload *u)
{
    atomic_fetch_add(&u->refs, 1);
    return u;
}

void facet_upload_unref(struct facet_upload **pu)
{
    struct facet_upload *u = *pu;
    *pu = NULL;
    if (u && atomic_fetch_sub(&u->refs, 1) == 1)
        destroy(u);
}

uint64_t facet_upload_begin(struct facet_upload *u)
{
    facet_lock_take(&u->lock);
    u->owes_end |= u->has_read;
    u->has_read = false;
    u->head = u->count = 0;
    u->is_ended = false;
    uint64_t writer = ++u->writer;
    facet_cond_wake(&u->changed);
    facet_lock_give(&u->lock);
    return writer;
}

/* Under the lock: as much as fits. */
static size_t put(struct facet_upload *u, const uint8_t *data, size_t len)
{
    size_t tail = (u->head + u->count) % u->cap, room = u->cap - u->count;
    size_t n = len < room ? len : room, first = n < u->cap - tail ? n : u->cap - tail;
    memcpy(u->data + tail, data, first);
    memcpy(u->data, data + first, n - first);
    u->count += n;
    u->bytes += (int64_t)n;
    return n;
}

static size_t get(struct facet_upload *u, uint8_t *buf, size_t cap)
{
    size_t n = cap < u->count ? cap : u->count, first = n < u->cap - u->head ? n : u->cap - u->head;
    memcpy(buf, u->data + u->head, first);
    memcpy(buf + first, u->data, n - first);
    u->head = (u->head + n) % u->cap;
    u->count -= n;
    return n;
}

int facet_upload_write(struct facet_upload *u, uint64_t writer, const void *data, size_t len, unsigned timeout_ms)
{
    const uint8_t *at = data;
    uint64_t until = facet_now_ns() + (uint64_t)timeout_ms * 1000000u;
    int err = FACET_OK;
    facet_lock_take(&u->lock);
    while (len && !err) {
        if (u->is_abandoned || u->writer != writer || u->is_ended) {
            err = FACET_E_CANCELLED;
            break;
        }
        size_t n = put(u, at, len);
        at += n;
        len -= n;
        if (n)
            facet_cond_wake(&u->changed);
        else if (!facet_cond_wait_until(&u->changed, &u->lock, until) && u->count == u->cap)
            err = FACET_E_TIMEOUT;
    }
    facet_lock_give(&u->lock);
    if (err == FACET_E_TIMEOUT)
        return facet_fail(err, "a stream is not taken: its reader stands still");
    return err ? facet_fail(err, "a stream is cut off: another one began, or its reader is gone") : FACET_OK;
}

void facet_upload_end(struct facet_upload *u, uint64_t writer)
{
    facet_lock_take(&u->lock);
    if (u->writer == writer)
        u->is_ended = true;
    facet_cond_wake(&u->changed);
    facet_lock_give(&u->lock);
}

/* Under the lock: has this stream been read to its end, or was one before it cut off? */
static bool take_end(struct facet_upload *u)
{
    bool is_end = u->owes_end || (u->is_ended && !u->count && u->has_read);
    if (is_end && !u->owes_end)
        u->has_read = false;
    if (is_end)
        u->owes_end = false;
    return is_end;
}

int facet_upload_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct facet_upload *u = ctx;
    int n = FACET_E_AGAIN;
    uint64_t until = facet_now_ns() + READ_WAIT_NS;
    facet_lock_take(&u->lock);
    while (n == FACET_E_AGAIN) {
        if (take_end(u))
            n = 0;
        else if (u->count) {
            n = (int)get(u, buf, cap < INT32_MAX ? cap : INT32_MAX);
            u->has_read = true;
            facet_cond_wake(&u->changed);
        } else if (!facet_cond_wait_until(&u->changed, &u->lock, until))
            break;
    }
    facet_lock_give(&u->lock);
    return n;
}

void facet_upload_abandon(struct facet_upload *u)
{
    facet_lock_take(&u->lock);
    u->is_abandoned = true;
    facet_cond_wake(&u->changed);
    facet_lock_give(&u->lock);
}

int64_t facet_upload_bytes(struct facet_upload *u)
{
    facet_lock_take(&u->lock);
    int64_t bytes = u->bytes;
    facet_lock_give(&u->lock);
    return bytes;
}
