/* Doubts everything in a gallery: pages, keys, heads, names, rows, blobs. */
#include "store/sqlite/db.h"

#include "base/errors.h"
#include "base/str.h"
#include "store/rules.h"

#include <stdlib.h>
#include <string.h>

static int check_keys(struct facet__db *db)
{
    struct facet__query q;
    facet__query_begin(&q, db, "check", facet__db_says(db, "PRAGMA foreign_key_check", "SELECT 0, 0 WHERE false"));
    long long row = 0;
    bool broken = facet__query_row(&q);
    if (broken)
        row = facet__query_get_int(&q, 1);
    int err = facet__query_end(&q);
    if (!err && broken)
        return facet_fail(FACET_E_STORE, "gallery '%s' is damaged: template %lld belongs to nobody", db->path, row);
    return err;
}

static int check_names(struct facet__db *db)
{
    struct facet_person p = { .name = "" };
    int err = FACET_OK;
    while (!err) {
        err = facet__people_after(db, p.name, &p);
        if (!err && facet__check_name(p.name))
            err = facet_fail_prefix(FACET_E_STORE, "gallery '%s' is damaged: person %lld", db->path, (long long)p.id);
    }
    return err == FACET_E_END ? FACET_OK : err;
}

static int ignore_row(void *ctx, const struct facet_template *t, const float *embedding)
{
    return FACET_OK; /* reading it was the check */
}

static int check_blobs(struct facet__db *db)
{
    struct facet__query q;
    facet__query_begin(&q, db, "check", "SELECT key FROM blobs");
    while (facet__query_row(&q)) {
        char key[FACET_MAX_NAME];
        void *data = NULL;
        size_t len;
        facet__query_get_text(&q, 0, key, sizeof(key));
        if (!q.err)
            q.err = facet__blob_get(db, key, &data, &len, NULL);
        free(data);
    }
    return facet__query_end(&q);
}

int facet__db_check(struct facet__db *db)
{
    int err = facet__db_check_pages(db);
    if (!err)
        err = check_keys(db);
    if (!err)
        err = check_names(db);
    if (!err)
        err = facet__templates_each(db, 0, ignore_row, NULL);
    if (!err)
        err = check_blobs(db);
    return err;
}
