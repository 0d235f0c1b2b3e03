/* The page's tables in Markdown: what a reader wants who opens no browser. */
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "report/beside.h"
#include "report/cost.h"
#include "report/groups.h"
#include "report/page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_FAILURES 100

enum how { MEAN, LEAST, FIRST_QUARTER, MEDIAN, THIRD_QUARTER, MOST };
struct column { const char *name, *title; int decimals; enum how how; };
#define END { .name = NULL }

static const char *const by_platform[] = { "platform", NULL };
static const char *const by_pair[] = { "detector", "detect_backend", "recogniser", "recognise_backend", NULL };
static const char *const by_lines[] = { "platform", "lines", NULL };
static const char *const by_lines_and_framework[] = { "lines", "detector", "detect_backend", NULL };
static const char *const by_detector[] = { "platform", "detector", "detect_backend", NULL };
static const char *const by_strategy[] = { "platform", "strategy", "network", NULL };
static const char *const by_pair_and_mode[] = { "detector", "detect_backend", "recogniser", "recognise_backend", "mode", NULL };

static const struct column platform_columns[] = {
    { "decode_ms", "capture ms", 2, MEAN }, { "detect_ms", "detection ms", 2, MEAN }, { "embed_ms", "recognition ms", 2, MEAN }, END,
};
static const struct column framework_columns[] = {
    { "decode_ms", "capture ms", 2, MEAN }, { "detect_ms", "detection ms", 2, MEAN }, { "embed_ms", "recognition ms", 2, MEAN },
    { "total_p50_ms", "total p50 ms", 1, MEAN }, { "fps", "frames/s", 1, MEAN }, { "faces", "faces", 0, MEAN }, { "faces_a_frame", "faces a frame", 2, MEAN },
    { "cpu_ms_a_frame", "CPU ms a frame", 1, MEAN }, END,
};
static const struct column speed_columns[] = {
    { "fps", "least", 1, LEAST }, { "fps", "first quarter", 1, FIRST_QUARTER }, { "fps", "median", 1, MEDIAN },
    { "fps", "third quarter", 1, THIRD_QUARTER }, { "fps", "most", 1, MOST }, END,
};
static const struct column time_columns[] = {
    { "decode_ms", "capture", 2, MEAN }, { "detect_ms", "detection", 2, MEAN }, { "track_ms", "tracking", 2, MEAN }, { "align_ms", "alignment", 2, MEAN },
    { "embed_ms", "recognition", 2, MEAN }, { "identify_ms", "search", 3, MEAN }, { "publish_ms", "publishing", 3, MEAN }, END,
};
static const struct column face_columns[] = {
    { "faces_a_frame", "least", 2, LEAST }, { "faces_a_frame", "first quarter", 2, FIRST_QUARTER }, { "faces_a_frame", "median", 2, MEDIAN },
    { "faces_a_frame", "third quarter", 2, THIRD_QUARTER }, { "faces_a_frame", "most", 2, MOST }, END,
};
static const struct column energy_columns[] = {
    { "watts", "watts", 2, MEAN }, { "j_a_frame", "J a frame", 3, MEAN }, { "j_a_recognised_face", "J a recognised face", 3, MEAN }, END,
};
static const struct column strategy_columns[] = {
    { "delay_mean_ms", "delay mean ms", 1, MEAN }, { "delay_p50_ms", "p50", 0, MEAN }, { "delay_p95_ms", "p95", 0, MEAN }, { "delay_p99_ms", "p99", 0, MEAN },
    { "device_cpu_ms", "device CPU ms a frame", 1, MEAN }, { "server_cpu_ms", "server CPU ms a frame", 1, MEAN },
    { "device_j_a_frame", "device J a frame", 3, MEAN }, { "server_j_a_frame", "server J a frame", 3, MEAN },
    { "up_a_frame", "bytes up a frame", 0, MEAN }, { "down_a_frame", "down", 0, MEAN }, { "pictures_sent", "pictures sent", 0, MEAN },
    { "cameras_a_device", "cameras a device", 1, MEAN }, { "cameras_a_server", "cameras a server", 1, MEAN }, END,
};
static const struct column accuracy_columns[] = {
    { "fps", "frames/s", 1, MEAN }, { "named_part", "% of faces named", 1, MEAN }, { "faces_a_frame", "faces a frame", 2, MEAN }, END,
};

static void put_cell(struct facet_str *out, const char *text)
{
    facet_str_puts(out, "| ");
    for (; *text; text++)
        facet_str_printf(out, *text == '|' ? "\\%c" : "%c", *text == '\n' ? ' ' : *text);
    facet_str_puts(out, " ");
}

static void put_number(struct facet_str *out, double v, int decimals)
{
    if (isfinite(v))
        facet_str_printf(out, "| %.*f ", decimals, v);
    else
        facet_str_puts(out, "| - ");
}

static double value_of(const struct facet_report_groups *g, size_t i, const struct column *c)
{
    static const double parts[] = { [LEAST] = 0, [FIRST_QUARTER] = 0.25, [MEDIAN] = 0.5, [THIRD_QUARTER] = 0.75, [MOST] = 1 };
    return c->how == MEAN ? facet_report_mean(g, i, c->name) : facet_report_quantile(g, i, c->name, parts[c->how]);
}

static void put_head(struct facet_str *out, const char *const *keys, const struct column *columns, const char *last)
{
    size_t n_words = 0, n = 0;
    for (; keys[n_words]; n_words++)
        facet_str_printf(out, "| %s ", keys[n_words]);
    for (; columns[n].name; n++)
        facet_str_printf(out, "| %s ", columns[n].title);
    facet_str_printf(out, "| %s |\n", last);
    for (size_t i = 0; i < n_words; i++)
        facet_str_puts(out, "|---");
    for (size_t i = 0; i <= n; i++)
        facet_str_puts(out, "|---:");
    facet_str_puts(out, "|\n");
}

/* What others printed about the same. */
static void put_published(struct facet_str *out, const struct facet_publisheds *all, const char *section)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct facet_published *p = &all->item[i];
        if (strcmp(p->beside, section) != 0)
            continue;
        facet_str_printf(out, "Published: %s (%s). **" FACET_PUBLISHED_NOTE "**\n\n", p->title, p->source);
        for (int c = 0; c < p->table.n_columns; c++)
            put_cell(out, p->table.columns[c]);
        facet_str_puts(out, "|\n");
        for (int c = 0; c < p->table.n_columns; c++)
            facet_str_puts(out, "|---");
        facet_str_puts(out, "|\n");
        for (size_t r = 0; r < p->table.n_rows; r++) {
            for (int c = 0; c < p->table.n_columns; c++)
                put_cell(out, facet_table_text(&p->table, r, c));
            facet_str_puts(out, "|\n");
        }
        facet_str_puts(out, "\n");
    }
}

struct digest { struct facet_str *out; const struct facet_report_runs *runs; const struct facet_publisheds *published; };

static int put_table(const struct digest *d, const char *section, const char *title, const char *const *keys, const struct column *columns)
{
    struct facet_report_groups g;
    int err = facet_report_group(&g, d->runs, keys, keys == by_strategy ? FACET_REPORT_SITES : FACET_REPORT_PATHS);
    if (err)
        return err;
    facet_str_printf(d->out, "## %s\n\n", title);
    put_head(d->out, keys, columns, "runs");
    for (size_t i = 0; i < g.n; i++) {
        for (size_t k = 0; keys[k]; k++)
            put_cell(d->out, facet_report_key(&g, i, k));
        for (const struct column *c = columns; c->name; c++)
            put_number(d->out, value_of(&g, i, c), c->decimals);
        facet_str_printf(d->out, "| %zu |\n", facet_report_count(&g, i));
    }
    facet_str_puts(d->out, "\n");
    put_published(d->out, d->published, section);
    facet_report_groups_fini(&g);
    return d->out->err;
}

/* What personal data leaves the device. */
static int put_leaves(const struct digest *d)
{
    static const char *const keys[] = { "strategy", "leaves", NULL };
    struct facet_report_groups g;
    int err = facet_report_group(&g, d->runs, keys, FACET_REPORT_SITES);
    for (size_t i = 0; !err && i < g.n; i++)
        if (*facet_report_word(&d->runs->run[g.member[g.first[i]].run], g.member[g.first[i]].row, "leaves"))
            facet_str_printf(d->out, "- %s: %s leaves the device.\n", facet_report_key(&g, i, 0), facet_report_key(&g, i, 1));
    facet_report_groups_fini(&g);
    return err ? err : facet_str_puts(d->out, "\n");
}

static int put_memory(const struct digest *d)
{
    static const struct column columns[] = { { "peak_rss_mb", "peak MB", 0, MEDIAN }, END };
    struct facet_report_groups g;
    double least = INFINITY;
    int err = facet_report_group(&g, d->runs, by_pair, FACET_REPORT_PATHS);
    for (size_t i = 0; !err && i < g.n; i++)
        least = fmin(least, value_of(&g, i, columns));
    if (err)
        return err;
    facet_str_puts(d->out, "## Memory\n\n");
    put_head(d->out, by_pair, columns, "times the least");
    for (size_t i = 0; i < g.n; i++) {
        for (size_t k = 0; by_pair[k]; k++)
            put_cell(d->out, facet_report_key(&g, i, k));
        put_number(d->out, value_of(&g, i, columns), 0);
        put_number(d->out, value_of(&g, i, columns) / least, 2);
        facet_str_puts(d->out, "|\n");
    }
    facet_str_puts(d->out, "\n");
    put_published(d->out, d->published, "memory");
    facet_report_groups_fini(&g);
    return d->out->err;
}

static int put_cost(const struct digest *d, const struct facet_price *prices, size_t n)
{
    struct facet_report_costs costs;
    facet_str_printf(d->out, "## Cost\n\nPredicted, at %d frames a second and day and night.\n\n", FACET_REPORT_CAMERA_FPS);
    if (n == 0) {
        facet_str_puts(d->out, "No prices were given: `facet report --prices FILE`.\n\n");
        return d->out->err;
    }
    int err = facet_report_costs(&costs, d->runs, prices, n);
    if (err)
        return err;
    facet_str_puts(d->out, "| platform | strategy | network | machines | machines, euro | electricity | traffic | euro a camera and month |\n"
                           "|---|---|---|---|---:|---:|---:|---:|\n");
    for (size_t i = 0; i < costs.n; i++) {
        const struct facet_report_cost *c = &costs.item[i];
        put_cell(d->out, c->platform);
        put_cell(d->out, c->strategy);
        put_cell(d->out, c->network);
        put_cell(d->out, c->machines);
        put_number(d->out, c->machine, 2);
        put_number(d->out, c->electricity, 2);
        put_number(d->out, c->traffic, 2);
        put_number(d->out, c->sum, 2);
        facet_str_puts(d->out, "|\n");
    }
    facet_str_puts(d->out, "\n");
    put_published(d->out, d->published, "cost");
    facet_report_costs_fini(&costs);
    return d->out->err;
}

static int put_failures(const struct digest *d, size_t failed)
{
    size_t told = 0;
    if (failed == 0)
        return FACET_OK;
    facet_str_puts(d->out, "## Failures\n\n| platform | experiment | reason |\n|---|---|---|\n");
    for (int r = 0; r < d->runs->n; r++)
        for (size_t i = 0; i < d->runs->run[r].table.n_rows && told < MAX_FAILURES; i++) {
            const struct facet_report_run *run = &d->runs->run[r];
            if (facet_report_is_done(run, i))
                continue;
            put_cell(d->out, run->label);
            put_cell(d->out, facet_report_word(run, i, "id"));
            put_cell(d->out, facet_report_word(run, i, "reason"));
            facet_str_puts(d->out, "|\n");
            told++;
        }
    return facet_str_puts(d->out, "\n");
}

static size_t put_runs(const struct digest *d)
{
    static const char *const facts[] = { "os", "kernels", "compiler", "governor", "date", NULL };
    size_t all = 0, failed = 0;
    for (int r = 0; r < d->runs->n; r++)
        for (size_t i = 0; i < d->runs->run[r].table.n_rows; i++, all++)
            failed += !facet_report_is_done(&d->runs->run[r], i);
    facet_str_printf(d->out, "# Facet report\n\n%zu runs, %zu of them failed. Means over runs unless it says otherwise.\n\n"
                             "| platform | os | kernels | compiler | governor | date |\n|---|---|---|---|---|---|\n", all, failed);
    for (int r = 0; r < d->runs->n; r++) {
        put_cell(d->out, d->runs->run[r].label);
        for (const char *const *f = facts; *f; f++)
            put_cell(d->out, facet_json_str(facet_json_get(d->runs->run[r].env, *f), "-"));
        facet_str_puts(d->out, "|\n");
    }
    facet_str_puts(d->out, "\n");
    return failed;
}

static int put_all(const struct digest *d, const struct facet_price *prices, size_t n_prices)
{
    static const struct { const char *section, *title; const char *const *keys; const struct column *columns; } tables[] = {
        { "platforms", "Platforms: milliseconds a frame", by_platform, platform_columns },
        { "frameworks", "Detection and recognition frameworks", by_pair_and_mode, framework_columns },
        { "speed", "Frames a second by resolution", by_lines, speed_columns },
        { "times", "Milliseconds a frame by resolution and framework", by_lines_and_framework, time_columns },
        { "faces", "Faces a frame by resolution", by_lines, face_columns },
        { "energy", "Power and energy", by_detector, energy_columns },
        { "strategies", "Strategies", by_strategy, strategy_columns },
        { "accuracy", "Accuracy and speed", by_pair_and_mode, accuracy_columns },
    };
    size_t failed = put_runs(d);
    int err = FACET_OK;
    for (size_t i = 0; !err && i < sizeof(tables) / sizeof(tables[0]); i++)
        err = put_table(d, tables[i].section, tables[i].title, tables[i].keys, tables[i].columns);
    if (!err)
        err = put_leaves(d);
    if (!err)
        err = put_memory(d);
    if (!err)
        err = put_cost(d, prices, n_prices);
    put_published(d->out, d->published, "");
    return err ? err : put_failures(d, failed);
}

int facet_report_digest(struct facet_str *markdown, const struct facet_report_page_opts *o)
{
    struct facet_report_runs runs = { .n = 0 };
    struct facet_publisheds published = { .n = 0 };
    struct facet_price prices[FACET_MAX_PRICES];
    size_t n_prices = 0;
    int err = facet_report_runs_load(&runs, o->dirs, o->n_dirs);
    if (!err)
        err = facet_prices_load(prices, &n_prices, o->prices);
    if (!err)
        err = facet_publisheds_load(&published, o->published);
    if (!err)
        err = put_all(&(struct digest){ markdown, &runs, &published }, prices, n_prices);
    facet_publisheds_fini(&published);
    facet_report_runs_fini(&runs);
    return err ? err : markdown->err;
}
