#include "base/thread.h"

#include "base/errors.h"

#include <stdio.h>
#include <string.h>

static void *thread_main(void *arg)
{
    struct facet_thread *t = arg;
    pthread_setname_np(pthread_self(), t->name);
    t->fn(t->ctx);
    return NULL;
}

int facet_thread_start(struct facet_thread *t, const char *name, facet_thread_fn *fn, void *ctx)
{
    *t = (struct facet_thread){.fn = fn, .ctx = ctx};
    snprintf(t->name, sizeof(t->name), "%s", name);
    int e = pthread_create(&t->thread, NULL, thread_main, t);
    if (e)
        return facet_fail(FACET_E_LIMIT, "cannot start thread '%s': %s", name, strerror(e));
    return FACET_OK;
}

void facet_thread_join(struct facet_thread *t)
{
    pthread_join(t->thread, NULL);
}
