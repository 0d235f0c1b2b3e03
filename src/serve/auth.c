/* Who asks, and may he? Keys in headers, sessions in a cookie with a token against forged requests. */
#include "serve/serve_core.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *key_of(const struct facet_http_request *q)
{
    const char *key = facet_http_header(q, "x-api-key"), *bearer = facet_http_header(q, "authorization");
    if (key)
        return key;
    return bearer && !strncasecmp(bearer, "bearer ", 7) ? bearer + 7 + strspn(bearer + 7, " ") : NULL;
}

static void by_session(struct facet_serve *s, const struct facet_http_request *q, struct facet__asker *out, struct facet_session *session)
{
    char token[64];
    struct facet_user user;
    if (!facet_http_cookie(q, FACET__COOKIE, token, sizeof(token)) || !facet_sessions_find(s->sessions, token, session))
        return;
    if (!facet_users_find(s->keys, session->user, &user))
        return; /* removed meanwhile */
    *out = (struct facet__asker){ .role = user.role, .by_session = true };
    snprintf(out->name, sizeof(out->name), "%s", user.name);
}

void facet__recognise_asker(struct facet_serve *s, struct facet_http_request *q, struct facet__asker *out, struct facet_session *session)
{
    const char *text = key_of(q);
    struct facet_key key;
    *out = (struct facet__asker){ .role = FACET_ROLE_PUBLIC };
    *session = (struct facet_session){ .user = "" };
    if (s->o.allow_open) {
        out->role = FACET_ROLE_ADMIN;
        return;
    }
    if (!text) {
        by_session(s, q, out, session);
    } else if (facet_keys_find(s->keys, text, &key)) {
        out->role = key.role;
        snprintf(out->name, sizeof(out->name), "%s", key.name);
    }
}

static bool is_enough(enum facet_role has, unsigned flags)
{
    enum facet_role least = FACET__ROLE_OF(flags);
    bool device_too = flags & FACET__ALSO_DEVICE || least == FACET_ROLE_DEVICE;
    if (least == FACET_ROLE_DEVICE)
        least = FACET_ROLE_OPERATOR;
    if (has == FACET_ROLE_DEVICE)
        return device_too || least == FACET_ROLE_PUBLIC;
    return has >= least;
}

static bool is_forged(const struct facet_http_request *q, const struct facet__asker *who, const struct facet_session *session, unsigned flags)
{
    enum facet_http_method m = facet_http_method(q);
    const char *token = facet_http_header(q, "x-csrf-token");
    if (!who->by_session || m == FACET_HTTP_GET || m == FACET_HTTP_HEAD || flags & FACET__NO_CSRF)
        return false;
    size_t n = strlen(session->csrf);
    return !token || strlen(token) != n || !facet_equal(token, session->csrf, n);
}

int facet__authorise(void *serve, struct facet_http_request *q, const struct facet_http_route *r)
{
    struct facet_serve *s = serve;
    struct facet__asker who;
    struct facet_session session;
    facet__recognise_asker(s, q, &who, &session);
    facet_http_set_user(q, &who, sizeof(who));
    if (!facet_http_user(q))
        return facet_fail_nomem();
    if (!is_enough(who.role, r->flags)) {
        if (who.role == FACET_ROLE_PUBLIC)
            return facet__refused(q, 401, facet_fail(FACET_E_PERMISSION, "a key is needed: header x-api-key, or sign in"));
        return facet__refused(q, 403, facet_fail(FACET_E_PERMISSION, "the role %s may not do this", facet_role_words[who.role]));
    }
    if (is_forged(q, &who, &session, r->flags))
        return facet__refused(q, 403, facet_fail(FACET_E_PERMISSION, "the header x-csrf-token is missing or another session's"));
    return FACET_OK;
}

const struct facet__asker *facet__asker(const struct facet_http_request *q)
{
    static const struct facet__asker nobody = { .role = FACET_ROLE_PUBLIC };
    const struct facet__asker *who = facet_http_user(q);
    return who ? who : &nobody;
}
