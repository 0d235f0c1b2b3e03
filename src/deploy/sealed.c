/* The first byte of a payload says whether the rest is sealed, so that a key can be set up later. */
#include "deploy/sealed.h"

#include "base/errors.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLAIN = 0, SEALED = 1 };

static void name_it(char out[80], const struct facet_spool_item *item)
{
    snprintf(out, 80, "spool:%s", item->id);
}

static int wrap(uint8_t **out, size_t *out_len, struct facet_vault *v, const struct facet_spool_item *item)
{
    char what[80];
    void *sealed = NULL;
    size_t len = item->len;
    name_it(what, item);
    int err = v ? facet_vault_seal(v, FACET_VAULT_ANYONE, what, item->payload, item->len, &sealed, &len) : FACET_OK;
    *out = err ? NULL : malloc(len + 1);
    if (*out) {
        (*out)[0] = v ? SEALED : PLAIN;
        if (len)
            memcpy(*out + 1, v ? sealed : item->payload, len);
        *out_len = len + 1;
    } else if (!err)
        err = facet_fail_nomem();
    free(sealed);
    return err;
}

int facet_sealed_put(struct facet_spool *s, struct facet_vault *v, const struct facet_spool_item *item)
{
    struct facet_spool_item copy = *item;
    uint8_t *bytes;
    int err = wrap(&bytes, &copy.len, v, item);
    if (err)
        return err;
    copy.payload = bytes;
    err = facet_spool_put(s, &copy);
    free(bytes);
    return err;
}

int facet_sealed_open(struct facet_vault *v, struct facet_spool_item *item)
{
    char what[80];
    void *plain;
    size_t len;
    uint8_t *bytes = item->payload;
    if (item->len < 1 || bytes[0] > SEALED)
        return facet_fail(FACET_E_FORMAT, "item '%s' is damaged", item->id);
    if (bytes[0] == PLAIN) {
        memmove(bytes, bytes + 1, --item->len);
        return FACET_OK;
    }
    if (!v)
        return facet_fail(FACET_E_PERMISSION, "item '%s' is sealed, and there is no site key (store.key)", item->id);
    name_it(what, item);
    int err = facet_vault_open_sealed(v, FACET_VAULT_ANYONE, what, bytes + 1, item->len - 1, &plain, &len);
    if (err)
        return facet_fail(FACET_E_PERMISSION, "item '%s' was sealed with another key, or changed", item->id);
    free(item->payload);
    item->payload = plain;
    item->len = len;
    return FACET_OK;
}
