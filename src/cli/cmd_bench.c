/* facet bench: how fast things run here. The subcommands are in bench_<name>.c. */
#include "base/errors.h"
#include "cli/bench.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "flow/stage.h"

#include <stdio.h>

static const struct facet_opt bench_opts[] = {
    FACET_OPT_RANGE(struct facet_bench_words, threads, "threads", 't', FACET_OPT_INT, "N", 1, 256, "threads of each contestant (default 1)"),
    FACET_OPT_RANGE(struct facet_bench_words, rounds, "rounds", 'r', FACET_OPT_INT, "N", 3, 10000, "timed runs of each (default 21)"),
    FACET_OPT_RANGE(struct facet_bench_words, warmup, "warmup", 'w', FACET_OPT_INT, "N", 1, 10000, "runs of each that are not timed, before (default 2)"),
    FACET_OPT(struct facet_bench_words, markdown, "markdown", 'm', FACET_OPT_PATH, "FILE", "write the tables as Markdown, too"),
    FACET_OPT(struct facet_bench_words, only, "only", 'o', FACET_OPT_STR, "LIST", "engine: these networks alone, pnet,rnet ..."),
    FACET_OPT(struct facet_bench_words, precision, "precision", 'p', FACET_OPT_STR, "LIST", "engine: fp32, bf16, int8 or all (default fp32)"),
    FACET_OPT(struct facet_bench_words, rivals, "rivals", 0, FACET_OPT_STR, "LIST",
              "engine, start: back ends, openvino,onednn ..., or none (default: those found); search: none is no FAISS"),
    FACET_OPT(struct facet_bench_words, cpu, "cpu", 0, FACET_OPT_STR, "KIND", "engine: us and oneDNN as on an avx2 or avx512 processor"),
    FACET_OPT(struct facet_bench_words, scaling, "scaling", 's', FACET_OPT_FLAG, NULL, "engine: each with one thread, too"),
    FACET_OPT(struct facet_bench_words, busy, "busy", 'b', FACET_OPT_FLAG, NULL, "engine: each again while another process takes a core"),
    FACET_OPT(struct facet_bench_words, cpu_time, "cpu-time", 0, FACET_OPT_FLAG, NULL, "engine: processor time, for one thread on a busy machine"),
    FACET_OPT(struct facet_bench_words, layers, "layers", 'l', FACET_OPT_FLAG, NULL, "engine: time of each of our layers, too"),
    FACET_OPT(struct facet_bench_words, detector, "detector", 0, FACET_OPT_STR, "MODEL", "start, search, pipeline: what finds faces"),
    FACET_OPT(struct facet_bench_words, recogniser, "recogniser", 0, FACET_OPT_STR, "MODEL", "start, search, pipeline: what makes embeddings (start: all)"),
    FACET_OPT_RANGE(struct facet_bench_words, people, "people", 0, FACET_OPT_INT, "N", 1, 10000000, "search: templates, one each (default 1000000)"),
    FACET_OPT_RANGE(struct facet_bench_words, dim, "dim", 0, FACET_OPT_INT, "N", 1, 2048, "search: numbers of a template (default 512)"),
    FACET_OPT_RANGE(struct facet_bench_words, batch, "batch", 0, FACET_OPT_INT, "N", 1, 128, "search: queries at once (default 32)"),
    FACET_OPT_RANGE(struct facet_bench_words, best, "best", 0, FACET_OPT_INT, "K", 1, 1000, "search: answers to each query (default 1)"),
    FACET_OPT(struct facet_bench_words, file, "file", 0, FACET_OPT_FLAG, NULL, "search: write the index to the cache folder and map it"),
    FACET_OPT_RANGE(struct facet_bench_words, max_pictures, "max-pictures", 0, FACET_OPT_INT, "N", 1, 20000, "search: of the folder (default all)"),
    FACET_OPT_RANGE(struct facet_bench_words, min_face, "min-face", 0, FACET_OPT_INT, "PIXELS", 1, 10000, "pipeline: smallest face (default 40)"),
    FACET_OPT(struct facet_bench_words, heights, "heights", 0, FACET_OPT_STR, "LIST", "pipeline: lines of the samples (default 480,720,1080)"),
    FACET_OPT(struct facet_bench_words, modes, "modes", 0, FACET_OPT_STR, "LIST", "pipeline: every, track, guided (default: all)"),
    FACET_OPT(struct facet_bench_words, reference, "reference", 0, FACET_OPT_STR, "MODEL",
              "pipeline: whose faces are compared with (default: the default detector), or none"),
    FACET_OPT_RANGE(struct facet_bench_words, scan_every, "scan-every", 0, FACET_OPT_INT, "N", 1, 1000, "pipeline: guided: full scan each n-th (default 5)"),
    FACET_OPT_RANGE(struct facet_bench_words, together, "together", 0, FACET_OPT_INT, "N", 0, FACET_FLOW_TOGETHER, "pipeline: as in facet run"),
    FACET_OPT_RANGE(struct facet_bench_words, together_ms, "together-ms", 0, FACET_OPT_NUM, "MS", 0, 1000, "pipeline: as in facet run"),
    FACET_OPT(struct facet_bench_words, quick_pyramid, "quick-pyramid", 0, FACET_OPT_FLAG, NULL, "pipeline: as in facet run; the reference goes without"),
    FACET_OPT_RANGE(struct facet_bench_words, max_frames, "max-frames", 0, FACET_OPT_INT, "N", 1, 1000000, "pipeline: of each clip (default all)"),
    FACET_OPT(struct facet_bench_words, backend, "backend", 0, FACET_OPT_STR, "NAME", "pipeline: of the engine (default cpu)"),
    FACET_OPT(struct facet_bench_words, out, "out", 0, FACET_OPT_PATH, "DIR", "run: where results are kept; a folder that is there is gone on with"),
    FACET_OPT(struct facet_bench_words, quick, "quick", 0, FACET_OPT_FLAG, NULL, "run: 30 frames of each, once"),
    FACET_OPT(struct facet_bench_words, retry, "retry", 0, FACET_OPT_FLAG, NULL, "run: again what failed before"),
    FACET_OPT(struct facet_bench_words, plan, "plan", 0, FACET_OPT_FLAG, NULL, "run: say what would be run, and run nothing"),
    { 0 },
};

int facet_bench_answer(struct facet_cli *cli, const struct facet_bench_words *o, struct facet_report *r)
{
    struct facet_answer a;
    struct facet_str s = FACET_STR_INIT;
    int err = r->err ? r->err : o->markdown ? facet_report_save_markdown(r, o->markdown) : FACET_OK;
    if (!err && cli->json) {
        facet_answer_begin(&a);
        facet_report_write_json(r, &a.w);
        err = facet_answer_end(&a);
    } else if (!err) {
        facet_report_write_text(r, &s);
        facet_say(cli, "%s", facet_str_text(&s));
        err = s.err;
    }
    facet_str_fini(&s);
    facet_report_fini(r);
    return err;
}

static const struct facet_sub bench_subs[] = {
    { .name = "engine", .usage = "", .summary = "the face networks, beside other engines where they are", .run = facet_bench_engine_main },
    { .name = "start", .usage = "PICTURE", .summary = "from the start of the process to the first embedding, and its memory", .min_args = 1,
      .max_args = 1, .run = facet_bench_start_main },
    { .name = "search", .usage = "[FOLDER]", .summary = "exact search over very many templates; with a folder of faces, what int8 costs on them",
      .max_args = 1, .run = facet_bench_search_main },
    { .name = "pipeline", .usage = "[CLIP...]", .summary = "the whole path over sample videos of several heights, made of clips",
      .max_args = -1, .run = facet_bench_pipeline_main },
    { .name = "run", .usage = "EXPERIMENTS.yaml --out DIR", .summary = "a matrix of experiments, each in a process of its own (docs/experiments.md)",
      .min_args = 1, .max_args = 1, .run = facet_bench_run_main },
    { .name = "check", .usage = "DIR", .summary = "is a folder of experiments whole", .min_args = 1, .max_args = 1, .run = facet_bench_check_main },
    { .name = "compare", .usage = "DIR-A DIR-B", .summary = "what changed between two of them beyond noise", .min_args = 2, .max_args = 2,
      .run = facet_bench_compare_main },
    { 0 },
};

const struct facet_cmd facet_cmd_bench = {
    .name = "bench",
    .group = "Measure",
    .summary = "how fast the networks run on this machine",
    .usage = "[options] engine",
    .details = "All contestants do the same work in turns, each round beginning with another, so that whatever else the machine does "
               "meets all alike. engine: the networks have seeded random weights, for speed depends on their shape alone; results are "
               "compared before they race. Rivals are back ends like any other (facet doctor lists them; scripts/bench-rivals.sh "
               "fetches them). 'of peak' is the rate as a part of what a loop of nothing but multiply-adds reaches in the same run; "
               "networks with fewer products than their layers say (Winograd) may exceed it.",
    .options = bench_opts,
    .options_size = sizeof(struct facet_bench_words),
    .max_args = -1,
    .subs = bench_subs,
    .examples = "facet bench engine --markdown engine.md\n"
                "facet bench engine --only facenet --precision all --threads 2 --scaling\n"
                "facet bench engine --layers --only onet --rivals none\n"
                "facet bench run bench/experiments/quick.yaml --out results\n"
                "facet bench compare results-before results\n",
};
