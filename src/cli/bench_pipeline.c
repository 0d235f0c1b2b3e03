/* facet bench pipeline: the whole path over sample videos. */
#include "bench/bench_pipeline.h"

#include "base/errors.h"
#include "cli/bench.h"
#include "cli/out.h"

#include <stdio.h>

static void show(void *ctx, const char *what)
{
    const struct facet_cli *cli = ctx;
    if (!cli->quiet && !cli->json)
        fprintf(stderr, "%s\n", what);
}

int facet_bench_pipeline_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    struct facet_bench_pipeline_opts po = {
        .clips = (const char *const *)argv, .n_clips = argc, .heights = o->heights, .modes = o->modes, .detector = o->detector,
        .recogniser = o->recogniser, .reference = o->reference, .backend = o->backend, .min_face = (int)o->min_face,
        .scan_every = (int)o->scan_every, .quick_pyramid = o->quick_pyramid,
        .together = (unsigned)o->together, .together_ms = o->together_ms, .max_frames = o->max_frames, .threads = (unsigned)o->threads,
        .rounds = (unsigned)o->rounds, .cancel = cli->cancel, .progress = show, .ctx = cli,
    };
    struct facet_report r;
    facet_report_init(&r, "pipeline", po.threads);
    int err = facet_bench_pipeline_run(&r, &po);
    if (!err)
        return facet_bench_answer(cli, o, &r);
    facet_report_fini(&r);
    return err;
}
