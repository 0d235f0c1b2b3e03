/* Another process that wants a core for itself, whenever it is told to. */
#ifndef FACET_BENCH_HOG_H
#define FACET_BENCH_HOG_H

#include <stdbool.h>

struct facet_hog;

/* Begins at rest. It ends with us, whatever happens. */
int facet_hog_open(struct facet_hog **out);
void facet_hog_close(struct facet_hog **h);
/* Running or at rest; back when the scheduler has had time to notice. */
int facet_hog_set(struct facet_hog *h, bool running);

#endif
