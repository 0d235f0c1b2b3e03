/* A mutex. Critical sections are short; none calls out of its room. */
#ifndef FACET_BASE_LOCK_H
#define FACET_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct facet_lock { pthread_mutex_t mutex; };

int facet_lock_init(struct facet_lock *l);
void facet_lock_fini(struct facet_lock *l);
void facet_lock_take(struct facet_lock *l);
void facet_lock_give(struct facet_lock *l);

/* Waiting, with the lock taken, for what another thread does under it. A wait may end early: look again. */
struct facet_cond { pthread_cond_t cond; };

int facet_cond_init(struct facet_cond *c);
void facet_cond_fini(struct facet_cond *c);
void facet_cond_wait(struct facet_cond *c, struct facet_lock *l);
/* False once `until_ns` (of facet_now_ns) is past. */
bool facet_cond_wait_until(struct facet_cond *c, struct facet_lock *l, uint64_t until_ns);
void facet_cond_wake(struct facet_cond *c);     /* all that wait */

#endif
