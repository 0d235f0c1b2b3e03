#include "stages/publish/sink_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In this order for each frame; CSV last, so that its publish_ms holds the others' time. */
static const struct facet__sink *const sinks[] = {
    &facet__sink_events,
    &facet__sink_video,
    &facet__sink_csv,
};

#define N_SINKS (sizeof(sinks) / sizeof(sinks[0]))

struct publish {
    struct facet__publish shared;
    void *state[N_SINKS]; /* NULL: not asked for */
};

const struct facet_identity *facet__identity_of(const struct facet_face *f)
{
    return f->identity.decision != FACET_UNDECIDED ? &f->identity : &f->now;
}

/* A run without a name is called by its start: "2026-01-31T12:00:00.000Z". */
static void fill_names(struct facet__publish *s)
{
    struct facet_publish_opts *o = &s->o;
    s->started_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    facet_format_time(s->run, s->started_ms);
    if (gethostname(s->device, sizeof(s->device) - 1) != 0)
        s->device[0] = '\0';
    o->run = o->run ? o->run : s->run;
    o->device = o->device ? o->device : s->device;
    o->strategy = o->strategy ? o->strategy : "";
    o->detector = o->detector ? o->detector : "";
    o->recogniser = o->recogniser ? o->recogniser : "";
    o->antispoof = o->antispoof ? o->antispoof : "";
}

static int publish_open(void *state, const void *opts)
{
    struct publish *p = state;
    int err = FACET_OK;
    p->shared.o = *(const struct facet_publish_opts *)opts;
    fill_names(&p->shared);
    for (size_t i = 0; !err && i < N_SINKS; i++) {
        const char *path = sinks[i]->path(&p->shared.o);
        if (!path)
            continue;
        p->state[i] = calloc(1, sinks[i]->state_size);
        err = p->state[i] ? sinks[i]->open(p->state[i], &p->shared, path) : facet_fail_nomem();
    }
    return err;
}

static int publish_step(void *state, struct facet_packet *packet)
{
    struct publish *p = state;
    int err = FACET_OK;
    p->shared.begun_ns = facet_now_ns();
    for (size_t i = 0; !err && i < N_SINKS; i++)
        if (p->state[i])
            err = sinks[i]->put(p->state[i], &p->shared, packet);
    return err;
}

static void publish_close(void *state)
{
    struct publish *p = state;
    for (size_t i = 0; i < N_SINKS; i++) {
        if (p->state[i] && sinks[i]->close(p->state[i]) != FACET_OK)
            facet_log(FACET_LOG_ERROR, "publish", "%s", facet_error_text());
        free(p->state[i]);
        p->state[i] = NULL;
    }
}

const struct facet_stage_ops facet_stage_publish = {
    .name = "publish",
    .state_size = sizeof(struct publish),
    .open = publish_open,
    .step = publish_step,
    .close = publish_close,
};
