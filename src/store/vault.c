/* The site key is turned into three: one wraps the keys of people, one seals what is nobody's, one makes hashes. They
 * stay in locked memory; keys of people are there for the time of a call. */
#include "store/vault.h"

#include "base/base64.h"
#include "base/crypt.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VARIABLE "FACET_SITE_KEY"
#define FILE_NAME "site.key"
#define LONGEST_FILE 4096

_Static_assert(FACET_VAULT_EXTRA == FACET_SEAL_EXTRA, "what sealing adds");

struct keys { unsigned char wrap[FACET_KEY_BYTES], anyone[FACET_KEY_BYTES], hash[FACET_KEY_BYTES]; };

struct facet_vault {
    struct keys *keys;             /* in locked memory */
    struct facet_lock lock;        /* around the keepers */
    bool has_lock;
    struct facet_vault_keeper keepers[FACET_VAULT_KEEPERS];
    int n_keepers;
    char origin[4200];
};

/* --- where a site key is --- */

enum place_kind { IN_FILE, IN_VARIABLE, IN_TEXT };
struct place { enum place_kind kind; char where[4096]; bool is_there; };

static int credential_path(char *out, size_t cap, const char *name)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    if (strchr(name, '/'))
        return facet_fail(FACET_E_INVALID, "the credential '%s' is no name", name);
    if (!dir || !*dir)
        return facet_fail(FACET_E_NOT_FOUND, "there is no credential '%s': systemd gave none (LoadCredential=)", name);
    return facet_path_join(out, cap, dir, name);
}

static int place_of_word(struct place *p, const char *word)
{
    if (!strncmp(word, "env:", 4)) {
        p->kind = IN_VARIABLE;
        return facet_copy_text(p->where, sizeof(p->where), word + 4);
    }
    if (!strncmp(word, "credential:", 11))
        return credential_path(p->where, sizeof(p->where), word + 11);
    return facet_copy_text(p->where, sizeof(p->where), strncmp(word, "file:", 5) ? word : word + 5);
}

static bool is_key_text(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

static int default_place(struct place *p)
{
    const char *word = getenv(VARIABLE);
    if (word && *word && is_key_text(word)) {
        p->kind = IN_VARIABLE;
        return facet_copy_text(p->where, sizeof(p->where), VARIABLE);
    }
    if (word && *word)
        return place_of_word(p, word);
    char dir[3800];
    if (getenv("CREDENTIALS_DIRECTORY") && !credential_path(p->where, sizeof(p->where), FILE_NAME) && facet_path_exists(p->where))
        return FACET_OK;
    int err = facet_config_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(p->where, sizeof(p->where), dir, FILE_NAME);
}

static int find_place(struct place *p, const char *key)
{
    *p = (struct place){ .kind = IN_FILE };
    int err = key && *key ? place_of_word(p, key) : default_place(p);
    const char *text = p->kind == IN_VARIABLE ? getenv(p->where) : NULL;
    p->is_there = !err && (p->kind == IN_VARIABLE ? text && *text : facet_path_exists(p->where));
    return err;
}

bool facet_vault_is_configured(const char *key)
{
    struct place p;
    const char *word = getenv(VARIABLE);
    return (key && *key) || (word && *word) || (!find_place(&p, NULL) && p.is_there);
}

/* --- reading and making one --- */

static int parse_key(unsigned char out[FACET_KEY_BYTES], char *text, const char *origin)
{
    size_t n = strlen(text), len = 0;
    while (n && strchr(" \t\r\n", text[n - 1]))
        text[--n] = '\0';
    if (is_key_text(text)) {
        for (size_t i = 0; i < FACET_KEY_BYTES; i++) {
            const char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
            out[i] = (unsigned char)strtoul(pair, NULL, 16);
        }
        return FACET_OK;
    }
    if (n == 44 && !facet_base64_decode(out, FACET_KEY_BYTES, &len, text) && len == FACET_KEY_BYTES)
        return FACET_OK;
    return facet_fail(FACET_E_FORMAT, "the site key from %s is none: it must be 64 hexadecimal digits (openssl rand -hex 32)", origin);
}

static int read_file(char *text, size_t cap, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0)
        return errno == ENOENT ? facet_fail(FACET_E_NOT_FOUND, "there is no site key in '%s'", path) : facet_fail_errno("read site key", path);
    int err = FACET_OK;
    ssize_t n = 0;
    if (fstat(fd, &st))
        err = facet_fail_errno("read site key", path);
    else if (!S_ISREG(st.st_mode))
        err = facet_fail(FACET_E_FORMAT, "the site key '%s' is not a file", path);
    else if (st.st_mode & 077)
        err = facet_fail(FACET_E_PERMISSION, "others may read the site key '%s': chmod 600 it, and draw a new one if they did", path);
    else if ((n = read(fd, text, cap - 1)) < 0)
        err = facet_fail_errno("read site key", path);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
    return err;
}

/* The file is there whole or not at all, and is never written over. */
static int make_file(const char *path)
{
    unsigned char key[FACET_KEY_BYTES];
    char text[2 * FACET_KEY_BYTES + 2], dir[4096], tmp[4096 + 16];
    facet_random(key, sizeof(key));
    for (size_t i = 0; i < sizeof(key); i++)
        snprintf(text + 2 * i, 3, "%02x", key[i]);
    memcpy(text + 2 * sizeof(key), "\n", 2);
    facet_wipe(key, sizeof(key));
    snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    int err = FACET_OK;
    if (slash && slash != dir) {
        *slash = '\0';
        err = facet_mkdirs(dir);
    }
    snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
    int fd = err ? -1 : mkostemp(tmp, O_CLOEXEC); /* mode 0600 */
    if (!err && fd < 0)
        return facet_fail_errno("make site key", path);
    if (!err && (write(fd, text, strlen(text)) != (ssize_t)strlen(text) || fsync(fd)))
        err = facet_fail_errno("write site key", path);
    if (fd >= 0)
        close(fd);
    if (!err && link(tmp, path) && errno != EEXIST) /* another process was first: its key is the one */
        err = facet_fail_errno("make site key", path);
    if (fd >= 0)
        unlink(tmp);
    facet_wipe(text, sizeof(text));
    return err;
}

static int load(struct facet_vault *v, const struct place *p)
{
    char text[LONGEST_FILE];
    unsigned char key[FACET_KEY_BYTES];
    int err = FACET_OK;
    if (p->kind == IN_VARIABLE)
        err = facet_copy_text(text, sizeof(text), getenv(p->where));
    else
        err = read_file(text, sizeof(text), p->where);
    if (!err)
        err = parse_key(key, text, v->origin);
    if (!err) {
        facet_key_derive(key, "facet: wraps keys of people", v->keys->wrap);
        facet_key_derive(key, "facet: seals what is nobody's", v->keys->anyone);
        facet_key_derive(key, "facet: hashes what is looked for", v->keys->hash);
    }
    facet_wipe(text, sizeof(text));
    facet_wipe(key, sizeof(key));
    return err;
}

static int find_key(struct facet_vault *v, const struct facet_vault_opts *o, struct place *p)
{
    int err = find_place(p, o->key);
    if (!err)
        snprintf(v->origin, sizeof(v->origin), "%s '%s'", p->kind == IN_FILE ? "file" : "variable", p->where);
    if (!err && !p->is_there && o->create && p->kind == IN_FILE)
        err = make_file(p->where);
    else if (!err && !p->is_there)
        err = facet_fail(FACET_E_NOT_FOUND, "there is no site key in %s", v->origin);
    return err;
}

int facet_vault_open(struct facet_vault **out, const struct facet_vault_opts *o)
{
    struct facet_vault *v = calloc(1, sizeof(*v));
    struct place p;
    void *keys = NULL;
    int err = v ? facet_lock_init(&v->lock) : facet_fail_nomem();
    if (!err) {
        v->has_lock = true;
        err = facet_secret_alloc(&keys, sizeof(*v->keys), NULL);
    }
    if (!err) {
        v->keys = keys;
        err = find_key(v, o, &p);
    }
    if (!err)
        err = load(v, &p);
    if (err)
        facet_vault_close(&v);
    *out = v;
    return err;
}

void facet_vault_close(struct facet_vault **pv)
{
    struct facet_vault *v = *pv;
    *pv = NULL;
    if (!v)
        return;
    void *keys = v->keys;
    facet_secret_free(&keys);
    if (v->has_lock)
        facet_lock_fini(&v->lock);
    free(v);
}

const char *facet_vault_origin(const struct facet_vault *v)
{
    return v->origin;
}

/* --- keepers --- */

int facet_vault_keep(struct facet_vault *v, const struct facet_vault_keeper *k)
{
    facet_lock_take(&v->lock);
    bool fits = v->n_keepers < FACET_VAULT_KEEPERS;
    if (fits)
        v->keepers[v->n_keepers++] = *k;
    facet_lock_give(&v->lock);
    return fits ? FACET_OK : facet_fail(FACET_E_LIMIT, "more than %d galleries are open with one site key", FACET_VAULT_KEEPERS);
}

void facet_vault_unkeep(struct facet_vault *v, const void *ctx)
{
    int n = 0;
    facet_lock_take(&v->lock);
    for (int i = 0; i < v->n_keepers; i++)
        if (v->keepers[i].ctx != ctx)
            v->keepers[n++] = v->keepers[i];
    v->n_keepers = n;
    facet_lock_give(&v->lock);
}

static int ask_keepers(const struct facet_vault_keeper *k, int n, int64_t person, bool make, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    int err = facet_fail(FACET_E_NOT_FOUND, "there is no key of person %lld: no gallery keeps it here", (long long)person);
    for (int i = n; err == FACET_E_NOT_FOUND && i-- > 0;)
        err = k[i].get(k[i].ctx, person, make, wrapped);
    return err;
}

/* A key that is there goes before one that would have to be made. */
static int ask_keeper(struct facet_vault *v, int64_t person, bool make, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    struct facet_vault_keeper k[FACET_VAULT_KEEPERS];
    facet_lock_take(&v->lock);
    int n = v->n_keepers;
    memcpy(k, v->keepers, sizeof(k));
    facet_lock_give(&v->lock);
    int err = ask_keepers(k, n, person, false, wrapped);
    return err == FACET_E_NOT_FOUND && make ? ask_keepers(k, n, person, true, wrapped) : err;
}

/* --- sealing --- */

static size_t about(char out[320], int64_t person, const char *what)
{
    int n = snprintf(out, 320, "%lld|%s", (long long)person, what);
    return n < 320 ? (size_t)n : 319;
}

static size_t about_key(char out[320], int64_t person)
{
    return about(out, person, "key");
}

void facet_vault_new_key(struct facet_vault *v, int64_t person, unsigned char wrapped[FACET_VAULT_WRAPPED])
{
    unsigned char key[FACET_KEY_BYTES];
    char text[320];
    facet_random(key, sizeof(key));
    facet_seal(v->keys->wrap, text, about_key(text, person), key, sizeof(key), wrapped);
    facet_wipe(key, sizeof(key));
}

int facet_vault_unwrap(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED], unsigned char key[32])
{
    char text[320];
    int err = facet_unseal(v->keys->wrap, text, about_key(text, person), wrapped, FACET_VAULT_WRAPPED, key);
    return err ? facet_fail_prefix(err, "the key of person %lld", (long long)person) : FACET_OK;
}

/* The key of nobody, or of somebody, for the time of a call. */
static int key_of(struct facet_vault *v, int64_t person, const unsigned char *wrapped, unsigned char key[FACET_KEY_BYTES])
{
    if (person != FACET_VAULT_ANYONE)
        return facet_vault_unwrap(v, person, wrapped, key);
    memcpy(key, v->keys->anyone, FACET_KEY_BYTES);
    return FACET_OK;
}

int facet_vault_seal_with(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED],
                          const char *what, const void *data, size_t len, void *out)
{
    unsigned char key[FACET_KEY_BYTES];
    char text[320];
    int err = key_of(v, person, wrapped, key);
    if (!err)
        facet_seal(key, text, about(text, person, what), data, len, out);
    facet_wipe(key, sizeof(key));
    return err;
}

int facet_vault_unseal_with(struct facet_vault *v, int64_t person, const unsigned char wrapped[FACET_VAULT_WRAPPED],
                            const char *what, const void *data, size_t len, void *out)
{
    unsigned char key[FACET_KEY_BYTES];
    char text[320];
    int err = key_of(v, person, wrapped, key);
    if (!err)
        err = facet_unseal(key, text, about(text, person, what), data, len, out);
    facet_wipe(key, sizeof(key));
    return err;
}

int facet_vault_seal(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len)
{
    unsigned char wrapped[FACET_VAULT_WRAPPED];
    *out = NULL;
    *out_len = 0;
    if (len > SIZE_MAX - FACET_VAULT_EXTRA)
        return facet_fail_nomem();
    int err = person == FACET_VAULT_ANYONE ? FACET_OK : ask_keeper(v, person, true, wrapped);
    if (err)
        return err;
    *out = malloc(len + FACET_VAULT_EXTRA);
    if (!*out)
        return facet_fail_nomem();
    *out_len = len + FACET_VAULT_EXTRA;
    err = facet_vault_seal_with(v, person, wrapped, what, data, len, *out);
    if (err) {
        free(*out);
        *out = NULL;
        *out_len = 0;
    }
    return err;
}

int facet_vault_open_sealed(struct facet_vault *v, int64_t person, const char *what, const void *data, size_t len, void **out, size_t *out_len)
{
    unsigned char wrapped[FACET_VAULT_WRAPPED];
    *out = NULL;
    *out_len = 0;
    int err = person == FACET_VAULT_ANYONE ? FACET_OK : ask_keeper(v, person, false, wrapped);
    if (err)
        return err;
    if (len < FACET_VAULT_EXTRA)
        return facet_fail(FACET_E_FORMAT, "cannot open what is sealed: it has %zu bytes, fewer than any has", len);
    char *plain = malloc(len - FACET_VAULT_EXTRA + 1); /* a NUL follows, for text */
    if (!plain)
        return facet_fail_nomem();
    err = facet_vault_unseal_with(v, person, wrapped, what, data, len, plain);
    if (err) {
        free(plain);
        return err;
    }
    plain[len - FACET_VAULT_EXTRA] = '\0';
    *out = plain;
    *out_len = len - FACET_VAULT_EXTRA;
    return FACET_OK;
}

void facet_vault_hash(const struct facet_vault *v, const char *purpose, const char *text, unsigned char out[FACET_VAULT_HASH])
{
    unsigned char key[FACET_KEY_BYTES];
    facet_key_derive(v->keys->hash, purpose, key);
    facet_keyed_hash(key, text, strlen(text), out);
    facet_wipe(key, sizeof(key));
}
