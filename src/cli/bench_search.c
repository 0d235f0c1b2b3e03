/* facet bench search: how fast very many templates are searched. */
#include "bench/bench_search.h"

#include "cli/bench.h"

#include <string.h>

int facet_bench_search_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    struct facet_bench_search_opts so = {
        .people = o->people, .dim = (int)o->dim, .batch = (int)o->batch, .k = (int)o->best, .file = o->file,
        .threads = (unsigned)o->threads, .rounds = (unsigned)o->rounds, .warmup = (unsigned)o->warmup,
        .faiss = !o->rivals || strcmp(o->rivals, "none") != 0, .pictures = argc ? argv[0] : NULL, .detector = o->detector,
        .recogniser = o->recogniser, .max_pictures = o->max_pictures, .cancel = cli->cancel,
    };
    struct facet_report r;
    facet_report_init(&r, "search", so.threads ? so.threads : 1);
    int err = facet_bench_search_run(&r, &so);
    if (!err && so.pictures)
        err = facet_bench_search_faces(&r, &so);
    if (!err)
        return facet_bench_answer(cli, o, &r);
    facet_report_fini(&r);
    return err;
}
