/* The module facet-pg.so: libpq behind struct facet_pg_module. Values and rows go over in their binary form, so that nothing is
 * quoted or parsed. It uses nothing of base: reasons go back in struct facet_pg_why. */
#include "store/postgres/module.h"

#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OID_BOOL 16
#define OID_BYTEA 17
#define OID_INT8 20
#define OID_INT2 21
#define OID_INT4 23
#define OID_TEXT 25
#define OID_FLOAT8 701
#define MAX_VALUES 16

struct facet_pg_link { PGconn *conn; };

static int explain(struct facet_pg_why *why, const char *state, const char *text)
{
    snprintf(why->state, sizeof(why->state), "%s", state ? state : "");
    snprintf(why->text, sizeof(why->text), "%s", text && *text ? text : "the server does not answer");
    for (char *c = why->text; *c; c++) /* one line */
        if (*c == '\n')
            *c = c[1] ? ' ' : '\0';
    return -1;
}

static int explain_result(struct facet_pg_why *why, const PGconn *conn, const PGresult *r)
{
    const char *text = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    return explain(why, r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL, text ? text : PQerrorMessage(conn));
}

static void be_quiet(void *unused, const char *text)
{
    (void)unused, (void)text;
}

static int pg_open(struct facet_pg_link **out, const char *url, struct facet_pg_why *why)
{
    static const char *const keys[] = { "dbname", "fallback_application_name", "connect_timeout", "client_encoding", NULL };
    const char *const values[] = { url, "facet", "10", "UTF8", NULL };
    struct facet_pg_link *l = calloc(1, sizeof(*l));
    *out = NULL;
    if (!l)
        return explain(why, "53200", "out of memory");
    l->conn = PQconnectdbParams(keys, values, 1);
    if (!l->conn || PQstatus(l->conn) != CONNECTION_OK) {
        explain(why, NULL, l->conn ? PQerrorMessage(l->conn) : "out of memory");
        PQfinish(l->conn);
        free(l);
        return -1;
    }
    PQsetNoticeProcessor(l->conn, be_quiet, NULL);
    *out = l;
    return 0;
}

static void pg_close(struct facet_pg_link **l)
{
    if (*l)
        PQfinish((*l)->conn);
    free(*l);
    *l = NULL;
}

static bool pg_is_up(const struct facet_pg_link *l)
{
    return PQstatus(l->conn) == CONNECTION_OK;
}

static bool pg_is_in_transaction(const struct facet_pg_link *l)
{
    PGTransactionStatusType t = PQtransactionStatus(l->conn);
    return t == PQTRANS_INTRANS || t == PQTRANS_INERROR;
}

static int pg_again(struct facet_pg_link *l, struct facet_pg_why *why)
{
    PQreset(l->conn);
    return pg_is_up(l) ? 0 : explain(why, NULL, PQerrorMessage(l->conn));
}

static int pg_exec(struct facet_pg_link *l, const char *sql, struct facet_pg_why *why)
{
    PGresult *r = PQexec(l->conn, sql);
    ExecStatusType s = PQresultStatus(r);
    int err = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_EMPTY_QUERY ? 0 : explain_result(why, l->conn, r);
    PQclear(r);
    return err;
}

/* --- values --- */

struct values {
    Oid types[MAX_VALUES];
    const char *at[MAX_VALUES];
    int lengths[MAX_VALUES], formats[MAX_VALUES];
    uint64_t numbers[MAX_VALUES];
};

static int take_value(struct values *x, int i, const struct facet_pg_value *v)
{
    static const Oid types[] = { OID_INT8, OID_FLOAT8, OID_TEXT, OID_BYTEA };
    x->types[i] = types[v->type];
    x->formats[i] = 1;
    if (v->type == FACET_PG_INT || v->type == FACET_PG_NUM) {
        uint64_t bits = (uint64_t)v->i;
        if (v->type == FACET_PG_NUM)
            memcpy(&bits, &v->n, sizeof(bits));
        x->numbers[i] = htobe64(bits);
        x->at[i] = (const char *)&x->numbers[i];
        x->lengths[i] = 8;
        return 0;
    }
    x->at[i] = v->p;
    x->lengths[i] = (int)v->len;
    return v->len > 1000u << 20 ? -1 : 0;
}

static int pg_query(struct facet_pg_link *l, const char *sql, int n, const struct facet_pg_value *v, struct facet_pg_rows **out,
                    struct facet_pg_why *why)
{
    struct values x;
    *out = NULL;
    if (n > MAX_VALUES)
        return explain(why, "54000", "too many values");
    for (int i = 0; i < n; i++)
        if (take_value(&x, i, &v[i]))
            return explain(why, "54000", "a value is too large");
    PGresult *r = PQexecParams(l->conn, sql, n, x.types, x.at, x.lengths, x.formats, 1);
    ExecStatusType s = PQresultStatus(r);
    if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK) {
        explain_result(why, l->conn, r);
        PQclear(r);
        return -1;
    }
    *out = (struct facet_pg_rows *)(void *)r;
    return 0;
}

/* --- rows --- */

static const PGresult *result_of(const struct facet_pg_rows *r)
{
    return (const PGresult *)(const void *)r;
}

static int pg_count(const struct facet_pg_rows *r)
{
    return PQntuples(result_of(r));
}

static int64_t pg_changed(const struct facet_pg_rows *r)
{
    return strtoll(PQcmdTuples((PGresult *)(uintptr_t)r), NULL, 10);
}

static const void *pg_bytes(const struct facet_pg_rows *r, int row, int column, size_t *len)
{
    const PGresult *p = result_of(r);
    *len = 0;
    if (PQgetisnull(p, row, column))
        return NULL;
    *len = (size_t)PQgetlength(p, row, column);
    return PQgetvalue(p, row, column);
}

static uint64_t raw(const PGresult *p, int row, int column)
{
    const unsigned char *b = (const unsigned char *)PQgetvalue(p, row, column);
    int n = PQgetlength(p, row, column);
    uint64_t v = 0;
    for (int i = 0; i < n && i < 8; i++)
        v = v << 8 | b[i];
    return v;
}

static double pg_get_num(const struct facet_pg_rows *r, int row, int column)
{
    uint64_t bits = raw(result_of(r), row, column);
    double d;
    memcpy(&d, &bits, sizeof(d));
    return PQftype(result_of(r), column) == OID_FLOAT8 ? d : (double)(int64_t)bits;
}

static int64_t pg_get_int(const struct facet_pg_rows *r, int row, int column)
{
    const PGresult *p = result_of(r);
    uint64_t v;
    if (PQgetisnull(p, row, column))
        return 0;
    v = raw(p, row, column);
    switch (PQftype(p, column)) {
    case OID_INT8: return (int64_t)v;
    case OID_INT4: return (int32_t)(uint32_t)v;
    case OID_INT2: return (int16_t)(uint16_t)v;
    case OID_BOOL: return v != 0;
    case OID_TEXT: return strtoll(PQgetvalue(p, row, column), NULL, 10);
    case OID_FLOAT8: return (int64_t)pg_get_num(r, row, column);
    default: return 0;
    }
}

static void pg_free(struct facet_pg_rows *r)
{
    PQclear((PGresult *)(void *)r);
}

/* --- notices --- */

static int take_notices(PGconn *conn)
{
    int n = 0;
    if (!PQconsumeInput(conn))
        return -1;
    for (PGnotify *x; (x = PQnotifies(conn)); n++)
        PQfreemem(x);
    return n;
}

static int pg_wait(struct facet_pg_link *l, int timeout_ms)
{
    struct pollfd p = { .fd = PQsocket(l->conn), .events = POLLIN };
    int n = p.fd < 0 ? -1 : take_notices(l->conn);
    if (n)
        return n;
    if (poll(&p, 1, timeout_ms) <= 0)
        return 0;
    n = take_notices(l->conn);
    return n < 0 || PQstatus(l->conn) != CONNECTION_OK ? -1 : n;
}

__attribute__((visibility("default"))) extern const struct facet_pg_module facet_pg_module;
const struct facet_pg_module facet_pg_module = {
    .version = FACET_PG_MODULE_VERSION,
    .open = pg_open, .close = pg_close, .is_up = pg_is_up, .is_in_transaction = pg_is_in_transaction, .again = pg_again,
    .exec = pg_exec, .query = pg_query, .count = pg_count, .changed = pg_changed, .bytes = pg_bytes,
    .get_int = pg_get_int, .get_num = pg_get_num, .free = pg_free, .wait = pg_wait,
};
