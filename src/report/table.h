/* CSV files in memory (RFC 4180; lines that begin with # are comments): rows of texts, columns by name. */
#ifndef FACET_REPORT_TABLE_H
#define FACET_REPORT_TABLE_H

#include <stddef.h>

#define FACET_TABLE_COLUMNS 96
#define FACET_MAX_TABLE_FILE (512u << 20)

struct facet_table {
    char *text;                                /* owned; cells point into it */
    const char *columns[FACET_TABLE_COLUMNS]; int n_columns;
    const char **cells; size_t n_rows;         /* row by row */
};

/* FACET_E_FORMAT names file and line: a row of another length, a quote that never ends, no head. */
int facet_table_load(struct facet_table *out, const char *path);
/* Takes nothing; `origin` is named in errors. */
int facet_table_parse(struct facet_table *out, const char *text, size_t len, const char *origin);
void facet_table_fini(struct facet_table *t);

int facet_table_column(const struct facet_table *t, const char *name);                /* -1: none */
const char *facet_table_text(const struct facet_table *t, size_t row, int column);    /* "" for column -1 */
double facet_table_number(const struct facet_table *t, size_t row, int column);       /* NAN where it is none */

#endif
