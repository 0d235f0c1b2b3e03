/* What handlers say and read: the envelope of errors, JSON, numbers of the query. */
#include "serve/serve_core.h"

#include "image/geom.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

int facet__status_of_error(int err)
{
    switch (err) {
    case FACET_E_INVALID: case FACET_E_NO_FACE: case FACET_E_MANY_FACES: case FACET_E_QUALITY: return 422;
    case FACET_E_FORMAT: return 400;
    case FACET_E_PERMISSION: return 403;
    case FACET_E_NOT_FOUND: return 404;
    case FACET_E_EXISTS: case FACET_E_CONTRACT: return 409;
    case FACET_E_LIMIT: return 413;
    case FACET_E_UNSUPPORTED: return 501;
    case FACET_E_AGAIN: case FACET_E_NOMEM: case FACET_E_CANCELLED: return 503;
    case FACET_E_TIMEOUT: return 504;
    case FACET_E_NET: return 502;
    default: return 500;
    }
}

const char *facet__code_of(int status, int err, char *buf, size_t cap)
{
    static const struct { int status; const char *code; } words[] = {
        { 401, "unauthorized" }, { 403, "forbidden" }, { 405, "method_not_allowed" }, { 408, "timeout" }, { 413, "too_large" },
        { 415, "unsupported_media_type" }, { 429, "too_many_requests" }, { 431, "too_large" }, { 503, "unavailable" },
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (words[i].status == status)
            return words[i].code;
    const char *name = facet_error_name(err);
    name += strncmp(name, "FACET_E_", 8) ? 0 : 8;
    snprintf(buf, cap, "%s", name);
    for (char *c = buf; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return buf;
}

/* ---- answers ---- */

int facet__answer_json(struct facet_http_request *q, int status, struct facet_str *text)
{
    if (!text->err) {
        facet_http_status(q, status);
        (void)facet_http_set_header(q, "cache-control", "no-store");
        (void)facet_http_set_header(q, "x-content-type-options", "nosniff");
    }
    return facet_http_send_str(q, "application/json", text);
}

static int plain_error(struct facet_http_request *q, int status, const char *code, const char *message)
{
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "error");
    facet_jsonw_object(&a.w);
    facet_jsonw_kstr(&a.w, "code", code);
    facet_jsonw_kstr(&a.w, "message", message);
    facet_jsonw_end_object(&a.w);
    facet_jsonw_kstr(&a.w, "request_id", facet_http_id(q));
    return facet__answer_end(&a, q, status, FACET_OK);
}

int facet__answer_error(struct facet_http_request *q, int status, const char *code, const char *message)
{
    return plain_error(q, status, code, message);
}

int facet__answer_nothing(struct facet_http_request *q)
{
    facet_http_status(q, 204);
    return facet_http_send(q, NULL, "", 0);
}

int facet__refused(struct facet_http_request *q, int status, int err)
{
    facet_http_status(q, status);
    return err;
}

void facet__answer_begin(struct facet__answer *a)
{
    a->text = (struct facet_str)FACET_STR_INIT;
    facet_jsonw_init(&a->w, &a->text, false);
    facet_jsonw_object(&a->w);
}

int facet__answer_end(struct facet__answer *a, struct facet_http_request *q, int status, int err)
{
    facet_jsonw_end_object(&a->w);
    if (!err && a->text.err)
        err = a->text.err == FACET_E_NOMEM ? facet_fail_nomem() : facet_fail(FACET_E_INTERNAL, "the answer is too long");
    if (!err)
        return facet__answer_json(q, status, &a->text);
    facet_str_fini(&a->text);
    return err;
}

/* ---- what was sent ---- */

static bool is_type(const struct facet_http_request *q, const char *type)
{
    const char *t = facet_http_header(q, "content-type");
    size_t n = strlen(type);
    return t && !strncasecmp(t, type, n) && (!t[n] || t[n] == ';' || t[n] == ' ');
}

int facet__body_json(struct facet_http_request *q, struct facet_json **out)
{
    size_t len;
    const char *text = facet_http_body(q, &len);
    *out = NULL;
    if (!is_type(q, "application/json"))
        return facet__refused(q, 415, facet_fail(FACET_E_FORMAT, "the content-type must be application/json"));
    int err = facet_json_parse(out, text, len, "the body");
    if (!err && !facet_json_is_object(*out)) {
        facet_json_unref(out);
        err = facet_fail(FACET_E_FORMAT, "the body is no JSON object");
    }
    return err ? facet__refused(q, err == FACET_E_NOMEM ? 503 : 400, err) : FACET_OK;
}

int facet__json_text(struct facet_http_request *q, const struct facet_json *j, const char *key, const char **out)
{
    *out = facet_json_str(facet_json_get(j, key), "");
    return **out ? FACET_OK : facet__refused(q, 422, facet_fail(FACET_E_INVALID, "the member '%s' is missing, or no text", key));
}

int facet__asked_num(struct facet_http_request *q, const char *key, double low, double high, double fallback, double *out)
{
    const char *text = facet_http_query(q, key);
    *out = fallback;
    if (!text || !*text)
        return FACET_OK;
    if (facet_parse_num(text, out) || !isfinite(*out) || *out < low || *out > high)
        return facet__refused(q, 400, facet_fail(FACET_E_INVALID, "'%s' must be a number from %g to %g", key, low, high));
    return FACET_OK;
}
