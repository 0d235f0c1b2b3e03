/* The main tables in Markdown: what a reader wants who opens no browser. */
#include "base/errors.h"
#include "base/file.h"
#include "bench/report_page.h"
#include "bench/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct column { const char *name, *title; int decimals; };

/* Means over the rows whose `keys` are alike, in the order in which they come. */
struct grouping { const char *const *keys; const struct column *columns; };

static void key_of(char *out, size_t cap, const struct facet_table *t, size_t row, const char *const *keys)
{
    size_t used = 0;
    out[0] = '\0';
    for (; *keys && used < cap; keys++) {
        const char *text = facet_table_text(t, row, facet_table_column(t, *keys));
        used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? " | " : "", *text ? text : "default");
    }
}

static bool is_done(const struct facet_table *t, size_t row)
{
    return strcmp(facet_table_text(t, row, facet_table_column(t, "status")), "done") == 0;
}

static bool is_first(const struct facet_table *t, size_t row, const char *key, const char *const *keys)
{
    char other[512];
    for (size_t i = 0; i < row; i++) {
        key_of(other, sizeof(other), t, i, keys);
        if (is_done(t, i) && strcmp(other, key) == 0)
            return false;
    }
    return true;
}

static double mean_of(const struct facet_table *t, const char *key, const char *const *keys, const char *column, size_t *runs)
{
    char other[512];
    double sum = 0;
    size_t n = 0;
    *runs = 0;
    for (size_t i = 0; i < t->n_rows; i++) {
        key_of(other, sizeof(other), t, i, keys);
        if (!is_done(t, i) || strcmp(other, key) != 0)
            continue;
        double v = facet_table_number(t, i, facet_table_column(t, column));
        ++*runs;
        if (isfinite(v)) {
            sum += v;
            n++;
        }
    }
    return n ? sum / (double)n : NAN;
}

static void put_table(struct facet_str *out, const struct facet_table *t, const struct grouping *g)
{
    size_t runs = 0;
    for (const char *const *k = g->keys; *k; k++)
        facet_str_printf(out, "| %s ", *k);
    for (const struct column *c = g->columns; c->name; c++)
        facet_str_printf(out, "| %s ", c->title);
    facet_str_puts(out, "| runs |\n");
    for (const char *const *k = g->keys; *k; k++)
        facet_str_puts(out, "|---");
    for (const struct column *c = g->columns; c->name; c++)
        facet_str_puts(out, "|---:");
    facet_str_puts(out, "|---:|\n");
    for (size_t i = 0; i < t->n_rows; i++) {
        char key[512];
        key_of(key, sizeof(key), t, i, g->keys);
        if (!is_done(t, i) || !is_first(t, i, key, g->keys))
            continue;
        facet_str_printf(out, "| %s ", key);
        for (const struct column *c = g->columns; c->name; c++) {
            double v = mean_of(t, key, g->keys, c->name, &runs);
            if (isfinite(v))
                facet_str_printf(out, "| %.*f ", c->decimals, v);
            else
                facet_str_puts(out, "| - ");
        }
        facet_str_printf(out, "| %zu |\n", runs);
    }
    facet_str_puts(out, "\n");
}

static const char *const framework_keys[] = { "detector", "detect_backend", "recogniser", "recognise_backend", "mode", NULL };
static const struct column framework_columns[] = {
    { "decode_ms", "capture ms", 2 }, { "detect_ms", "detection ms", 2 }, { "embed_ms", "recognition ms", 2 }, { "total_p50_ms", "total p50 ms", 1 },
    { "fps", "frames/s", 1 }, { "faces_a_frame", "faces a frame", 2 }, { "cpu_ms_a_frame", "CPU ms a frame", 1 },
    { "peak_rss_mb", "peak MB", 0 }, { .name = NULL },
};
static const char *const line_keys[] = { "lines", "mode", NULL };
static const struct column line_columns[] = {
    { "fps", "frames/s", 1 }, { "detect_ms", "detection ms", 2 }, { "embed_ms", "recognition ms", 2 },
    { "faces_a_frame", "faces a frame", 2 }, { .name = NULL },
};
static const char *const strategy_keys[] = { "strategy", "network", NULL };
static const struct column strategy_columns[] = {
    { "delay_mean_ms", "delay mean ms", 1 }, { "delay_p50_ms", "p50", 0 }, { "delay_p95_ms", "p95", 0 }, { "delay_p99_ms", "p99", 0 },
    { "cpu_ms_a_frame", "CPU ms a frame", 1 }, { "bytes_sent", "bytes sent", 0 }, { "j_a_frame", "J a frame", 3 }, { .name = NULL },
};

static int digest_dir(struct facet_str *out, const char *dir)
{
    char path[2600];
    struct facet_table t;
    int err = facet_path_join(path, sizeof(path), dir, "summary.csv");
    if (!err)
        err = facet_table_load(&t, path);
    if (err)
        return err;
    size_t failed = 0;
    for (size_t i = 0; i < t.n_rows; i++)
        failed += !is_done(&t, i);
    facet_str_printf(out, "## %s\n\n%zu runs, %zu of them failed. Means over runs.\n\n### Frameworks\n\n", facet_path_base(dir), t.n_rows, failed);
    put_table(out, &t, &(struct grouping){ framework_keys, framework_columns });
    facet_str_puts(out, "### Resolutions\n\n");
    put_table(out, &t, &(struct grouping){ line_keys, line_columns });
    facet_str_puts(out, "### Strategies\n\n");
    put_table(out, &t, &(struct grouping){ strategy_keys, strategy_columns });
    facet_table_fini(&t);
    return out->err;
}

int facet_report_digest(struct facet_str *markdown, const struct facet_report_page_opts *o)
{
    int err = facet_str_puts(markdown, "# Facet report\n\n");
    for (int i = 0; !err && i < o->n_dirs; i++)
        err = digest_dir(markdown, o->dirs[i]);
    return err;
}
