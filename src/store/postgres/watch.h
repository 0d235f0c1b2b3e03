/* Hears of what other servers change in the same database. */
#ifndef FACET_STORE_POSTGRES_WATCH_H
#define FACET_STORE_POSTGRES_WATCH_H

#include "base/thread.h"
#include "store/sql.h"

#include <stdatomic.h>
#include <time.h>

struct facet__watch;
typedef int facet__watch_fn(void *ctx);

/* Calls fn on a thread of its own after each notice on `channel`, and after each connection; again soon when it fails.
 * *out stays NULL where `db` is no server's. `db` stays where it is until the close. */
int facet__watch_open(struct facet__watch **out, struct facet__db *db, const char *channel, facet__watch_fn *fn, void *ctx);
void facet__watch_close(struct facet__watch **w);
static inline void facet__watch_pause(int ms)
{
    (void)nanosleep(&(struct timespec){ .tv_nsec = (long)ms * 1000000 }, NULL);
}

#endif
