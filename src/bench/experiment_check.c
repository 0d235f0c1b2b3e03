#include "bench/experiment_check.h"
#include "bench/experiment_out.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "bench/software.h"
#include "report/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void __attribute__((format(printf, 2, 3))) note(struct facet_checked *c, const char *fmt, ...)
{
    va_list args;
    if (c->faults++)
        return;
    va_start(args, fmt);
    vsnprintf(c->first, sizeof(c->first), fmt, args);
    va_end(args);
}

/* Columns that every row fills with a number. */
static const char *const wanted[] = { "frame", "pts_ms", "width", "height", "faces", "decode_ms", "detect_ms", "track_ms", "align_ms", "embed_ms",
                                      "identify_ms", "publish_ms", "queue_ms", "total_ms", "cpu_ms", "tracks", "embedded", "recognised" };

static void check_frames(struct facet_checked *c, const struct facet_table *t, const char *id)
{
    int frame = facet_table_column(t, "frame");
    double last = -1;
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        int column = facet_table_column(t, wanted[i]);
        if (column < 0)
            note(c, "runs/%s/frames.csv has no column '%s'", id, wanted[i]);
        for (size_t r = 0; column >= 0 && r < t->n_rows; r++)
            if (!(facet_table_number(t, r, column) >= 0)) {
                note(c, "runs/%s/frames.csv: '%s' of row %zu is '%s'", id, wanted[i], r + 1, facet_table_text(t, r, column));
                break;
            }
    }
    for (size_t r = 0; frame >= 0 && r < t->n_rows; r++) {
        double now = facet_table_number(t, r, frame);
        if (now <= last) {
            note(c, "runs/%s/frames.csv: frame %g stands behind frame %g", id, now, last);
            return;
        }
        last = now;
    }
}

/* The summary's row of a run says what the run's own files say. */
static void check_row(struct facet_checked *c, const struct facet_table *s, const char *id, const struct facet_table *t)
{
    int column = facet_table_column(s, "id");
    for (size_t r = 0; r < s->n_rows; r++) {
        if (strcmp(facet_table_text(s, r, column), id) != 0)
            continue;
        if (facet_table_number(s, r, facet_table_column(s, "frames")) != (double)t->n_rows)
            note(c, "summary.csv says %s frames of %s, its frames.csv has %zu", facet_table_text(s, r, facet_table_column(s, "frames")), id, t->n_rows);
        return;
    }
    note(c, "summary.csv has no row of %s", id);
}

/* What a site's run tells of both ends and of what passed between them. */
static void check_site(struct facet_checked *c, const struct facet_json *run, const char *name)
{
    static const char *const keys[] = { "video_seconds", "events", "tracks", "decisions", "device_cpu_seconds", "server_cpu_seconds",
                                        "device_peak_bytes", "server_peak_bytes", "bytes_up", "bytes_down" };
    const struct facet_json *site = facet_json_get(run, "site");
    if (strcmp(facet_json_str(facet_json_get(run, "setup"), "path"), "site") != 0)
        return;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!(facet_json_num(facet_json_get(site, keys[i]), -1) >= 0)) {
            note(c, "%s: its site has no '%s'", name, keys[i]);
            return;
        }
    double p50 = facet_json_num(facet_json_get(site, "delay_p50_ms"), 0), p99 = facet_json_num(facet_json_get(site, "delay_p99_ms"), 0);
    if (p50 < 0 || p99 < p50)
        note(c, "%s: half of the delays are over %g ms, and only one in a hundred over %g ms", name, p50, p99);
}

static void check_run(struct facet_checked *c, const char *dir, const struct facet_table *summary, const char *id)
{
    char path[2600], name[128];
    struct facet_json *run = NULL;
    struct facet_table t;
    snprintf(path, sizeof(path), "%.2000s/runs/%.60s/failed.txt", dir, id);
    if (facet_path_exists(path)) {
        c->failed++;
        return;
    }
    snprintf(path, sizeof(path), "%.2000s/runs/%.60s/frames.csv", dir, id);
    if (!facet_path_exists(path)) {
        c->missing++;
        return;
    }
    c->done++;
    if (facet_table_load(&t, path) != FACET_OK) {
        note(c, "%s", facet_error_text());
        return;
    }
    check_frames(c, &t, id);
    check_row(c, summary, id, &t);
    facet_table_fini(&t);
    snprintf(name, sizeof(name), "runs/%.60s/run.json", id);
    if (facet_experiments_json(&run, dir, name) != FACET_OK)
        note(c, "%s", facet_error_text());
    else if (strcmp(facet_json_str(facet_json_get(run, "id"), ""), id) != 0)
        note(c, "%s is of another run, '%s'", name, facet_json_str(facet_json_get(run, "id"), ""));
    else
        check_site(c, run, name);
    facet_json_unref(&run);
}

int facet_experiments_check(struct facet_checked *out, const char *dir)
{
    struct facet_json *head = NULL, *env = NULL;
    struct facet_table summary = { .n_rows = 0 };
    char path[2600];
    *out = (struct facet_checked){ .done = 0 };
    int err = facet_experiments_json(&head, dir, "experiments.json");
    if (!err)
        err = facet_experiments_json(&env, dir, "environment.json");
    if (!err)
        err = facet_path_join(path, sizeof(path), dir, "summary.csv");
    if (!err)
        err = facet_table_load(&summary, path);
    const struct facet_json *items = facet_json_get(head, "items");
    if (!err && !facet_json_is_array(items))
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s/experiments.json': it lists no experiments", dir);
    for (size_t i = 0; !err && i < facet_json_size(items); i++)
        check_run(out, dir, &summary, facet_json_str(facet_json_get(facet_json_at(items, i), "id"), ""));
    if (!err && !*facet_json_str(facet_json_get(env, "processor"), ""))
        note(out, "environment.json names no processor");
    if (!err && facet_bench_check_software(env, items))
        note(out, "%s", facet_error_text());
    facet_table_fini(&summary);
    facet_json_unref(&env);
    facet_json_unref(&head);
    return err;
}
