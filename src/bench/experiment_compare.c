/* Two folders, combination by combination. The unit that is redrawn is what was repeated: whole runs where there are enough of
 * them, else frames, which are not independent of each other, so that their bounds are too narrow; the table says which. */
#include "base/errors.h"
#include "base/file.h"
#include "base/rng.h"
#include "bench/experiment_check.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REDRAWS 1000
#define ENOUGH 3
#define SEED 20260131

struct side { const char *dir; struct facet_table summary; };
struct sample { double *v; size_t n; };
struct ratio { double median, low, high; };

static const struct { const char *name, *column, *frames; } measures[] = {
    { "fps", "fps", NULL }, { "total ms", "total_p50_ms", "total_ms" }, { "detect ms", "detect_ms", "detect_ms" }, { "embed ms", "embed_ms", "embed_ms" },
    { "CPU ms a frame", "cpu_ms_a_frame", "cpu_ms" }, { "peak MB", "peak_rss_mb", NULL }, { "joules a frame", "j_a_frame", "energy_j" },
    { "delay ms", "delay_p50_ms", "delay_ms" }, { "device CPU s", "device_cpu_seconds", NULL }, { "server CPU s", "server_cpu_seconds", NULL },
    { "bytes up", "bytes_up", NULL }, { "bytes down", "bytes_down", NULL }, { "names", "names", NULL },
    { "faces", "faces", "faces" }, { "recognised", "recognised", "recognised" },
};

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median_of(double *v, size_t n)
{
    qsort(v, n, sizeof(*v), by_size);
    return n % 2 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double redrawn(const struct sample *s, struct facet_rng *rng, double *work)
{
    for (size_t i = 0; i < s->n; i++)
        work[i] = s->v[facet_rng_below(rng, (uint32_t)s->n)];
    return median_of(work, s->n);
}

/* Both sides are redrawn by themselves: they were not run side by side. */
static int ratio_of(const struct sample *a, const struct sample *b, struct ratio *out)
{
    size_t most = a->n > b->n ? a->n : b->n;
    double *work = malloc((most + REDRAWS) * sizeof(*work)), *ratios = work + most;
    if (!work)
        return facet_fail_nomem();
    struct facet_rng rng;
    facet_rng_seed(&rng, SEED);
    memcpy(work, a->v, a->n * sizeof(*work));
    double below = median_of(work, a->n);
    memcpy(work, b->v, b->n * sizeof(*work));
    out->median = median_of(work, b->n) / below;
    for (int i = 0; i < REDRAWS; i++) {
        double x = redrawn(a, &rng, work), y = redrawn(b, &rng, work);
        ratios[i] = x > 0 ? y / x : INFINITY;
    }
    qsort(ratios, REDRAWS, sizeof(*ratios), by_size);
    out->low = ratios[REDRAWS / 40];
    out->high = ratios[REDRAWS - 1 - REDRAWS / 40];
    free(work);
    return FACET_OK;
}

/* "0123456789ab-2" is repeat 2 of 0123456789ab. */
static bool is_of(const char *id, const char *key, size_t len)
{
    return strncmp(id, key, len) == 0 && id[len] == '-';
}

static int push(struct sample *s, double v)
{
    if (!isfinite(v))
        return FACET_OK;
    if (s->n % 64 == 0) {
        double *grown = realloc(s->v, (s->n + 64) * sizeof(*grown));
        if (!grown)
            return facet_fail_nomem();
        s->v = grown;
    }
    s->v[s->n++] = v;
    return FACET_OK;
}

static int take_runs(const struct side *side, const char *key, size_t len, const char *column, struct sample *out)
{
    const struct facet_table *t = &side->summary;
    int id = facet_table_column(t, "id"), c = facet_table_column(t, column), err = FACET_OK;
    for (size_t i = 0; !err && i < t->n_rows; i++)
        if (is_of(facet_table_text(t, i, id), key, len))
            err = push(out, facet_table_number(t, i, c));
    return err;
}

static int take_frames(const struct side *side, const char *key, size_t len, const char *column, struct sample *out)
{
    const struct facet_table *t = &side->summary;
    int id = facet_table_column(t, "id"), status = facet_table_column(t, "status"), err = FACET_OK;
    for (size_t i = 0; !err && i < t->n_rows; i++) {
        char path[2600];
        struct facet_table frames;
        if (!is_of(facet_table_text(t, i, id), key, len) || strcmp(facet_table_text(t, i, status), "done") != 0)
            continue;
        snprintf(path, sizeof(path), "%.2000s/runs/%.60s/frames.csv", side->dir, facet_table_text(t, i, id));
        if (!facet_path_exists(path))
            continue;
        err = facet_table_load(&frames, path);
        int c = err ? -1 : facet_table_column(&frames, column);
        for (size_t r = 0; !err && r < frames.n_rows; r++)
            err = push(out, facet_table_number(&frames, r, c));
        facet_table_fini(&frames);
    }
    return err;
}

static void put(struct facet_report *r, const struct ratio *x, const char *what, const char *measure, const char *over, size_t *changed)
{
    bool is_beyond = x->low > 1 || x->high < 1;
    *changed += is_beyond;
    facet_report_row(r);
    facet_report_text(r, "experiment", "%s", what);
    facet_report_text(r, "measure", "%s", measure);
    facet_report_num(r, "B / A", x->median, 3);
    facet_report_text(r, "95 of 100", "%.3f-%.3f", x->low, x->high);
    facet_report_text(r, "over", "%s", over);
    facet_report_text(r, "beyond noise", "%s", is_beyond ? (x->median > 1 ? "more" : "less") : "");
}

static int compare_one(struct facet_report *r, const struct side *a, const struct side *b, const char *key, size_t len, const char *what, size_t *changed)
{
    int err = FACET_OK;
    for (size_t m = 0; !err && m < sizeof(measures) / sizeof(measures[0]); m++) {
        struct sample x = { .n = 0 }, y = { .n = 0 };
        const char *over = "runs";
        err = take_runs(a, key, len, measures[m].column, &x);
        if (!err)
            err = take_runs(b, key, len, measures[m].column, &y);
        if (!err && (x.n < ENOUGH || y.n < ENOUGH) && measures[m].frames) {
            over = "frames";
            x.n = y.n = 0;
            free(x.v);
            free(y.v);
            x.v = y.v = NULL;
            err = take_frames(a, key, len, measures[m].frames, &x);
            if (!err)
                err = take_frames(b, key, len, measures[m].frames, &y);
        }
        struct ratio ratio = { .median = NAN };
        if (!err && x.n >= ENOUGH && y.n >= ENOUGH) {
            err = ratio_of(&x, &y, &ratio);
            if (!err && isfinite(ratio.median))
                put(r, &ratio, what, measures[m].name, over, changed);
        }
        free(x.v);
        free(y.v);
    }
    return err;
}

static int load_side(struct side *s, const char *dir)
{
    char path[2600];
    s->dir = dir;
    int err = facet_path_join(path, sizeof(path), dir, "summary.csv");
    return err ? err : facet_table_load(&s->summary, path);
}

/* "clip.mp4 480 mtcnn@cpu facenet@cpu track edge" */
static void describe(const struct facet_table *t, size_t row, char *out, size_t cap)
{
    static const char *const columns[] = { "video", "lines", "detector", "detect_backend", "recogniser",
                                           "recognise_backend", "threads", "mode", "strategy", "network" };
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]) && used < cap; i++) {
        const char *text = facet_table_text(t, row, facet_table_column(t, columns[i]));
        if (*text && strcmp(text, "0") != 0 && strcmp(text, "none") != 0)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? (strstr(columns[i], "backend") ? "@" : " ") : "", text);
    }
}

int facet_experiments_compare(struct facet_report *r, const char *a, const char *b, size_t *changed)
{
    struct side sa = { .dir = a }, sb = { .dir = b };
    size_t common = 0;
    *changed = 0;
    int err = load_side(&sa, a);
    if (!err)
        err = load_side(&sb, b);
    facet_report_table(r, "changes", "B against A");
    int id = facet_table_column(&sa.summary, "id"), repeat = facet_table_column(&sa.summary, "repeat");
    for (size_t i = 0; !err && i < sa.summary.n_rows; i++) {
        const char *key = facet_table_text(&sa.summary, i, id);
        const char *dash = strchr(key, '-');
        struct sample there = { .n = 0 };
        char what[256];
        if (!dash || strcmp(facet_table_text(&sa.summary, i, repeat), "1") != 0)
            continue;
        err = take_runs(&sb, key, (size_t)(dash - key), "frames", &there);
        common += there.n > 0;
        describe(&sa.summary, i, what, sizeof(what));
        if (!err && there.n > 0)
            err = compare_one(r, &sa, &sb, key, (size_t)(dash - key), what, changed);
        free(there.v);
    }
    if (!err && common == 0)
        err = facet_fail(FACET_E_NOT_FOUND, "'%s' and '%s' have no experiment in common", a, b);
    facet_table_fini(&sa.summary);
    facet_table_fini(&sb.summary);
    return err ? err : r->err;
}
