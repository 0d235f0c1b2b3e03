#include "base/lock.h"

#include "base/errors.h"

#include <string.h>

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
