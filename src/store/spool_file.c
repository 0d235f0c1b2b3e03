/* A spool's file: one table of what waits, one of ids that were acknowledged lately, one row of counters. */
#include "store/spool_priv.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_BYTES ((int64_t)256 << 20)
#define MAX_AGE_MS ((int64_t)7 * 24 * 3600 * 1000)
#define DONE_ROWS 100000
#define APPLICATION 1180782456 /* "FaOx" */
#define SCHEMA 2
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char schema[] =
    "BEGIN IMMEDIATE;"
    "CREATE TABLE item(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, class INTEGER NOT NULL, topic TEXT NOT NULL,"
    " created_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, person TEXT NOT NULL, size INTEGER NOT NULL,"
    " sealed INTEGER NOT NULL, payload BLOB NOT NULL);"
    "CREATE INDEX item_by_class ON item(class, seq);"
    "CREATE INDEX item_by_age ON item(created_ms);"
    "CREATE INDEX item_by_end ON item(expires_ms) WHERE expires_ms > 0;"
    "CREATE TABLE done(seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, at_ms INTEGER NOT NULL);"
    "CREATE INDEX done_by_age ON done(at_ms);"
    "CREATE TABLE state(items INTEGER NOT NULL, bytes INTEGER NOT NULL, put INTEGER NOT NULL, acked INTEGER NOT NULL,"
    " doubles INTEGER NOT NULL, expired INTEGER NOT NULL, aged INTEGER NOT NULL, squeezed INTEGER NOT NULL,"
    " kept INTEGER NOT NULL DEFAULT 0);"
    "INSERT INTO state VALUES(0, 0, 0, 0, 0, 0, 0, 0, 0);"
    "PRAGMA application_id = " TEXT(APPLICATION) ";"
    "PRAGMA user_version = " TEXT(SCHEMA) ";"
    "COMMIT";

/* Version 1 had sealing twice: where the column `sealed` said no, the first byte of a payload said 0 or 1 (and what began with
 * anything else was as it is). People's names stood there to be read; those are hidden when the spool is opened with a key. */
static const char upgrade[] =
    "BEGIN IMMEDIATE;"
    "UPDATE item SET sealed = 2, payload = substr(payload, 2) WHERE sealed = 0 AND substr(payload, 1, 1) = x'01';"
    "UPDATE item SET payload = substr(payload, 2) WHERE sealed = 0 AND substr(payload, 1, 1) = x'00';"
    "ALTER TABLE state ADD COLUMN kept INTEGER NOT NULL DEFAULT 0;"
    "PRAGMA user_version = " TEXT(SCHEMA) ";"
    "COMMIT";

/* An event is worth keeping however late it arrives: its expires_at tells those who would act on it. */
#define OVER "class < 2 AND expires_ms > 0 AND expires_ms <= ?1"
_Static_assert(FACET_SPOOL_EVENT == 2, "OVER names classes by number");

static const char *const texts[STATEMENTS] = {
    [BEGIN] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    [ROLLBACK] = "ROLLBACK",
    [HAS] = "SELECT EXISTS(SELECT 1 FROM item WHERE id = ?1) OR EXISTS(SELECT 1 FROM done WHERE id = ?1 AND at_ms > ?2)",
    [INSERT] = "INSERT INTO item(id, class, topic, created_ms, expires_ms, person, size, sealed, payload)"
               " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [DOUBLE] = "UPDATE state SET doubles = doubles + 1",
    [ADD] = "UPDATE state SET put = put + 1, items = items + 1, bytes = bytes + ?1",
    [TAKE] = "UPDATE state SET items = items - ?1, bytes = bytes - ?2",
    [NEXT] = "SELECT seq, id, class, topic, created_ms, expires_ms, person, payload, sealed FROM item WHERE seq > ?1 ORDER BY seq LIMIT 1",
    [FIND] = "SELECT id, size FROM item WHERE seq = ?1",
    [FIND_ID] = "SELECT seq, size FROM item WHERE id = ?1",
    [EXCHANGE] = "UPDATE item SET expires_ms = ?2, person = ?3, size = ?4, sealed = ?5, payload = ?6 WHERE seq = ?1",
    [ANY_SEALED] = "SELECT seq, id, payload FROM item WHERE sealed <> 0 ORDER BY seq DESC LIMIT 1",
    [OPEN_ONE] = "SELECT seq, id, payload, person, sealed FROM item WHERE seq > ?1 AND sealed <> 1 ORDER BY seq LIMIT 1",
    [HIDE] = "UPDATE item SET sealed = 1, person = ?2, payload = ?3 WHERE seq = ?1",
    [KEEP] = "UPDATE state SET kept = ?1",
    [KEPT] = "SELECT kept FROM state",
    [DELETE] = "DELETE FROM item WHERE seq = ?1",
    [MARK_DONE] = "INSERT OR REPLACE INTO done(id, at_ms) VALUES(?1, ?2)",
    [ACKED] = "UPDATE state SET acked = acked + 1",
    [FORGET_OLD] = "DELETE FROM done WHERE seq IN (SELECT seq FROM done WHERE at_ms <= ?1 ORDER BY at_ms LIMIT 100)",
    [FORGET_MANY] = "DELETE FROM done WHERE seq <= (SELECT max(seq) FROM done) - " TEXT(DONE_ROWS),
    [EXPIRED] = "SELECT count(*), coalesce(sum(size), 0) FROM item WHERE " OVER,
    [AGED] = "SELECT count(*), coalesce(sum(size), 0) FROM item WHERE created_ms <= ?1",
    [LEAST] = "SELECT seq, size FROM item ORDER BY class, seq LIMIT 1",
    [DROP_EXPIRED] = "DELETE FROM item WHERE " OVER,
    [DROP_AGED] = "DELETE FROM item WHERE created_ms <= ?1",
    [SQUEEZED] = "UPDATE state SET expired = expired + ?1, aged = aged + ?2, squeezed = squeezed + ?3",
    [STATE] = "SELECT items, bytes, put, acked, doubles, expired, aged, squeezed FROM state",
    [OLDEST] = "SELECT created_ms FROM item ORDER BY created_ms LIMIT 1",
    [LAST] = "SELECT coalesce(max(seq), 0) FROM item",
    [SHIFT_ITEMS] = "UPDATE item SET created_ms = created_ms + ?1, expires_ms = CASE WHEN expires_ms > 0 THEN max(1, expires_ms + ?1) ELSE 0 END",
    [SHIFT_DONE] = "UPDATE done SET at_ms = at_ms + ?1",
    [ERASE_SUM] = "SELECT count(*), coalesce(sum(size), 0) FROM item WHERE person = ?1",
    [ERASE] = "DELETE FROM item WHERE person = ?1",
};

/* ---- statements ---- */

int facet__spool_fail(struct facet_spool *s, const char *what)
{
    int rc = s->sql ? sqlite3_extended_errcode(s->sql) : SQLITE_NOMEM;
    if ((rc & 0xff) == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
        return facet_fail_nomem();
    int err = (rc & 0xff) == SQLITE_NOTADB ? FACET_E_FORMAT : FACET_E_STORE;
    return facet_fail(err, "cannot %s spool '%s': %s", what, s->path, sqlite3_errmsg(s->sql));
}

sqlite3_stmt *facet__spool_use(struct facet_spool *s, enum facet__spool_statement which)
{
    sqlite3_reset(s->s[which]);
    sqlite3_clear_bindings(s->s[which]);
    return s->s[which];
}

sqlite3_stmt *facet__spool_use_int(struct facet_spool *s, enum facet__spool_statement which, int64_t a)
{
    sqlite3_stmt *q = facet__spool_use(s, which);
    sqlite3_bind_int64(q, 1, a);
    return q;
}

int facet__spool_run(struct facet_spool *s, sqlite3_stmt *q, const char *what)
{
    int rc = sqlite3_step(q);
    int err = rc == SQLITE_DONE || rc == SQLITE_ROW ? FACET_OK : facet__spool_fail(s, what);
    sqlite3_reset(q);
    return err;
}

int facet__spool_numbers(struct facet_spool *s, sqlite3_stmt *q, const char *what, int64_t *out, int n)
{
    int rc = sqlite3_step(q);
    int err = rc == SQLITE_DONE || rc == SQLITE_ROW ? FACET_OK : facet__spool_fail(s, what);
    for (int i = 0; i < n; i++)
        out[i] = rc == SQLITE_ROW ? sqlite3_column_int64(q, i) : 0;
    sqlite3_reset(q);
    return err;
}

int64_t facet__spool_clock_offset(const struct facet_spool *s)
{
    return s->clock.wall_ms(s->clock.ctx) - (int64_t)(s->clock.mono_ns(s->clock.ctx) / 1000000);
}

/* ---- opening ---- */

static int run_text(struct facet_spool *s, const char *sql)
{
    return sqlite3_exec(s->sql, sql, NULL, NULL, NULL) == SQLITE_OK ? FACET_OK : facet__spool_fail(s, "open");
}

/* What waits may tell of people: the file is its owner's alone. */
static int make_file(struct facet_spool *s)
{
    char dir[PATH_MAX];
    int err = facet_copy_text(dir, sizeof(dir), s->path);
    char *slash = err ? NULL : strrchr(dir, '/');
    if (!err && slash && slash != dir) {
        *slash = '\0';
        err = facet_mkdirs(dir);
    }
    if (err)
        return err;
    int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return facet_fail_errno("open spool", s->path);
    close(fd);
    return FACET_OK;
}

static int ask(struct facet_spool *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *q = NULL;
    int err = sqlite3_prepare_v2(s->sql, sql, -1, &q, NULL) == SQLITE_OK ? FACET_OK : facet__spool_fail(s, "open");
    if (!err)
        err = facet__spool_numbers(s, q, "open", out, 1);
    sqlite3_finalize(q);
    return err;
}

static int check_schema(struct facet_spool *s)
{
    int64_t tables[1], application[1], version[1];
    int err = ask(s, "SELECT count(*) FROM sqlite_master", tables);
    if (!err && !tables[0])
        return run_text(s, schema);
    if (!err)
        err = ask(s, "PRAGMA application_id", application);
    if (!err)
        err = ask(s, "PRAGMA user_version", version);
    if (!err && application[0] != APPLICATION)
        return facet_fail(FACET_E_FORMAT, "cannot open spool '%s': it is another kind of file", s->path);
    if (!err && version[0] == 1)
        return run_text(s, upgrade);
    if (!err && version[0] != SCHEMA)
        return facet_fail(FACET_E_FORMAT, "cannot open spool '%s': it is of version %lld, this program knows %d", s->path,
                          (long long)version[0], SCHEMA);
    return err;
}

static int connect(struct facet_spool *s)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(s->path, &s->sql, flags, NULL) != SQLITE_OK)
        return facet__spool_fail(s, "open");
    sqlite3_busy_timeout(s->sql, 5000);
    sqlite3_db_config(s->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int err = run_text(s, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 4194304;"
                          "PRAGMA cache_size = -256");
    return err ? err : check_schema(s);
}

static int prepare(struct facet_spool *s)
{
    for (int i = 0; i < STATEMENTS; i++)
        if (sqlite3_prepare_v3(s->sql, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &s->s[i], NULL) != SQLITE_OK)
            return facet__spool_fail(s, "open");
    return FACET_OK;
}

static int init(struct facet_spool *s, const struct facet_spool_opts *o)
{
    s->max_bytes = o->max_bytes > 0 ? o->max_bytes : MAX_BYTES;
    s->max_age_ms = o->max_age_ms > 0 ? o->max_age_ms : MAX_AGE_MS;
    s->vault = o->vault;
    s->clock = o->clock ? *o->clock : facet_clock_system;
    s->offset_ms = facet__spool_clock_offset(s);
    int err = facet_lock_init(&s->lock);
    s->has_lock = !err;
    if (!err)
        err = facet_cond_init(&s->more);
    s->has_more = s->has_lock && !err;
    return err ? err : facet_copy_text(s->path, sizeof(s->path), o->path);
}

int facet_spool_open(struct facet_spool **out, const struct facet_spool_opts *o)
{
    struct facet_spool *s = calloc(1, sizeof(*s));
    *out = NULL;
    int err = s ? init(s, o) : facet_fail_nomem();
    if (!err)
        err = make_file(s);
    if (!err)
        err = connect(s);
    if (!err)
        err = prepare(s);
    if (!err)
        err = facet__spool_settle(s);
    if (!err)
        err = facet__spool_numbers(s, facet__spool_use(s, LAST), "open", &s->last, 1);
    if (err)
        facet_spool_close(&s);
    *out = s;
    return err;
}

void facet_spool_close(struct facet_spool **spool)
{
    struct facet_spool *s = *spool;
    if (!s)
        return;
    for (int i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(s->s[i]);
    sqlite3_close(s->sql);
    if (s->has_more)
        facet_cond_fini(&s->more);
    if (s->has_lock)
        facet_lock_fini(&s->lock);
    free(s);
    *spool = NULL;
}
