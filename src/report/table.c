#include "report/table.h"

#include "base/errors.h"
#include "base/file.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct reader { struct facet_table *t; char *at; const char *origin; size_t line, cap; };

static int refuse(const struct reader *r, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %zu: %s", r->origin, r->line, what);
}

/* One field, unquoted in place; *end is what stood behind it: ',', '\n' or 0. */
static int read_field(struct reader *r, char **out, char *end)
{
    char *from = r->at, *to = from;
    *out = to;
    if (*from == '"') {
        for (from++; *from && !(*from == '"' && from[1] != '"'); from++) {
            if (*from == '"')
                from++;
            *to++ = *from;
        }
        if (!*from)
            return refuse(r, "a quote that never ends");
        from++;
    } else {
        while (*from && *from != ',' && *from != '\n' && *from != '\r')
            *to++ = *from++;
    }
    if (*from == '\r' && from[1] == '\n')
        from++;
    *end = *from;
    if (*from && *from != ',' && *from != '\n')
        return refuse(r, "something behind a quoted text");
    r->at = *from ? from + 1 : from;
    *to = '\0';
    return FACET_OK;
}

static int read_head(struct reader *r)
{
    char end = ',';
    int err = FACET_OK;
    while (!err && end == ',') {
        char *name;
        err = read_field(r, &name, &end);
        if (!err && r->t->n_columns == FACET_TABLE_COLUMNS)
            err = refuse(r, "too many columns");
        if (!err)
            r->t->columns[r->t->n_columns++] = name;
    }
    return err;
}

static int grow(struct reader *r)
{
    struct facet_table *t = r->t;
    if (t->n_rows < r->cap)
        return FACET_OK;
    size_t cap = r->cap ? r->cap * 2 : 64;
    const char **cells = realloc(t->cells, cap * (size_t)t->n_columns * sizeof(*cells));
    if (!cells)
        return facet_fail_nomem();
    t->cells = cells;
    r->cap = cap;
    return FACET_OK;
}

static int read_row(struct reader *r)
{
    char end = ',';
    int n = 0, err = grow(r);
    while (!err && end == ',') {
        char *text;
        err = read_field(r, &text, &end);
        if (!err && n == r->t->n_columns)
            err = refuse(r, "more fields than columns");
        if (!err)
            r->t->cells[r->t->n_rows * (size_t)r->t->n_columns + (size_t)n++] = text;
    }
    if (!err && n < r->t->n_columns)
        err = refuse(r, "fewer fields than columns");
    r->t->n_rows += !err;
    return err;
}

/* Comments and empty lines. */
static bool skip_line(struct reader *r)
{
    if (*r->at != '#' && *r->at != '\n')
        return false;
    char *end = strchr(r->at, '\n');
    r->at = end ? end + 1 : r->at + strlen(r->at);
    r->line++;
    return true;
}

static int read_all(struct reader *r)
{
    bool has_head = false;
    int err = FACET_OK;
    while (!err && *r->at) {
        if (skip_line(r))
            continue;
        err = has_head ? read_row(r) : read_head(r);
        has_head = true;
        r->line++;
    }
    return err ? err : has_head ? FACET_OK : refuse(r, "no head with the names of columns");
}

int facet_table_parse(struct facet_table *out, const char *text, size_t len, const char *origin)
{
    *out = (struct facet_table){ .text = malloc(len + 1) };
    struct reader r = { .t = out, .at = out->text, .origin = origin, .line = 1 };
    if (!out->text)
        return facet_fail_nomem();
    memcpy(out->text, text, len);
    out->text[len] = '\0';
    int err = memchr(out->text, '\0', len) ? refuse(&r, "a zero byte") : read_all(&r);
    if (err)
        facet_table_fini(out);
    return err;
}

int facet_table_load(struct facet_table *out, const char *path)
{
    uint8_t *text;
    size_t len;
    *out = (struct facet_table){ .n_rows = 0 };
    int err = facet_file_read(path, FACET_MAX_TABLE_FILE, &text, &len);
    if (err)
        return err;
    err = facet_table_parse(out, (const char *)text, len, path);
    free(text);
    return err;
}

void facet_table_fini(struct facet_table *t)
{
    free(t->cells);
    free(t->text);
    *t = (struct facet_table){ .n_rows = 0 };
}

int facet_table_column(const struct facet_table *t, const char *name)
{
    for (int i = 0; i < t->n_columns; i++)
        if (strcmp(t->columns[i], name) == 0)
            return i;
    return -1;
}

const char *facet_table_text(const struct facet_table *t, size_t row, int column)
{
    return column < 0 || row >= t->n_rows ? "" : t->cells[row * (size_t)t->n_columns + (size_t)column];
}

double facet_table_number(const struct facet_table *t, size_t row, int column)
{
    const char *text = facet_table_text(t, row, column);
    char *end;
    double v = strtod(text, &end);
    return end == text || *end ? NAN : v;
}
