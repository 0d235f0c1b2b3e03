/* facet bench engine: how fast the networks run here, beside ONNX Runtime when it is there. */
#include "base/errors.h"
#include "bench/bench_engine.h"
#include "cli/bench.h"
#include "cli/out.h"

static void say_rows(struct facet_cli *cli, const struct facet_bench_engine *b)
{
    facet_say(cli, "%s, %s kernels, threads: %u, rounds: %u, ONNX Runtime: %s\n\n", b->cpu_model, b->cpu_kind, b->threads, b->rounds,
              *b->ort_version ? b->ort_version : "not here");
    facet_say(cli, "%-14s %-13s %8s %9s %8s %9s %7s %10s %8s\n", "network", "input", "MMAC", "facet ms", "GFLOP/s", "ORT ms", "ratio",
              "1-slope ms", "differs");
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct facet_bench_row *r = &b->rows[i];
        facet_say(cli, "%-14s %-13s %8.1f %9.3f %8.1f", r->name, r->input, r->mmac, r->facet.median_ms, r->mmac * 2 / r->facet.median_ms);
        if (r->ort.median_ms > 0)
            facet_say(cli, " %9.3f %6.2fx", r->ort.median_ms, r->ort.median_ms / r->facet.median_ms);
        if (r->ort_scalar.median_ms > 0)
            facet_say(cli, " %10.3f", r->ort_scalar.median_ms);
        else if (r->ort.median_ms > 0)
            facet_say(cli, " %10s", "-");
        if (r->worst_diff >= 0)
            facet_say(cli, " %8.1e", r->worst_diff);
        facet_say(cli, "\n");
    }
}

static void say_layers(struct facet_cli *cli, const struct facet_bench_engine *b)
{
    for (size_t i = 0; i < b->n_layers; i++) {
        const struct facet_bench_layer *l = &b->layers[i];
        if (i == 0 || l->network != b->layers[i - 1].network)
            facet_say(cli, "\n%s\n", l->network);
        facet_say(cli, "  %-40s %-18s %-4s %9.4f ms %9.2f MMAC\n", l->name, l->op, l->backend, l->ms, l->mmac);
    }
}

static void write_time(struct facet_jsonw *w, const char *median, const char *best, struct facet_bench_time t)
{
    if (t.median_ms <= 0)
        return;
    facet_jsonw_knum(w, median, t.median_ms, 4);
    facet_jsonw_knum(w, best, t.best_ms, 4);
}

static int answer(const struct facet_bench_engine *b)
{
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "cpu_model", b->cpu_model);
    facet_jsonw_kstr(&a.w, "cpu_kind", b->cpu_kind);
    facet_jsonw_kint(&a.w, "threads", b->threads);
    facet_jsonw_kint(&a.w, "rounds", b->rounds);
    facet_jsonw_kstr(&a.w, "onnxruntime", b->ort_version);
    facet_jsonw_key(&a.w, "networks");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct facet_bench_row *r = &b->rows[i];
        facet_jsonw_object(&a.w);
        facet_jsonw_kstr(&a.w, "name", r->name);
        facet_jsonw_kstr(&a.w, "input", r->input);
        facet_jsonw_knum(&a.w, "mmac", r->mmac, 3);
        write_time(&a.w, "facet_median_ms", "facet_best_ms", r->facet);
        write_time(&a.w, "ort_median_ms", "ort_best_ms", r->ort);
        write_time(&a.w, "ort_one_slope_median_ms", "ort_one_slope_best_ms", r->ort_scalar);
        if (r->ort.median_ms > 0)
            facet_jsonw_knum(&a.w, "ratio", r->ort.median_ms / r->facet.median_ms, 3);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_key(&a.w, "layers");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < b->n_layers; i++) {
        facet_jsonw_object(&a.w);
        facet_jsonw_kstr(&a.w, "network", b->layers[i].network);
        facet_jsonw_kstr(&a.w, "name", b->layers[i].name);
        facet_jsonw_kstr(&a.w, "op", b->layers[i].op);
        facet_jsonw_kstr(&a.w, "backend", b->layers[i].backend);
        facet_jsonw_knum(&a.w, "ms", b->layers[i].ms, 5);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    return facet_answer_end(&a);
}

int facet_bench_engine_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    struct facet_bench_engine_opts bo = { .threads = (unsigned)o->threads, .rounds = (unsigned)o->rounds, .only = o->only,
                                          .ort_lib = o->rival, .layers = o->layers };
    struct facet_bench_engine b;
    int err = facet_bench_engine_run(&b, &bo);
    if (!err && cli->json)
        err = answer(&b);
    if (!err && !cli->json) {
        say_rows(cli, &b);
        say_layers(cli, &b);
    }
    facet_bench_engine_fini(&b);
    return err;
}
