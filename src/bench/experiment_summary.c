/* summary.csv: a row for each experiment that was run, made anew of what lies in its folder. */
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/experiment_out.h"
#include "bench/stats.h"
#include "report/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ANSWER (4u << 20)

static const char *const step_columns[] = { "decode_ms", "detect_ms", "track_ms", "align_ms", "embed_ms", "identify_ms", "publish_ms", "queue_ms" };
#define N_STEPS (sizeof(step_columns) / sizeof(step_columns[0]))

static const char head[] =
    "# facet-summary 1\n"
    "id,video,lines,detector,detect_backend,recogniser,recognise_backend,threads,min_face,every,mode,strategy,network,repeat,status,reason,"
    "frames,seconds,fps,faces,faces_a_frame,tracks,embedded,recognised,dropped,"
    "decode_ms,detect_ms,track_ms,align_ms,embed_ms,identify_ms,publish_ms,queue_ms,total_p50_ms,total_p95_ms,total_p99_ms,"
    "delay_mean_ms,delay_p50_ms,delay_p95_ms,delay_p99_ms,"
    "cpu_seconds,cpu_ms_a_frame,rss_mb,peak_rss_mb,minor_faults,major_faults,switches,preemptions,"
    "energy_j,energy_source,j_a_frame,j_a_recognised_face,bytes_sent,bytes_received,"
    "setup,frame_rate,network_by,video_seconds,events,decisions,named_tracks,names,device_delay_mean_ms,device_cpu_seconds,server_cpu_seconds,"
    "device_peak_mb,server_peak_mb,bytes_up,bytes_down,pictures_sent,device_j,server_j,device_cameras,server_cameras,leaves,batch\n";

#define N_SITE_COLUMNS 21

/* Of the numbers of a column; cells without one are left out. */
static int spread_of(const struct facet_table *t, const char *column, struct facet_spread *out)
{
    int c = facet_table_column(t, column);
    double *v = malloc((t->n_rows + 1) * sizeof(*v));
    size_t n = 0;
    *out = (struct facet_spread){ .n = 0 };
    if (!v)
        return facet_fail_nomem();
    for (size_t i = 0; i < t->n_rows; i++) {
        double x = facet_table_number(t, i, c);
        if (isfinite(x))
            v[n++] = x;
    }
    facet_spread_of(out, v, n);
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

/* A cell; empty where there is nothing to tell. */
static void put_value(struct facet_str *s, double v, int decimals)
{
    facet_str_puts(s, ",");
    if (isfinite(v))
        facet_str_printf(s, "%.*f", decimals, v);
}

static double number(const struct facet_json *from, const char *key)
{
    return facet_json_num(facet_json_get(from, key), NAN);
}

/* Delays of a site are from capture to hearing who it is; of the path alone, to the frame's row. */
static int put_times(struct facet_str *s, const struct facet_table *t, const struct facet_json *site)
{
    struct facet_spread p;
    int err = FACET_OK;
    for (size_t i = 0; !err && i < N_STEPS; i++) {
        err = spread_of(t, step_columns[i], &p);
        put_value(s, p.mean, 3);
    }
    if (!err)
        err = spread_of(t, "total_ms", &p);
    put_value(s, p.p50, 3);
    put_value(s, p.p95, 3);
    put_value(s, p.p99, 3);
    if (!err)
        err = site ? FACET_OK : spread_of(t, "delay_ms", &p);
    if (site)
        p = (struct facet_spread){ .mean = number(site, "delay_mean_ms"), .p50 = number(site, "delay_p50_ms"), .p95 = number(site, "delay_p95_ms"),
                                   .p99 = number(site, "delay_p99_ms") };
    put_value(s, p.mean, 1);
    put_value(s, p.p50, 0);
    put_value(s, p.p95, 0);
    put_value(s, p.p99, 0);
    return err;
}

/* Of the whole machine: counted frame by frame, or (site) over the run. */
static int put_energy(struct facet_str *s, const struct facet_table *t, const struct facet_json *site, double recognised)
{
    struct facet_spread joules = { .n = 0 };
    const char *source = t->n_rows ? facet_table_text(t, 0, facet_table_column(t, "energy_source")) : "";
    int err = site ? FACET_OK : spread_of(t, "energy_j", &joules);
    if (site) {
        joules.sum = number(site, "joules");
        joules.n = isfinite(joules.sum);
        source = facet_json_str(facet_json_get(site, "energy_source"), "");
    }
    if (joules.n == 0) {
        facet_str_puts(s, ",,,,");
        return err;
    }
    facet_str_printf(s, ",%.4f,%s", joules.sum, source);
    put_ratio(s, joules.sum, (double)t->n_rows, 5);
    put_ratio(s, joules.sum, recognised, 5);
    return err;
}

/* Pictures of people that left the device: none, chips of faces, or every frame. */
static void put_pictures(struct facet_str *s, const struct facet_json *run, const struct facet_json *site)
{
    const char *strategy = facet_json_str(facet_json_get(run, "strategy"), "");
    int64_t frames = facet_json_int(facet_json_get(facet_json_get(run, "answer"), "frames"), 0);
    facet_str_printf(s, ",%lld", (long long)(!strcmp(strategy, "cloud") ? frames : facet_json_int(facet_json_get(site, "chips"), 0)));
}

/* Part of the frames that should have been looked at and were not: of those that came, or of the rate that was asked for. A stream begins
 * with a burst, so the first second does not count. */
static double left_out(const struct facet_table *t, int frame_rate, double video_seconds)
{
    int pts = facet_table_column(t, "pts_ms"), dropped = facet_table_column(t, "dropped");
    double seen = 0, lost = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        if (facet_table_number(t, i, pts) < 1000)
            continue;
        double n = facet_table_number(t, i, dropped);
        lost += isfinite(n) ? n : 0;
        seen++;
    }
    if (frame_rate)
        lost = fmax(0, (video_seconds - 1) * frame_rate - 1 - seen);
    return seen > 0 ? lost / (seen + lost) : 1;
}

/* How many such cameras one machine of this kind could take: its processors' time over what one took. Told only where hardly a frame was
 * left out; that the work spreads over all cores is assumed. */
static double cameras(const struct facet_json *site, const char *end, double lost)
{
    double cpu_s = number(site, end);
    return lost <= 0.01 && cpu_s > 0 ? number(site, "cores") * number(site, "video_seconds") / cpu_s : NAN;
}

static void put_site(struct facet_str *s, const struct facet_json *run, const struct facet_json *site, const struct facet_table *t, int frame_rate)
{
    const double lost = left_out(t, frame_rate, number(site, "video_seconds"));
    const struct facet_json *answer = facet_json_get(run, "answer");
    const bool has_delay = number(answer, "events") > 0;
    facet_str_printf(s, ",%s", facet_json_str(facet_json_get(site, "network_by"), ""));
    put_value(s, number(site, "video_seconds"), 3);
    put_value(s, number(site, "events"), 0);
    put_value(s, number(site, "decisions"), 0);
    put_value(s, number(site, "named_tracks"), 0);
    put_value(s, number(site, "names"), 0);
    put_value(s, number(has_delay ? answer : NULL, "delay_mean_ms"), 1);
    put_value(s, number(site, "device_cpu_seconds"), 3);
    put_value(s, number(site, "server_cpu_seconds"), 3);
    put_value(s, number(site, "device_peak_bytes") / 1e6, 1);
    put_value(s, number(site, "server_peak_bytes") / 1e6, 1);
    put_value(s, number(site, "bytes_up"), 0);
    put_value(s, number(site, "bytes_down"), 0);
    put_pictures(s, run, site);
    put_value(s, number(site, "device_j"), 3);
    put_value(s, number(site, "server_j"), 3);
    put_value(s, cameras(site, "device_cpu_seconds", lost), 2);
    put_value(s, cameras(site, "server_cpu_seconds", lost), 2);
    facet_str_puts(s, ",");
    put_text(s, facet_json_str(facet_json_get(site, "leaves"), ""));
}

static int put_done(struct facet_str *s, const struct facet_experiment *e, const struct facet_table *t, const struct facet_json *run)
{
    const struct facet_json *answer = facet_json_get(run, "answer"), *site = facet_json_get(run, "site");
    struct facet_spread faces, tracks, embedded, recognised, dropped, rss, sent, received;
    double seconds = facet_json_num(facet_json_get(answer, "seconds"), 0), cpu = facet_json_num(facet_json_get(run, "cpu_seconds"), 0);
    double frames = (double)t->n_rows;
    struct { const char *column; struct facet_spread *to; } all[] = {
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
    facet_str_printf(s, ",%lld,%.0f,%.0f,%.0f", (long long)facet_json_int(facet_json_get(site ? site : answer, "tracks"), 0),
                     embedded.sum + (site ? (double)facet_json_int(facet_json_get(site, "chips"), 0) : 0), recognised.sum, dropped.sum);
    if (!err)
        err = put_times(s, t, site);
    facet_str_printf(s, ",%.3f", cpu);
    put_ratio(s, cpu * 1000, frames, 2);
    put_value(s, rss.max / 1e6, 1);
    put_value(s, number(run, "peak_rss_bytes") / 1e6, 1);
    static const char *const counts[] = { "minor_faults", "major_faults", "switches", "preemptions" };
    for (int i = 0; i < 4; i++)
        facet_str_printf(s, ",%lld", (long long)facet_json_int(facet_json_get(run, counts[i]), 0));
    if (!err)
        err = put_energy(s, t, site, recognised.sum);
    put_value(s, site ? number(answer, "bytes_sent") : sent.sum, 0);
    put_value(s, site ? number(answer, "bytes_received") : received.sum, 0);
    facet_str_printf(s, ",%s,%d", e->is_site ? "site" : "path", e->frame_rate);
    if (site)
        put_site(s, run, site, t, e->frame_rate);
    for (int i = 2; !site && i < N_SITE_COLUMNS; i++)
        facet_str_puts(s, ",");
    facet_str_printf(s, ",%d\n", e->batch);
    return err;
}

static int put_failed(struct facet_str *s, const struct facet_experiment *e, const char *path)
{
    char why[512];
    int commas = 0;
    uint8_t *text = NULL;
    size_t len = 0;
    if (facet_file_read(path, MAX_ANSWER, &text, &len) != FACET_OK)
        len = 0;
    snprintf(why, sizeof(why), "%.*s", (int)(len ? strcspn((char *)text, "\n") : 0), len ? (char *)text : "");
    free(text);
    facet_str_puts(s, "failed,");
    put_text(s, why);
    for (const char *c = head + sizeof("# facet-summary 1\n") - 1; *c; c++)
        commas += *c == ',';
    for (int i = 15; i < commas; i++)
        facet_str_puts(s, ",");
    return facet_str_printf(s, "%d\n", e->batch);
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
        return put_failed(s, e, path);
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
        err = put_done(s, e, &t, run);
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
