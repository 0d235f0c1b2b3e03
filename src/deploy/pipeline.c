#include "deploy/pipeline.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "base/pool.h"
#include "deploy/strategy.h"
#include "models/models.h"
#include "stages/stages.h"

#include <stdlib.h>
#include <string.h>

struct facet_pipeline {
    struct facet_pipeline_opts o;
    const struct facet_strategy *strategy;
    struct facet_pool *detect_pool, *embed_pool;
    struct facet_energy *energy;
    struct facet_stage *stages[FACET_STEPS];
    struct facet_stage *rejoin;    /* the second half of tracking, behind embed */
    struct facet_stage *antispoof, *gate;      /* behind align and behind identify; NULL: not asked for */
    struct facet_runner *runner;
    uint64_t first_ns, last_ns;
    struct facet_pipeline_summary sum;
};

static const char *source_name(void *ctx, int source)
{
    return facet_ingest_source_name(ctx, source);
}

static double source_fps(void *ctx, int source)
{
    return facet_ingest_fps(ctx, source);
}

static const void *stage_options(const struct facet_pipeline *p, int step)
{
    if (p->o.placed[step])
        return p->o.placed[step];
    switch (step) {
    case FACET_STEP_INGEST: return &p->o.ingest;
    case FACET_STEP_DETECT: return &p->o.detect;
    case FACET_STEP_TRACK: return &p->o.track;
    case FACET_STEP_ALIGN: return &p->o.align;
    case FACET_STEP_EMBED: return &p->o.embed;
    case FACET_STEP_IDENTIFY: return &p->o.identify;
    default: return &p->o.publish;
    }
}

/* What one stage must know of another. */
static void join_options(struct facet_pipeline *p)
{
    struct facet_pipeline_opts *o = &p->o;
    if (!o->ingest.cancel)
        o->ingest.cancel = o->cancel;
    o->align.chip = o->embed.model->chip;
    o->detect.pool = o->detect.pool ? o->detect.pool : p->detect_pool;
    o->embed.pool = o->embed.pool ? o->embed.pool : p->embed_pool;
    if (!o->publish.strategy)
        o->publish.strategy = p->strategy->name;
    if (!o->publish.detector)
        o->publish.detector = o->detect.model->name;
    if (!o->publish.recogniser)
        o->publish.recogniser = o->embed.model->name;
    if (!o->publish.antispoof && o->antispoof.model)
        o->publish.antispoof = o->antispoof.model->name;
    if (!o->publish.energy)
        o->publish.energy = p->energy;
}

/* Detection and embedding work at the same time on different frames, so each has its own pool. */
static int open_pools(struct facet_pipeline *p)
{
    unsigned threads = p->o.threads ? p->o.threads : facet_cpu_count();
    if (threads < 2)
        return FACET_OK;
    int err = facet_pool_open(&p->detect_pool, p->o.detect_threads ? p->o.detect_threads : threads);
    if (err || p->o.embed.elsewhere)
        return err;
    return facet_pool_open(&p->embed_pool, p->o.embed_threads ? p->o.embed_threads : threads);
}

static int open_stages(struct facet_pipeline *p)
{
    for (int i = 0; i < FACET_STEPS; i++) {
        const struct facet_stage_ops *ops = p->strategy->stage[i] ? p->strategy->stage[i] : facet_stages[i];
        if (i == FACET_STEP_INGEST && p->o.source) {
            p->stages[i] = p->o.source;
            continue;
        }
        int err = facet_stage_open(&p->stages[i], ops, stage_options(p, i));
        if (err)
            return err;
        if (ops == &facet_stage_ingest && !p->o.publish.source_name) {
            p->o.publish.source_name = source_name;
            p->o.publish.source_fps = source_fps;
            p->o.publish.source_ctx = facet_stage_state(p->stages[i]);
        }
    }
    return FACET_OK;
}

static int open_rejoin(struct facet_pipeline *p)
{
    struct facet_rejoin_opts o = {
        .dim = p->o.embed.model->dim,
        .cosine = p->o.track.rejoin_cosine,
        .ms = p->o.track.rejoin_ms,
    };
    return o.cosine < 0 ? FACET_OK : facet_stage_open(&p->rejoin, &facet_stage_rejoin, &o);
}

static int open_antispoof(struct facet_pipeline *p)
{
    if (!p->o.antispoof.model)
        return FACET_OK;
    int err = facet_stage_open(&p->antispoof, &facet_stage_antispoof, &p->o.antispoof);
    return err ? err : facet_stage_open(&p->gate, &facet_stage_antispoof_gate, NULL);
}

static void see_person(struct facet_pipeline_summary *s, const struct facet_face *f, const struct facet_packet *p)
{
    for (int i = 0; i < s->n_people; i++)
        if (s->people[i].person == f->identity.person) {
            s->people[i].frames++;
            return;
        }
    if (s->n_people == FACET_PIPELINE_PEOPLE)
        return;
    struct facet_seen *seen = &s->people[s->n_people++];
    *seen = (struct facet_seen){ .person = f->identity.person, .frames = 1, .source = p->source };
    memcpy(seen->name, f->identity.name, sizeof(seen->name));
    seen->first_ms = p->frame ? p->frame->pts_ms : 0;
}

static void count_packet(void *ctx, const struct facet_packet *p)
{
    struct facet_pipeline *pl = ctx;
    struct facet_pipeline_summary *s = &pl->sum;
    if (p->frame) {
        uint64_t now = facet_now_ns();
        pl->first_ns = pl->first_ns ? pl->first_ns : p->born_ns;
        pl->last_ns = now;
        s->frames++;
        facet_histogram_add(&s->total, now - p->born_ns);
        for (int i = 0; i < FACET_STEPS; i++)
            facet_histogram_add(&s->step[i], p->step_ns[i]);
    }
    s->faces += p->n_faces;
    s->embedded += p->embedded;
    s->dropped += p->dropped;
    for (int i = 0; i < p->n_faces; i++) {
        const struct facet_face *f = &p->faces[i];
        s->tracks += f->is_new_track;
        if (f->identity.decision != FACET_KNOWN)
            continue;
        s->named++;
        see_person(s, f, p);
    }
    if (pl->o.done)
        pl->o.done(pl->o.ctx, p);
}

static int open_runner(struct facet_pipeline *p)
{
    struct facet_runner_opts o = {
        .threads = p->o.threads == 1 ? 1 : 0,
        .depth = p->o.source ? 1 : 0, /* pictures of cameras grow old in queues */
        .dim = p->o.embed.model->dim,
        .together = p->o.together,
        .together_ms = p->o.together_ms,
        .cancel = p->o.cancel,
        .done = count_packet,
        .ctx = p,
    };
    struct facet_stage *path[FACET_STEPS + 3];
    size_t n = 0;
    for (int i = 0; i < FACET_STEPS; i++) {
        path[n++] = p->stages[i];
        if (i == FACET_STEP_ALIGN && p->antispoof)
            path[n++] = p->antispoof;
        if (i == FACET_STEP_EMBED && p->rejoin)
            path[n++] = p->rejoin;
        if (i == FACET_STEP_IDENTIFY && p->gate)
            path[n++] = p->gate;
    }
    return facet_runner_open(&p->runner, path, n, &o);
}

int facet_pipeline_open(struct facet_pipeline **out, const struct facet_pipeline_opts *o)
{
    *out = NULL;
    struct facet_pipeline *p = calloc(1, sizeof(*p));
    if (!p)
        return facet_fail_nomem();
    p->o = *o;
    p->strategy = o->placement ? o->placement : facet_strategy_find(o->strategy ? o->strategy : "edge");
    int err = p->strategy ? open_pools(p) : FACET_E_NOT_FOUND;
    if (!err && facet_energy_open_or_model(&p->energy, "", &o->power) != FACET_OK)
        facet_log(FACET_LOG_DEBUG, "deploy", "no energy counter here: %s", facet_error_text());
    if (!err) {
        join_options(p);
        err = open_stages(p);
    }
    if (!err)
        err = open_rejoin(p);
    if (!err)
        err = open_antispoof(p);
    if (!err)
        err = open_runner(p);
    if (err)
        facet_pipeline_close(&p);
    *out = p;
    return err;
}

void facet_pipeline_close(struct facet_pipeline **pp)
{
    struct facet_pipeline *p = *pp;
    if (!p)
        return;
    facet_runner_close(&p->runner);
    facet_stage_close(&p->gate);
    facet_stage_close(&p->antispoof);
    facet_stage_close(&p->rejoin);
    for (int i = FACET_STEPS; i-- > 0;)
        if (i != FACET_STEP_INGEST || !p->o.source)
            facet_stage_close(&p->stages[i]);
    facet_energy_close(&p->energy);
    facet_pool_close(&p->embed_pool);
    facet_pool_close(&p->detect_pool);
    free(p);
    *pp = NULL;
}

int facet_pipeline_run(struct facet_pipeline *p)
{
    int err = facet_runner_run(p->runner);
    struct facet_ingest_total total;
    facet_pipeline_progress(p, &total);
    p->sum.sources = total.sources;
    p->sum.failed_sources = total.failed_sources;
    p->sum.seconds = (double)(p->last_ns - p->first_ns) / 1e9;
    p->sum.is_cancelled = p->o.cancel && *p->o.cancel;
    return err;
}

const struct facet_pipeline_summary *facet_pipeline_summary(const struct facet_pipeline *p)
{
    return &p->sum;
}

void facet_pipeline_progress(const struct facet_pipeline *p, struct facet_ingest_total *out)
{
    const struct facet_stage *source = p->stages[FACET_STEP_INGEST];
    *out = (struct facet_ingest_total){ 0 };
    if (facet_stage_ops_of(source) == &facet_stage_ingest)
        facet_ingest_progress(facet_stage_state(p->stages[FACET_STEP_INGEST]), out);
}
