/* What facet-pg.so exports: one connection to a PostgreSQL server, statements with values, rows, notices. SQL, transactions
 * and what to do about a lost connection are postgres/db.c's. */
#ifndef FACET_STORE_POSTGRES_MODULE_H
#define FACET_STORE_POSTGRES_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_PG_MODULE_VERSION 1
#define FACET_PG_MODULE_SYMBOL "facet_pg_module"

struct facet_pg_link;
struct facet_pg_rows;

enum facet_pg_type { FACET_PG_INT, FACET_PG_NUM, FACET_PG_TEXT, FACET_PG_BLOB };
struct facet_pg_value { enum facet_pg_type type; int64_t i; double n; const void *p; size_t len; };    /* p NULL: NULL */

struct facet_pg_why { char state[6]; char text[400]; };        /* SQLSTATE, "" when the server did not answer */

struct facet_pg_module {
    int version;
    /* All: 0, or -1 with the reason. NULL in *out then. */
    int (*open)(struct facet_pg_link **out, const char *url, struct facet_pg_why *why);
    void (*close)(struct facet_pg_link **l);
    bool (*is_up)(const struct facet_pg_link *l);
    bool (*is_in_transaction)(const struct facet_pg_link *l);
    int (*again)(struct facet_pg_link *l, struct facet_pg_why *why);           /* connects anew */
    int (*exec)(struct facet_pg_link *l, const char *sql, struct facet_pg_why *why);
    int (*query)(struct facet_pg_link *l, const char *sql, int n, const struct facet_pg_value *v, struct facet_pg_rows **out,
                 struct facet_pg_why *why);
    int (*count)(const struct facet_pg_rows *r);
    int64_t (*changed)(const struct facet_pg_rows *r);
    /* Of a row and column; NULL: SQL's NULL. Whole numbers and fractions as they are here. */
    const void *(*bytes)(const struct facet_pg_rows *r, int row, int column, size_t *len);
    int64_t (*get_int)(const struct facet_pg_rows *r, int row, int column);
    double (*get_num)(const struct facet_pg_rows *r, int row, int column);
    void (*free)(struct facet_pg_rows *r);
    /* Waits up to timeout_ms: how many notices came, -1 when the connection is lost. */
    int (*wait)(struct facet_pg_link *l, int timeout_ms);
};

#endif
