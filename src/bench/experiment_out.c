#include "bench/experiment_out.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/report.h"
#include "bench/table.h"
#include "measure/measure.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#define MAX_ANSWER (4u << 20)

#define MAX_JSON (64u << 20)

int facet_experiments_json(struct facet_json **out, const char *dir, const char *name)
{
    char path[2600];
    uint8_t *text;
    size_t len;
    *out = NULL;
    int err = facet_path_join(path, sizeof(path), dir, name);
    if (!err)
        err = facet_file_read(path, MAX_JSON, &text, &len);
    if (err)
        return err;
    err = facet_json_parse(out, (const char *)text, len, path);
    free(text);
    return err;
}

/* --- the head --- */

static int save(struct facet_str *text, const char *dir, const char *name)
{
    char path[2600];
    int err = text->err ? text->err : facet_str_puts(text, "\n");
    if (!err)
        err = facet_path_join(path, sizeof(path), dir, name);
    if (!err)
        err = facet_file_write_atomic(path, text->data, text->len);
    facet_str_fini(text);
    return err;
}

static void put_what(struct facet_jsonw *w, const struct facet_experiment *e)
{
    facet_jsonw_kstr(w, "id", e->id);
    facet_jsonw_kstr(w, "video", facet_path_base(e->video));
    facet_jsonw_kint(w, "lines", e->height);
    facet_jsonw_kstr(w, "detector", e->detector.model);
    facet_jsonw_kstr(w, "detect_backend", e->detector.backend);
    facet_jsonw_kstr(w, "recogniser", e->recogniser.model);
    facet_jsonw_kstr(w, "recognise_backend", e->recogniser.backend);
    facet_jsonw_kint(w, "threads", e->threads);
    facet_jsonw_kint(w, "min_face", e->min_face);
    facet_jsonw_kint(w, "every", e->every);
    facet_jsonw_kstr(w, "mode", facet_experiment_mode_words[e->mode]);
    facet_jsonw_kstr(w, "strategy", e->strategy);
    facet_jsonw_kstr(w, "network", e->network);
    facet_jsonw_kint(w, "repeat", e->repeat);
}

static int write_experiments(const struct facet_experiments *x, const char *out)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, true);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "name", x->name);
    facet_jsonw_kstr(&w, "about", x->about);
    facet_jsonw_kint(&w, "max_frames", x->max_frames);
    facet_jsonw_kint(&w, "repeats", x->repeats);
    facet_jsonw_kint(&w, "warmups", x->warmups);
    facet_jsonw_key(&w, "items");
    facet_jsonw_array(&w);
    for (size_t i = 0; i < x->n; i++) {
        if (!x->items[i].repeat)
            continue;
        facet_jsonw_object(&w);
        put_what(&w, &x->items[i]);
        facet_jsonw_end_object(&w);
    }
    facet_jsonw_end_array(&w);
    facet_jsonw_end_object(&w);
    return save(&s, out, "experiments.json");
}

static void first_line(char *out, size_t cap, const char *path, const char *key)
{
    uint8_t *text = NULL;
    size_t len = 0;
    out[0] = '\0';
    if (facet_file_read(path, 1 << 20, &text, &len) == FACET_OK) {
        const char *at = key ? strstr((const char *)text, key) : (const char *)text;
        at = at && key ? at + strlen(key) : at;
        at = at ? at + strspn(at, " \t:=\"") : "";
        snprintf(out, cap, "%.*s", (int)strcspn(at, "\"\n"), at);
    }
    free(text);
}

static void put_readers(struct facet_jsonw *w, const struct facet_experiments *x)
{
    static const char *const words[] = { "absent", "estimated", "real" };
    const struct facet_power_model m = { x->idle_watts, x->core_watts };
    struct facet_energy_reader r[FACET_ENERGY_READERS];
    int n = facet_energy_readers(r, "", &m);
    facet_jsonw_key(w, "energy");
    facet_jsonw_object(w);
    for (int i = 0; i < n; i++)
        facet_jsonw_kstr(w, r[i].name, words[r[i].state]);
    facet_jsonw_end_object(w);
}

/* The models that are named, with what pins them. */
static int put_models(struct facet_jsonw *w, const struct facet_experiments *x)
{
    struct facet_manifest *m;
    int err = facet_manifest_open(&m, NULL);
    facet_jsonw_key(w, "models");
    facet_jsonw_object(w);
    for (size_t i = 0; !err && i < facet_manifest_count(m); i++) {
        const struct facet_model_spec *s = facet_manifest_at(m, i);
        bool is_used = false;
        for (size_t j = 0; j < x->n && !is_used; j++)
            is_used = !strcmp(x->items[j].detector.model, s->name) || !strcmp(x->items[j].recogniser.model, s->name) ||
                      (s->is_default && (!*x->items[j].detector.model || !*x->items[j].recogniser.model));
        char contract[65];
        if (is_used && facet_model_contract(s, contract) == FACET_OK)
            facet_jsonw_kstr(w, s->name, contract);
    }
    facet_jsonw_end_object(w);
    facet_manifest_close(&m);
    return err;
}

static int write_environment(const struct facet_experiments *x, const char *out)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    struct facet_report r;
    struct utsname system;
    char text[256];
    facet_report_init(&r, x->name, 0);
    facet_jsonw_init(&w, &s, true);
    facet_jsonw_object(&w);
    for (size_t i = 0; i < r.n_facts; i++)
        facet_jsonw_kstr(&w, r.facts[i].key, r.facts[i].text);
    if (uname(&system) == 0)
        facet_jsonw_kstr(&w, "kernel", system.release);
    first_line(text, sizeof(text), "/etc/os-release", "PRETTY_NAME");
    facet_jsonw_kstr(&w, "os", text);
    facet_jsonw_kint(&w, "memory_bytes", (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE));
    facet_jsonw_kint(&w, "cores", sysconf(_SC_NPROCESSORS_ONLN));
    first_line(text, sizeof(text), "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", NULL);
    facet_jsonw_kstr(&w, "governor", *text ? text : NULL);
    facet_jsonw_kstr(&w, "compiler", __VERSION__);
    put_readers(&w, x);
    int err = put_models(&w, x);
    facet_jsonw_end_object(&w);
    facet_report_fini(&r);
    if (!err)
        return save(&s, out, "environment.json");
    facet_str_fini(&s);
    return err;
}

int facet_experiments_write_head(const struct facet_experiments *x, const char *out)
{
    int err = write_experiments(x, out);
    return err ? err : write_environment(x, out);
}

/* --- one run --- */

int facet_experiment_keep(const struct facet_experiments *x, const struct facet_experiment *e, const char *answer, const char *to,
                          const struct facet_child_cost *cost)
{
    uint8_t *text;
    size_t len;
    struct facet_json *j = NULL;
    int err = facet_file_read(answer, MAX_ANSWER, &text, &len);
    if (err)
        return err;
    err = facet_json_parse(&j, (const char *)text, len, answer);
    facet_json_unref(&j);
    if (!err) {
        struct facet_str s = FACET_STR_INIT;
        struct facet_jsonw w;
        facet_jsonw_init(&w, &s, false);
        facet_jsonw_object(&w);
        put_what(&w, e);
        facet_jsonw_knum(&w, "seconds", cost->seconds, 3);
        facet_jsonw_knum(&w, "cpu_seconds", cost->cpu_seconds, 3);
        facet_jsonw_kint(&w, "minor_faults", cost->minor_faults);
        facet_jsonw_kint(&w, "major_faults", cost->major_faults);
        facet_jsonw_kint(&w, "switches", cost->switches);
        facet_jsonw_kint(&w, "preemptions", cost->preemptions);
        facet_jsonw_kint(&w, "peak_rss_bytes", cost->peak_rss_bytes);
        facet_jsonw_key(&w, "answer");
        while (len > 0 && text[len - 1] == '\n')
            len--;
        facet_str_append(&s, text, len);
        facet_jsonw_end_object(&w);
        err = s.err ? s.err : facet_file_write_atomic(to, s.data, s.len);
        facet_str_fini(&s);
    }
    free(text);
    return err;
}

/* --- the summary --- */

static const char *const step_columns[] = { "decode_ms", "detect_ms", "track_ms", "align_ms", "embed_ms", "identify_ms", "publish_ms", "queue_ms" };
#define N_STEPS (sizeof(step_columns) / sizeof(step_columns[0]))

static const char head[] =
    "# facet-summary 1\n"
    "id,video,lines,detector,detect_backend,recogniser,recognise_backend,threads,min_face,every,mode,strategy,network,repeat,status,reason,"
    "frames,seconds,fps,faces,faces_a_frame,tracks,embedded,recognised,dropped,"
    "decode_ms,detect_ms,track_ms,align_ms,embed_ms,identify_ms,publish_ms,queue_ms,total_p50_ms,total_p95_ms,total_p99_ms,"
    "delay_mean_ms,delay_p50_ms,delay_p95_ms,delay_p99_ms,"
    "cpu_seconds,cpu_ms_a_frame,rss_mb,peak_rss_mb,minor_faults,major_faults,switches,preemptions,"
    "energy_j,energy_source,j_a_frame,j_a_recognised_face,bytes_sent,bytes_received\n";

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

struct spread { double sum, mean, p50, p95, p99, max; size_t n; };

/* Of the numbers of a column; cells without one are left out. */
static int spread_of(const struct facet_table *t, const char *column, struct spread *out)
{
    int c = facet_table_column(t, column);
    double *v = malloc((t->n_rows + 1) * sizeof(*v));
    *out = (struct spread){ .n = 0 };
    if (!v)
        return facet_fail_nomem();
    for (size_t i = 0; i < t->n_rows; i++) {
        double x = facet_table_number(t, i, c);
        if (isfinite(x)) {
            v[out->n++] = x;
            out->sum += x;
        }
    }
    if (out->n > 0) {
        qsort(v, out->n, sizeof(*v), by_size);
        out->mean = out->sum / (double)out->n;
        out->p50 = v[(out->n - 1) / 2];
        out->p95 = v[(size_t)((double)(out->n - 1) * 0.95)];
        out->p99 = v[(size_t)((double)(out->n - 1) * 0.99)];
        out->max = v[out->n - 1];
    }
    free(v);
    return FACET_OK;
}

static void put_text(struct facet_str *s, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        facet_str_puts(s, text);
        return;
    }
    facet_str_puts(s, "\"");
    for (; *text; text++)
        facet_str_printf(s, *text == '"' ? "\"\"" : "%c", *text == '\n' || *text == '\r' ? ' ' : *text);
    facet_str_puts(s, "\"");
}

static void put_id(struct facet_str *s, const struct facet_experiment *e)
{
    const char *const words[] = { e->id, facet_path_base(e->video) };
    put_text(s, words[0]);
    facet_str_puts(s, ",");
    put_text(s, words[1]);
    facet_str_printf(s, ",%d,%s,%s,%s,%s,%d,%d,%d,%s,%s,%s,%d,", e->height, e->detector.model, e->detector.backend, e->recogniser.model,
                     e->recogniser.backend, e->threads, e->min_face, e->every, facet_experiment_mode_words[e->mode], e->strategy, e->network, e->repeat);
}

static void put_ratio(struct facet_str *s, double a, double b, int decimals)
{
    if (b > 0)
        facet_str_printf(s, ",%.*f", decimals, a / b);
    else
        facet_str_puts(s, ",");
}

static int put_times(struct facet_str *s, const struct facet_table *t)
{
    struct spread p;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < N_STEPS; i++) {
        err = spread_of(t, step_columns[i], &p);
        facet_str_printf(s, ",%.3f", p.mean);
    }
    if (!err)
        err = spread_of(t, "total_ms", &p);
    facet_str_printf(s, ",%.3f,%.3f,%.3f", p.p50, p.p95, p.p99);
    if (!err)
        err = spread_of(t, "delay_ms", &p);
    facet_str_printf(s, ",%.1f,%.0f,%.0f,%.0f", p.mean, p.p50, p.p95, p.p99);
    return err;
}

static int put_energy(struct facet_str *s, const struct facet_table *t, double recognised)
{
    struct spread joules;
    int err = spread_of(t, "energy_j", &joules);
    if (joules.n == 0) {
        facet_str_puts(s, ",,,,");
        return err;
    }
    facet_str_printf(s, ",%.4f,%s", joules.sum, t->n_rows ? facet_table_text(t, 0, facet_table_column(t, "energy_source")) : "");
    put_ratio(s, joules.sum, (double)t->n_rows, 5);
    put_ratio(s, joules.sum, recognised, 5);
    return err;
}

static int put_done(struct facet_str *s, const struct facet_table *t, const struct facet_json *run)
{
    const struct facet_json *answer = facet_json_get(run, "answer");
    struct spread faces, tracks, embedded, recognised, dropped, rss, sent, received;
    double seconds = facet_json_num(facet_json_get(answer, "seconds"), 0), cpu = facet_json_num(facet_json_get(run, "cpu_seconds"), 0);
    double frames = (double)t->n_rows;
    struct { const char *column; struct spread *to; } all[] = {
        { "faces", &faces }, { "tracks", &tracks }, { "embedded", &embedded }, { "recognised", &recognised }, { "dropped", &dropped },
        { "rss_bytes", &rss }, { "bytes_sent", &sent }, { "bytes_received", &received },
    };
    int err = FACET_OK;
    for (size_t i = 0; !err && i < sizeof(all) / sizeof(all[0]); i++)
        err = spread_of(t, all[i].column, all[i].to);
    facet_str_printf(s, "done,,%.0f,%.3f", frames, seconds);
    put_ratio(s, frames, seconds, 2);
    facet_str_printf(s, ",%.0f", faces.sum);
    put_ratio(s, faces.sum, frames, 2);
    facet_str_printf(s, ",%lld,%.0f,%.0f,%.0f", (long long)facet_json_int(facet_json_get(answer, "tracks"), 0), embedded.sum, recognised.sum, dropped.sum);
    if (!err)
        err = put_times(s, t);
    facet_str_printf(s, ",%.3f", cpu);
    put_ratio(s, cpu * 1000, frames, 2);
    facet_str_printf(s, ",%.1f,%.1f", rss.max / 1e6, facet_json_num(facet_json_get(run, "peak_rss_bytes"), 0) / 1e6);
    static const char *const counts[] = { "minor_faults", "major_faults", "switches", "preemptions" };
    for (int i = 0; i < 4; i++)
        facet_str_printf(s, ",%lld", (long long)facet_json_int(facet_json_get(run, counts[i]), 0));
    if (!err)
        err = put_energy(s, t, recognised.sum);
    facet_str_printf(s, ",%.0f,%.0f\n", sent.sum, received.sum);
    return err;
}

static int put_failed(struct facet_str *s, const char *path)
{
    char why[512];
    int commas = 0;
    first_line(why, sizeof(why), path, NULL);
    facet_str_puts(s, "failed,");
    put_text(s, why);
    for (const char *c = head + sizeof("# facet-summary 1\n") - 1; *c; c++)
        commas += *c == ',';
    for (int i = 15; i < commas; i++)
        facet_str_puts(s, ",");
    return facet_str_puts(s, "\n");
}

static int put_row(struct facet_str *s, const struct facet_experiment *e, const char *out)
{
    char dir[2300], csv[2400], path[2400];
    struct facet_table t;
    snprintf(dir, sizeof(dir), "%.2000s/runs/%s", out, e->id);
    snprintf(csv, sizeof(csv), "%s/frames.csv", dir);
    snprintf(path, sizeof(path), "%s/failed.txt", dir);
    if (facet_path_exists(path)) {
        put_id(s, e);
        return put_failed(s, path);
    }
    if (!facet_path_exists(csv))
        return FACET_OK;
    uint8_t *text = NULL;
    size_t len = 0;
    struct facet_json *run = NULL;
    snprintf(path, sizeof(path), "%s/run.json", dir);
    int err = facet_table_load(&t, csv);
    if (err)
        return err;
    err = facet_file_read(path, MAX_ANSWER, &text, &len);
    if (!err)
        err = facet_json_parse(&run, (const char *)text, len, path);
    if (!err) {
        put_id(s, e);
        err = put_done(s, &t, run);
    }
    facet_json_unref(&run);
    free(text);
    facet_table_fini(&t);
    return err;
}

int facet_experiments_write_summary(const struct facet_experiments *x, const char *out)
{
    struct facet_str s = FACET_STR_INIT;
    char path[2400];
    int err = facet_str_puts(&s, head);
    for (size_t i = 0; !err && i < x->n; i++)
        if (x->items[i].repeat)
            err = put_row(&s, &x->items[i], out);
    if (!err)
        err = s.err;
    if (!err)
        err = facet_path_join(path, sizeof(path), out, "summary.csv");
    if (!err)
        err = facet_file_write_atomic(path, s.data, s.len);
    facet_str_fini(&s);
    return err;
}
