#include "store/sqlite/db.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_MS 5000
#define LONGEST_VALUE (64 << 20)

static const char *advice(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_CORRUPT: return ": the file is damaged, restore it from a copy or an export";
    case SQLITE_NOTADB: return ": it is not a gallery";
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return ": another process is using it, try again";
    case SQLITE_FULL: return ": make room and try again";
    case SQLITE_READONLY: return ": make the file and its folder writable";
    default: return "";
    }
}

int facet__db_fail(struct facet__db *db, int rc, const char *what)
{
    int kind = rc & 0xff, err = FACET_E_STORE;
    if (kind == SQLITE_NOMEM || rc == SQLITE_IOERR_NOMEM)
        return facet_fail_nomem();
    if (kind == SQLITE_NOTADB)
        err = FACET_E_FORMAT;
    if (kind == SQLITE_PERM || kind == SQLITE_READONLY || kind == SQLITE_AUTH)
        err = FACET_E_PERMISSION;
    const char *why = db->sql && sqlite3_errcode(db->sql) != SQLITE_OK ? sqlite3_errmsg(db->sql) : sqlite3_errstr(rc);
    return facet_fail(err, "cannot %s gallery '%s': %s%s", what, db->path, why, advice(rc));
}

int facet__db_exec(struct facet__db *db, const char *sql, const char *what)
{
    int rc = sqlite3_exec(db->sql, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? FACET_OK : facet__db_fail(db, rc, what);
}

void facet__query_begin(struct facet__query *q, struct facet__db *db, const char *what, const char *sql)
{
    *q = (struct facet__query){ .db = db, .what = what };
    int rc = sqlite3_prepare_v2(db->sql, sql, -1, &q->s, NULL);
    if (rc != SQLITE_OK)
        q->err = facet__db_fail(db, rc, what);
}

static void bound(struct facet__query *q, int rc)
{
    if (rc != SQLITE_OK && !q->err)
        q->err = facet__db_fail(q->db, rc, q->what);
}

void facet__query_int(struct facet__query *q, int64_t v)
{
    if (!q->err)
        bound(q, sqlite3_bind_int64(q->s, ++q->arg, v));
}

void facet__query_num(struct facet__query *q, double v)
{
    if (!q->err)
        bound(q, sqlite3_bind_double(q->s, ++q->arg, v));
}

void facet__query_text(struct facet__query *q, const char *v)
{
    if (!q->err)
        bound(q, sqlite3_bind_text(q->s, ++q->arg, v, -1, SQLITE_STATIC));
}

void facet__query_blob(struct facet__query *q, const void *v, size_t len)
{
    if (!q->err)
        bound(q, sqlite3_bind_blob64(q->s, ++q->arg, v, len, SQLITE_STATIC));
}

bool facet__query_row(struct facet__query *q)
{
    if (q->err)
        return false;
    int rc = sqlite3_step(q->s);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        q->err = facet__db_fail(q->db, rc, q->what);
    return rc == SQLITE_ROW;
}

int64_t facet__query_get_int(struct facet__query *q, int column)
{
    return sqlite3_column_int64(q->s, column);
}

void facet__query_get_text(struct facet__query *q, int column, char *out, size_t cap)
{
    const unsigned char *text = sqlite3_column_text(q->s, column);
    if (!text && sqlite3_errcode(q->db->sql) == SQLITE_NOMEM && !q->err)
        q->err = facet_fail_nomem(); /* not to be taken for an empty text */
    snprintf(out, cap, "%s", text ? (const char *)text : "");
}

int facet__query_end(struct facet__query *q)
{
    sqlite3_finalize(q->s);
    q->s = NULL;
    return q->err;
}

int facet__query_run(struct facet__query *q)
{
    while (facet__query_row(q))
        ;
    return facet__query_end(q);
}

int facet__db_begin_read(struct facet__db *db, const char *what)
{
    facet__db_rollback(db);
    return facet__db_exec(db, "BEGIN", what);
}

int facet__db_begin(struct facet__db *db, const char *what)
{
    if (db->read_only)
        return facet_fail(FACET_E_PERMISSION, "cannot %s gallery '%s': it was opened for reading only", what, db->path);
    facet__db_rollback(db); /* where an earlier one could not be taken back */
    return facet__db_exec(db, "BEGIN IMMEDIATE", what);
}

int facet__db_commit(struct facet__db *db, const char *what)
{
    return facet__db_exec(db, "COMMIT", what);
}

void facet__db_rollback(struct facet__db *db)
{
    for (int i = 0; i < 3 && !sqlite3_get_autocommit(db->sql); i++) { /* even this may want memory */
        sqlite3_step(db->rollback);
        sqlite3_reset(db->rollback);
    }
}

/* --- opening --- */

static int find_path(struct facet__db *db, const char *path)
{
    if (path)
        return facet_copy_text(db->path, sizeof(db->path), path);
    char dir[3800];
    int err = facet_data_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(db->path, sizeof(db->path), dir, "gallery.db");
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
        return facet_fail_errno("create gallery", db->path);
    close(fd);
    return FACET_OK;
}

static int check_magic(struct facet__db *db)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof(magic)] = "";
    FILE *f = fopen(db->path, "rb");
    if (!f)
        return facet_fail_errno("open gallery", db->path);
    size_t n = fread(head, 1, sizeof(head), f);
    fclose(f);
    if (n != sizeof(head) || memcmp(head, magic, sizeof(magic)))
        return facet_fail(FACET_E_FORMAT, "cannot open gallery '%s': it is not a gallery", db->path);
    return FACET_OK;
}

/* SQLite says "not a database" only after it was asked; a folder or a picture is better named here. */
static int look_at_file(struct facet__db *db, const struct facet_gallery_opts *o)
{
    struct stat st;
    if (stat(db->path, &st)) {
        if (errno != ENOENT)
            return facet_fail_errno("open gallery", db->path);
        if (!o->create)
            return facet_fail(FACET_E_NOT_FOUND,
                              "there is no gallery '%s': make one with: facet enroll NAME PICTURE", db->path);
        return make_file(db);
    }
    if (!S_ISREG(st.st_mode))
        return facet_fail(FACET_E_FORMAT, "cannot open gallery '%s': it is not a file", db->path);
    if (!st.st_size && !o->create)
        return facet_fail(FACET_E_NOT_FOUND,
                          "the gallery '%s' is empty: fill it with: facet enroll NAME PICTURE", db->path);
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
    if (db->in_memory)
        snprintf(uri, sizeof(uri), ":memory:");
    else {
        flags |= SQLITE_OPEN_URI;
        write_uri(uri, sizeof(uri), db->path, db->read_only && must_be_immutable(db));
    }
    int rc = sqlite3_open_v2(uri, &db->sql, flags, NULL);
    if (rc != SQLITE_OK)
        return facet__db_fail(db, rc, "open");
    if (!db->read_only && sqlite3_db_readonly(db->sql, "main") == 1)
        return facet_fail(FACET_E_PERMISSION, "cannot open gallery '%s' for writing: permission denied", db->path);
    return FACET_OK;
}

/* What holds for this connection: nothing here writes to the file. */
static int set_up(struct facet__db *db)
{
    sqlite3_busy_timeout(db->sql, BUSY_MS);
    sqlite3_limit(db->sql, SQLITE_LIMIT_LENGTH, LONGEST_VALUE);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db->sql, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    int rc = sqlite3_prepare_v2(db->sql, "ROLLBACK", -1, &db->rollback, NULL);
    if (rc != SQLITE_OK)
        return facet__db_fail(db, rc, "open");
    return facet__db_exec(db,
                          "PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;"
                          "PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY",
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
        return facet_fail(FACET_E_STORE, "cannot open gallery '%s': its file system cannot hold a write-ahead log",
                          db->path);
    return err;
}

int facet__db_open(struct facet__db *db, const struct facet_gallery_opts *o)
{
    *db = (struct facet__db){ .read_only = o->read_only };
    int err = find_path(db, o->path);
    if (err)
        return err;
    db->in_memory = !strcmp(db->path, ":memory:");
    if (!db->in_memory)
        err = look_at_file(db, o);
    if (!err)
        err = connect(db);
    if (!err)
        err = set_up(db);
    bool is_new = false;
    if (!err)
        err = facet__schema_identify(db, &is_new);
    if (!err && is_new && !o->create)
        err = facet_fail(FACET_E_NOT_FOUND, "the gallery '%s' is empty: fill it with: facet enroll NAME PICTURE",
                         db->path);
    if (!err && !db->read_only && !db->in_memory)
        err = use_log(db);
    if (!err)
        err = facet__schema_migrate(db, o);
    if (!err)
        err = facet__schema_load(db, o);
    if (err)
        facet__db_close(db);
    return err;
}

void facet__db_close(struct facet__db *db)
{
    sqlite3_finalize(db->rollback);
    sqlite3_close(db->sql); /* NULL is fine; no other statement outlives its call */
    db->rollback = NULL;
    db->sql = NULL;
}

int facet__db_flush(struct facet__db *db, const char *what)
{
    if (db->in_memory)
        return FACET_OK;
    struct facet__query q;
    facet__query_begin(&q, db, what, "PRAGMA wal_checkpoint(TRUNCATE)");
    bool busy = facet__query_row(&q) && facet__query_get_int(&q, 0);
    int err = facet__query_end(&q);
    if (!err && busy)
        return facet_fail(FACET_E_STORE,
                          "deleted from gallery '%s', but another process is reading it: the bytes stay in its log "
                          "until that process ends or 'facet gallery check' runs", db->path);
    return err;
}
