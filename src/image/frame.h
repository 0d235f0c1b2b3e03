/* A counted picture with its time. Frames come from a pool and go back to it. */
#ifndef FACET_IMAGE_FRAME_H
#define FACET_IMAGE_FRAME_H

#include "image/image.h"

#include <stdbool.h>
#include <stdint.h>

struct facet_frame_pool;

struct facet_frame {
    struct facet_image image;
    int64_t index;            /* from 0 within its source */
    double pts_ms;            /* presentation time within its source */
    int64_t wall_ms;          /* Unix time of arrival */
    int source;               /* number of the source in this run */
    /* owned by frame.c */
    int refs;
    size_t cap;
    struct facet_frame_pool *pool;
};

/* A pool of at most `max_frames`. Closing waits for nobody: frames still out are freed at their
 * last unref. Thread-safe. */
int facet_frame_pool_open(struct facet_frame_pool **out, unsigned max_frames);
void facet_frame_pool_close(struct facet_frame_pool **p);
/* Waits for a free frame (FACET_E_CANCELLED after facet_frame_pool_cancel), sized as asked.
 * Returns a reference. Memory is reused when large enough; frames that
 * were not wanted for long are freed. */
int facet_frame_get(struct facet_frame **out, struct facet_frame_pool *p, enum facet_pixel format, int width, int height);
unsigned facet_frame_pool_made(const struct facet_frame_pool *p);      /* frames it has now, free or out */
void facet_frame_pool_cancel(struct facet_frame_pool *p);
struct facet_frame *facet_frame_ref(struct facet_frame *f);
void facet_frame_unref(struct facet_frame **f);       /* NULL is fine; *f becomes NULL */
bool facet_frame_is_writable(const struct facet_frame *f);

#endif
