/* `facet bench`: one file bench_<name>.c and one line in cmd_bench.c for each subcommand. All share this
 * struct: the first part is everyone's, then each has fields of its own, named after it where they clash. */
#ifndef FACET_CLI_BENCH_H
#define FACET_CLI_BENCH_H

#include "bench/report.h"
#include "cli/cmd.h"

#include <stdint.h>

struct facet_bench_words {
    int64_t threads, rounds, warmup;    /* 0: the subcommand's own choice */
    const char *markdown;               /* file to write; NULL: none */
    /* engine */
    bool layers, scaling, busy, cpu_time;
    const char *only, *rivals, *precision, *cpu;
    /* start, search, pipeline */
    const char *detector, *recogniser;
    /* search */
    int64_t people, dim, batch, best, max_pictures;
    bool file, quick_pyramid;
    /* pipeline */
    int64_t min_face, scan_every, max_frames, together;
    double together_ms;
    const char *heights, *modes, *reference, *backend;
    /* run */
    const char *out;
    bool quick, retry, plan;
};

/* Prints the report as text or as JSON, and writes the Markdown file where one is wanted. Frees the report. */
int facet_bench_answer(struct facet_cli *cli, const struct facet_bench_words *o, struct facet_report *r);

facet_cmd_fn facet_bench_engine_main, facet_bench_start_main, facet_bench_search_main, facet_bench_pipeline_main, facet_bench_run_main,
    facet_bench_check_main, facet_bench_compare_main;

#endif
