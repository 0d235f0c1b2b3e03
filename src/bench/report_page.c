#include "bench/report_page.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/share.h"
#include "base/yaml.h"
#include "bench/experiment_out.h"
#include "bench/table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DIRS 64
#define MAX_PAGE (256u << 20)
#define PLACE "@FACET_REPORT_DATA@"

/* --- the folders --- */

/* "AMD EPYC, 2 cores": what tells machines apart; the folder where two are alike. */
static void label_of(char *out, size_t cap, const struct facet_json *env, const char *dir, bool with_dir)
{
    snprintf(out, cap, "%s, %lld cores%s%s", facet_json_str(facet_json_get(env, "processor"), "machine"),
             (long long)facet_json_int(facet_json_get(env, "cores"), 0), with_dir ? ", " : "", with_dir ? facet_path_base(dir) : "");
}

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

static void put_rows(struct facet_jsonw *w, const struct facet_table *t)
{
    int id = facet_table_column(t, "id");
    facet_jsonw_key(w, "rows");
    facet_jsonw_array(w);
    for (size_t i = 0; i < t->n_rows; i++) {
        facet_jsonw_object(w);
        for (int c = 0; c < t->n_columns; c++) {
            facet_jsonw_key(w, t->columns[c]);
            put_cell(w, facet_table_text(t, i, c), c == id ? NAN : facet_table_number(t, i, c));
        }
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static int put_dir(struct facet_jsonw *w, const char *dir, bool with_dir)
{
    struct facet_json *head = NULL, *env = NULL;
    struct facet_table t = { .n_rows = 0 };
    char path[2600], label[256];
    int err = facet_experiments_json(&head, dir, "experiments.json");
    if (!err)
        err = facet_experiments_json(&env, dir, "environment.json");
    if (!err)
        err = facet_path_join(path, sizeof(path), dir, "summary.csv");
    if (!err)
        err = facet_table_load(&t, path);
    if (!err) {
        label_of(label, sizeof(label), env, dir, with_dir);
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "label", label);
        facet_jsonw_kstr(w, "name", facet_json_str(facet_json_get(head, "name"), ""));
        facet_jsonw_kstr(w, "about", facet_json_str(facet_json_get(head, "about"), ""));
        facet_jsonw_key(w, "environment");
        put_value(w, env);
        put_rows(w, &t);
        facet_jsonw_end_object(w);
    }
    facet_table_fini(&t);
    facet_json_unref(&env);
    facet_json_unref(&head);
    return err;
}

/* --- what stands beside it --- */

/* prices: a list of {name, euro_a_month, note}. */
static int put_prices(struct facet_jsonw *w, const char *path)
{
    static const char *const known[] = { "name", "euro_a_month", "note", NULL };
    struct facet_yaml *root = NULL;
    int err = path ? facet_yaml_load(&root, path) : FACET_OK;
    facet_jsonw_key(w, "prices");
    facet_jsonw_array(w);
    if (!err && root && root->kind != FACET_YAML_LIST)
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it must be a list of prices", path);
    for (size_t i = 0; !err && root && i < root->count; i++) {
        double euro;
        err = facet_yaml_only(&root->children[i], known, path);
        if (!err)
            err = facet_yaml_num(&root->children[i], "euro_a_month", 0, &euro);
        if (err)
            break;
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", facet_yaml_str(&root->children[i], "name", ""));
        facet_jsonw_knum(w, "euro_a_month", euro, 2);
        facet_jsonw_kstr(w, "note", facet_yaml_str(&root->children[i], "note", ""));
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_yaml_free(&root);
    return err;
}

/* "# source: ..." and "# title: ..." of a file's first lines. */
static void head_line(char *out, size_t cap, const char *text, const char *key)
{
    char mark[40];
    snprintf(mark, sizeof(mark), "# %s: ", key);
    const char *at = strstr(text, mark);
    out[0] = '\0';
    if (at)
        snprintf(out, cap, "%.*s", (int)strcspn(at + strlen(mark), "\n"), at + strlen(mark));
}

static int put_published_file(void *ctx, const char *path)
{
    struct facet_jsonw *w = ctx;
    struct facet_table t;
    uint8_t *text;
    size_t len;
    char source[400], title[400];
    if (strcmp(facet_path_ext(path), "csv") != 0)
        return FACET_OK;
    int err = facet_file_read(path, FACET_MAX_TEXT_FILE, &text, &len);
    if (err)
        return err;
    head_line(source, sizeof(source), (const char *)text, "source");
    head_line(title, sizeof(title), (const char *)text, "title");
    err = facet_table_parse(&t, (const char *)text, len, path);
    free(text);
    if (err)
        return err;
    if (!*source) {
        facet_table_fini(&t);
        return facet_fail(FACET_E_FORMAT, "cannot use '%s': it has no line '# source: ...'", path);
    }
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "source", source);
    facet_jsonw_kstr(w, "title", *title ? title : facet_path_base(path));
    facet_jsonw_key(w, "columns");
    facet_jsonw_array(w);
    for (int c = 0; c < t.n_columns; c++)
        facet_jsonw_str(w, t.columns[c]);
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "rows");
    facet_jsonw_array(w);
    for (size_t i = 0; i < t.n_rows; i++) {
        facet_jsonw_array(w);
        for (int c = 0; c < t.n_columns; c++)
            put_cell(w, facet_table_text(&t, i, c), facet_table_number(&t, i, c));
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
    facet_table_fini(&t);
    return FACET_OK;
}

static int put_published(struct facet_jsonw *w, const char *dir)
{
    facet_jsonw_key(w, "published");
    facet_jsonw_array(w);
    int err = dir ? facet_walk(dir, 1, put_published_file, w) : FACET_OK;
    facet_jsonw_end_array(w);
    return err;
}

static int make_data(struct facet_str *out, const struct facet_report_page_opts *o)
{
    struct facet_jsonw w;
    char stamp[25];
    if (o->n_dirs > MAX_DIRS)
        return facet_fail(FACET_E_LIMIT, "a report is made of %d folders at most", MAX_DIRS);
    facet_format_time(stamp, facet_clock_system.wall_ms(facet_clock_system.ctx));
    out->max = MAX_PAGE;
    facet_jsonw_init(&w, out, false);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "made", stamp);
    facet_jsonw_kstr(&w, "version", FACET_VERSION);
    facet_jsonw_key(&w, "runs");
    facet_jsonw_array(&w);
    int err = FACET_OK;
    for (int i = 0; !err && i < o->n_dirs; i++)
        err = put_dir(&w, o->dirs[i], o->n_dirs > 1);
    facet_jsonw_end_array(&w);
    if (!err)
        err = put_prices(&w, o->prices);
    if (!err)
        err = put_published(&w, o->published);
    facet_jsonw_end_object(&w);
    return err ? err : out->err;
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
    int err = make_data(&data, o);
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
