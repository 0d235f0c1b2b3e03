#include "cli/run_summary.h"

#include "cli/out.h"
#include "measure/measure.h"
#include "models/models.h"

#include <string.h>

static double quantile_ms(const struct facet_histogram *h, double q)
{
    return (double)facet_histogram_quantile(h, q) / 1e6;
}

static double mean_ms(const struct facet_histogram *h)
{
    return h->count ? (double)h->sum_ns / (double)h->count / 1e6 : 0;
}

static double frames_per_second(const struct facet_pipeline_summary *s)
{
    return s->seconds > 0 ? (double)s->frames / s->seconds : 0;
}

static void put_time(FILE *to, double ms)
{
    long tenths = (long)(ms / 100 + 0.5);
    fprintf(to, "%ld:%02ld.%ld", tenths / 600, tenths / 10 % 60, tenths % 10);
}

static void put_people(FILE *to, const struct facet_pipeline_summary *s)
{
    if (s->n_people == 0) {
        fputs("people     nobody was recognised\n", to);
        return;
    }
    for (int i = 0; i < s->n_people; i++) {
        const struct facet_seen *p = &s->people[i];
        fprintf(to, "%-11s%s in %lld frames, first at ", i ? "" : "people", p->name, (long long)p->frames);
        put_time(to, p->first_ms);
        fputc('\n', to);
    }
}

static void put_steps(FILE *to, const struct facet_pipeline_summary *s)
{
    fputs("ms a frame ", to);
    for (int i = 0; i < FACET_STEPS; i++)
        fprintf(to, "%s%s %.1f", i ? ", " : "", facet_step_names[i], mean_ms(&s->step[i]));
    fputc('\n', to);
}

static void put_files(FILE *to, const struct facet_publish_opts *o)
{
    const char *const paths[] = { o->video, o->events, o->csv };
    bool any = false;
    for (int i = 0; i < 3; i++) {
        if (!paths[i] || !strcmp(paths[i], "-"))
            continue;
        fprintf(to, "%s%s", any ? ", " : "wrote      ", paths[i]);
        any = true;
    }
    if (any)
        fputc('\n', to);
}

void facet_run_summary_text(FILE *to, const struct facet_pipeline_summary *s, const struct facet_pipeline_opts *o)
{
    fprintf(to, "frames     %lld in %.1f s, %.1f frames/s", (long long)s->frames, s->seconds, frames_per_second(s));
    if (s->dropped)
        fprintf(to, ", %lld dropped", (long long)s->dropped);
    if (s->failed_sources)
        fprintf(to, ", %d of %d sources could not be read", s->failed_sources, s->sources);
    fprintf(to, "\nfaces      %lld in %lld tracks, %lld embedded, %lld with a name\n", (long long)s->faces,
            (long long)s->tracks, (long long)s->embedded, (long long)s->named);
    put_people(to, s);
    put_steps(to, s);
    if (o->embed.backend)
        fprintf(to, "networks   on %s\n", o->embed.backend);
    put_files(to, &o->publish);
    if (s->is_cancelled)
        fputs("interrupted: what was begun is finished, the rest was left out\n", to);
}

static void steps_json(struct facet_jsonw *w, const struct facet_pipeline_summary *s)
{
    facet_jsonw_key(w, "ms");
    facet_jsonw_object(w);
    for (int i = 0; i <= FACET_STEPS; i++) {
        const struct facet_histogram *h = i < FACET_STEPS ? &s->step[i] : &s->total;
        facet_jsonw_key(w, i < FACET_STEPS ? facet_step_names[i] : "total");
        facet_jsonw_object(w);
        facet_jsonw_knum(w, "mean", mean_ms(h), 3);
        facet_jsonw_knum(w, "p50", quantile_ms(h, 0.5), 3);
        facet_jsonw_knum(w, "p99", quantile_ms(h, 0.99), 3);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_object(w);
}

static void people_json(struct facet_jsonw *w, const struct facet_pipeline_summary *s)
{
    facet_jsonw_key(w, "people");
    facet_jsonw_array(w);
    for (int i = 0; i < s->n_people; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", s->people[i].name);
        facet_jsonw_kint(w, "frames", s->people[i].frames);
        facet_jsonw_knum(w, "first_ms", s->people[i].first_ms, 1);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

int facet_run_summary_json(const struct facet_pipeline_summary *s, const struct facet_pipeline_opts *o)
{
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "strategy", o->strategy);
    facet_jsonw_kstr(&a.w, "detector", o->detect.model->name);
    facet_jsonw_kstr(&a.w, "recogniser", o->embed.model->name);
    facet_jsonw_kstr(&a.w, "backend", o->embed.backend ? o->embed.backend : "cpu");
    facet_jsonw_knum(&a.w, "threshold", o->identify.threshold, 4);
    facet_jsonw_kint(&a.w, "sources", s->sources);
    facet_jsonw_kint(&a.w, "failed_sources", s->failed_sources);
    facet_jsonw_kint(&a.w, "frames", s->frames);
    facet_jsonw_kint(&a.w, "dropped", s->dropped);
    facet_jsonw_kint(&a.w, "faces", s->faces);
    facet_jsonw_kint(&a.w, "tracks", s->tracks);
    facet_jsonw_kint(&a.w, "embedded", s->embedded);
    facet_jsonw_kint(&a.w, "named", s->named);
    people_json(&a.w, s);
    facet_jsonw_knum(&a.w, "seconds", s->seconds, 3);
    facet_jsonw_knum(&a.w, "frames_per_second", frames_per_second(s), 2);
    steps_json(&a.w, s);
    facet_jsonw_kint(&a.w, "peak_rss_bytes", facet_peak_rss_bytes());
    facet_jsonw_kbool(&a.w, "interrupted", s->is_cancelled);
    return facet_answer_end(&a);
}
