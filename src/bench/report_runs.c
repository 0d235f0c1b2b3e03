#include "bench/report_runs.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "bench/experiment_out.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what follows from columns --- */

static double column(const struct facet_report_run *r, size_t row, const char *name)
{
    return facet_table_number(&r->table, row, facet_table_column(&r->table, name));
}

static bool is_strategy(const struct facet_report_run *r, size_t row, const char *strategy)
{
    return strcmp(facet_table_text(&r->table, row, facet_table_column(&r->table, "strategy")), strategy) == 0;
}

static double watts(const struct facet_report_run *r, size_t row)
{
    double s = column(r, row, "seconds");
    return s > 0 ? column(r, row, "energy_j") / s : NAN;
}

/* With edge all of a run is the device's; otherwise only what was told apart is known. */
static double device_cpu_ms(const struct facet_report_run *r, size_t row)
{
    double told = column(r, row, "device_cpu_ms_a_frame");
    return isfinite(told) ? told : is_strategy(r, row, "edge") ? column(r, row, "cpu_ms_a_frame") : NAN;
}

static double server_cpu_ms(const struct facet_report_run *r, size_t row)
{
    return column(r, row, "server_cpu_ms_a_frame");
}

static double device_j(const struct facet_report_run *r, size_t row)
{
    double told = column(r, row, "device_j_a_frame");
    return isfinite(told) ? told : is_strategy(r, row, "edge") ? column(r, row, "j_a_frame") : NAN;
}

static double server_j(const struct facet_report_run *r, size_t row)
{
    return column(r, row, "server_j_a_frame");
}

static double sent_a_frame(const struct facet_report_run *r, size_t row)
{
    double frames = column(r, row, "frames");
    return frames > 0 ? column(r, row, "bytes_sent") / frames : NAN;
}

/* Cameras that the processors of the machine carry: by processor time, not by one run's rate, which stops at the camera's own. */
static double cameras(const struct facet_report_run *r, double cpu_ms)
{
    double cores = (double)facet_json_int(facet_json_get(r->env, "cores"), 0);
    return cores > 0 && cpu_ms > 0 ? 1000 * cores / (cpu_ms * FACET_REPORT_CAMERA_FPS) : NAN;
}

static double device_cameras(const struct facet_report_run *r, size_t row)
{
    return cameras(r, device_cpu_ms(r, row));
}

static double server_cameras(const struct facet_report_run *r, size_t row)
{
    return cameras(r, server_cpu_ms(r, row));
}

static double named_part(const struct facet_report_run *r, size_t row)
{
    double faces = column(r, row, "faces"), named = column(r, row, "recognised");
    return faces > 0 ? 100 * named / faces : NAN;
}

const struct facet_report_derived facet_report_derived[] = {
    { "watts", watts }, { "device_cpu_ms", device_cpu_ms }, { "server_cpu_ms", server_cpu_ms }, { "device_j", device_j }, { "server_j", server_j },
    { "sent_a_frame", sent_a_frame }, { "device_cameras", device_cameras }, { "server_cameras", server_cameras }, { "named_part", named_part },
    { NULL, NULL },
};

/* --- loading --- */

/* "results" of "some/results/". */
static void name_of(char *out, size_t cap, const char *dir)
{
    size_t len = strlen(dir);
    while (len > 1 && dir[len - 1] == '/')
        len--;
    size_t from = len;
    while (from > 0 && dir[from - 1] != '/')
        from--;
    snprintf(out, cap, "%.*s", (int)(len - from), dir + from);
}

static bool is_taken(const struct facet_report_runs *all, const char *label)
{
    for (int i = 0; i < all->n; i++)
        if (strcmp(all->run[i].label, label) == 0)
            return true;
    return false;
}

static void give_label(struct facet_report_runs *all, struct facet_report_run *r, const char *dir, bool with_dir)
{
    char machine[200], name[64] = "";
    snprintf(machine, sizeof(machine), "%.160s, %lld cores", facet_json_str(facet_json_get(r->env, "processor"), "machine"),
             (long long)facet_json_int(facet_json_get(r->env, "cores"), 0));
    if (with_dir)
        name_of(name, sizeof(name), dir);
    snprintf(r->label, sizeof(r->label), "%s%s%s", name, *name ? ": " : "", machine);
    for (int i = 2; is_taken(all, r->label); i++)
        snprintf(r->label, sizeof(r->label), "%s %d: %s", name, i, machine);
}

static void fini_run(struct facet_report_run *r)
{
    facet_table_fini(&r->table);
    facet_json_unref(&r->env);
    facet_json_unref(&r->head);
}

static int load_run(struct facet_report_runs *all, const char *dir, bool with_dir)
{
    struct facet_report_run r = { .label = "" };
    char path[2600];
    int err = facet_experiments_json(&r.head, dir, "experiments.json");
    if (!err)
        err = facet_experiments_json(&r.env, dir, "environment.json");
    if (!err)
        err = facet_path_join(path, sizeof(path), dir, "summary.csv");
    if (!err)
        err = facet_table_load(&r.table, path);
    if (err) {
        fini_run(&r);
        return err;
    }
    give_label(all, &r, dir, with_dir);
    all->run[all->n++] = r;
    return FACET_OK;
}

int facet_report_runs_load(struct facet_report_runs *out, const char *const *dirs, int n)
{
    *out = (struct facet_report_runs){ .n = 0 };
    if (n > FACET_REPORT_MAX_DIRS)
        return facet_fail(FACET_E_LIMIT, "a report is made of %d folders at most", FACET_REPORT_MAX_DIRS);
    out->run = calloc((size_t)n + 1, sizeof(*out->run));
    int err = out->run ? FACET_OK : facet_fail_nomem();
    for (int i = 0; !err && i < n; i++)
        err = load_run(out, dirs[i], n > 1);
    if (err)
        facet_report_runs_fini(out);
    return err;
}

void facet_report_runs_fini(struct facet_report_runs *r)
{
    for (int i = 0; i < r->n; i++)
        fini_run(&r->run[i]);
    free(r->run);
    *r = (struct facet_report_runs){ .n = 0 };
}

/* --- reading --- */

bool facet_report_is_done(const struct facet_report_run *r, size_t row)
{
    return strcmp(facet_report_word(r, row, "status"), "done") == 0;
}

const char *facet_report_word(const struct facet_report_run *r, size_t row, const char *name)
{
    return strcmp(name, "platform") == 0 ? r->label : facet_table_text(&r->table, row, facet_table_column(&r->table, name));
}

double facet_report_value(const struct facet_report_run *r, size_t row, const char *name)
{
    for (const struct facet_report_derived *d = facet_report_derived; d->name; d++)
        if (strcmp(d->name, name) == 0)
            return d->of(r, row);
    return column(r, row, name);
}
