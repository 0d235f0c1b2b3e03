/* Cells keep what they were given, so that each writer may put it its own way. */
#include "bench/report.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#define MAX_COLUMNS 32
#define MAX_TABLES 32
#define MAX_ROWS 4096

enum kind { NONE, TEXT, NUMBER, INTEGER, STAT };
struct cell { enum kind kind; char *text; double number; int64_t integer; struct facet_stat stat; int decimals; };
struct row { struct cell cells[MAX_COLUMNS]; };

struct facet_report_table {
    char *key, *title, *note;
    char *columns[MAX_COLUMNS];
    size_t n_columns, n_rows;
    struct row *rows;
};

static void fail(struct facet_report *r, int err)
{
    r->err = r->err ? r->err : err;
}

/* ---- where ---- */

static void add_fact(struct facet_report *r, const char *key, const char *text)
{
    if (r->n_facts == sizeof(r->facts) / sizeof(r->facts[0])) {
        fail(r, facet_fail(FACET_E_LIMIT, "a report holds no more facts than %zu", r->n_facts));
        return;
    }
    struct facet_report_fact *f = &r->facts[r->n_facts++];
    snprintf(f->key, sizeof(f->key), "%s", key);
    snprintf(f->text, sizeof(f->text), "%s", text);
    size_t used = strlen(r->env);
    snprintf(r->env + used, sizeof(r->env) - used, "%s%s: %s", used ? "; " : "", key, text);
}

void facet_report_fact(struct facet_report *r, const char *key, const char *fmt, ...)
{
    char text[160];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    add_fact(r, key, text);
}

void facet_report_init(struct facet_report *r, const char *name, unsigned threads)
{
    char model[96], stamp[25];
    struct utsname system;
    uint32_t flags = facet_cpu_flags(NULL);
    double load[1] = { 0 };
    *r = (struct facet_report){ .name = name };
    facet_cpu_model(model, sizeof(model));
    facet_format_time(stamp, facet_clock_system.wall_ms(facet_clock_system.ctx));
    facet_report_fact(r, "processor", "%s", model);
    facet_report_fact(r, "kernels", "%s%s%s", facet_cpu_kind(flags), flags & FACET_CPU_AVX512_VNNI ? " vnni" : "",
                      flags & FACET_CPU_AVX512_BF16 ? " bf16" : "");
    facet_report_fact(r, "threads", "%u of %u", threads ? threads : 1, facet_cpu_count());
    if (getloadavg(load, 1) == 1)
        facet_report_fact(r, "load", "%.1f", load[0]);
    if (!uname(&system))
        facet_report_fact(r, "system", "%s %s", system.sysname, system.machine);
    facet_report_fact(r, "facet", "%s", FACET_VERSION);
    facet_report_fact(r, "date", "%.10s", stamp);
}

/* ---- tables ---- */

void facet_report_table(struct facet_report *r, const char *key, const char *title)
{
    for (size_t i = 0; i < r->n_tables; i++)
        if (r->tables[i].key && strcmp(r->tables[i].key, key) == 0) {
            r->current = i;
            return;
        }
    if (r->err)
        return;
    struct facet_report_table *all = r->n_tables < MAX_TABLES ? realloc(r->tables, (r->n_tables + 1) * sizeof(*all)) : NULL;
    if (!all) {
        fail(r, facet_fail_nomem());
        return;
    }
    r->tables = all;
    r->current = r->n_tables;
    struct facet_report_table *t = &all[r->n_tables++];
    *t = (struct facet_report_table){ .key = strdup(key), .title = strdup(title) };
    if (!t->key || !t->title)
        fail(r, facet_fail_nomem());
}

void facet_report_row(struct facet_report *r)
{
    struct facet_report_table *t = r->n_tables ? &r->tables[r->current] : NULL;
    if (r->err || !t)
        return;
    struct row *rows = t->n_rows < MAX_ROWS ? realloc(t->rows, (t->n_rows + 1) * sizeof(*rows)) : NULL;
    if (!rows) {
        fail(r, facet_fail_nomem());
        return;
    }
    t->rows = rows;
    rows[t->n_rows++] = (struct row){ 0 };
}

/* The cell of the last row; NULL when there is none, or no room. */
static struct cell *cell_at(struct facet_report *r, const char *column)
{
    struct facet_report_table *t = r->n_tables ? &r->tables[r->current] : NULL;
    size_t i = 0;
    if (r->err || !t || !t->n_rows)
        return NULL;
    while (i < t->n_columns && strcmp(t->columns[i], column) != 0)
        i++;
    if (i == MAX_COLUMNS || (i == t->n_columns && !(t->columns[i] = strdup(column)))) {
        fail(r, i == MAX_COLUMNS ? facet_fail(FACET_E_LIMIT, "a table holds %d columns", MAX_COLUMNS) : facet_fail_nomem());
        return NULL;
    }
    t->n_columns += i == t->n_columns;
    return &t->rows[t->n_rows - 1].cells[i];
}

void facet_report_text(struct facet_report *r, const char *column, const char *fmt, ...)
{
    struct cell *c = cell_at(r, column);
    char text[256];
    va_list args;
    if (!c)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    free(c->text);
    *c = (struct cell){ .kind = TEXT, .text = strdup(text) };
    if (!c->text)
        fail(r, facet_fail_nomem());
}

void facet_report_num(struct facet_report *r, const char *column, double value, int decimals)
{
    struct cell *c = cell_at(r, column);
    if (c)
        *c = (struct cell){ .kind = NUMBER, .number = value, .decimals = decimals };
}

void facet_report_int(struct facet_report *r, const char *column, int64_t value)
{
    struct cell *c = cell_at(r, column);
    if (c)
        *c = (struct cell){ .kind = INTEGER, .integer = value };
}

void facet_report_stat(struct facet_report *r, const char *column, const struct facet_stat *s, int decimals)
{
    struct cell *c = s->n ? cell_at(r, column) : NULL;
    if (c)
        *c = (struct cell){ .kind = STAT, .stat = *s, .decimals = decimals };
}

void facet_report_note(struct facet_report *r, const char *fmt, ...)
{
    struct facet_report_table *t = r->n_tables ? &r->tables[r->current] : NULL;
    struct facet_str s = FACET_STR_INIT;
    char text[512];
    va_list args;
    if (r->err || !t)
        return;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    facet_str_printf(&s, "%s%s%s", t->note ? t->note : "", t->note ? " " : "", text);
    free(t->note);
    fail(r, s.err);
    t->note = facet_str_take(&s);
}

void facet_report_fini(struct facet_report *r)
{
    for (size_t i = 0; i < r->n_tables; i++) {
        struct facet_report_table *t = &r->tables[i];
        for (size_t k = 0; k < t->n_columns; k++)
            free(t->columns[k]);
        for (size_t k = 0; k < t->n_rows; k++)
            for (size_t c = 0; c < MAX_COLUMNS; c++)
                free(t->rows[k].cells[c].text);
        free(t->rows);
        free(t->key);
        free(t->title);
        free(t->note);
    }
    free(r->tables);
    *r = (struct facet_report){ 0 };
}

/* ---- writers ---- */

static void cell_text(const struct cell *c, char *out, size_t cap)
{
    const struct facet_stat *s = &c->stat;
    int d = c->decimals;
    if (c->kind == TEXT)
        snprintf(out, cap, "%s", c->text);
    else if (c->kind == NUMBER)
        snprintf(out, cap, "%.*f", d, c->number);
    else if (c->kind == INTEGER)
        snprintf(out, cap, "%lld", (long long)c->integer);
    else if (c->kind == STAT)
        snprintf(out, cap, "%.*f (%.*f-%.*f)", d, s->median, d, s->low, d, s->high);
    else
        snprintf(out, cap, "-");
}

static size_t width_of(const struct facet_report_table *t, size_t column)
{
    size_t width = strlen(t->columns[column]);
    char text[256];
    for (size_t i = 0; i < t->n_rows; i++) {
        cell_text(&t->rows[i].cells[column], text, sizeof(text));
        width = strlen(text) > width ? strlen(text) : width;
    }
    return width;
}

static bool is_words(const struct facet_report_table *t, size_t column)
{
    for (size_t i = 0; i < t->n_rows; i++)
        if (t->rows[i].cells[column].kind != NONE)
            return t->rows[i].cells[column].kind == TEXT;
    return true;
}

static void text_line(const struct facet_report_table *t, const struct row *row, const size_t *widths, struct facet_str *out)
{
    char text[256];
    for (size_t k = 0; k < t->n_columns; k++) {
        if (row)
            cell_text(&row->cells[k], text, sizeof(text));
        bool left = is_words(t, k);
        const char *s = row ? text : t->columns[k];
        bool last = k + 1 == t->n_columns;
        facet_str_printf(out, left ? "%-*s%s" : "%*s%s", left && last ? 0 : (int)widths[k], s, last ? "\n" : "  ");
    }
}

void facet_report_write_text(const struct facet_report *r, struct facet_str *out)
{
    facet_str_printf(out, "%s\n", r->env);
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct facet_report_table *t = &r->tables[i];
        size_t widths[MAX_COLUMNS];
        for (size_t k = 0; k < t->n_columns; k++)
            widths[k] = width_of(t, k);
        facet_str_printf(out, "\n%s\n", t->title);
        text_line(t, NULL, widths, out);
        for (size_t k = 0; k < t->n_rows; k++)
            text_line(t, &t->rows[k], widths, out);
        if (t->note)
            facet_str_printf(out, "%s\n", t->note);
    }
}

void facet_report_write_markdown(const struct facet_report *r, struct facet_str *out)
{
    char text[256];
    facet_str_printf(out, "Measured by `facet bench %s`. %s.\n", r->name, r->env);
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct facet_report_table *t = &r->tables[i];
        facet_str_printf(out, "\n### %s\n\n|", t->title);
        for (size_t k = 0; k < t->n_columns; k++)
            facet_str_printf(out, " %s |", t->columns[k]);
        facet_str_puts(out, "\n|");
        for (size_t k = 0; k < t->n_columns; k++)
            facet_str_puts(out, is_words(t, k) ? "---|" : "---:|");
        for (size_t row = 0; row < t->n_rows; row++) {
            facet_str_puts(out, "\n|");
            for (size_t k = 0; k < t->n_columns; k++) {
                cell_text(&t->rows[row].cells[k], text, sizeof(text));
                facet_str_printf(out, " %s |", text);
            }
        }
        facet_str_printf(out, "\n%s%s%s", t->note ? "\n" : "", t->note ? t->note : "", t->note ? "\n" : "");
    }
}

static void json_cell(struct facet_jsonw *w, const char *column, const struct cell *c)
{
    if (c->kind == NONE)
        return;
    facet_jsonw_key(w, column);
    if (c->kind == TEXT)
        facet_jsonw_str(w, c->text);
    else if (c->kind == NUMBER)
        facet_jsonw_num(w, c->number, -1);
    else if (c->kind == INTEGER)
        facet_jsonw_int(w, c->integer);
    if (c->kind != STAT)
        return;
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "median", c->stat.median, 6);
    facet_jsonw_knum(w, "low", c->stat.low, 6);
    facet_jsonw_knum(w, "high", c->stat.high, 6);
    facet_jsonw_knum(w, "best", c->stat.best, 6);
    facet_jsonw_kint(w, "rounds", (int64_t)c->stat.n);
    facet_jsonw_end_object(w);
}

void facet_report_write_json(const struct facet_report *r, struct facet_jsonw *w)
{
    facet_jsonw_kstr(w, "bench", r->name);
    facet_jsonw_key(w, "environment");
    facet_jsonw_object(w);
    for (size_t i = 0; i < r->n_facts; i++)
        facet_jsonw_kstr(w, r->facts[i].key, r->facts[i].text);
    facet_jsonw_end_object(w);
    for (size_t i = 0; i < r->n_tables; i++) {
        const struct facet_report_table *t = &r->tables[i];
        facet_jsonw_key(w, t->key);
        facet_jsonw_array(w);
        for (size_t k = 0; k < t->n_rows; k++) {
            facet_jsonw_object(w);
            for (size_t c = 0; c < t->n_columns; c++)
                json_cell(w, t->columns[c], &t->rows[k].cells[c]);
            facet_jsonw_end_object(w);
        }
        facet_jsonw_end_array(w);
    }
}

int facet_report_save_markdown(const struct facet_report *r, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    facet_report_write_markdown(r, &s);
    int err = s.err ? s.err : facet_file_write_atomic(path, s.data, s.len);
    facet_str_fini(&s);
    return err;
}
