/* /v1/keys and /v1/users: an admin says who may ask. */
#include "serve/serve_core.h"

#include "serve/routes.h"

#include <stdlib.h>
#include <string.h>

static int need_keys(struct facet_serve *s, struct facet_http_request *q)
{
    return s->keys ? FACET_OK : facet__refused(q, 409, facet_fail(FACET_E_UNSUPPORTED, "this server asks nobody who he is"));
}

/* {"items":[...],"next":null}: `n` rows of `size` bytes, each an object whose members `write` writes. */
static int answer_rows(struct facet_http_request *q, const void *rows, size_t n, size_t size, void (*write)(struct facet_jsonw *w, const void *row))
{
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < n; i++) {
        facet_jsonw_object(&a.w);
        write(&a.w, (const char *)rows + i * size);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_key(&a.w, "next");
    facet_jsonw_null(&a.w);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* ---- keys ---- */

static void write_key(struct facet_jsonw *w, const void *row)
{
    const struct facet_key *k = row;
    facet_jsonw_kstr(w, "id", k->id);
    facet_jsonw_kstr(w, "name", k->name);
    facet_jsonw_kstr(w, "role", facet_role_words[k->role]);
    facet_jsonw_kint(w, "created_ms", k->created_ms);
}

static int list_keys(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    int err = need_keys(s, q);
    struct facet_key *keys = err ? NULL : calloc(FACET_MAX_KEYS, sizeof(*keys));
    if (!err && !keys)
        err = facet_fail_nomem();
    if (!err)
        err = answer_rows(q, keys, facet_keys_list(s->keys, keys, FACET_MAX_KEYS), sizeof(*keys), write_key);
    free(keys);
    return err;
}

static int read_role(struct facet_http_request *q, const struct facet_json *j, enum facet_role *out)
{
    const char *word;
    int err = facet__json_text(q, j, "role", &word);
    if (!err && facet_role_parse(word, out))
        err = facet__refused(q, 422, FACET_E_INVALID);
    return err;
}

static int add_key(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    struct facet_json *j = NULL;
    struct facet__answer a;
    struct facet_key key;
    char text[FACET_KEY_TEXT];
    const char *name;
    enum facet_role role = FACET_ROLE_VIEWER;
    int err = need_keys(s, q);
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "name", &name);
    if (!err)
        err = read_role(q, j, &role);
    if (!err)
        err = facet_keys_add(s->keys, name, role, text, &key);
    facet_json_unref(&j);
    if (err)
        return err;
    facet__answer_begin(&a);
    write_key(&a.w, &key);
    facet_jsonw_kstr(&a.w, "key", text); /* told this once */
    facet_wipe(text, sizeof(text));
    return facet__answer_end(&a, q, 201, FACET_OK);
}

static int remove_key(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    int err = need_keys(s, q);
    if (!err)
        err = facet_keys_remove(s->keys, facet_http_param(q, "id"));
    return err ? err : facet__answer_nothing(q);
}

/* ---- users ---- */

static void write_user(struct facet_jsonw *w, const void *row)
{
    const struct facet_user *u = row;
    facet_jsonw_kstr(w, "name", u->name);
    facet_jsonw_kstr(w, "role", facet_role_words[u->role]);
    facet_jsonw_kint(w, "created_ms", u->created_ms);
}

static int list_users(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    int err = need_keys(s, q);
    struct facet_user *users = err ? NULL : calloc(FACET_MAX_USERS, sizeof(*users));
    if (!err && !users)
        err = facet_fail_nomem();
    if (!err)
        err = answer_rows(q, users, facet_users_list(s->keys, users, FACET_MAX_USERS), sizeof(*users), write_user);
    free(users);
    return err;
}

static int add_user(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    struct facet_json *j = NULL;
    struct facet__answer a;
    struct facet_user user;
    const char *name, *password;
    enum facet_role role = FACET_ROLE_VIEWER;
    int err = need_keys(s, q);
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "name", &name);
    if (!err)
        err = facet__json_text(q, j, "password", &password);
    if (!err)
        err = read_role(q, j, &role);
    if (!err)
        err = facet_users_add(s->keys, name, password, role);
    if (!err && !facet_users_find(s->keys, name, &user))
        err = facet_fail(FACET_E_NOT_FOUND, "the user '%.63s' was removed meanwhile", name);
    facet_json_unref(&j);
    if (err)
        return err;
    facet__answer_begin(&a);
    write_user(&a.w, &user);
    return facet__answer_end(&a, q, 201, FACET_OK);
}

/* An admin's, or one's own with the old one. */
static int change_password(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    const char *name = facet_http_param(q, "name"), *password;
    const struct facet__asker *who = facet__asker(q);
    struct facet_json *j = NULL;
    struct facet_user user;
    bool is_own = who->by_session && !strcmp(who->name, name);
    int err = need_keys(s, q);
    if (!err && who->role != FACET_ROLE_ADMIN && !is_own)
        err = facet_fail(FACET_E_PERMISSION, "the role %s may not change another's password", facet_role_words[who->role]);
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "password", &password);
    if (!err && is_own)
        err = facet_users_check(s->keys, name, facet_json_str(facet_json_get(j, "old"), ""), &user);
    if (!err)
        err = facet_users_password(s->keys, name, password);
    facet_json_unref(&j);
    if (err)
        return err;
    facet_sessions_end_user(s->sessions, name);
    return facet__answer_nothing(q);
}

static int remove_user(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    const char *name = facet_http_param(q, "name");
    int err = need_keys(s, q);
    if (!err)
        err = facet_users_remove(s->keys, name);
    if (err == FACET_E_INVALID)
        return facet__refused(q, 409, err);
    if (!err)
        facet_sessions_end_user(s->sessions, name);
    return err ? err : facet__answer_nothing(q);
}

#define ADMIN FACET__ROLE(FACET_ROLE_ADMIN)

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/keys", .handler = list_keys, .flags = ADMIN },
    { .method = FACET_HTTP_POST, .path = "/v1/keys", .handler = add_key, .max_body = 4096, .flags = ADMIN },
    { .method = FACET_HTTP_DELETE, .path = "/v1/keys/{id}", .handler = remove_key, .flags = ADMIN },
    { .method = FACET_HTTP_GET, .path = "/v1/users", .handler = list_users, .flags = ADMIN },
    { .method = FACET_HTTP_POST, .path = "/v1/users", .handler = add_user, .max_body = 4096, .flags = ADMIN },
    { .method = FACET_HTTP_PUT, .path = "/v1/users/{name}/password", .handler = change_password, .max_body = 4096, .flags = FACET__ROLE(FACET_ROLE_VIEWER) },
    { .method = FACET_HTTP_DELETE, .path = "/v1/users/{name}", .handler = remove_user, .flags = ADMIN },
};

const struct facet__resource facet__resource_access = {
    .name = "access", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
