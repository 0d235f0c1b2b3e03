/* A gallery from before it had a site key: every template and blob is read as it is and written sealed. */
#include "store/sqlite/db.h"

#include "base/errors.h"
#include "store/sealing.h"

#include <stdlib.h>
#include <string.h>

static int seal_person(struct facet__db *db, struct facet_vault *v, const char *name, struct facet_person *p)
{
    unsigned char wrapped[FACET_VAULT_WRAPPED];
    int err = facet__people_after(db, name, p);
    return err ? err : facet__keys_ensure(db, v, p->id, wrapped);
}

static int seal_templates(struct facet__db *db, struct facet_vault *v)
{
    float embedding[FACET_MAX_EMBEDDING];
    struct facet_template t = { .id = 0 };
    int err = FACET_OK;
    while (!err) {
        db->vault = NULL;
        err = facet__templates_after(db, 0, t.id, &t, embedding);
        db->vault = v;
        if (!err)
            err = facet__templates_rewrite(db, &t, embedding);
    }
    explicit_bzero(embedding, sizeof(embedding));
    return err == FACET_E_END ? FACET_OK : err;
}

/* Trained things are made again when they are needed: their version is no longer the people's. */
static int seal_blobs(struct facet__db *db)
{
    return facet__blob_delete_all(db);
}

int facet__db_seal(struct facet__db *db, struct facet_vault *v)
{
    struct facet_person p = { .name = "" };
    int err = FACET_OK;
    while (!err)
        err = seal_person(db, v, p.name, &p);
    if (err == FACET_E_END)
        err = seal_templates(db, v);
    if (!err)
        err = seal_blobs(db);
    if (!err)
        err = facet__db_index_ends(db);
    if (!err)
        err = facet__sealing_done(db, v);
    db->vault = err ? NULL : v;
    db->is_sealed = !err;
    return err;
}
