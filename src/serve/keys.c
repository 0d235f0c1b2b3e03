#include "serve/keys.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/str.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE (4u << 20)
#define HEX (2 * FACET_KEYED_HASH_BYTES + 1)

struct kept_key { struct facet_key about; unsigned char hash[FACET_KEYED_HASH_BYTES]; };
struct kept_user { struct facet_user about; char password[FACET_PASSWORD_HASH]; };
struct content {
    unsigned char pepper[FACET_KEY_BYTES];     /* hashes of one file tell nothing about another's */
    struct kept_key *keys; size_t n_keys;
    struct kept_user *users; size_t n_users;
};

struct facet_keys {
    char path[PATH_MAX];
    struct facet_lock lock;
    struct content c;
    struct facet_file_id id;
    char dummy[FACET_PASSWORD_HASH];           /* what a stranger's password is checked against */
};

const char *const facet_role_words[] = { "public", "viewer", "device", "operator", "admin" };

int facet_role_parse(const char *word, enum facet_role *out)
{
    for (int i = FACET_ROLE_VIEWER; word && i <= FACET_ROLE_ADMIN; i++)
        if (!strcmp(word, facet_role_words[i])) {
            *out = (enum facet_role)i;
            return FACET_OK;
        }
    return facet_fail(FACET_E_INVALID, "'%s' is no role: viewer, operator, admin or device", word ? word : "");
}

/* ---- the file ---- */

static void content_fini(struct content *c)
{
    facet_wipe(c->pepper, sizeof(c->pepper));
    free(c->keys);
    free(c->users);
    *c = (struct content){ .n_keys = 0 };
}

static void to_hex(char *out, const unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        snprintf(out + 2 * i, 3, "%02x", data[i]);
}

static int from_hex(unsigned char *out, size_t len, const char *text)
{
    if (strlen(text) != 2 * len || strspn(text, "0123456789abcdef") != 2 * len)
        return -1;
    for (size_t i = 0; i < len; i++) {
        char pair[3] = { text[2 * i], text[2 * i + 1], '\0' };
        out[i] = (unsigned char)strtoul(pair, NULL, 16);
    }
    return 0;
}

static int read_key(struct kept_key *k, const struct facet_json *j)
{
    int err = facet_copy_text(k->about.id, sizeof(k->about.id), facet_json_str(facet_json_get(j, "id"), ""));
    if (!err)
        err = facet_copy_text(k->about.name, sizeof(k->about.name), facet_json_str(facet_json_get(j, "name"), ""));
    if (!err)
        err = facet_role_parse(facet_json_str(facet_json_get(j, "role"), ""), &k->about.role);
    k->about.created_ms = facet_json_int(facet_json_get(j, "created_ms"), 0);
    if (!err && (from_hex(k->hash, sizeof(k->hash), facet_json_str(facet_json_get(j, "hash"), "")) || !*k->about.id))
        err = FACET_E_FORMAT;
    return err;
}

static int read_user(struct kept_user *u, const struct facet_json *j)
{
    int err = facet_copy_text(u->about.name, sizeof(u->about.name), facet_json_str(facet_json_get(j, "name"), ""));
    if (!err)
        err = facet_role_parse(facet_json_str(facet_json_get(j, "role"), ""), &u->about.role);
    if (!err)
        err = facet_copy_text(u->password, sizeof(u->password), facet_json_str(facet_json_get(j, "password"), ""));
    u->about.created_ms = facet_json_int(facet_json_get(j, "created_ms"), 0);
    return !err && (!*u->about.name || !*u->password) ? FACET_E_FORMAT : err;
}

static int read_content(struct content *c, const struct facet_json *j)
{
    const struct facet_json *keys = facet_json_get(j, "keys"), *users = facet_json_get(j, "users");
    size_t n_keys = facet_json_size(keys), n_users = facet_json_size(users);
    if (!facet_json_is_array(keys) || !facet_json_is_array(users) || n_keys > FACET_MAX_KEYS || n_users > FACET_MAX_USERS ||
        from_hex(c->pepper, sizeof(c->pepper), facet_json_str(facet_json_get(j, "pepper"), "")))
        return FACET_E_FORMAT;
    c->keys = calloc(n_keys + 1, sizeof(*c->keys));
    c->users = calloc(n_users + 1, sizeof(*c->users));
    int err = c->keys && c->users ? FACET_OK : facet_fail_nomem();
    for (size_t i = 0; !err && i < n_keys; i++)
        err = read_key(&c->keys[c->n_keys++], facet_json_at(keys, i));
    for (size_t i = 0; !err && i < n_users; i++)
        err = read_user(&c->users[c->n_users++], facet_json_at(users, i));
    return err;
}

static int read_file(struct content *c, struct facet_file_id *id, const char *path)
{
    struct facet_map map;
    struct facet_json *j = NULL;
    *c = (struct content){ .n_keys = 0 };
    int err = facet_map_open_own(&map, path, MAX_FILE, id);
    if (err)
        return err;
    err = facet_json_parse(&j, (const char *)map.data, map.len, path);
    facet_map_close(&map);
    if (!err) {
        err = read_content(c, j);
        if (err && err != FACET_E_NOMEM)
            err = facet_fail(FACET_E_FORMAT, "cannot read '%s': it is no file of keys, or damaged", path);
    }
    facet_json_unref(&j);
    if (err)
        content_fini(c);
    return err;
}

static int load(struct facet_keys *k)
{
    struct content c;
    struct facet_file_id id;
    int err = read_file(&c, &id, k->path);
    if (err)
        return err;
    content_fini(&k->c);
    k->c = c;
    k->id = id;
    return FACET_OK;
}

static void write_common(struct facet_jsonw *w, const char *name, enum facet_role role, int64_t created_ms)
{
    facet_jsonw_kstr(w, "name", name);
    facet_jsonw_kstr(w, "role", facet_role_words[role]);
    facet_jsonw_kint(w, "created_ms", created_ms);
}

static void write_content(struct facet_jsonw *w, const struct content *c)
{
    char hex[HEX];
    to_hex(hex, c->pepper, sizeof(c->pepper));
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "pepper", hex);
    facet_jsonw_key(w, "keys");
    facet_jsonw_array(w);
    for (size_t i = 0; i < c->n_keys; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "id", c->keys[i].about.id);
        write_common(w, c->keys[i].about.name, c->keys[i].about.role, c->keys[i].about.created_ms);
        to_hex(hex, c->keys[i].hash, sizeof(c->keys[i].hash));
        facet_jsonw_kstr(w, "hash", hex);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_key(w, "users");
    facet_jsonw_array(w);
    for (size_t i = 0; i < c->n_users; i++) {
        facet_jsonw_object(w);
        write_common(w, c->users[i].about.name, c->users[i].about.role, c->users[i].about.created_ms);
        facet_jsonw_kstr(w, "password", c->users[i].password);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    facet_jsonw_end_object(w);
}

static int save(struct facet_keys *k)
{
    struct facet_str text = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &text, true);
    write_content(&w, &k->c);
    facet_str_puts(&text, "\n");
    int err = text.err ? facet_fail_nomem() : facet_file_write_own(k->path, text.data, text.len, &k->id);
    facet_str_fini(&text);
    return err;
}

/* Under the lock. */
static int refresh(struct facet_keys *k)
{
    struct facet_file_id id;
    int err = facet_file_identify(k->path, &id);
    return err ? err : facet_file_id_equal(&id, &k->id) ? FACET_OK : load(k);
}

int facet_keys_refresh(struct facet_keys *k)
{
    facet_lock_take(&k->lock);
    int err = refresh(k);
    facet_lock_give(&k->lock);
    return err;
}

int facet_keys_check(const struct facet_keys *k)
{
    struct content c;
    struct facet_file_id id;
    int err = read_file(&c, &id, k->path);
    if (!err)
        content_fini(&c);
    return err;
}

/* ---- keys ---- */

static void hash_key(const struct facet_keys *k, const char *text, unsigned char out[FACET_KEYED_HASH_BYTES])
{
    facet_keyed_hash(k->c.pepper, text, strlen(text), out);
}

static int check_name(const char *name, size_t cap)
{
    size_t n = strlen(name);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)name[i] < 32 || name[i] == 127)
            return facet_fail(FACET_E_INVALID, "a name may not have control characters");
    return n && n < cap ? FACET_OK : facet_fail(FACET_E_INVALID, "a name has 1 to %zu bytes", cap - 1);
}

static int add_key(struct facet_keys *k, const char *name, enum facet_role role, char text[FACET_KEY_TEXT], struct facet_key *out)
{
    struct kept_key fresh = { .about = { .role = role, .created_ms = facet_clock_system.wall_ms(facet_clock_system.ctx) } };
    unsigned char id[6];
    int err = check_name(name, sizeof(fresh.about.name));
    if (!err && k->c.n_keys == FACET_MAX_KEYS)
        err = facet_fail(FACET_E_LIMIT, "there are %d keys already", FACET_MAX_KEYS);
    struct kept_key *grown = err ? NULL : realloc(k->c.keys, (k->c.n_keys + 1) * sizeof(*grown));
    if (!err && !grown)
        err = facet_fail_nomem();
    if (err)
        return err;
    k->c.keys = grown;
    facet_random(id, sizeof(id));
    to_hex(fresh.about.id, id, sizeof(id));
    snprintf(fresh.about.name, sizeof(fresh.about.name), "%s", name);
    snprintf(text, FACET_KEY_TEXT, "fct_");
    facet_random_token(text + 4, 32);
    hash_key(k, text, fresh.hash);
    grown[k->c.n_keys++] = fresh;
    if (out)
        *out = fresh.about;
    return FACET_OK;
}

int facet_keys_add(struct facet_keys *k, const char *name, enum facet_role role, char text[FACET_KEY_TEXT], struct facet_key *out)
{
    facet_lock_take(&k->lock);
    int err = refresh(k);
    if (!err)
        err = add_key(k, name, role, text, out);
    if (!err && (err = save(k)))
        k->c.n_keys--;
    facet_lock_give(&k->lock);
    return err;
}

int facet_keys_remove(struct facet_keys *k, const char *id)
{
    facet_lock_take(&k->lock);
    int err = refresh(k);
    size_t i = 0;
    while (i < k->c.n_keys && strcmp(k->c.keys[i].about.id, id) != 0)
        i++;
    if (!err && i == k->c.n_keys)
        err = facet_fail(FACET_E_NOT_FOUND, "there is no key '%.20s'", id);
    if (!err) {
        memmove(&k->c.keys[i], &k->c.keys[i + 1], (k->c.n_keys - i - 1) * sizeof(k->c.keys[0]));
        k->c.n_keys--;
        err = save(k);
    }
    facet_lock_give(&k->lock);
    return err;
}

bool facet_keys_find(struct facet_keys *k, const char *text, struct facet_key *out)
{
    unsigned char hash[FACET_KEYED_HASH_BYTES];
    bool found = false;
    if (strlen(text) != FACET_KEY_TEXT - 1 || strncmp(text, "fct_", 4) != 0)
        return false;
    facet_lock_take(&k->lock);
    (void)refresh(k); /* the old ones hold where the new file is bad */
    hash_key(k, text, hash);
    for (size_t i = 0; i < k->c.n_keys; i++)
        if (facet_equal(hash, k->c.keys[i].hash, sizeof(hash))) {
            found = true;
            *out = k->c.keys[i].about;
        }
    facet_lock_give(&k->lock);
    return found;
}

size_t facet_keys_list(struct facet_keys *k, struct facet_key *out, size_t max)
{
    facet_lock_take(&k->lock);
    (void)refresh(k);
    size_t n = k->c.n_keys;
    for (size_t i = 0; i < n && i < max; i++)
        out[i] = k->c.keys[i].about;
    facet_lock_give(&k->lock);
    return n;
}

/* ---- users ---- */

static struct kept_user *find_user(struct facet_keys *k, const char *name)
{
    for (size_t i = 0; i < k->c.n_users; i++)
        if (!strcmp(k->c.users[i].about.name, name))
            return &k->c.users[i];
    return NULL;
}

static int add_user(struct facet_keys *k, const char *name, const char *hash, enum facet_role role)
{
    struct kept_user fresh = { .about = { .role = role, .created_ms = facet_clock_system.wall_ms(facet_clock_system.ctx) } };
    if (find_user(k, name))
        return facet_fail(FACET_E_EXISTS, "there is a user '%s' already", name);
    if (k->c.n_users == FACET_MAX_USERS)
        return facet_fail(FACET_E_LIMIT, "there are %d users already", FACET_MAX_USERS);
    struct kept_user *grown = realloc(k->c.users, (k->c.n_users + 1) * sizeof(*grown));
    if (!grown)
        return facet_fail_nomem();
    k->c.users = grown;
    snprintf(fresh.about.name, sizeof(fresh.about.name), "%s", name);
    snprintf(fresh.password, sizeof(fresh.password), "%s", hash);
    grown[k->c.n_users++] = fresh;
    return FACET_OK;
}

int facet_users_add(struct facet_keys *k, const char *name, const char *password, enum facet_role role)
{
    char hash[FACET_PASSWORD_HASH];
    int err = check_name(name, sizeof(((struct facet_user *)0)->name));
    if (!err && role == FACET_ROLE_DEVICE)
        err = facet_fail(FACET_E_INVALID, "a user is viewer, operator or admin; devices have keys");
    if (!err)
        err = facet_password_hash(hash, password);
    if (err)
        return err;
    facet_lock_take(&k->lock);
    err = refresh(k);
    if (!err)
        err = add_user(k, name, hash, role);
    if (!err && (err = save(k)))
        k->c.n_users--;
    facet_lock_give(&k->lock);
    return err;
}

static bool is_last_admin(const struct facet_keys *k, const struct kept_user *u)
{
    size_t admins = 0;
    for (size_t i = 0; i < k->c.n_users; i++)
        admins += k->c.users[i].about.role == FACET_ROLE_ADMIN;
    return u->about.role == FACET_ROLE_ADMIN && admins == 1;
}

int facet_users_remove(struct facet_keys *k, const char *name)
{
    facet_lock_take(&k->lock);
    int err = refresh(k);
    struct kept_user *u = err ? NULL : find_user(k, name);
    if (!err && !u)
        err = facet_fail(FACET_E_NOT_FOUND, "there is no user '%.63s'", name);
    if (!err && is_last_admin(k, u))
        err = facet_fail(FACET_E_INVALID, "'%s' is the last admin", name);
    if (!err) {
        size_t i = (size_t)(u - k->c.users);
        memmove(u, u + 1, (k->c.n_users - i - 1) * sizeof(*u));
        k->c.n_users--;
        err = save(k);
    }
    facet_lock_give(&k->lock);
    return err;
}

int facet_users_password(struct facet_keys *k, const char *name, const char *password)
{
    char hash[FACET_PASSWORD_HASH];
    int err = facet_password_hash(hash, password);
    if (err)
        return err;
    facet_lock_take(&k->lock);
    err = refresh(k);
    struct kept_user *u = err ? NULL : find_user(k, name);
    if (!err && !u)
        err = facet_fail(FACET_E_NOT_FOUND, "there is no user '%.63s'", name);
    if (!err) {
        memcpy(u->password, hash, sizeof(hash));
        err = save(k);
    }
    facet_lock_give(&k->lock);
    return err;
}

int facet_users_check(struct facet_keys *k, const char *name, const char *password, struct facet_user *out)
{
    char hash[FACET_PASSWORD_HASH];
    facet_lock_take(&k->lock);
    (void)refresh(k);
    const struct kept_user *u = find_user(k, name);
    bool is_there = u != NULL;
    memcpy(hash, u ? u->password : k->dummy, sizeof(hash));
    if (u)
        *out = u->about;
    facet_lock_give(&k->lock);
    int err = facet_password_check(hash, password);
    if (err == FACET_E_NOMEM)
        return err;
    return !err && is_there ? FACET_OK : facet_fail(FACET_E_PERMISSION, "user and password do not fit");
}

bool facet_users_find(struct facet_keys *k, const char *name, struct facet_user *out)
{
    facet_lock_take(&k->lock);
    (void)refresh(k);
    const struct kept_user *u = find_user(k, name);
    if (u)
        *out = u->about;
    facet_lock_give(&k->lock);
    return u != NULL;
}

size_t facet_users_list(struct facet_keys *k, struct facet_user *out, size_t max)
{
    facet_lock_take(&k->lock);
    (void)refresh(k);
    size_t n = k->c.n_users;
    for (size_t i = 0; i < n && i < max; i++)
        out[i] = k->c.users[i].about;
    facet_lock_give(&k->lock);
    return n;
}

/* ---- life ---- */

static int set_path(struct facet_keys *k, const char *path)
{
    char dir[PATH_MAX];
    if (path && *path)
        return facet_copy_text(k->path, sizeof(k->path), path);
    int err = facet_data_dir(dir, sizeof(dir));
    return err ? err : facet_path_join(k->path, sizeof(k->path), dir, "keys.json");
}

static int make_first(struct facet_keys *k, struct facet_first_secrets *first)
{
    char hash[FACET_PASSWORD_HASH];
    facet_random(k->c.pepper, sizeof(k->c.pepper));
    facet_random_token(first->password, 15);
    snprintf(first->user, sizeof(first->user), "admin");
    int err = add_key(k, "first", FACET_ROLE_ADMIN, first->key, NULL);
    if (!err)
        err = facet_password_hash(hash, first->password);
    if (!err)
        err = add_user(k, first->user, hash, FACET_ROLE_ADMIN);
    return err ? err : save(k);
}

int facet_keys_open(struct facet_keys **out, const char *path, struct facet_first_secrets *first)
{
    struct facet_keys *k = calloc(1, sizeof(*k));
    *out = NULL;
    if (first)
        *first = (struct facet_first_secrets){ .key = "" };
    if (!k || facet_lock_init(&k->lock)) {
        free(k);
        return facet_fail_nomem();
    }
    int err = set_path(k, path);
    if (!err)
        err = facet_password_hash(k->dummy, "nobody has this password");
    if (!err && !facet_path_exists(k->path))
        err = first ? make_first(k, first) : facet_fail(FACET_E_NOT_FOUND, "cannot read '%s': facet serve makes it when it starts first", k->path);
    else if (!err)
        err = load(k);
    if (err)
        facet_keys_close(&k);
    *out = k;
    return err;
}

void facet_keys_close(struct facet_keys **k)
{
    if (!*k)
        return;
    content_fini(&(*k)->c);
    facet_lock_fini(&(*k)->lock);
    free(*k);
    *k = NULL;
}

const char *facet_keys_path(const struct facet_keys *k)
{
    return k->path;
}
