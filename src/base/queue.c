#include "base/queue.h"

#include "base/errors.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define FOR_EVER UINT64_MAX
#define NOT_AT_ALL 0

static void init_taken(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC); /* as facet_now_ns */
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

int facet_queue_init(struct facet_queue *q, size_t cap)
{
    *q = (struct facet_queue){.cap = cap};
    if (cap == 0)
        return facet_fail(FACET_E_INVALID, "a queue holds at least one item");
    q->items = calloc(cap, sizeof(*q->items));
    if (!q->items)
        return facet_fail_nomem();
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->can_put, NULL);
    init_taken(&q->can_take);
    return FACET_OK;
}

void facet_queue_fini(struct facet_queue *q)
{
    if (!q->items)
        return;
    pthread_cond_destroy(&q->can_take);
    pthread_cond_destroy(&q->can_put);
    pthread_mutex_destroy(&q->lock);
    free(q->items);
    *q = (struct facet_queue){0};
}

static void push_locked(struct facet_queue *q, void *item)
{
    q->items[(q->head + q->count) % q->cap] = item;
    q->count++;
    pthread_cond_signal(&q->can_take);
}

static void pop_locked(struct facet_queue *q, void **item)
{
    *item = q->items[q->head];
    q->head = (q->head + 1) % q->cap;
    q->count--;
    pthread_cond_signal(&q->can_put);
}

/* Being closed, full or empty is protocol between threads, not failure: no error text is set. */
static int queue_put(struct facet_queue *q, void *item, bool wait)
{
    int err = FACET_OK;
    pthread_mutex_lock(&q->lock);
    while (wait && !q->closed && q->count == q->cap)
        pthread_cond_wait(&q->can_put, &q->lock);
    if (q->closed)
        err = FACET_E_CANCELLED;
    else if (q->count == q->cap)
        err = FACET_E_AGAIN;
    else
        push_locked(q, item);
    pthread_mutex_unlock(&q->lock);
    return err;
}

/* False when that time has come. */
static bool wait_for_item(struct facet_queue *q, uint64_t until_ns)
{
    const struct timespec t = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
    if (until_ns == FOR_EVER)
        return pthread_cond_wait(&q->can_take, &q->lock) == 0;
    return until_ns != NOT_AT_ALL && pthread_cond_timedwait(&q->can_take, &q->lock, &t) != ETIMEDOUT;
}

static int queue_take(struct facet_queue *q, void **item, uint64_t until_ns)
{
    int err = FACET_OK;
    *item = NULL;
    pthread_mutex_lock(&q->lock);
    while (!q->closed && q->count == 0 && wait_for_item(q, until_ns))
        continue;
    if (q->count > 0)
        pop_locked(q, item);
    else
        err = q->closed ? FACET_E_END : FACET_E_AGAIN;
    pthread_mutex_unlock(&q->lock);
    return err;
}

int facet_queue_put(struct facet_queue *q, void *item)
{
    return queue_put(q, item, true);
}

int facet_queue_try_put(struct facet_queue *q, void *item)
{
    return queue_put(q, item, false);
}

int facet_queue_take(struct facet_queue *q, void **item)
{
    return queue_take(q, item, FOR_EVER);
}

int facet_queue_try_take(struct facet_queue *q, void **item)
{
    return queue_take(q, item, NOT_AT_ALL);
}

int facet_queue_take_until(struct facet_queue *q, void **item, uint64_t until_ns)
{
    return queue_take(q, item, until_ns);
}

void facet_queue_close(struct facet_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->can_put);
    pthread_cond_broadcast(&q->can_take);
    pthread_mutex_unlock(&q->lock);
}

size_t facet_queue_count(struct facet_queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t n = q->count;
    pthread_mutex_unlock(&q->lock);
    return n;
}
