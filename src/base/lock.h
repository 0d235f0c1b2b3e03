/* A mutex. Critical sections are short; none calls out of its room. */
#ifndef FACET_BASE_LOCK_H
#define FACET_BASE_LOCK_H

#include <pthread.h>

struct facet_lock { pthread_mutex_t mutex; };

int facet_lock_init(struct facet_lock *l);
void facet_lock_fini(struct facet_lock *l);
void facet_lock_take(struct facet_lock *l);
void facet_lock_give(struct facet_lock *l);

#endif
