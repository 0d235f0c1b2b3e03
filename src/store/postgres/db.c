/* PostgreSQL's half of store/sql.h, over the module facet-pg (module.h). Each kind of store is a set of tables of its own in the
 * database ("facet_gallery", "facet_events"). Writers take a lock of the whole set, so that numbers are given in the order in
 * which they are seen, as in a file. A connection that was lost is made anew outside of transactions. */
#include "store/postgres/watch.h"
#include "store/sql.h"

#include "base/errors.h"
#include "base/module.h"
#include "base/str.h"
#include "store/postgres/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES 16

struct facet__pg {
    const struct facet_pg_module *m;
    struct facet_pg_link *link;
    bool has_tables;               /* the set of tables is there: every connection looks into it */
    char url[2048];                /* with the password, if it has one */
};

struct statement {
    char *sql;
    struct facet_pg_value v[VALUES];
    int n, row;                    /* row -1: it has not run yet */
    struct facet_pg_rows *rows;
};

static int module(const struct facet_pg_module **out)
{
    const void *table = NULL;
    int err = facet_module_open(&table, "facet-pg", FACET_PG_MODULE_SYMBOL, "libpq5");
    *out = table;
    if (!err && (*out)->version != FACET_PG_MODULE_VERSION)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot use module 'facet-pg': it belongs to another version");
    return err;
}

static int fail(struct facet__db *db, const struct facet_pg_why *why, const char *what)
{
    int err = FACET_E_STORE;
    const char *advice = "";
    if (!strncmp(why->state, "532", 3))
        return facet_fail_nomem();
    if (!strcmp(why->state, "42501") || !strcmp(why->state, "25006") || !strncmp(why->state, "28", 2))
        err = FACET_E_PERMISSION;
    if (!*why->state)
        advice = ": is the server there, and does it let this user in?";
    if (!strcmp(why->state, "55P03"))
        advice = ": another server is writing, try again";
    return facet_fail(err, "cannot %s %s '%s': %s%s", what, db->kind->word, db->path, why->text, advice);
}

/* --- connections --- */

static int set_up(struct facet__db *db, struct facet_pg_why *why)
{
    char sql[256];
    struct facet__pg *x = db->pg;
    snprintf(sql, sizeof(sql), "SET search_path = %s; SET lock_timeout = '5s'; SET default_transaction_read_only = %s",
             x->has_tables ? db->kind->schema : "pg_catalog", db->read_only ? "on" : "off");
    return x->m->exec(x->link, sql, why);
}

static int connect_again(struct facet__db *db, struct facet_pg_why *why)
{
    struct facet__pg *x = db->pg;
    return x->m->again(x->link, why) || set_up(db, why) ? -1 : 0;
}

static int revive(struct facet__db *db, struct facet_pg_why *why)
{
    return db->pg->m->is_up(db->pg->link) ? 0 : connect_again(db, why);
}

/* A server that goes says so (57P01 and others) before the connection breaks. */
static bool is_lost(const struct facet__db *db, const struct facet_pg_why *why)
{
    return !db->pg->m->is_up(db->pg->link) || !strncmp(why->state, "57P", 3);
}

/* What asks for one thing with one effect may be asked twice: outside of a transaction a lost connection is nobody's loss. */
static int pg_exec(struct facet__db *db, const char *sql, const char *what)
{
    struct facet_pg_why why = { "", "" };
    struct facet__pg *x = db->pg;
    bool is_inside = x->m->is_in_transaction(x->link);
    int err = revive(db, &why) || x->m->exec(x->link, sql, &why);
    if (err && !is_inside && is_lost(db, &why))
        err = connect_again(db, &why) || x->m->exec(x->link, sql, &why);
    return err ? fail(db, &why, what) : FACET_OK;
}

static int pg_begin(struct facet__db *db, const char *what, bool writes)
{
    char sql[160];
    int err = pg_exec(db, "SELECT 1", what); /* notices a connection that is gone, while it can be made anew */
    snprintf(sql, sizeof(sql), "BEGIN; SELECT pg_advisory_xact_lock(hashtext('%s'))", db->kind->schema);
    return err ? err : pg_exec(db, writes ? sql : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", what);
}

static void pg_rollback(struct facet__db *db)
{
    struct facet_pg_why why;
    if (db->pg->m->is_in_transaction(db->pg->link))
        (void)db->pg->m->exec(db->pg->link, "ROLLBACK", &why);
}

/* --- statements --- */

/* "?" and "?1" as "$1". */
static char *in_their_words(const char *sql)
{
    struct facet_str s = FACET_STR_INIT;
    int n = 0;
    for (; *sql; sql++) {
        if (*sql != '?')
            facet_str_append(&s, sql, 1);
        else if (sql[1] >= '0' && sql[1] <= '9')
            facet_str_append(&s, "$", 1);
        else
            facet_str_printf(&s, "$%d", ++n);
    }
    char *out = s.err ? NULL : facet_str_take(&s);
    facet_str_fini(&s);
    return out;
}

static int pg_prepare(struct facet__query *q, const char *sql)
{
    struct statement *s = calloc(1, sizeof(*s));
    q->s = s;
    if (!s || !(s->sql = in_their_words(sql)))
        return facet_fail_nomem();
    s->row = -1;
    return FACET_OK;
}

static int pg_bind(struct facet__query *q, const struct facet__sql_value *v)
{
    struct statement *s = q->s;
    static const enum facet_pg_type types[] = { [FACET__INT] = FACET_PG_INT, [FACET__NUM] = FACET_PG_NUM, [FACET__TEXT] = FACET_PG_TEXT,
                                                [FACET__BLOB] = FACET_PG_BLOB };
    if (q->arg > VALUES)
        return facet_fail(FACET_E_INTERNAL, "a statement has more than %d values", VALUES);
    s->v[q->arg - 1] = (struct facet_pg_value){ types[v->type], v->i, v->n, v->p, v->len };
    s->n = q->arg;
    return FACET_OK;
}

static int run(struct facet__query *q)
{
    struct statement *s = q->s;
    struct facet__pg *x = q->db->pg;
    struct facet_pg_why why = { "", "" };
    bool is_inside = x->m->is_in_transaction(x->link);
    int err = revive(q->db, &why) || x->m->query(x->link, s->sql, s->n, s->v, &s->rows, &why);
    if (err && !is_inside && is_lost(q->db, &why))
        err = connect_again(q->db, &why) || x->m->query(x->link, s->sql, s->n, s->v, &s->rows, &why);
    return err ? fail(q->db, &why, q->what) : FACET_OK;
}

static int pg_step(struct facet__query *q, bool *has_row)
{
    struct statement *s = q->s;
    int err = s->rows ? FACET_OK : run(q);
    *has_row = !err && ++s->row < q->db->pg->m->count(s->rows);
    if (!err && !*has_row)
        q->changed = q->db->pg->m->changed(s->rows);
    return err;
}

static int64_t pg_get_int(struct facet__query *q, int column)
{
    struct statement *s = q->s;
    return q->err || !s->rows ? 0 : q->db->pg->m->get_int(s->rows, s->row, column);
}

static double pg_get_num(struct facet__query *q, int column)
{
    struct statement *s = q->s;
    return q->err || !s->rows ? 0 : q->db->pg->m->get_num(s->rows, s->row, column);
}

/* Values end with a NUL that is not counted. */
static int pg_get_bytes(struct facet__query *q, int column, bool is_text, const void **data, size_t *len)
{
    struct statement *s = q->s;
    *data = s->rows ? q->db->pg->m->bytes(s->rows, s->row, column, len) : NULL;
    return FACET_OK;
}

static void pg_finish(struct facet__query *q)
{
    struct statement *s = q->s;
    if (!s)
        return;
    if (s->rows)
        q->db->pg->m->free(s->rows);
    free(s->sql);
    free(s);
}

static void pg_close(struct facet__db *db)
{
    struct facet__pg *x = db->pg;
    if (x->link)
        x->m->close(&x->link);
    explicit_bzero(x->url, sizeof(x->url));
    free(x);
    db->pg = NULL;
}

static const struct facet__sql_ops pg_ops = {
    .exec = pg_exec, .begin = pg_begin, .rollback = pg_rollback,
    .prepare = pg_prepare, .bind = pg_bind, .step = pg_step,
    .get_int = pg_get_int, .get_num = pg_get_num, .get_bytes = pg_get_bytes,
    .finish = pg_finish, .close = pg_close,
};

/* --- opening --- */

/* postgresql://user:secret@host/name?password=secret -> without both secrets, and without all behind "?" for the second. */
static void hide_password(char *out, size_t cap, const char *url)
{
    const char *start = strstr(url, "://") + 3, *at = strchr(start, '@'), *slash = strchr(start, '/'), *query = strchr(start, '?');
    const char *colon = at && (!slash || at < slash) ? memchr(start, ':', (size_t)(at - start)) : NULL;
    int end = query && strstr(query, "password") ? (int)(query - url) : (int)strlen(url);
    if (colon)
        snprintf(out, cap, "%.*s%.*s", (int)(colon - url), url, end - (int)(at - url), at);
    else
        snprintf(out, cap, "%.*s", end, url);
}

static int has_schema(struct facet__db *db, bool *has)
{
    struct facet__query q;
    facet__query_begin(&q, db, "open", "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ?");
    facet__query_text(&q, db->kind->schema);
    *has = facet__query_row(&q);
    return facet__query_end(&q);
}

/* Two servers that start at once: the second finds what the first made. */
static int make_schema(struct facet__db *db)
{
    char sql[400];
    snprintf(sql, sizeof(sql),
             "BEGIN; SELECT pg_advisory_xact_lock(hashtext('%s')); CREATE SCHEMA IF NOT EXISTS %s;"
             "CREATE TABLE IF NOT EXISTS %s.meta(key TEXT PRIMARY KEY, value TEXT NOT NULL); COMMIT",
             db->kind->schema, db->kind->schema, db->kind->schema);
    return pg_exec(db, sql, "create");
}

static int look_into(struct facet__db *db, const struct facet__db_opts *o, bool *is_new)
{
    char text[24];
    bool has = false;
    struct facet_pg_why why;
    int err = has_schema(db, &has);
    *is_new = !has;
    if (!err && !has && o->create && !o->read_only)
        err = make_schema(db);
    else if (err || !has)
        return err;
    if (err)
        return err;
    db->pg->has_tables = true;
    if (set_up(db, &why))
        return fail(db, &why, "open");
    err = facet__meta_get(db, "schema", text, sizeof(text), &has);
    *is_new = !has;
    db->schema = (int)strtol(text, NULL, 10);
    return err;
}

int facet__pg_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new)
{
    struct facet_pg_why why = { "", "" };
    struct facet__pg *x = calloc(1, sizeof(*x));
    if (!x)
        return facet_fail_nomem();
    hide_password(db->path, sizeof(db->path), o->path);
    db->pg = x;
    int err = module(&x->m);
    if (err) {
        free(x);
        db->pg = NULL;
        return err;
    }
    db->ops = &pg_ops;
    err = facet_copy_text(x->url, sizeof(x->url), o->path);
    if (!err && x->m->open(&x->link, x->url, &why))
        err = fail(db, &why, "open");
    if (!err && set_up(db, &why))
        err = fail(db, &why, "open");
    return err ? err : look_into(db, o, is_new);
}

/* --- watching --- */

struct facet__watch { const struct facet_pg_module *m; struct facet__db *db; struct facet_thread thread; bool runs; atomic_bool stop;
                      char channel[64]; facet__watch_fn *fn; void *ctx; };

#define LOOK_MS 200

static struct facet_pg_link *listen_to(struct facet__watch *w)
{
    struct facet_pg_link *l = NULL;
    struct facet_pg_why why;
    char sql[96];
    if (w->m->open(&l, w->db->pg->url, &why))
        return NULL;
    snprintf(sql, sizeof(sql), "LISTEN %s", w->channel);
    if (w->m->exec(l, sql, &why))
        w->m->close(&l);
    return l;
}

/* What happened while nobody listened is looked for after each connection, and what could not be looked for, again. */
static void watch(void *ctx)
{
    struct facet__watch *w = ctx;
    struct facet_pg_link *l = NULL;
    bool is_due = false;
    while (!atomic_load(&w->stop)) {
        if (!l) {
            l = listen_to(w);
            is_due = l != NULL;
            if (!l)
                facet__watch_pause(LOOK_MS);
        }
        if (is_due)
            is_due = w->fn(w->ctx) != FACET_OK;
        int n = l ? w->m->wait(l, LOOK_MS) : 0;
        is_due = is_due || n > 0;
        if (n < 0)
            w->m->close(&l);
    }
    if (l)
        w->m->close(&l);
}

int facet__watch_open(struct facet__watch **out, struct facet__db *db, const char *channel, facet__watch_fn *fn, void *ctx)
{
    *out = NULL;
    if (!db->pg)
        return FACET_OK;
    struct facet__watch *w = calloc(1, sizeof(*w));
    if (!w)
        return facet_fail_nomem();
    *w = (struct facet__watch){ .m = db->pg->m, .db = db, .fn = fn, .ctx = ctx };
    snprintf(w->channel, sizeof(w->channel), "%s", channel);
    int err = facet_thread_start(&w->thread, "facet-pg", watch, w);
    w->runs = !err;
    if (err)
        facet__watch_close(&w);
    *out = w;
    return err;
}

void facet__watch_close(struct facet__watch **pw)
{
    struct facet__watch *w = *pw;
    *pw = NULL;
    if (!w)
        return;
    atomic_store(&w->stop, true);
    if (w->runs)
        facet_thread_join(&w->thread);
    free(w);
}
