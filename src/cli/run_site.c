/* A device's node from the command line: load, open, run until told otherwise, say how it was. A second thread waits for
 * SIGHUP and reads the file again; a file that is not right changes nothing. */
#include "cli/run_site.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/str.h"
#include "base/thread.h"
#include "cli/out.h"
#include "deploy/node.h"
#include "deploy/strategy.h"
#include "serve/keys.h"
#include "serve/serve.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct device {
    struct facet_cli *cli;
    const struct facet_run_site *o;
    struct facet_site *site;       /* by which the node runs */
    struct facet_node *node;
    struct facet_serve *serve;     /* NULL: nobody looks in */
    double start_cpu_seconds;      /* before the first frame: models read, plans made */
    struct facet_thread waiter;
    atomic_bool done;
};

/* ---- the file ---- */

static void drop_site(struct facet_site **s)
{
    if (*s)
        facet_site_fini(*s);
    free(*s);
    *s = NULL;
}

static int load_site(struct facet_site **out, const struct facet_run_site *o)
{
    struct facet_site *s = calloc(1, sizeof(*s));
    int err = s ? facet_site_load(s, o->path) : facet_fail_nomem();
    if (!err && o->strategy)
        err = facet_copy_text(s->strategy, sizeof(s->strategy), o->strategy);
    if (!err)
        err = facet_site_check(s);
    if (!err)
        err = facet_site_check_device(s);
    if (err)
        drop_site(&s);
    *out = s;
    return err;
}

static void reload(struct device *d)
{
    struct facet_str changed = FACET_STR_INIT;
    struct facet_site *s;
    int err = load_site(&s, d->o);
    if (!err)
        err = d->serve ? facet_serve_reload(d->serve, s, &changed) : facet_node_reload(d->node, s, &changed);
    if (err) {
        facet_complain("'%s' is not taken over, all stays as it is: %s", d->o->path, facet_error_text());
        drop_site(&s);
    } else {
        facet_complain("'%s' is taken over: %s", d->o->path, changed.len ? facet_str_text(&changed) : "nothing changed");
        drop_site(&d->site);
        d->site = s;
    }
    facet_str_fini(&changed);
}

static void wait_for_hangup(void *ctx)
{
    struct device *d = ctx;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    while (!atomic_load(&d->done))
        if (sigtimedwait(&set, NULL, &(struct timespec){ .tv_nsec = 200000000 }) == SIGHUP)
            reload(d);
}

/* ---- what is told ---- */

static double ms(uint64_t ns)
{
    return (double)ns / 1e6;
}

static double mean_ms(const struct facet_histogram *h)
{
    return h->count ? ms(h->sum_ns) / (double)h->count : 0;
}

static void tell_text(FILE *to, const struct device *d, const struct facet_node_stats *s)
{
    const struct facet_histogram *h = &s->delay;
    fprintf(to, "site       %s, device %s, strategy %s: %s\n", d->site->name, d->site->device, d->site->strategy,
            facet_strategy_find(d->site->strategy)->leaves);
    fprintf(to, "frames     %lld in %.1f s, %lld dropped\n", (long long)s->frames, s->seconds, (long long)s->dropped);
    fprintf(to, "faces      %lld in %lld tracks, %lld embedded here, %lld named\n", (long long)s->faces, (long long)s->tracks,
            (long long)s->embedded, (long long)s->named);
    fprintf(to, "network    %lld bytes sent, %lld received\n", (long long)s->bytes_sent, (long long)s->bytes_received);
    if (h->count)
        fprintf(to, "delay      mean %.0f ms, p50 %.0f, p95 %.0f, p99 %.0f, from capture to event\n", mean_ms(h), ms(facet_histogram_quantile(h, 0.5)),
                ms(facet_histogram_quantile(h, 0.95)), ms(facet_histogram_quantile(h, 0.99)));
    if (s->mqtt_state >= 0)
        fprintf(to, "outbox     %lld items, %lld bytes, %lld dropped\n", (long long)s->outbox_items, (long long)s->outbox_bytes,
                (long long)s->outbox_dropped);
    fprintf(to, "machine    %.1f s of processor time, %lld MB\n", s->cpu_seconds, (long long)(s->resident_bytes >> 20));
}

static int tell_json(const struct device *d, const struct facet_node_stats *s)
{
    struct facet_answer a;
    const struct facet_histogram *h = &s->delay;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "site", d->site->name);
    facet_jsonw_kstr(&a.w, "device", d->site->device);
    facet_jsonw_kstr(&a.w, "strategy", d->site->strategy);
    facet_jsonw_knum(&a.w, "seconds", s->seconds, 3);
    facet_jsonw_kint(&a.w, "frames", s->frames);
    facet_jsonw_kint(&a.w, "dropped", s->dropped);
    facet_jsonw_kint(&a.w, "faces", s->faces);
    facet_jsonw_kint(&a.w, "tracks", s->tracks);
    facet_jsonw_kint(&a.w, "embedded", s->embedded);
    facet_jsonw_kint(&a.w, "named", s->named);
    facet_jsonw_kint(&a.w, "bytes_sent", s->bytes_sent);
    facet_jsonw_kint(&a.w, "bytes_received", s->bytes_received);
    facet_jsonw_kint(&a.w, "events", (int64_t)h->count);
    facet_jsonw_knum(&a.w, "delay_mean_ms", mean_ms(h), 3);
    facet_jsonw_knum(&a.w, "delay_p50_ms", ms(facet_histogram_quantile(h, 0.5)), 3);
    facet_jsonw_knum(&a.w, "delay_p95_ms", ms(facet_histogram_quantile(h, 0.95)), 3);
    facet_jsonw_knum(&a.w, "delay_p99_ms", ms(facet_histogram_quantile(h, 0.99)), 3);
    facet_jsonw_knum(&a.w, "clock_offset_ms", s->clock_offset_ms, 3);
    facet_jsonw_kint(&a.w, "outbox_items", s->outbox_items);
    facet_jsonw_kint(&a.w, "outbox_dropped", s->outbox_dropped);
    facet_jsonw_kint(&a.w, "first_frame_ms", s->first_ms);
    facet_jsonw_knum(&a.w, "cpu_seconds", s->cpu_seconds, 3);
    facet_jsonw_knum(&a.w, "start_cpu_seconds", d->start_cpu_seconds, 3);
    facet_jsonw_kint(&a.w, "resident_bytes", s->resident_bytes);
    return facet_answer_end(&a);
}

static const char summary_head[] =
    "# facet-runs 1\n"
    "run,site,device,strategy,cameras,seconds,frames,dropped,faces,tracks,embedded,named,bytes_sent,bytes_received,events,"
    "delay_mean_ms,delay_p50_ms,delay_p95_ms,delay_p99_ms,clock_offset_ms,outbox_items,outbox_dropped,cpu_s,rss_bytes\n";

/* A row a run, whole; the head where the file is new. */
static int add_summary(const struct device *d, const struct facet_node_stats *s)
{
    const struct facet_histogram *h = &s->delay;
    char now[25];
    struct timespec t;
    FILE *to = fopen(d->o->summary, "ae");
    if (!to)
        return facet_fail_errno("write", d->o->summary);
    clock_gettime(CLOCK_REALTIME, &t);
    facet_format_time(now, (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000);
    if (fseek(to, 0, SEEK_END) == 0 && ftell(to) == 0)
        fputs(summary_head, to);
    fprintf(to, "%s,%s,%s,%s,%d,%.3f,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%lld,%llu,", now, d->site->name, d->site->device, d->site->strategy,
            d->site->n_cameras, s->seconds, (long long)s->frames, (long long)s->dropped, (long long)s->faces, (long long)s->tracks,
            (long long)s->embedded, (long long)s->named, (long long)s->bytes_sent, (long long)s->bytes_received, (unsigned long long)h->count);
    if (h->count)
        fprintf(to, "%.3f,%.3f,%.3f,%.3f,", mean_ms(h), ms(facet_histogram_quantile(h, 0.5)), ms(facet_histogram_quantile(h, 0.95)),
                ms(facet_histogram_quantile(h, 0.99)));
    else
        fputs(",,,,", to);
    fprintf(to, "%.3f,%lld,%lld,%.3f,%lld\n", s->clock_offset_ms, (long long)s->outbox_items, (long long)s->outbox_dropped, s->cpu_seconds,
            (long long)s->resident_bytes);
    return fclose(to) ? facet_fail_errno("write", d->o->summary) : FACET_OK;
}

static int tell(const struct device *d)
{
    struct facet_node_stats s;
    bool is_taken = (d->o->csv && !strcmp(d->o->csv, "-")) || (d->o->events && !strcmp(d->o->events, "-"));
    facet_node_stats(d->node, &s);
    int err = d->o->summary ? add_summary(d, &s) : FACET_OK;
    if (err)
        return err;
    if (d->cli->json)
        return tell_json(d, &s);
    if (!d->cli->quiet)
        tell_text(is_taken ? stderr : stdout, d, &s);
    return FACET_OK;
}

/* ---- run ---- */

static int open_node(struct device *d)
{
    struct facet_node_opts o = { .site = d->site, .role = FACET_NODE_DEVICE, .csv = d->o->csv, .events = d->o->events,
                                 .video = d->o->video, .cancel = d->cli->cancel };
    return facet_node_open(&d->node, &o);
}

/* Who may look in is who has a key: the first start makes one, and tells it once. */
static int open_serve(struct device *d)
{
    const struct facet_serve_opts o = { .site = d->site, .node = d->node, .look_only = true, .page = "", .cancel = d->cli->cancel };
    int err = facet_serve_open(&d->serve, &o);
    if (err)
        return err;
    const struct facet_first_secrets *first = facet_serve_first(d->serve);
    if (first)
        facet_complain("first start: API key %s (told once, keep it)", first->key);
    facet_complain("cameras can be watched at http%s://%s:%d/", *d->site->serve.cert ? "s" : "", d->site->serve.listen, facet_serve_port(d->serve));
    return FACET_OK;
}

static int run_node(struct device *d)
{
    int err = facet_thread_start(&d->waiter, "hangup", wait_for_hangup, d);
    if (err)
        return err;
    if (!d->cli->quiet)
        facet_complain("device '%s' of site '%s' runs: strategy %s, %d camera%s", d->site->device, d->site->name, d->site->strategy,
                       d->site->n_cameras, d->site->n_cameras == 1 ? "" : "s");
    err = facet_node_run(d->node);
    atomic_store(&d->done, true);
    facet_thread_join(&d->waiter);
    return err;
}

int facet_run_by_site(struct facet_cli *cli, const struct facet_run_site *o)
{
    struct device d = { .cli = cli, .o = o };
    sigset_t set;
    int err = load_site(&d.site, o);
    if (err)
        return err;
    if (o->only_check) {
        facet_say(cli, "'%s' is right\n", o->path);
        drop_site(&d.site);
        return FACET_EXIT_OK;
    }
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread is there: they inherit it */
    err = open_node(&d);
    if (!err && o->serve)
        err = open_serve(&d);
    d.start_cpu_seconds = (double)facet_process_cpu_ns() * 1e-9;
    if (!err)
        err = run_node(&d);
    facet_serve_close(&d.serve, 1000);
    if (!err)
        err = tell(&d);
    facet_node_close(&d.node);
    drop_site(&d.site);
    return err;
}
