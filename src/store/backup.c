/* SQLite's own way of copying a database that is in use, page by page under a read lock, and starting over when somebody
 * else writes: to a new file beside the target, which is renamed; or over a database, as one transaction. */
#include "store/backup.h"

#include "base/errors.h"
#include "base/file.h"
#include "store/gallery_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES 1024
#define TRIES 200                      /* of 50 ms, while somebody else writes */

static int copy_fail(const char *what, const char *path, sqlite3 *sql, int rc)
{
    if (rc == SQLITE_NOMEM)
        return facet_fail_nomem();
    return facet_fail(rc == SQLITE_READONLY ? FACET_E_PERMISSION : FACET_E_STORE, "cannot %s '%s': %s", what, path,
                      sql ? sqlite3_errmsg(sql) : sqlite3_errstr(rc));
}

static int run_copy(sqlite3 *from, sqlite3 *to, const char *to_path)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = b ? SQLITE_OK : sqlite3_errcode(to);
    for (int tries = 0; rc == SQLITE_OK || ((rc == SQLITE_BUSY || rc == SQLITE_LOCKED) && tries < TRIES);) {
        rc = sqlite3_backup_step(b, PAGES);
        if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
            tries++;
            sqlite3_sleep(50);
        }
    }
    if (b)
        sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? FACET_OK : copy_fail("copy to", to_path, NULL, rc);
}

static int open_sql(sqlite3 **out, const char *path, int flags)
{
    int rc = sqlite3_open_v2(path, out, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(*out, 5000);
        rc = sqlite3_exec(*out, "PRAGMA schema_version; PRAGMA secure_delete = ON", NULL, NULL, NULL);
    }
    return rc == SQLITE_OK ? FACET_OK : copy_fail("open", path, *out, rc);
}

/* Over `to`, which is made when it is not there. */
static int copy_into(const char *from, const char *to)
{
    sqlite3 *a = NULL, *b = NULL;
    int fd = open(to, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int err = fd >= 0 ? FACET_OK : facet_fail_errno("write", to);
    if (fd >= 0)
        close(fd);
    if (!err)
        err = open_sql(&a, from, SQLITE_OPEN_READONLY);
    if (!err)
        err = open_sql(&b, to, SQLITE_OPEN_READWRITE);
    if (!err)
        err = run_copy(a, b, to);
    sqlite3_close(a);
    sqlite3_close(b);
    return err;
}

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int err = fd >= 0 && !fsync(fd) ? FACET_OK : facet_fail_errno("write", path);
    if (fd >= 0)
        close(fd);
    return err;
}

static void drop_file(const char *path)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char name[4200];
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, ends[i]);
        unlink(name);
    }
}

/* A file of its own beside `path`, named like nothing that is there. */
static int name_beside(char out[4200], const char *path)
{
    snprintf(out, 4200, "%.4090s.XXXXXX", path);
    int fd = mkostemp(out, O_CLOEXEC);
    if (fd < 0)
        return facet_fail_errno("write", out);
    close(fd);
    return FACET_OK;
}

/* A copy that stands alone: no log beside it. */
static int finish_copy(const char *tmp, const char *to)
{
    sqlite3 *sql = NULL;
    int err = open_sql(&sql, tmp, SQLITE_OPEN_READWRITE);
    if (!err && sqlite3_exec(sql, "PRAGMA journal_mode = DELETE", NULL, NULL, NULL) != SQLITE_OK)
        err = copy_fail("write", tmp, sql, SQLITE_ERROR);
    sqlite3_close(sql);
    if (!err)
        err = sync_file(tmp);
    if (!err && rename(tmp, to))
        err = facet_fail_errno("write", to);
    return err;
}

static int refuse_server(const char *path, const char *what)
{
    return facet__is_postgres(path) ? facet_fail(FACET_E_UNSUPPORTED, "cannot %s what is in PostgreSQL: use pg_dump and pg_restore", what)
                                    : FACET_OK;
}

static int back_up(const char *path, const char *to)
{
    char tmp[4200];
    int err = name_beside(tmp, to);
    if (err)
        return err;
    err = copy_into(path, tmp);
    if (!err)
        err = finish_copy(tmp, to);
    if (err)
        drop_file(tmp);
    return err;
}

/* Opened first: what cannot be opened here is not worth a copy, and the path is known then. */
int facet_gallery_backup(const char *gallery, const char *to)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = gallery, .read_only = true };
    int err = refuse_server(gallery, "back up");
    if (err)
        return err;
    err = facet_gallery_open(&g, &o);
    if (!err)
        err = back_up(facet_gallery_path(g), to);
    facet_gallery_close(&g);
    return err;
}

static int default_events(char out[4096], const char *events)
{
    char dir[3800];
    if (events) {
        snprintf(out, 4096, "%.4095s", events);
        return FACET_OK;
    }
    int err = facet_data_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(out, 4096, dir, "events.db");
}

int facet_events_backup(const char *events, const char *to)
{
    char path[4096];
    int err = refuse_server(events, "back up");
    if (!err)
        err = default_events(path, events);
    if (!err && !facet_path_exists(path))
        err = facet_fail(FACET_E_NOT_FOUND, "there is no event store '%s'", path);
    return err ? err : back_up(path, to);
}

/* --- back --- */

/* Who was erased in `now` is deleted from `then`. */
static int erase_again(struct facet_gallery *now, struct facet_gallery *then, int64_t *n)
{
    struct facet_person p;
    int64_t id = 0, when;
    int err = FACET_OK;
    while (!err) {
        facet_lock_take(&now->writing);
        err = facet__erased_after(&now->db, id, &id, &when);
        facet_lock_give(&now->writing);
        int there = err ? FACET_E_END : facet_gallery_person_by_id(then, id, &p);
        if (!there) {
            err = facet_gallery_delete(then, p.name);
            ++*n;
        }
    }
    return err == FACET_E_END ? FACET_OK : err;
}

/* The list of the erased goes on; those who look at the file see another version than any before. */
static int carry_over(struct facet_gallery *now, struct facet_gallery *then)
{
    int64_t id = 0, when;
    uint64_t a = facet_gallery_version(now), b = facet_gallery_version(then);
    char text[24];
    int err = facet__db_begin(&then->db, "restore");
    while (!err) {
        err = facet__erased_after(&now->db, id, &id, &when);
        if (err)
            break;
        struct facet__query q;
        facet__query_begin(&q, &then->db, "restore", "INSERT INTO erased(person, erased_ms) VALUES(?, ?) ON CONFLICT(person) DO NOTHING");
        facet__query_int(&q, id);
        facet__query_int(&q, when);
        err = facet__query_run(&q);
    }
    snprintf(text, sizeof(text), "%llu", (unsigned long long)((a > b ? a : b) + 1));
    if (err == FACET_E_END)
        err = facet__meta_put(&then->db, "people_version", text);
    if (!err)
        err = facet__db_commit(&then->db, "restore");
    if (err)
        facet__db_rollback(&then->db);
    return err;
}

/* What is there now has its say; a gallery that is damaged or gone has none. */
static int heed_present(const char *gallery, struct facet_vault *v, struct facet_gallery *then, int64_t *erased_again)
{
    struct facet_gallery *now;
    struct facet_gallery_opts o = { .path = gallery, .vault = v };
    int err = facet_gallery_open(&now, &o);
    if (err == FACET_E_NOT_FOUND || err == FACET_E_STORE || err == FACET_E_FORMAT)
        return FACET_OK;
    if (!err && strcmp(facet_gallery_contract(now), facet_gallery_contract(then)) != 0)
        err = facet_fail(FACET_E_CONTRACT, "cannot restore gallery '%s': the copy holds embeddings of another recogniser", facet_gallery_path(now));
    if (!err)
        err = erase_again(now, then, erased_again);
    if (!err)
        err = carry_over(now, then);
    facet_gallery_close(&now);
    return err;
}

static int ready_gallery(const char *tmp, const char *gallery, struct facet_vault *v, struct facet_restore_report *out)
{
    struct facet_gallery *g;
    struct facet_gallery_info info;
    struct facet_gallery_opts o = { .path = tmp, .vault = v };
    int err = facet_gallery_open(&g, &o);
    if (!err)
        err = facet_gallery_check(g);
    if (!err)
        err = heed_present(gallery, v, g, &out->erased_again);
    if (!err)
        err = facet_gallery_info(g, &info);
    if (!err) {
        out->people = info.people;
        out->templates = info.templates;
    }
    facet_gallery_close(&g);
    return err;
}

static int default_gallery(char out[4096], const char *gallery)
{
    char dir[3800];
    if (gallery) {
        snprintf(out, 4096, "%.4095s", gallery);
        return FACET_OK;
    }
    int err = facet_data_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(out, 4096, dir, "gallery.db");
}

/* A copy of the copy is opened, doubted and made ready beside the target, and only then goes over it. */
static int stage(const char *from, const char *path, char tmp[4200])
{
    if (!facet_path_exists(from))
        return facet_fail(FACET_E_NOT_FOUND, "there is no copy '%s'", from);
    int err = name_beside(tmp, path);
    if (!err)
        err = copy_into(from, tmp);
    return err;
}

int facet_gallery_restore(const char *from, const char *gallery, struct facet_vault *v, struct facet_restore_report *out)
{
    char path[4096], tmp[4200] = "";
    int err = refuse_server(gallery, "restore");
    if (!err)
        err = default_gallery(path, gallery);
    if (!err)
        err = stage(from, path, tmp);
    if (!err)
        err = ready_gallery(tmp, path, v, out);
    if (!err)
        err = copy_into(tmp, path);
    if (!err) {
        char index[4200];
        snprintf(index, sizeof(index), "%s.index", path);
        err = facet_index_erase(index);
    }
    if (*tmp)
        drop_file(tmp);
    return err;
}

static int forget_erased(struct facet_events *e, struct facet_gallery *g)
{
    int64_t id = 0, when;
    int err = FACET_OK;
    while (!err) {
        facet_lock_take(&g->writing);
        err = facet__erased_after(&g->db, id, &id, &when);
        facet_lock_give(&g->writing);
        if (!err)
            err = facet_events_erase(e, id, NULL, NULL, NULL);
    }
    return err == FACET_E_END ? FACET_OK : err;
}

static int ready_events(const char *tmp, struct facet_vault *v, struct facet_gallery *g, struct facet_restore_report *out)
{
    struct facet_events *e;
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    int err = facet_events_open(&e, &(struct facet_events_opts){ .where = tmp, .vault = v });
    if (!err && g)
        err = forget_erased(e, g);
    if (!err)
        err = facet_events_check(e);
    if (!err)
        err = facet_events_count(e, &all, &out->events);
    facet_events_close(&e);
    return err;
}

int facet_events_restore(const char *from, const char *events, struct facet_vault *v, struct facet_gallery *g,
                         struct facet_restore_report *out)
{
    char path[4096], tmp[4200] = "";
    int err = refuse_server(events, "restore");
    if (!err)
        err = default_events(path, events);
    if (!err)
        err = stage(from, path, tmp);
    if (!err)
        err = ready_events(tmp, v, g, out);
    if (!err)
        err = copy_into(tmp, path);
    if (*tmp)
        drop_file(tmp);
    return err;
}
