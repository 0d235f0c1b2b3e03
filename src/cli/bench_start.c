/* facet bench start: from the start of the process to the first embedding of a picture. */
#include "bench/bench_start.h"

#include "base/errors.h"
#include "cli/bench.h"

int facet_bench_start_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    const char *const one[] = { o->recogniser, NULL };
    struct facet_bench_start_opts so = {
        .picture = argv[0], .detector = o->detector, .recognisers = o->recogniser ? one : NULL, .rivals = o->rivals,
        .rounds = (unsigned)o->rounds, .threads = (unsigned)o->threads, .cancel = cli->cancel,
    };
    struct facet_report r;
    (void)argc;
    facet_report_init(&r, "start", so.threads);
    int err = facet_bench_start_run(&r, &so);
    if (!err)
        return facet_bench_answer(cli, o, &r);
    facet_report_fini(&r);
    return err;
}
