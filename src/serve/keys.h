/* Who may ask: API keys and page users, in one file for its owner alone.
 *
 * A key is `fct_` and 43 characters (256 random bits); the file holds its keyed BLAKE2b hash. A password's Argon2id hash is
 * kept. The file is read again when another process changed it (facet keys). Thread-safe. docs/api.md. */
#ifndef FACET_SERVE_KEYS_H
#define FACET_SERVE_KEYS_H

#include "base/crypt.h"
#include "serve/serve.h"

#define FACET_KEY_TEXT 48              /* bytes of a key as text, with NUL */
#define FACET_MAX_KEYS 4096
#define FACET_MAX_USERS 1024

struct facet_keys;
struct facet_key { char id[17], name[64]; enum facet_role role; int64_t created_ms; };
struct facet_user { char name[64]; enum facet_role role; int64_t created_ms; };
struct facet_first_secrets { char key[FACET_KEY_TEXT], user[64], password[32]; };

extern const char *const facet_role_words[];           /* by enum facet_role */
int facet_role_parse(const char *word, enum facet_role *out);      /* viewer, operator, admin, device; FACET_E_INVALID */

/* `path` NULL or "": keys.json in the data folder. Where there is no file: with `first` one is made with an admin's key and a user
 * "admin", told there and never again; without it FACET_E_NOT_FOUND. first->key is "" when the file was there. */
int facet_keys_open(struct facet_keys **out, const char *path, struct facet_first_secrets *first);
void facet_keys_close(struct facet_keys **k);
const char *facet_keys_path(const struct facet_keys *k);
/* Reads the file again, if it changed; the old stays where the new is bad. */
int facet_keys_refresh(struct facet_keys *k);
/* Would that do? Takes nothing over. */
int facet_keys_check(const struct facet_keys *k);

int facet_keys_add(struct facet_keys *k, const char *name, enum facet_role role, char text[FACET_KEY_TEXT], struct facet_key *out);
int facet_keys_remove(struct facet_keys *k, const char *id);               /* FACET_E_NOT_FOUND */
/* Whose it is; false: nobody's. */
bool facet_keys_find(struct facet_keys *k, const char *text, struct facet_key *out);
size_t facet_keys_list(struct facet_keys *k, struct facet_key *out, size_t max);   /* how many there are */

/* FACET_E_EXISTS; FACET_E_INVALID: the password is too short. */
int facet_users_add(struct facet_keys *k, const char *name, const char *password, enum facet_role role);
int facet_users_remove(struct facet_keys *k, const char *name);            /* not the last admin: FACET_E_INVALID */
int facet_users_password(struct facet_keys *k, const char *name, const char *password);
/* Takes as long whether there is such a user. FACET_E_PERMISSION. */
int facet_users_check(struct facet_keys *k, const char *name, const char *password, struct facet_user *out);
bool facet_users_find(struct facet_keys *k, const char *name, struct facet_user *out);
size_t facet_users_list(struct facet_keys *k, struct facet_user *out, size_t max);

#endif
