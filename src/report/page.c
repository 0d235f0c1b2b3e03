#include "report/page.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/share.h"
#include "report/beside.h"
#include "report/runs.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAGE (256u << 20)
#define PLACE "@FACET_REPORT_DATA@"

/* --- the folders --- */

static int put_member(void *ctx, const char *key, const struct facet_json *value);

static void put_value(struct facet_jsonw *w, const struct facet_json *value)
{
    if (facet_json_is_object(value)) {
        facet_jsonw_object(w);
        (void)facet_json_each(value, put_member, w);
        facet_jsonw_end_object(w);
    } else if (facet_json_is_number(value)) {
        facet_jsonw_num(w, facet_json_num(value, 0), 0);
    } else {
        facet_jsonw_str(w, facet_json_str(value, NULL));
    }
}

static int put_member(void *ctx, const char *key, const struct facet_json *value)
{
    facet_jsonw_key(ctx, key);
    put_value(ctx, value);
    return 0;
}

/* A cell that is a number becomes one; an empty one is null. */
static void put_cell(struct facet_jsonw *w, const char *text, double number)
{
    if (isfinite(number))
        facet_jsonw_num(w, number, 5);
    else
        facet_jsonw_str(w, *text ? text : NULL);
}

static void put_row(struct facet_jsonw *w, const struct facet_report_run *r, size_t row)
{
    const struct facet_table *t = &r->table;
    int id = facet_table_column(t, "id");
    facet_jsonw_object(w);
    for (int c = 0; c < t->n_columns; c++) {
        facet_jsonw_key(w, t->columns[c]);
        put_cell(w, facet_table_text(t, row, c), c == id ? NAN : facet_table_number(t, row, c));
    }
    for (const struct facet_report_derived *d = facet_report_derived; d->name; d++)
        facet_jsonw_knum(w, d->name, d->of(r, row), 5);
    facet_jsonw_end_object(w);
}

static void put_run(struct facet_jsonw *w, const struct facet_report_run *r)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "label", r->label);
    facet_jsonw_kstr(w, "name", facet_json_str(facet_json_get(r->head, "name"), ""));
    facet_jsonw_kstr(w, "about", facet_json_str(facet_json_get(r->head, "about"), ""));
    facet_jsonw_key(w, "environment");
    put_value(w, r->env);
    facet_jsonw_key(w, "rows");
    facet_jsonw_array(w);
    for (size_t i = 0; i < r->table.n_rows; i++)
        put_row(w, r, i);
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

/* --- what stands beside it --- */

static void put_price(struct facet_jsonw *w, const struct facet_price *p)
{
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", p->name);
    facet_jsonw_kstr(w, "note", p->note);
    facet_jsonw_kstr(w, "kind", facet_price_words[p->kind]);
    facet_jsonw_knum(w, "euro", p->euro, 4);
    facet_jsonw_kbool(w, "at_device", p->at_device);
    facet_jsonw_kbool(w, "at_server", p->at_server);
    facet_jsonw_end_object(w);
}

static void put_published(struct facet_jsonw *w, const struct facet_published *p)
{
    const struct facet_table *t = &p->table;
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "source", p->source);
    facet_jsonw_kstr(w, "title", p->title);
    facet_jsonw_kstr(w, "beside", p->beside);
    facet_jsonw_kstr(w, "note", FACET_PUBLISHED_NOTE);
    facet_jsonw_key(w, "columns");
    facet_jsonw_array(w);
    for (int c = 0; c < t->n_columns; c++)
        facet_jsonw_str(w, t->columns[c]);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "rows");
    facet_jsonw_array(w);
    for (size_t i = 0; i < t->n_rows; i++) {
        facet_jsonw_array(w);
        for (int c = 0; c < t->n_columns; c++)
            put_cell(w, facet_table_text(t, i, c), facet_table_number(t, i, c));
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

struct parts { struct facet_report_runs runs; struct facet_price prices[FACET_MAX_PRICES]; size_t n_prices; struct facet_publisheds published; };

static int load_parts(struct parts *p, const struct facet_report_page_opts *o)
{
    int err = facet_report_runs_load(&p->runs, o->dirs, o->n_dirs);
    if (!err)
        err = facet_prices_load(p->prices, &p->n_prices, o->prices);
    return err ? err : facet_publisheds_load(&p->published, o->published);
}

static void put_parts(struct facet_jsonw *w, const struct parts *p)
{
    facet_jsonw_key(w, "runs");
    facet_jsonw_array(w);
    for (int i = 0; i < p->runs.n; i++)
        put_run(w, &p->runs.run[i]);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "prices");
    facet_jsonw_array(w);
    for (size_t i = 0; i < p->n_prices; i++)
        put_price(w, &p->prices[i]);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "published");
    facet_jsonw_array(w);
    for (size_t i = 0; i < p->published.n; i++)
        put_published(w, &p->published.item[i]);
    facet_jsonw_end_array(w);
}

int facet_report_data(struct facet_str *json, const struct facet_report_page_opts *o)
{
    struct facet_jsonw w;
    char stamp[25];
    struct parts p = { .n_prices = 0 };
    json->max = json->max ? json->max : MAX_PAGE;
    int err = load_parts(&p, o);
    if (!err) {
        facet_format_time(stamp, facet_clock_system.wall_ms(facet_clock_system.ctx));
        facet_jsonw_init(&w, json, false);
        facet_jsonw_object(&w);
        facet_jsonw_kstr(&w, "made", stamp);
        facet_jsonw_kstr(&w, "version", FACET_VERSION);
        facet_jsonw_kint(&w, "camera_fps", FACET_REPORT_CAMERA_FPS);
        put_parts(&w, &p);
        facet_jsonw_end_object(&w);
        err = json->err;
    }
    facet_publisheds_fini(&p.published);
    facet_report_runs_fini(&p.runs);
    return err;
}

/* --- the page --- */

/* In a script element nothing may look like a tag. */
static void put_escaped(struct facet_str *out, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (text[i] == '<')
            facet_str_puts(out, "\\u003c");
        else
            facet_str_append(out, &text[i], 1);
}

int facet_report_page(struct facet_str *html, const struct facet_report_page_opts *o)
{
    char path[4096];
    uint8_t *page = NULL;
    size_t len;
    struct facet_str data = FACET_STR_INIT;
    html->max = MAX_PAGE;
    int err = facet_report_data(&data, o);
    if (!err)
        err = o->template_file ? facet_copy_text(path, sizeof(path), o->template_file) : facet_share_find(path, sizeof(path), "report.html");
    if (!err)
        err = facet_file_read(path, FACET_MAX_TEXT_FILE, &page, &len);
    if (!err) {
        const char *at = strstr((const char *)page, PLACE);
        if (!at) {
            err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it has no place for data (%s)", path, PLACE);
        } else {
            facet_str_append(html, page, (size_t)(at - (const char *)page));
            put_escaped(html, data.data, data.len);
            err = facet_str_puts(html, at + strlen(PLACE));
        }
    }
    free(page);
    facet_str_fini(&data);
    return err;
}
