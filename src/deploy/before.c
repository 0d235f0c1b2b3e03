#include "deploy/before.h"

#include <stdlib.h>
#include <string.h>

void facet_before_fini(struct facet_before *b)
{
    for (int i = 0; i < b->n; i++)
        free(b->track[i].event);
    *b = (struct facet_before){ .n = 0 };
}

static bool is_same_track(const struct facet_event *a, const struct facet_event *b)
{
    return a->track == b->track && !strcmp(a->run, b->run) && !strcmp(a->device, b->device);
}

static struct facet__before_track *find(struct facet_before *b, const struct facet_event *e)
{
    for (int i = 0; i < b->n; i++)
        if (is_same_track(b->track[i].event, e))
            return &b->track[i];
    return NULL;
}

/* A new place, or that of the track not heard of for longest; NULL: there is no memory. */
static struct facet__before_track *make_place(struct facet_before *b)
{
    struct facet__before_track *oldest = b->track;
    if (b->n < FACET_BEFORE_TRACKS) {
        oldest = &b->track[b->n];
        oldest->event = malloc(sizeof(*oldest->event));
        b->n += oldest->event != NULL;
        return oldest->event ? oldest : NULL;
    }
    for (int i = 1; i < b->n; i++)
        if (b->track[i].used < oldest->used)
            oldest = &b->track[i];
    return oldest;
}

static void forget(struct facet_before *b, struct facet__before_track *t)
{
    free(t->event);
    *t = b->track[--b->n];
}

bool facet_before_step(struct facet_before *b, const struct facet_event *e, struct facet_event *previous)
{
    struct facet__before_track *t = e->track ? find(b, e) : NULL;
    bool is_known = t != NULL;
    if (is_known) {
        *previous = *t->event;
        if (strcmp(previous->identity.name, e->identity.name) != 0 && *e->identity.name)
            previous->identity.name[0] = '\0';
    }
    if (t && e->type == FACET_EVENT_END)
        forget(b, t);
    else if (e->track && e->type != FACET_EVENT_END && (t || (t = make_place(b)))) {
        *t->event = *e;
        t->used = ++b->now;
    }
    return is_known;
}
