/* Bounded queue of pointers between threads: waits, never spins, never grows. */
#ifndef FACET_BASE_QUEUE_H
#define FACET_BASE_QUEUE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_queue {
    pthread_mutex_t lock;
    pthread_cond_t can_put, can_take;
    void **items;
    size_t cap, head, count;
    bool closed;
};

int facet_queue_init(struct facet_queue *q, size_t cap);
void facet_queue_fini(struct facet_queue *q);           /* items left inside are not freed */
/* Waits for room. FACET_E_CANCELLED when closed; the item stays the caller's. */
int facet_queue_put(struct facet_queue *q, void *item);
int facet_queue_try_put(struct facet_queue *q, void *item);           /* FACET_E_AGAIN when full */
/* Waits for an item. FACET_E_END when closed and empty. */
int facet_queue_take(struct facet_queue *q, void **item);
int facet_queue_try_take(struct facet_queue *q, void **item);         /* FACET_E_AGAIN when empty */
/* Waits until that time (facet_now_ns) at most: then FACET_E_AGAIN. */
int facet_queue_take_until(struct facet_queue *q, void **item, uint64_t until_ns);
void facet_queue_close(struct facet_queue *q);          /* wakes all; what is inside can still be taken */
size_t facet_queue_count(struct facet_queue *q);

#endif
