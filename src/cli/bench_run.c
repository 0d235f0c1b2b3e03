/* facet bench run, check, compare: matrices of experiments. */
#include "base/errors.h"
#include "base/file.h"
#include "bench/experiment_check.h"
#include "bench/experiment_run.h"
#include "cli/bench.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>

struct telling { const struct facet_cli *cli; };

static void put_duration(char *out, size_t cap, double s)
{
    if (s < 90)
        snprintf(out, cap, "%.0f s", s);
    else
        snprintf(out, cap, "%.0f min", s / 60);
}

static void tell(void *ctx, const struct facet_experiment_told *t)
{
    const struct telling *tl = ctx;
    char what[512], left[32] = "?";
    if (t->fault) {
        facet_complain("failed: %s", t->fault);
        return;
    }
    if (tl->cli->quiet || tl->cli->json)
        return;
    facet_experiment_describe(t->now, what, sizeof(what));
    if (t->left_s >= 0)
        put_duration(left, sizeof(left), t->left_s);
    fprintf(stderr, "%zu of %zu, %s left: %s%s\n", t->at + 1, t->n, left, what, t->now->repeat ? "" : " (warm-up)");
}

static void show_plan(struct facet_cli *cli, const struct facet_experiments *x, const char *out)
{
    char what[512], expected[32];
    size_t done = facet_experiments_done(x, out);
    put_duration(expected, sizeof(expected), facet_experiments_expected_s(x));
    facet_say(cli, "%s: %zu experiments%s%s\n", x->name, x->n, *x->about ? ": " : "", x->about);
    for (size_t i = 0; i < x->n; i++) {
        facet_experiment_describe(&x->items[i], what, sizeof(what));
        if (x->items[i].repeat == 1)
            facet_say(cli, "  %s  %s\n", x->items[i].id, what);
    }
    facet_say(cli, "%d repeats, %d warm-ups; expected: %s%s", x->repeats, x->warmups, expected, done ? "" : "\n");
    if (done)
        facet_say(cli, "; %zu are done already\n", done);
}

int facet_bench_run_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct facet_bench_words *o = options;
    struct facet_experiments x;
    struct facet_experiment_count count;
    struct telling telling = { cli };
    char videos[2048];
    const char *mirror = getenv("FACET_MIRROR");
    if (!o->out)
        return facet_usage(cli, "--out DIR is missing: where results are kept");
    snprintf(videos, sizeof(videos), "%.2000s/data/video", mirror ? mirror : "");
    int err = facet_experiments_load(&x, argv[0], mirror ? videos : NULL, o->quick);
    if (err)
        return err;
    show_plan(cli, &x, o->out);
    struct facet_experiment_run_opts ro = { .out = o->out, .retry = o->retry, .cancel = cli->cancel, .progress = tell, .ctx = &telling };
    err = o->plan ? FACET_OK : facet_experiments_run(&x, &ro, &count);
    facet_experiments_fini(&x);
    if (o->plan)
        return err;
    if (err == FACET_E_CANCELLED)
        facet_complain("stopped; the same command goes on from here");
    if (!err)
        facet_say(cli, "%zu done, %zu failed, %zu were done before; %s/summary.csv\n", count.done, count.failed, count.before, o->out);
    if (!err && count.left)
        facet_say(cli, "%zu were left out: --quick ends within three minutes\n", count.left);
    if (!err && cli->json) {
        struct facet_answer a;
        facet_answer_begin(&a);
        facet_jsonw_kint(&a.w, "done", (int64_t)count.done);
        facet_jsonw_kint(&a.w, "failed", (int64_t)count.failed);
        facet_jsonw_kint(&a.w, "left", (int64_t)count.left);
        facet_jsonw_kint(&a.w, "before", (int64_t)count.before);
        err = facet_answer_end(&a);
    }
    return err == FACET_E_CANCELLED ? FACET_EXIT_INTERRUPTED : err ? err : count.failed ? FACET_EXIT_NO : FACET_EXIT_OK;
}

int facet_bench_check_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    struct facet_checked c;
    int err = facet_experiments_check(&c, argv[0]);
    if (err)
        return err;
    if (c.faults)
        facet_complain("%zu faults, the first: %s", c.faults, c.first);
    facet_say(cli, "%s: %zu done, %zu failed, %zu not run, %zu faults\n", argv[0], c.done, c.failed, c.missing, c.faults);
    if (cli->json) {
        struct facet_answer a;
        facet_answer_begin(&a);
        facet_jsonw_kint(&a.w, "done", (int64_t)c.done);
        facet_jsonw_kint(&a.w, "failed", (int64_t)c.failed);
        facet_jsonw_kint(&a.w, "missing", (int64_t)c.missing);
        facet_jsonw_kint(&a.w, "faults", (int64_t)c.faults);
        facet_jsonw_kstr(&a.w, "first_fault", *c.first ? c.first : NULL);
        err = facet_answer_end(&a);
        if (err)
            return err;
    }
    return c.faults ? FACET_EXIT_NO : FACET_EXIT_OK;
}

int facet_bench_compare_main(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    struct facet_report r;
    size_t changed;
    facet_report_init(&r, "compare", 0);
    int err = facet_experiments_compare(&r, argv[0], argv[1], &changed);
    if (!err) {
        facet_report_note(&r, "%zu of these lie beyond noise. Over frames the bounds are narrower than they should be: repeat runs three times.", changed);
        return facet_bench_answer(cli, options, &r);
    }
    facet_report_fini(&r);
    return err;
}
