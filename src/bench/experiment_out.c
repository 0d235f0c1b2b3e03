#include "bench/experiment_out.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/str.h"
#include "bench/report.h"
#include "bench/software.h"
#include "deploy/strategy.h"
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
    *out = NULL;
    int err = facet_path_join(path, sizeof(path), dir, name);
    return err ? err : facet_json_load(out, path, MAX_JSON);
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
    facet_jsonw_kint(w, "batch", e->batch);
    facet_jsonw_kint(w, "min_face", e->min_face);
    facet_jsonw_kint(w, "every", e->every);
    facet_jsonw_kint(w, "frame_rate", e->frame_rate);
    facet_jsonw_kstr(w, "mode", facet_experiment_mode_words[e->mode]);
    facet_jsonw_kstr(w, "setup", e->is_site ? "site" : "path");
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
    facet_bench_put_software(&w, x);
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

static void put_ways(struct facet_jsonw *w, const struct facet_experiment *e)
{
    static const char *const words[FACET_NETSIM_WAYS] = { "up", "down" };
    for (int i = 0; i < FACET_NETSIM_WAYS; i++) {
        facet_jsonw_key(w, words[i]);
        facet_jsonw_object(w);
        facet_jsonw_knum(w, "delay_ms", e->way[i].delay_ms, -1);
        facet_jsonw_knum(w, "jitter_ms", e->way[i].jitter_ms, -1);
        facet_jsonw_knum(w, "loss", e->way[i].loss, -1);
        facet_jsonw_knum(w, "rate_kbps", e->way[i].rate_kbps, -1);
        facet_jsonw_end_object(w);
    }
}

static void put_heard(struct facet_jsonw *w, const struct facet_watched *h)
{
    facet_jsonw_kint(w, "events", h->events);
    facet_jsonw_kint(w, "tracks", h->tracks);
    facet_jsonw_kint(w, "named_tracks", h->named);
    facet_jsonw_kint(w, "names", h->names);
    facet_jsonw_kint(w, "decisions", (int64_t)h->decisions);
    facet_jsonw_knum(w, "delay_mean_ms", h->mean_ms, 1);
    facet_jsonw_knum(w, "delay_p50_ms", h->p50_ms, 0);
    facet_jsonw_knum(w, "delay_p95_ms", h->p95_ms, 0);
    facet_jsonw_knum(w, "delay_p99_ms", h->p99_ms, 0);
}

static void put_site(struct facet_jsonw *w, const struct facet_experiment *e, const struct facet_site_result *s)
{
    const struct facet_strategy *strategy = facet_strategy_find(e->strategy);
    facet_jsonw_key(w, "site");
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "video_seconds", s->video_s, 3);
    facet_jsonw_kstr(w, "network_by", facet_shaper_words[s->shaped_by]);
    put_ways(w, e);
    put_heard(w, &s->heard);
    facet_jsonw_kint(w, "chips", s->heard.pictures);
    facet_jsonw_knum(w, "device_cpu_seconds", s->device_cpu_s, 3);
    facet_jsonw_knum(w, "server_cpu_seconds", s->server_cpu_s, 3);
    facet_jsonw_kint(w, "device_peak_bytes", s->device.peak_rss_bytes);
    facet_jsonw_kint(w, "server_peak_bytes", s->server.peak_rss_bytes);
    facet_jsonw_kint(w, "bytes_up", s->line.way[FACET_NETSIM_UP].bytes);
    facet_jsonw_kint(w, "bytes_down", s->line.way[FACET_NETSIM_DOWN].bytes);
    facet_jsonw_knum(w, "joules", s->joules, 4);
    facet_jsonw_kstr(w, "energy_source", s->energy_source);
    facet_jsonw_knum(w, "device_j", s->device_j, 4);
    facet_jsonw_knum(w, "server_j", s->server_j, 4);
    facet_jsonw_kint(w, "cores", s->cores);
    facet_jsonw_kstr(w, "leaves", strategy ? strategy->leaves : "");
    facet_jsonw_end_object(w);
}

int facet_experiment_keep(const struct facet_experiment *e, const char *answer, const char *to, const struct facet_child_cost *cost,
                          const struct facet_site_result *site)
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
        if (site)
            put_site(&w, e, site);
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
