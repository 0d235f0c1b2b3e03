/* Keys of people, and what is sealed with them (XChaCha20-Poly1305 by libsodium; base/crypt.h).
 *
 * Each person has a random key; it stands in the gallery's file wrapped by the site key, which comes from a file, the environment or
 * systemd credentials and is never stored beside the data. Destroying the wrapped key makes everything sealed with it
 * unreadable. Sealed bytes are bound to what they are (`what`, e.g. "template:17"). Thread-safe. docs/privacy.md. */
#ifndef FACET_STORE_VAULT_H
#define FACET_STORE_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_vault;
struct facet_gallery;

struct facet_vault_opts {
    const char *key;               /* "file:PATH", "env:NAME", "credential:NAME", a path; NULL: FACET_SITE_KEY, or <config>/site.key */
    bool create;                   /* makes the key file (mode 0600) when it is not there */
};
#define FACET_VAULT_ANYONE 0       /* person of what belongs to nobody known */
#define FACET_VAULT_EXTRA 41       /* bytes that sealing adds, at most 64 */

int facet_vault_open(struct facet_vault **out, const struct facet_vault_opts *o);
void facet_vault_close(struct facet_vault **v);
/* Where wrapped keys are kept: the gallery asks for them through these when both are open. */
int facet_vault_seal(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len);
/* FACET_E_NOT_FOUND: the person's key is gone. FACET_E_FORMAT: not what it says it is, or changed. */
int facet_vault_open_sealed(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len);

#endif
