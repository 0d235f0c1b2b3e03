#include "fake_stages.h"

#include "base/errors.h"

static int fake_open(void *state, const void *opts)
{
    struct fake *f = state;
    const struct fake_opts *o = opts;
    f->o = *o;
    return o->fail_open ? facet_fail(FACET_E_NOT_FOUND, "the fake has no model") : FACET_OK;
}

static void fake_close(void *state)
{
    (void)state;
}

static int fake_fails(struct fake *f)
{
    if (++f->steps != f->o.fail_at)
        return FACET_OK;
    return facet_fail(FACET_E_IO, "the fake broke at step %d", f->steps);
}

static int source_step(void *state, struct facet_packet *p)
{
    struct fake *f = state;
    if (f->o.again_every && f->steps % f->o.again_every == 0 && !f->again++)
        return FACET_E_AGAIN;
    f->again = 0;
    if (f->steps == f->o.packets)
        return FACET_E_END;
    int err = fake_fails(f);
    p->source = f->o.sources ? f->steps % f->o.sources : 3;
    p->ended[0] = f->steps; /* carries the packet's number */
    p->flush = f->o.flush_last && f->steps == f->o.packets;
    if (f->o.cancel && f->steps == f->o.cancel_at)
        __atomic_store_n(f->o.cancel, 1, __ATOMIC_RELAXED);
    return err;
}

static int worker_step(void *state, struct facet_packet *p)
{
    struct fake *f = state;
    int err = fake_fails(f);
    p->n_faces++;
    f->last = p->ended[0];
    return err;
}

static int gatherer_step_together(void *state, struct facet_packet *const *p, int n)
{
    struct fake *f = state;
    int err = FACET_OK;
    f->most = n > f->most ? n : f->most;
    for (int i = 0; !err && i < n; i++)
        err = worker_step(state, p[i]);
    return err;
}

const struct facet_stage_ops fake_source = {
    .name = "ingest",
    .state_size = sizeof(struct fake),
    .open = fake_open,
    .step = source_step,
    .close = fake_close,
};

const struct facet_stage_ops fake_worker = {
    .name = "detect",
    .state_size = sizeof(struct fake),
    .open = fake_open,
    .step = worker_step,
    .close = fake_close,
};

const struct facet_stage_ops fake_gatherer = {
    .name = "detect",
    .state_size = sizeof(struct fake),
    .open = fake_open,
    .step = worker_step,
    .step_together = gatherer_step_together,
    .close = fake_close,
};
