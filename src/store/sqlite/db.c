/* SQLite's half of store/sql.h: files in WAL mode, durable, wiped where something is deleted. */
#include "store/sql.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "store/gallery.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000
#define LONGEST_VALUE (64 << 20)
#define CACHE_KB "512"             /* of pages, for each open file: full within minutes; the system keeps the rest */

struct facet__sqlite {
    sqlite3 *sql;
    sqlite3_stmt *rollback;        /* prepared: going back must not need memory */
};

static const char *advice(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT: return ": the file is damaged, restore it from a copy or an export";
    case SQLITE_NOTADB: return ": it is another kind of file";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ": another process is using it, try again";
    case SQLITE_FULL: return ": make room and try again";
    case SQLITE_READONLY: return ": make the file and its folder writable";
    default: return "";
    }
}

static int fail(struct facet__db *db, int rc, const char *what)
{
    int kind = rc & 0xff, err = FACET_E_STORE;
    sqlite3 *sql = db->sqlite->sql;
    if (kind == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
        return facet_fail_nomem();
    if (kind == SQLITE_NOTADB)
        err = FACET_E_FORMAT;
    if (kind == SQLITE_PERM || kind == SQLITE_READONLY || kind == SQLITE_AUTH)
        err = FACET_E_PERMISSION;
    const char *why = sql && sqlite3_errcode(sql) != SQLITE_OK ? sqlite3_errmsg(sql) : sqlite3_errstr(rc);
    return facet_fail(err, "cannot %s %s '%s': %s%s", what, db->kind->word, db->path, why, advice(rc));
}

static int sqlite_exec(struct facet__db *db, const char *sql, const char *what)
{
    int rc = sqlite3_exec(db->sqlite->sql, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? FACET_OK : fail(db, rc, what);
}

static int sqlite_begin(struct facet__db *db, const char *what, bool writes)
{
    return sqlite_exec(db, writes ? "BEGIN IMMEDIATE" : "BEGIN", what);
}

static void sqlite_rollback(struct facet__db *db)
{
    struct facet__sqlite *x = db->sqlite;
    for (int i = 0; i < 3 && !sqlite3_get_autocommit(x->sql); i++) { /* even this may want memory */
        sqlite3_step(x->rollback);
        sqlite3_reset(x->rollback);
    }
}

static int sqlite_prepare(struct facet__query *q, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(q->db->sqlite->sql, sql, -1, &s, NULL);
    q->s = s;
    return rc == SQLITE_OK ? FACET_OK : fail(q->db, rc, q->what);
}

static int sqlite_bind(struct facet__query *q, const struct facet__sql_value *v)
{
    int rc = SQLITE_OK;
    switch (v->type) {
    case FACET__INT: rc = sqlite3_bind_int64(q->s, q->arg, v->i); break;
    case FACET__NUM: rc = sqlite3_bind_double(q->s, q->arg, v->n); break;
    case FACET__TEXT: rc = sqlite3_bind_text64(q->s, q->arg, v->p, v->len, SQLITE_STATIC, SQLITE_UTF8); break;
    case FACET__BLOB: rc = sqlite3_bind_blob64(q->s, q->arg, v->p, v->len, SQLITE_STATIC); break;
    }
    return rc == SQLITE_OK ? FACET_OK : fail(q->db, rc, q->what);
}

static int sqlite_step(struct facet__query *q, bool *has_row)
{
    int rc = sqlite3_step(q->s);
    *has_row = rc == SQLITE_ROW;
    if (rc == SQLITE_DONE)
        q->changed = sqlite3_changes64(q->db->sqlite->sql);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? FACET_OK : fail(q->db, rc, q->what);
}

static int64_t sqlite_get_int(struct facet__query *q, int column)
{
    return sqlite3_column_int64(q->s, column);
}

static double sqlite_get_num(struct facet__query *q, int column)
{
    return sqlite3_column_double(q->s, column);
}

static int sqlite_get_bytes(struct facet__query *q, int column, bool is_text, const void **data, size_t *len)
{
    *data = is_text ? (const void *)sqlite3_column_text(q->s, column) : sqlite3_column_blob(q->s, column);
    if (!*data && sqlite3_errcode(q->db->sqlite->sql) == SQLITE_NOMEM)
        return facet_fail_nomem(); /* not to be taken for an empty one */
    *len = (size_t)sqlite3_column_bytes(q->s, column);
    return FACET_OK;
}

static void sqlite_finish(struct facet__query *q)
{
    sqlite3_finalize(q->s);
}

static void sqlite_close(struct facet__db *db)
{
    struct facet__sqlite *x = db->sqlite;
    sqlite3_finalize(x->rollback);
    sqlite3_close(x->sql); /* NULL is fine; no other statement outlives its call */
    free(x);
    db->sqlite = NULL;
}

static const struct facet__sql_ops sqlite_ops = {
    .exec = sqlite_exec, .begin = sqlite_begin, .rollback = sqlite_rollback,
    .prepare = sqlite_prepare, .bind = sqlite_bind, .step = sqlite_step,
    .get_int = sqlite_get_int, .get_num = sqlite_get_num, .get_bytes = sqlite_get_bytes,
    .finish = sqlite_finish, .close = sqlite_close,
};

/* --- opening --- */

static int find_path(struct facet__db *db, const char *path)
{
    if (path)
        return facet_copy_text(db->path, sizeof(db->path), path);
    char dir[3800];
    int err = facet_data_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(db->path, sizeof(db->path), dir, db->kind->file);
}

static int fail_file(struct facet__db *db, const char *what)
{
    char doing[64];
    snprintf(doing, sizeof(doing), "%s %s", what, db->kind->word);
    return facet_fail_errno(doing, db->path);
}

static int make_folder(const char *path)
{
    char dir[4096];
    int err = facet_copy_text(dir, sizeof(dir), path);
    char *slash = err ? NULL : strrchr(dir, '/');
    if (!slash || slash == dir)
        return err;
    *slash = '\0';
    return facet_mkdirs(dir);
}

/* Templates are personal: a new gallery is its owner's alone. SQLite gives the log the same mode. */
static int make_file(struct facet__db *db)
{
    int err = make_folder(db->path);
    if (err)
        return err;
    int fd = open(db->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_file(db, "create");
    close(fd);
    return FACET_OK;
}

static int check_magic(struct facet__db *db)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof(magic)] = "";
    FILE *f = fopen(db->path, "rb");
    if (!f)
        return fail_file(db, "open");
    size_t n = fread(head, 1, sizeof(head), f);
    fclose(f);
    if (n != sizeof(head) || memcmp(head, magic, sizeof(magic)))
        return facet_fail(FACET_E_FORMAT, "cannot open %s '%s': it is not a %s", db->kind->word, db->path, db->kind->word);
    return FACET_OK;
}

/* SQLite says "not a database" only after it was asked; a folder or a picture is better named here. */
static int look_at_file(struct facet__db *db, bool create)
{
    struct stat st;
    if (stat(db->path, &st)) {
        if (errno != ENOENT)
            return fail_file(db, "open");
        if (!create)
            return facet_fail(FACET_E_NOT_FOUND, "there is no %s '%s'%s", db->kind->word, db->path, db->kind->make);
        return make_file(db);
    }
    if (!S_ISREG(st.st_mode))
        return facet_fail(FACET_E_FORMAT, "cannot open %s '%s': it is not a file", db->kind->word, db->path);
    if (!st.st_size && !create)
        return facet_fail(FACET_E_NOT_FOUND, "the %s '%s' is empty%s", db->kind->word, db->path, db->kind->fill);
    return st.st_size ? check_magic(db) : FACET_OK;
}

/* Without write access to the folder SQLite cannot make the log's index. When no log is waiting, the
 * file alone is the whole gallery and may be read as one that nobody changes. */
static bool must_be_immutable(const struct facet__db *db)
{
    char text[4096 + 8];
    snprintf(text, sizeof(text), "%s-shm", db->path);
    if (!access(text, F_OK))
        return false;
    snprintf(text, sizeof(text), "%s-wal", db->path);
    struct stat st;
    if (!stat(text, &st) && st.st_size)
        return false;
    snprintf(text, sizeof(text), "%s", db->path);
    char *slash = strrchr(text, '/');
    if (slash)
        slash[slash == text] = '\0';
    return access(slash ? text : ".", W_OK) != 0;
}

/* The path as a file: URI, every byte that is special there written as %XX. */
static void write_uri(char *out, size_t cap, const char *path, bool immutable)
{
    size_t n = (size_t)snprintf(out, cap, "file:");
    for (; *path && n + 24 < cap; path++) {
        bool plain = (*path >= 'a' && *path <= 'z') || (*path >= 'A' && *path <= 'Z') ||
                     (*path >= '0' && *path <= '9') || strchr("/-_.~", *path);
        n += (size_t)snprintf(out + n, cap - n, plain ? "%c" : "%%%02X", (unsigned char)*path);
    }
    snprintf(out + n, cap - n, "?immutable=%d", immutable);
}

static int connect(struct facet__db *db)
{
    char uri[3 * 4096 + 64];
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= db->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (!db->is_file)
        snprintf(uri, sizeof(uri), ":memory:");
    else {
        flags |= SQLITE_OPEN_URI;
        write_uri(uri, sizeof(uri), db->path, db->read_only && must_be_immutable(db));
    }
    int rc = sqlite3_open_v2(uri, &db->sqlite->sql, flags, NULL);
    if (rc != SQLITE_OK)
        return fail(db, rc, "open");
    if (!db->read_only && sqlite3_db_readonly(db->sqlite->sql, "main") == 1)
        return facet_fail(FACET_E_PERMISSION, "cannot open %s '%s' for writing: permission denied", db->kind->word, db->path);
    return FACET_OK;
}

/* What holds for this connection: nothing here writes to the file. */
static int set_up(struct facet__db *db)
{
    sqlite3_busy_timeout(db->sqlite->sql, BUSY_MS);
    sqlite3_limit(db->sqlite->sql, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    sqlite3_db_config(db->sqlite->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sqlite->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int rc = sqlite3_prepare_v2(db->sqlite->sql, "ROLLBACK", -1, &db->sqlite->rollback, NULL);
    if (rc != SQLITE_OK)
        return fail(db, rc, "open");
    return facet__db_exec(db,
                          "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -" CACHE_KB,
                          "open");
}

static int use_log(struct facet__db *db)
{
    char mode[16] = "";
    struct facet__query q;
    facet__query_begin(&q, db, "open", "PRAGMA journal_mode = WAL");
    if (facet__query_row(&q))
        facet__query_get_text(&q, 0, mode, sizeof(mode));
    int err = facet__query_end(&q);
    if (!err && strcmp(mode, "wal"))
        return facet_fail(FACET_E_STORE, "cannot open %s '%s': its file system cannot hold a write-ahead log",
                          db->kind->word, db->path);
    return err;
}

static int pragma_int(struct facet__db *db, const char *sql, int64_t *out)
{
    struct facet__query q;
    facet__query_begin(&q, db, "open", sql);
    *out = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    return facet__query_end(&q);
}

static int identify(struct facet__db *db, bool *is_new)
{
    int64_t application = 0, schema = 0, objects = 0;
    int err = pragma_int(db, "PRAGMA application_id", &application);
    if (!err)
        err = pragma_int(db, "PRAGMA user_version", &schema);
    if (!err)
        err = pragma_int(db, "SELECT count(*) FROM sqlite_schema", &objects);
    if (err)
        return err;
    *is_new = !application && !schema && !objects;
    if (!*is_new && application != db->kind->application_id)
        return facet_fail(FACET_E_FORMAT, "cannot open %s '%s': it is another program's database", db->kind->word, db->path);
    db->schema = schema > INT16_MAX ? INT16_MAX : (int)schema;
    return FACET_OK;
}

int facet__sqlite_open(struct facet__db *db, const struct facet__db_opts *o, bool *is_new)
{
    int err = find_path(db, o->path);
    if (err)
        return err;
    db->is_file = strcmp(db->path, ":memory:") != 0;
    if (db->is_file)
        err = look_at_file(db, o->create);
    if (err)
        return err;
    db->sqlite = calloc(1, sizeof(*db->sqlite));
    if (!db->sqlite)
        return facet_fail_nomem();
    db->ops = &sqlite_ops;
    err = connect(db);
    if (!err)
        err = set_up(db);
    if (!err)
        err = identify(db, is_new);
    if (!err && !db->read_only && db->is_file && (!*is_new || o->create) && db->schema <= db->kind->newest)
        err = use_log(db);
    return err;
}

int facet__db_flush(struct facet__db *db, const char *what)
{
    if (!db->is_file)
        return FACET_OK;
    struct facet__query q;
    facet__query_begin(&q, db, what, "PRAGMA wal_checkpoint(TRUNCATE)");
    bool busy = facet__query_row(&q) && facet__query_get_int(&q, 0);
    int err = facet__query_end(&q);
    if (!err && busy)
        return facet_fail(FACET_E_STORE,
                          "deleted from %s '%s', but another process is reading it: the bytes stay in its log "
                          "until that process ends or 'facet gallery check' runs", db->kind->word, db->path);
    return err;
}

int facet__db_compact(struct facet__db *db, const char *what)
{
    int err = facet__db_exec(db, facet__db_says(db, "VACUUM", "VACUUM (FULL, ANALYZE)"), what);
    return err ? err : facet__db_flush(db, what);
}

int facet__db_check_pages(struct facet__db *db)
{
    char text[512] = "ok";
    struct facet__query q;
    if (!db->sqlite)
        return FACET_OK; /* a server looks after its pages itself */
    facet__query_begin(&q, db, "check", "PRAGMA integrity_check(1)");
    if (facet__query_row(&q))
        facet__query_get_text(&q, 0, text, sizeof(text));
    int err = facet__query_end(&q);
    if (!err && strcmp(text, "ok"))
        return facet_fail(FACET_E_STORE, "%s '%s' is damaged: %s", db->kind->word, db->path, text);
    return err;
}

const char *facet_gallery_sqlite_version(void)
{
    return sqlite3_libversion();
}
