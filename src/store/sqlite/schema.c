/* Whose file is it, which schema has it, and what stands in its head.
 *
 * application_id tells a gallery from other SQLite files; user_version is the number of migrations
 * that were applied. A migration, once released, never changes; a new one is a new line. */
#include "store/sqlite/db.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/str.h"
#include "store/rules.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APPLICATION_ID 0x46434554      /* "FCET" */

static const char *const migrations[] = {
    /* 1: people and their templates */
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE people("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  name TEXT NOT NULL UNIQUE CHECK(length(CAST(name AS BLOB)) BETWEEN 1 AND 127),"
    "  note TEXT NOT NULL DEFAULT '' CHECK(length(CAST(note AS BLOB)) < 256),"
    "  created_ms INTEGER NOT NULL);"
    "CREATE TABLE templates("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT,"
    "  person INTEGER NOT NULL REFERENCES people(id),"
    "  embedding BLOB NOT NULL,"
    "  quality REAL NOT NULL,"
    "  source TEXT NOT NULL CHECK(length(CAST(source AS BLOB)) < 256),"
    "  source_sha256 TEXT NOT NULL CHECK(length(source_sha256) IN (0, 64)),"
    "  created_ms INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL);"
    "CREATE INDEX templates_person ON templates(person);"
    "CREATE UNIQUE INDEX templates_source ON templates(person, source_sha256) WHERE source_sha256 <> '';",
    /* 2: what was trained on them */
    "CREATE TABLE blobs("
    "  key TEXT PRIMARY KEY,"
    "  data BLOB NOT NULL,"
    "  people_version INTEGER NOT NULL,"
    "  checksum INTEGER NOT NULL) WITHOUT ROWID;",
};
#define NEWEST ((int)(sizeof(migrations) / sizeof(migrations[0])))

static int pragma_int(struct facet__db *db, const char *sql, int64_t *out)
{
    struct facet__query q;
    facet__query_begin(&q, db, "open", sql);
    *out = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    return facet__query_end(&q);
}

int facet__schema_identify(struct facet__db *db, bool *is_new)
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
    if (!*is_new && application != APPLICATION_ID)
        return facet_fail(FACET_E_FORMAT, "cannot open gallery '%s': it is another program's database", db->path);
    if (schema > NEWEST)
        return facet_fail(FACET_E_UNSUPPORTED,
                          "cannot open gallery '%s': a newer facet wrote it (schema %lld, this one knows %d)",
                          db->path, (long long)schema, NEWEST);
    db->schema = (int)schema;
    return FACET_OK;
}

static int put_meta(struct facet__db *db, const char *key, const char *text, int64_t number)
{
    struct facet__query q;
    facet__query_begin(&q, db, "create", "INSERT INTO meta(key, value) VALUES(?, ?)");
    facet__query_text(&q, key);
    if (text)
        facet__query_text(&q, text);
    else
        facet__query_int(&q, number);
    return facet__query_run(&q);
}

static int write_head(struct facet__db *db, const struct facet_gallery_opts *o)
{
    if (!facet__is_sha256(o->contract))
        return facet_fail(FACET_E_INVALID, "cannot create gallery '%s': it needs the contract of a recogniser", db->path);
    if (o->dim < 1 || o->dim > FACET_MAX_EMBEDDING)
        return facet_fail(FACET_E_INVALID, "cannot create gallery '%s': %d numbers an embedding", db->path, o->dim);
    int err = put_meta(db, "contract", o->contract, 0);
    if (!err)
        err = put_meta(db, "model", o->model ? o->model : "", 0);
    if (!err)
        err = put_meta(db, "dim", NULL, o->dim);
    if (!err)
        err = put_meta(db, "created_ms", NULL, facet_clock_system.wall_ms(facet_clock_system.ctx));
    return err ? err : put_meta(db, "people_version", NULL, 0);
}

/* Inside one transaction: a process killed here leaves the schema it found. */
static int apply(struct facet__db *db, const struct facet_gallery_opts *o)
{
    bool is_new;
    int err = facet__schema_identify(db, &is_new); /* again: another process may have been first */
    for (int i = db->schema; !err && i < NEWEST; i++) {
        err = facet__db_exec(db, migrations[i], "migrate");
        if (!err && i == 0)
            err = write_head(db, o);
    }
    char sql[96];
    snprintf(sql, sizeof(sql), "PRAGMA application_id = %d; PRAGMA user_version = %d", APPLICATION_ID, NEWEST);
    return err ? err : facet__db_exec(db, sql, "migrate");
}

int facet__schema_migrate(struct facet__db *db, const struct facet_gallery_opts *o)
{
    if (db->schema == NEWEST)
        return FACET_OK;
    if (db->read_only)
        return facet_fail(FACET_E_PERMISSION, "cannot read gallery '%s': an older facet wrote it (schema %d of %d), "
                          "open it once for writing", db->path, db->schema, NEWEST);
    int err = facet__db_begin(db, "migrate");
    if (!err)
        err = apply(db, o);
    if (!err)
        err = facet__db_commit(db, "migrate");
    if (err)
        facet__db_rollback(db);
    else
        db->schema = NEWEST;
    return err;
}

static int get_meta(struct facet__db *db, const char *key, char *text, size_t cap)
{
    struct facet__query q;
    facet__query_begin(&q, db, "open", "SELECT value FROM meta WHERE key = ?");
    facet__query_text(&q, key);
    bool there = facet__query_row(&q);
    if (there)
        facet__query_get_text(&q, 0, text, cap);
    int err = facet__query_end(&q);
    if (!err && !there)
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: its head lacks '%s'", db->path, key);
    return err;
}

static int check_head(struct facet__db *db, const struct facet_gallery_opts *o)
{
    if (!facet__is_sha256(db->contract) || db->dim < 1 || db->dim > FACET_MAX_EMBEDDING)
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: its head makes no sense", db->path);
    if (o->contract && strcmp(o->contract, db->contract))
        return facet_fail(FACET_E_CONTRACT,
                          "gallery '%s' holds embeddings of '%s' (contract %.12s), not of '%s' (contract %.12s): "
                          "use that recogniser, or enrol into another gallery",
                          db->path, db->model, db->contract, o->model ? o->model : "?", o->contract);
    if (o->contract && o->dim && o->dim != db->dim)
        return facet_fail(FACET_E_CONTRACT, "gallery '%s' holds embeddings of %d numbers, not of %d", db->path,
                          db->dim, o->dim);
    return FACET_OK;
}

int facet__schema_load(struct facet__db *db, const struct facet_gallery_opts *o)
{
    char dim[24] = "";
    int err = get_meta(db, "contract", db->contract, sizeof(db->contract));
    if (!err)
        err = get_meta(db, "model", db->model, sizeof(db->model));
    if (!err)
        err = get_meta(db, "dim", dim, sizeof(dim));
    if (err)
        return err;
    db->dim = (int)strtol(dim, NULL, 10);
    return check_head(db, o);
}

int facet__db_version(struct facet__db *db, uint64_t *version)
{
    char text[24] = "";
    int err = get_meta(db, "people_version", text, sizeof(text));
    *version = strtoull(text, NULL, 10);
    return err;
}

int facet__db_bump(struct facet__db *db)
{
    return facet__db_exec(db, "UPDATE meta SET value = value + 1 WHERE key = 'people_version'", "change");
}
