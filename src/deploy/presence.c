#include "deploy/presence.h"

#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct link { char device[64], run[64]; int64_t track, person, told_ms; };     /* person 0: free */
struct one { struct facet_present is; int64_t told_ms; bool has_changed; };    /* person 0: free */

struct facet_presence {
    double absence_ms;
    int n_people, n_links;
    struct one people[FACET_PRESENCE_PEOPLE];
    struct link links[FACET_PRESENCE_TRACKS];
};

int facet_presence_open(struct facet_presence **out, double absence_ms)
{
    struct facet_presence *p = calloc(1, sizeof(*p));
    *out = p;
    if (!p)
        return facet_fail_nomem();
    p->absence_ms = absence_ms;
    return FACET_OK;
}

void facet_presence_close(struct facet_presence **p)
{
    free(*p);
    *p = NULL;
}

/* ---- tracks ---- */

static struct link *find_link(struct facet_presence *p, const struct facet_event *e)
{
    for (int i = 0; i < p->n_links; i++) {
        struct link *l = &p->links[i];
        if (l->track == e->track && !strcmp(l->run, e->run) && !strcmp(l->device, e->device))
            return l;
    }
    return NULL;
}

static void drop_link(struct facet_presence *p, struct link *l)
{
    *l = p->links[--p->n_links];
}

static void link_track(struct facet_presence *p, const struct facet_event *e, int64_t now_ms)
{
    struct link *l = find_link(p, e), *oldest = p->links;
    for (int i = 1; !l && p->n_links == FACET_PRESENCE_TRACKS && i < p->n_links; i++)
        if (p->links[i].told_ms < oldest->told_ms)
            oldest = &p->links[i];
    if (!l)
        l = p->n_links < FACET_PRESENCE_TRACKS ? &p->links[p->n_links++] : oldest;
    *l = (struct link){ .track = e->track, .person = e->identity.person, .told_ms = now_ms };
    snprintf(l->device, sizeof(l->device), "%s", e->device);
    snprintf(l->run, sizeof(l->run), "%s", e->run);
}

static bool has_link(const struct facet_presence *p, int64_t person)
{
    for (int i = 0; i < p->n_links; i++)
        if (p->links[i].person == person)
            return true;
    return false;
}

/* ---- people ---- */

static struct one *find_one(struct facet_presence *p, int64_t person)
{
    for (int i = 0; i < p->n_people; i++)
        if (p->people[i].is.person == person)
            return &p->people[i];
    return NULL;
}

/* Of more people than there is room for, an absent one makes room; NULL: all are present. */
static struct one *make_one(struct facet_presence *p, int64_t person)
{
    struct one *o = p->n_people < FACET_PRESENCE_PEOPLE ? &p->people[p->n_people++] : NULL;
    for (int i = 0; !o && i < p->n_people; i++)
        if (!p->people[i].is.is_present && !p->people[i].has_changed)
            o = &p->people[i];
    if (o)
        *o = (struct one){ .is = { .person = person } };
    return o;
}

static void see(struct facet_presence *p, const struct facet_event *e, int64_t now_ms)
{
    struct one *o = find_one(p, e->identity.person);
    if (!o && !(o = make_one(p, e->identity.person)))
        return;
    if (!o->is.is_present)
        o->is.since_ms = e->captured_ms;
    if (!o->is.is_present || strncmp(o->is.camera, e->camera, sizeof(o->is.camera) - 1) || strcmp(o->is.name, e->identity.name))
        o->has_changed = true;
    o->is.is_present = true;
    o->is.seen_ms = e->captured_ms;
    o->is.cosine = e->identity.cosine;
    o->is.score = e->identity.score;
    o->told_ms = now_ms;
    snprintf(o->is.name, sizeof(o->is.name), "%s", e->identity.name);
    snprintf(o->is.camera, sizeof(o->is.camera), "%.*s", (int)sizeof(o->is.camera) - 1, e->camera);
}

/* The track says something else, or nothing any more. */
static void unlink_track(struct facet_presence *p, const struct facet_event *e, int64_t now_ms)
{
    struct link *l = find_link(p, e);
    struct one *o = l ? find_one(p, l->person) : NULL;
    if (o) {
        o->told_ms = now_ms;
        o->is.seen_ms = e->captured_ms > o->is.seen_ms ? e->captured_ms : o->is.seen_ms;
    }
    if (l)
        drop_link(p, l);
}

void facet_presence_event(struct facet_presence *p, const struct facet_event *e, int64_t late_ms, int64_t now_ms)
{
    bool names = e->type == FACET_EVENT_IDENTITY && e->identity.decision == FACET_KNOWN;
    if (names && (double)late_ms <= p->absence_ms) {
        unlink_track(p, e, now_ms);
        link_track(p, e, now_ms);
        see(p, e, now_ms);
    } else if (e->type == FACET_EVENT_IDENTITY || e->type == FACET_EVENT_END) {
        unlink_track(p, e, now_ms);
    }
}

void facet_presence_tick(struct facet_presence *p, int64_t now_ms)
{
    for (int i = p->n_links - 1; i >= 0; i--)
        if (now_ms - p->links[i].told_ms > FACET_PRESENCE_LIFE_MS)
            drop_link(p, &p->links[i]);
    for (int i = 0; i < p->n_people; i++) {
        struct one *o = &p->people[i];
        if (!o->is.is_present || (double)(now_ms - o->told_ms) < p->absence_ms || has_link(p, o->is.person))
            continue;
        o->is.is_present = false;
        o->is.camera[0] = '\0';
        o->has_changed = true;
    }
}

bool facet_presence_changed(struct facet_presence *p, struct facet_present *out)
{
    for (int i = 0; i < p->n_people; i++)
        if (p->people[i].has_changed) {
            p->people[i].has_changed = false;
            *out = p->people[i].is;
            return true;
        }
    return false;
}

int facet_presence_people(const struct facet_presence *p, int64_t *ids)
{
    for (int i = 0; i < p->n_people; i++)
        ids[i] = p->people[i].is.person;
    return p->n_people;
}

void facet_presence_forget(struct facet_presence *p, int64_t person)
{
    struct one *o = find_one(p, person);
    for (int i = p->n_links - 1; i >= 0; i--)
        if (p->links[i].person == person)
            drop_link(p, &p->links[i]);
    if (o)
        *o = p->people[--p->n_people];
}
