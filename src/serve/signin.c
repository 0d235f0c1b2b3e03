/* GET /v1/session, POST /v1/login, POST /v1/logout: page users. */
#include "serve/serve_core.h"

#include "serve/routes.h"

#include <stdio.h>
#include <string.h>

static int say_session(struct facet_http_request *q, const struct facet__asker *who, const struct facet_session *session)
{
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "user", *who->name ? who->name : NULL);
    facet_jsonw_kstr(&a.w, "role", who->role == FACET_ROLE_PUBLIC ? NULL : facet_role_words[who->role]);
    facet_jsonw_kstr(&a.w, "csrf", *session->csrf ? session->csrf : NULL);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static int tell_session(void *ctx, struct facet_http_request *q)
{
    struct facet__asker who;
    struct facet_session session;
    facet__recognise_asker(ctx, q, &who, &session);
    return say_session(q, &who, &session);
}

static int set_cookie(struct facet_http_request *q, const char *token, long seconds)
{
    char line[256];
    snprintf(line, sizeof(line), FACET__COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%ld%s", token, seconds,
             facet_http_is_tls(q) ? "; Secure" : "");
    return facet_http_set_header(q, "set-cookie", line);
}

static int refuse_haste(struct facet_http_request *q, int64_t wait_ms)
{
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)(wait_ms + 999) / 1000);
    (void)facet_http_set_header(q, "retry-after", seconds);
    return facet__refused(q, 429, facet_fail(FACET_E_AGAIN, "too many tries: wait %s s", seconds));
}

static int check(struct facet_serve *s, struct facet_http_request *q, const char *name, const char *password, struct facet_user *user)
{
    if (!s->keys)
        return facet__refused(q, 409, facet_fail(FACET_E_UNSUPPORTED, "this server asks nobody who he is"));
    int64_t wait = facet_sessions_wait(s->sessions, facet_http_peer(q), name);
    if (wait)
        return refuse_haste(q, wait);
    int err = facet_users_check(s->keys, name, password, user);
    if (err == FACET_E_PERMISSION) {
        facet_sessions_failed(s->sessions, facet_http_peer(q), name);
        err = facet__refused(q, 401, err);
    }
    return err;
}

static int login(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    struct facet_json *j;
    const char *name, *password;
    struct facet_user user = { .name = "" };
    int err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "user", &name);
    if (!err)
        err = facet__json_text(q, j, "password", &password);
    if (!err)
        err = check(s, q, name, password, &user);
    facet_json_unref(&j);
    if (err)
        return err;
    char token[FACET_TOKEN_TEXT(32)], old[64];
    struct facet_session session;
    if (facet_http_cookie(q, FACET__COOKIE, old, sizeof(old)))
        facet_sessions_end(s->sessions, old);
    facet_sessions_begin(s->sessions, user.name, token, &session);
    struct facet__asker who = { .role = user.role, .by_session = true };
    snprintf(who.name, sizeof(who.name), "%s", user.name);
    err = set_cookie(q, token, (long)(FACET_SESSION_LIFE_MS / 1000));
    return err ? err : say_session(q, &who, &session);
}

static int logout(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    char token[64];
    if (facet_http_cookie(q, FACET__COOKIE, token, sizeof(token)))
        facet_sessions_end(s->sessions, token);
    int err = set_cookie(q, "", 0);
    return err ? err : facet__answer_nothing(q);
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/session", .handler = tell_session, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) },
    { .method = FACET_HTTP_POST, .path = "/v1/login", .handler = login, .max_body = 4096, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) | FACET__NO_CSRF },
    { .method = FACET_HTTP_POST, .path = "/v1/logout", .handler = logout, .max_body = 4096, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) },
};

const struct facet__resource facet__resource_session = {
    .name = "session", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
