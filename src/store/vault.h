/* Keys of people, and what is sealed with them (XChaCha20-Poly1305 by libsodium; base/crypt.h).
 *
 * Each person has a random key; it stands in the gallery's file wrapped by the site key, which comes from a file, the
 * environment or systemd credentials and is never stored beside the data. Destroying the wrapped key makes everything
 * sealed with it unreadable. Sealed bytes are bound to what they are (`what`, e.g. "event:17") and to the person.
 * A gallery that is opened with a vault keeps the vault's keys; until then only what is nobody's can be sealed.
 * Thread-safe. docs/privacy.md. */
#ifndef FACET_STORE_VAULT_H
#define FACET_STORE_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_vault;
struct facet_gallery;

struct facet_vault_opts {
    const char *key;               /* "file:PATH", "env:NAME", "credential:NAME", a path; NULL: FACET_SITE_KEY (the same
                                      words), else the credential "site.key", else <config>/site.key */
    bool create;                   /* makes the key file (mode 0600) when it is not there */
};
#define FACET_VAULT_ANYONE 0       /* person of what belongs to nobody known */
#define FACET_VAULT_EXTRA 41       /* bytes that sealing adds, at most 64 */
#define FACET_VAULT_WRAPPED (32 + FACET_VAULT_EXTRA)       /* bytes of a wrapped key */
#define FACET_VAULT_HASH 32

/* FACET_E_NOT_FOUND: no key is there (and none is to be made). FACET_E_PERMISSION: others may read the file.
 * FACET_E_FORMAT: it is no key. A key is 32 bytes as 64 hexadecimal digits or as base64; `openssl rand -hex 32` makes one. */
int facet_vault_open(struct facet_vault **out, const struct facet_vault_opts *o);
void facet_vault_close(struct facet_vault **v);
/* Is a key named or there? Opening may still fail. */
bool facet_vault_is_configured(const char *key /* as in the opts */);
/* Where the key came from, for messages: "file '/etc/facet/site.key'". */
const char *facet_vault_origin(const struct facet_vault *v);

/* The caller frees *out (len + FACET_VAULT_EXTRA bytes). A person without key is given one by the gallery that keeps
 * them. FACET_E_NOT_FOUND: there is no such person there. */
int facet_vault_seal(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len);
/* FACET_E_NOT_FOUND: the person's key is gone. FACET_E_FORMAT: not what it says it is, or changed. The caller wipes
 * and frees *out. */
int facet_vault_open_sealed(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len);
/* The same for the same text and site key, and without the key no way back: for columns that are searched. */
void facet_vault_hash(const struct facet_vault *v, const char *purpose, const char *text, unsigned char out[FACET_VAULT_HASH]);

/* Who keeps the wrapped keys. `get`: FACET_E_NOT_FOUND when the person is not there; makes one where a person has none and
 * `make` is set. Up to FACET_VAULT_KEEPERS; the latest is asked first. Calls come without a lock of the vault held. */
#define FACET_VAULT_KEEPERS 8
struct facet_vault_keeper {
    int (*get)(void *ctx, int64_t person, bool make, unsigned char wrapped[FACET_VAULT_WRAPPED]);
    void *ctx;
};
int facet_vault_keep(struct facet_vault *v, const struct facet_vault_keeper *k);       /* FACET_E_LIMIT */
void facet_vault_unkeep(struct facet_vault *v, const void *ctx);       /* no such keeper: fine */

/* For keepers. A new person's key, wrapped; and sealing with a wrapped key at hand. */
void facet_vault_new_key(struct facet_vault *v, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED]);
/* Writes len + FACET_VAULT_EXTRA bytes. */
int facet_vault_seal_with(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED],
                          const char *what, const void *data, size_t len, void *out);
/* Writes len - FACET_VAULT_EXTRA bytes. */
int facet_vault_unseal_with(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED],
                            const char *what, const void *data, size_t len, void *out);
/* The key itself, for the proof that it is gone (store/erase.h). */
int facet_vault_unwrap(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED], unsigned char key[32]);

#endif
