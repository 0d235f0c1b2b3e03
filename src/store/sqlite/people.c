#include "store/sqlite/db.h"

#include "base/errors.h"

#include <string.h>

#define COLUMNS "SELECT p.id, p.name, p.created_ms, p.note, (SELECT count(*) FROM templates t WHERE t.person = p.id) FROM people p "

/* The row, if there is one; FACET_E_END if not. Ends the query. */
static int take_person(struct facet__query *q, struct facet_person *out)
{
    bool there = facet__query_row(q);
    if (there) {
        memset(out, 0, sizeof(*out));
        out->id = facet__query_get_int(q, 0);
        facet__query_get_text(q, 1, out->name, sizeof(out->name));
        out->created_ms = facet__query_get_int(q, 2);
        facet__query_get_text(q, 3, out->note, sizeof(out->note));
        out->templates = (int)facet__query_get_int(q, 4);
    }
    int err = facet__query_end(q);
    return err ? err : there ? FACET_OK : FACET_E_END;
}

int facet__people_find(struct facet__db *db, const char *name, struct facet_person *out)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into", COLUMNS "WHERE p.name = ?");
    facet__query_text(&q, name);
    int err = take_person(&q, out);
    if (err == FACET_E_END)
        return facet_fail(FACET_E_NOT_FOUND, "there is nobody named '%.*s' in gallery '%s'", FACET_MAX_NAME, name, db->path);
    return err;
}

int facet__people_find_id(struct facet__db *db, int64_t id, struct facet_person *out)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into", COLUMNS "WHERE p.id = ?");
    facet__query_int(&q, id);
    int err = take_person(&q, out);
    if (err == FACET_E_END)
        return facet_fail(FACET_E_NOT_FOUND, "there is no person %lld in gallery '%s'", (long long)id, db->path);
    return err;
}

int facet__people_after(struct facet__db *db, const char *name, struct facet_person *out)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into", COLUMNS "WHERE p.name > ? ORDER BY p.name LIMIT 1");
    facet__query_text(&q, name);
    return take_person(&q, out);
}

int facet__people_add(struct facet__db *db, const char *name, const char *note, int64_t created_ms, int64_t *id)
{
    struct facet__query q;
    unsigned char wrapped[FACET_VAULT_WRAPPED];
    facet__query_begin(&q, db, "add a person to", "INSERT INTO people(name, note, created_ms) VALUES(?, ?, ?) RETURNING id");
    facet__query_text(&q, name);
    facet__query_text(&q, note);
    facet__query_int(&q, created_ms);
    *id = facet__query_row(&q) ? facet__query_get_int(&q, 0) : 0;
    int err = facet__query_run(&q);
    return !err && db->vault ? facet__keys_ensure(db, db->vault, *id, wrapped) : err;
}

int facet__people_put(struct facet__db *db, const struct facet_person *p)
{
    struct facet__query q;
    unsigned char wrapped[FACET_VAULT_WRAPPED];
    facet__query_begin(&q, db, "add a person to", "INSERT INTO people(id, name, note, created_ms) VALUES(?, ?, ?, ?)");
    facet__query_int(&q, p->id);
    facet__query_text(&q, p->name);
    facet__query_text(&q, p->note);
    facet__query_int(&q, p->created_ms);
    int err = facet__query_run(&q);
    return !err && db->vault ? facet__keys_ensure(db, db->vault, p->id, wrapped) : err;
}

int facet__people_rename(struct facet__db *db, int64_t id, const char *to)
{
    struct facet__query q;
    facet__query_begin(&q, db, "rename a person in", "UPDATE people SET name = ? WHERE id = ?");
    facet__query_text(&q, to);
    facet__query_int(&q, id);
    return facet__query_run(&q);
}

int facet__people_delete(struct facet__db *db, int64_t id)
{
    static const char *const sql[] = { "DELETE FROM templates WHERE person = ?", "DELETE FROM people WHERE id = ?" };
    int err = FACET_OK;
    for (int i = 0; !err && i < 2; i++) {
        struct facet__query q;
        facet__query_begin(&q, db, "delete a person from", sql[i]);
        facet__query_int(&q, id);
        err = facet__query_run(&q);
    }
    return err ? err : facet__keys_destroy(db, id);
}

int facet__people_count(struct facet__db *db, int64_t *people, int64_t *templates)
{
    struct facet__query q;
    facet__query_begin(&q, db, "look into", "SELECT (SELECT count(*) FROM people), (SELECT count(*) FROM templates)");
    bool there = facet__query_row(&q);
    *people = there ? facet__query_get_int(&q, 0) : 0;
    *templates = there ? facet__query_get_int(&q, 1) : 0;
    return facet__query_end(&q);
}
