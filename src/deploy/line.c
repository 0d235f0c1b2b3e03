#include "deploy/line.h"

#include "base/errors.h"

int facet_line_init(struct facet_line *l, unsigned places, unsigned max_waiting)
{
    *l = (struct facet_line){.places = places, .max_inside = places + max_waiting};
    if (places < 1 || places > FACET_LINE_PLACES)
        return facet_fail(FACET_E_INVALID, "cannot work at %u places: give 1 to %d", places, FACET_LINE_PLACES);
    int err = facet_lock_init(&l->lock);
    if (err)
        return err;
    err = facet_cond_init(&l->moved);
    if (err)
        facet_lock_fini(&l->lock);
    return err;
}

void facet_line_fini(struct facet_line *l)
{
    facet_cond_fini(&l->moved);
    facet_lock_fini(&l->lock);
}

int facet_line_enter(struct facet_line *l, bool must)
{
    facet_lock_take(&l->lock);
    bool is_stopped = l->is_stopped, is_full = l->inside >= l->max_inside && !must;
    if (!is_stopped && !is_full)
        l->inside++;
    facet_lock_give(&l->lock);
    if (is_stopped)
        return facet_fail(FACET_E_CANCELLED, "cannot take a request: shutting down");
    return is_full ? facet_fail(FACET_E_AGAIN, "cannot take a request: %u wait already; try again later", l->max_inside) : FACET_OK;
}

void facet_line_leave(struct facet_line *l)
{
    facet_lock_take(&l->lock);
    l->inside--;
    facet_cond_wake(&l->moved);
    facet_lock_give(&l->lock);
}

static bool find_free(const struct facet_line *l, unsigned *place)
{
    for (*place = 0; *place < l->places; ++*place)
        if (!l->is_taken[*place])
            return true;
    return false;
}

int facet_line_take(struct facet_line *l, unsigned *place)
{
    facet_lock_take(&l->lock);
    uint64_t mine = l->next++;
    while (l->served != mine || (!l->is_stopped && !find_free(l, place)))
        facet_cond_wait(&l->moved, &l->lock);
    l->served++;
    bool is_stopped = l->is_stopped;
    if (!is_stopped)
        l->is_taken[*place] = true;
    facet_cond_wake(&l->moved);
    facet_lock_give(&l->lock);
    return is_stopped ? facet_fail(FACET_E_CANCELLED, "the request was not begun: shutting down") : FACET_OK;
}

void facet_line_give(struct facet_line *l, unsigned place)
{
    facet_lock_take(&l->lock);
    l->is_taken[place] = false;
    facet_cond_wake(&l->moved);
    facet_lock_give(&l->lock);
}

unsigned facet_line_inside(struct facet_line *l)
{
    facet_lock_take(&l->lock);
    unsigned n = l->inside;
    facet_lock_give(&l->lock);
    return n;
}

void facet_line_stop(struct facet_line *l)
{
    facet_lock_take(&l->lock);
    l->is_stopped = true;
    facet_cond_wake(&l->moved);
    while (l->inside)
        facet_cond_wait(&l->moved, &l->lock);
    facet_lock_give(&l->lock);
}
