#include "base/lock.h"

#include "base/errors.h"

#include <errno.h>
#include <string.h>
#include <time.h>

int facet_lock_init(struct facet_lock *l)
{
    int e = pthread_mutex_init(&l->mutex, NULL);
    return e ? facet_fail(FACET_E_INTERNAL, "cannot make a lock: %s", strerror(e)) : FACET_OK;
}

void facet_lock_fini(struct facet_lock *l)
{
    pthread_mutex_destroy(&l->mutex);
}

void facet_lock_take(struct facet_lock *l)
{
    pthread_mutex_lock(&l->mutex);
}

void facet_lock_give(struct facet_lock *l)
{
    pthread_mutex_unlock(&l->mutex);
}

int facet_cond_init(struct facet_cond *c)
{
    pthread_condattr_t attr;
    int e = pthread_condattr_init(&attr);
    if (e)
        return facet_fail(FACET_E_INTERNAL, "cannot make a condition: %s", strerror(e));
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    e = pthread_cond_init(&c->cond, &attr);
    pthread_condattr_destroy(&attr);
    return e ? facet_fail(FACET_E_INTERNAL, "cannot make a condition: %s", strerror(e)) : FACET_OK;
}

void facet_cond_fini(struct facet_cond *c)
{
    pthread_cond_destroy(&c->cond);
}

void facet_cond_wait(struct facet_cond *c, struct facet_lock *l)
{
    pthread_cond_wait(&c->cond, &l->mutex);
}

bool facet_cond_wait_until(struct facet_cond *c, struct facet_lock *l, uint64_t until_ns)
{
    const struct timespec t = {(time_t)(until_ns / 1000000000u), (long)(until_ns % 1000000000u)};
    return pthread_cond_timedwait(&c->cond, &l->mutex, &t) != ETIMEDOUT;
}

void facet_cond_wake(struct facet_cond *c)
{
    pthread_cond_broadcast(&c->cond);
}
