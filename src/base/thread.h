/* A thread that lives in its owner: the struct must stay where it is until the join. */
#ifndef FACET_BASE_THREAD_H
#define FACET_BASE_THREAD_H

#include <pthread.h>

typedef void facet_thread_fn(void *ctx);

struct facet_thread {
    pthread_t thread;
    facet_thread_fn *fn;
    void *ctx;
    char name[16];
};

/* Calls fn(ctx) on a new thread, shown to the system as `name` (15 bytes of it). FACET_E_LIMIT when the
 * system refuses; then nothing is to be joined. */
int facet_thread_start(struct facet_thread *t, const char *name, facet_thread_fn *fn, void *ctx);
void facet_thread_join(struct facet_thread *t);

#endif
