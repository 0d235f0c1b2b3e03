/* A fixed text, sealed with the site key, stands in the head of what is sealed: it opens with that key alone. */
#include "store/sealing.h"

#include "base/base64.h"
#include "base/errors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK_TEXT "facet site key"
#define CHECK_WHAT "key check"

bool facet__sealing_is_there(struct facet__db *db, int *err)
{
    char text[256];
    bool is_there = false;
    *err = facet__meta_get(db, "key_check", text, sizeof(text), &is_there);
    return is_there;
}

static int check_key(struct facet__db *db, struct facet_vault *v, const char *text)
{
    unsigned char sealed[128];
    void *plain = NULL;
    size_t len, plain_len;
    int err = facet_base64_decode(sealed, sizeof(sealed), &len, text);
    if (!err)
        err = facet_vault_open_sealed(v, FACET_VAULT_ANYONE, CHECK_WHAT, sealed, len, &plain, &plain_len);
    free(plain);
    if (err == FACET_E_NOMEM)
        return err;
    return err ? facet_fail(FACET_E_PERMISSION, "cannot open %s '%s': it is sealed with another site key than the one from %s",
                            db->kind->word, db->path, facet_vault_origin(v))
               : FACET_OK;
}

int facet__sealing_begin(struct facet__db *db, struct facet_vault *v, bool *was_plain)
{
    char text[256];
    int err = facet__meta_get(db, "key_check", text, sizeof(text), &db->is_sealed);
    *was_plain = !err && v && !db->is_sealed && !db->read_only;
    db->vault = db->is_sealed ? v : NULL;
    if (err || !db->is_sealed)
        return err;
    if (!v)
        return facet_fail(FACET_E_PERMISSION, "cannot open %s '%s': it is sealed; give its site key in FACET_SITE_KEY "
                          "(file:PATH, env:NAME or credential:NAME) or as site.key in the configuration folder", db->kind->word, db->path);
    return check_key(db, v, text);
}

int facet__sealing_done(struct facet__db *db, struct facet_vault *v)
{
    void *sealed = NULL;
    size_t len = 0;
    char text[FACET_BASE64_SIZE(sizeof(CHECK_TEXT) + FACET_VAULT_EXTRA)];
    int err = facet_vault_seal(v, FACET_VAULT_ANYONE, CHECK_WHAT, CHECK_TEXT, sizeof(CHECK_TEXT), &sealed, &len);
    if (!err) {
        facet_base64_encode(text, sealed, len);
        err = facet__meta_put(db, "key_check", text);
    }
    free(sealed);
    return err;
}
