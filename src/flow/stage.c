#include "flow/stage.h"

#include "base/clock.h"
#include "base/errors.h"
#include "measure/measure.h"

#include <stdlib.h>
#include <string.h>

struct facet_stage {
    const struct facet_stage_ops *ops;
    void *state;
    int step; /* whose time it counts; FACET_STEPS: nobody's */
};

static int step_of(const char *name)
{
    int i = 0;
    while (i < FACET_STEPS && strcmp(facet_step_names[i], name) != 0)
        i++;
    return i;
}

int facet_stage_open(struct facet_stage **out, const struct facet_stage_ops *ops, const void *opts)
{
    *out = NULL;
    struct facet_stage *s = calloc(1, sizeof(*s));
    if (!s)
        return facet_fail_nomem();
    *s = (struct facet_stage){.ops = ops, .step = step_of(ops->name)};
    s->state = calloc(1, ops->state_size ? ops->state_size : 1);
    int err = s->state ? FACET_OK : facet_fail_nomem();
    if (!err && ops->open)
        err = ops->open(s->state, opts);
    if (err)
        facet_stage_close(&s);
    *out = s;
    return err;
}

void facet_stage_close(struct facet_stage **ps)
{
    struct facet_stage *s = *ps;
    *ps = NULL;
    if (!s)
        return;
    if (s->state && s->ops->close)
        s->ops->close(s->state);
    free(s->state);
    free(s);
}

int facet_stage_step(struct facet_stage *s, struct facet_packet *p)
{
    uint64_t start = facet_now_ns(), cpu = facet_thread_cpu_ns(), idle = p->idle_ns;
    int err = s->ops->step(s->state, p);
    if (s->step < FACET_STEPS)
        p->step_ns[s->step] += facet_now_ns() - start - (p->idle_ns - idle);
    p->cpu_ns += facet_thread_cpu_ns() - cpu;
    return err;
}

static int step_each(struct facet_stage *s, struct facet_packet *const *p, int n)
{
    int err = FACET_OK;
    for (int i = 0; !err && i < n; i++)
        err = facet_stage_step(s, p[i]);
    return err;
}

int facet_stage_step_together(struct facet_stage *s, struct facet_packet *const *p, int n)
{
    if (n == 1 || !s->ops->step_together)
        return step_each(s, p, n);
    uint64_t start = facet_now_ns(), cpu = facet_thread_cpu_ns(), of = (uint64_t)n;
    int err = s->ops->step_together(s->state, p, n);
    uint64_t took = facet_now_ns() - start;
    cpu = facet_thread_cpu_ns() - cpu;
    for (int i = 0; i < n; i++) {
        if (s->step < FACET_STEPS)
            p[i]->step_ns[s->step] += took / of;
        p[i]->cpu_ns += cpu / of;
    }
    return err;
}

const struct facet_stage_ops *facet_stage_ops_of(const struct facet_stage *s)
{
    return s->ops;
}

void *facet_stage_state(struct facet_stage *s)
{
    return s->state;
}
