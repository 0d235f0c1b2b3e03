#include "report/runs.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_JSON (64u << 20)

/* --- what follows from columns --- */

static double column(const struct facet_report_run *r, size_t row, const char *name)
{
    return facet_table_number(&r->table, row, facet_table_column(&r->table, name));
}

static double watts(const struct facet_report_run *r, size_t row)
{
    double s = column(r, row, "seconds");
    return s > 0 ? column(r, row, "energy_j") / s : NAN;
}

static double a_frame(const struct facet_report_run *r, size_t row, double of)
{
    double frames = column(r, row, "frames");
    return frames > 0 ? of / frames : NAN;
}

/* A path alone is all the device's; of a site each end is told apart. */
static double device_cpu_ms(const struct facet_report_run *r, size_t row)
{
    return facet_report_is_path(r, row) ? column(r, row, "cpu_ms_a_frame") : 1000 * a_frame(r, row, column(r, row, "device_cpu_seconds"));
}

static double server_cpu_ms(const struct facet_report_run *r, size_t row)
{
    return 1000 * a_frame(r, row, column(r, row, "server_cpu_seconds"));
}

static double device_j_a_frame(const struct facet_report_run *r, size_t row)
{
    return facet_report_is_path(r, row) ? column(r, row, "j_a_frame") : a_frame(r, row, column(r, row, "device_j"));
}

static double server_j_a_frame(const struct facet_report_run *r, size_t row)
{
    return a_frame(r, row, column(r, row, "server_j"));
}

static double up_a_frame(const struct facet_report_run *r, size_t row)
{
    return a_frame(r, row, column(r, row, facet_report_is_path(r, row) ? "bytes_sent" : "bytes_up"));
}

static double down_a_frame(const struct facet_report_run *r, size_t row)
{
    return a_frame(r, row, column(r, row, facet_report_is_path(r, row) ? "bytes_received" : "bytes_down"));
}

/* Cameras of FACET_REPORT_CAMERA_FPS that a machine like this one carries. A site says how many of its own camera, and nothing
 * where frames were left out; a path alone is reckoned by its processor time. */
static double cameras(const struct facet_report_run *r, size_t row, const char *told, double cpu_ms)
{
    double seconds = column(r, row, "video_seconds"), cores = (double)facet_json_int(facet_json_get(r->env, "cores"), 0);
    if (!facet_report_is_path(r, row))
        return seconds > 0 ? column(r, row, told) * column(r, row, "frames") / seconds / FACET_REPORT_CAMERA_FPS : NAN;
    return cores > 0 && cpu_ms > 0 ? 1000 * cores / (cpu_ms * FACET_REPORT_CAMERA_FPS) : NAN;
}

static double cameras_a_device(const struct facet_report_run *r, size_t row)
{
    return cameras(r, row, "device_cameras", device_cpu_ms(r, row));
}

static double cameras_a_server(const struct facet_report_run *r, size_t row)
{
    return cameras(r, row, "server_cameras", server_cpu_ms(r, row));
}

static double named_part(const struct facet_report_run *r, size_t row)
{
    double faces = column(r, row, "faces"), named = column(r, row, "recognised");
    return faces > 0 ? 100 * named / faces : NAN;
}

const struct facet_report_derived facet_report_derived[] = {
    { "watts", watts }, { "device_cpu_ms", device_cpu_ms }, { "server_cpu_ms", server_cpu_ms }, { "device_j_a_frame", device_j_a_frame },
    { "server_j_a_frame", server_j_a_frame }, { "up_a_frame", up_a_frame }, { "down_a_frame", down_a_frame },
    { "cameras_a_device", cameras_a_device }, { "cameras_a_server", cameras_a_server }, { "named_part", named_part },
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

static int load_json(struct facet_json **out, const char *dir, const char *name)
{
    char path[2600];
    int err = facet_path_join(path, sizeof(path), dir, name);
    return err ? err : facet_json_load(out, path, MAX_JSON);
}

static int load_run(struct facet_report_runs *all, const char *dir, bool with_dir)
{
    struct facet_report_run r = { .label = "" };
    char path[2600];
    int err = load_json(&r.head, dir, "experiments.json");
    if (!err)
        err = load_json(&r.env, dir, "environment.json");
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

bool facet_report_is_path(const struct facet_report_run *r, size_t row)
{
    const char *setup = facet_report_word(r, row, "setup");
    return *setup ? strcmp(setup, "path") == 0 : strcmp(facet_report_word(r, row, "strategy"), "edge") == 0;
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
