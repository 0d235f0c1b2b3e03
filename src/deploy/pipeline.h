/* The path of a face put together: sources in, sinks out, by a strategy's placement.
 *
 * One pipeline is one run. The options of the stages are theirs; what one stage must know of
 * another (embedding size, names of sources, chip) is filled in here. */
#ifndef FACET_DEPLOY_PIPELINE_H
#define FACET_DEPLOY_PIPELINE_H

#include "flow/runner.h"
#include "measure/measure.h"
#include "stages/align/align.h"
#include "stages/antispoof/antispoof.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/identify/identify.h"
#include "stages/ingest/ingest.h"
#include "stages/publish/publish.h"
#include "stages/track/track.h"

#include <stdatomic.h>

struct facet_pipeline;
struct facet_strategy;

struct facet_pipeline_opts {
    const char *strategy;          /* NULL: "edge" */
    const struct facet_strategy *placement;    /* NULL: found by that name; tests bring their own */
    /* Options of the placement's own stages; NULL: those of the step below. */
    const void *placed[FACET_STEPS];
    struct facet_stage *source;    /* borrowed: an open source that outlives this run, instead of ingest; NULL: none */
    unsigned threads;              /* 0: as many as the process may use; 1: everything on the caller's */
    unsigned detect_threads, embed_threads;    /* of each alone; 0: `threads` */
    unsigned together; double together_ms;     /* pictures, of all sources, that detection and embedding take at once
                                                * (flow/runner.h); 0: one */
    struct facet_power_model power;/* where no energy counter is; zero: the column stays empty */
    atomic_int *cancel;            /* may be NULL; non-zero: no more frames, what is inside is finished */
    struct facet_ingest_opts ingest;
    struct facet_detector_opts detect;
    struct facet_track_opts track;
    struct facet_align_opts align;     /* `chip` is set from embed.model */
    struct facet_antispoof_opts antispoof;     /* model NULL: nobody asks whether faces are real */
    struct facet_embedder_opts embed;
    struct facet_identify_opts identify;
    struct facet_publish_opts publish; /* names, sources and energy are set here where they are NULL */
    /* After each frame, on the last stage's thread. */
    void (*done)(void *ctx, const struct facet_packet *p);
    void *ctx;
};

#define FACET_PIPELINE_PEOPLE 256      /* people told apart in a summary; more are only counted */

struct facet_seen { int64_t person; char name[FACET_MAX_NAME]; int64_t frames; double first_ms; int source; };
struct facet_pipeline_summary {
    int64_t frames, faces, tracks, embedded, named, dropped;    /* named: faces with a person's name */
    int sources, failed_sources;
    double seconds;                /* from first frame to last, on the clock */
    struct facet_histogram step[FACET_STEPS], total;            /* compute time; birth to end */
    struct facet_seen people[FACET_PIPELINE_PEOPLE];
    int n_people;
    bool is_cancelled;
};

/* Opens every stage: models are loaded, sources checked, sinks made. Borrows what the options borrow
 * until close. */
int facet_pipeline_open(struct facet_pipeline **out, const struct facet_pipeline_opts *o);
void facet_pipeline_close(struct facet_pipeline **p);
/* Until the sources end or `cancel` is set; sinks are finished by close. */
int facet_pipeline_run(struct facet_pipeline *p);
/* Valid after run. */
const struct facet_pipeline_summary *facet_pipeline_summary(const struct facet_pipeline *p);
/* How far it is; callable from `done`. */
void facet_pipeline_progress(const struct facet_pipeline *p, struct facet_ingest_total *out);

#endif
