/* Who may be in a room at once: a few places where work is done, and a bounded line before them. Who comes when the line is
 * full is refused at once; places are given in the order of arrival. Thread-safe. */
#ifndef FACET_DEPLOY_LINE_H
#define FACET_DEPLOY_LINE_H

#include "base/lock.h"

#define FACET_LINE_PLACES 32

struct facet_line {
    struct facet_lock lock;
    struct facet_cond moved;
    unsigned places, max_inside, inside;
    uint64_t next, served;         /* numbers drawn, and called so far */
    bool is_taken[FACET_LINE_PLACES], is_stopped;
};

/* At most `max_waiting` more than there are places may be inside. */
int facet_line_init(struct facet_line *l, unsigned places, unsigned max_waiting);
void facet_line_fini(struct facet_line *l);         /* nobody is inside */
/* FACET_E_AGAIN when it is full, unless `must`; FACET_E_CANCELLED when it is stopped. */
int facet_line_enter(struct facet_line *l, bool must);
void facet_line_leave(struct facet_line *l);
/* Waits for a place, which the caller gives back: FACET_E_CANCELLED when the line was stopped. */
int facet_line_take(struct facet_line *l, unsigned *place);
void facet_line_give(struct facet_line *l, unsigned place);
unsigned facet_line_inside(struct facet_line *l);
/* Nobody enters any more, who waits for a place goes away, and this returns when all have left. */
void facet_line_stop(struct facet_line *l);

#endif
