#include "net/http/target.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(const unsigned char *s)
{
    while (*s) {
        int more = *s < 0x80 ? 0 : (*s & 0xe0) == 0xc0 ? 1 : (*s & 0xf0) == 0xe0 ? 2 : (*s & 0xf8) == 0xf0 ? 3 : -1;
        if (more < 0 || *s == 0xc0 || *s == 0xc1 || *s > 0xf4)
            return false;
        for (s++; more > 0; more--, s++)
            if ((*s & 0xc0) != 0x80)
                return false;
    }
    return true;
}

/* Decodes up to `len` bytes to `to`, with a NUL; NULL: refused. Returns the end. */
static char *decode(char *to, const char *from, size_t len, bool plus)
{
    char *start = to;
    for (size_t i = 0; i < len; i++) {
        int c = (unsigned char)from[i];
        if (c == '%') {
            int a = i + 2 < len ? hex(from[i + 1]) : -1, b = i + 2 < len ? hex(from[i + 2]) : -1;
            if (a < 0 || b < 0)
                return NULL;
            c = a * 16 + b;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c < 32 || c == 127)
            return NULL;
        *to++ = (char)c;
    }
    *to = '\0';
    return is_utf8((const unsigned char *)start) ? to + 1 : NULL;
}

static int refuse(const char *why)
{
    return facet_fail(FACET_E_FORMAT, "cannot read the request: %s", why);
}

static bool is_way_out(const char *s)
{
    return !strcmp(s, ".") || !strcmp(s, "..");
}

static int read_path(struct facet_http_target *t, const char *raw, size_t len, char **at)
{
    for (size_t i = 0; i < len;) {
        size_t n = i + 1;
        while (n < len && raw[n] != '/')
            n++;
        if (t->n_segments == FACET_MAX_HTTP_SEGMENTS)
            return facet_fail(FACET_E_LIMIT, "cannot read the request: its path has too many parts");
        char *end = decode(*at, raw + i + 1, n - i - 1, false);
        if (!end || is_way_out(*at))
            return refuse("its path is damaged or leads out");
        if (n > 1 || len > 1)
            t->segment[t->n_segments++] = *at;
        *at = end;
        i = n;
    }
    return FACET_OK;
}

static int read_query(struct facet_http_target *t, const char *raw, char *at)
{
    while (*raw) {
        size_t n = strcspn(raw, "&"), name = strcspn(raw, "=&");
        if (n && t->n_query == FACET_MAX_HTTP_QUERY)
            return facet_fail(FACET_E_LIMIT, "cannot read the request: its query has too many parts");
        char *value = n ? decode(at, raw, name, true) : at;
        char *end = n && value ? decode(value, raw + name + (name < n), n - name - (name < n), true) : value;
        if (!value || !end)
            return refuse("its query is damaged");
        if (n)
            t->query[t->n_query++] = (struct facet_http_pair){ at, value };
        at = end;
        raw += n + (raw[n] == '&');
    }
    return FACET_OK;
}

int facet_http_target_parse(struct facet_http_target *t, const char *raw)
{
    size_t path = strcspn(raw, "?#"), len = strlen(raw);
    *t = (struct facet_http_target){ .path = NULL };
    t->memory = malloc(2 * len + FACET_MAX_HTTP_SEGMENTS + 2 * FACET_MAX_HTTP_QUERY + 8);
    t->path = malloc(path + 1);
    int err = t->memory && t->path ? FACET_OK : facet_fail_nomem();
    if (!err && !decode(t->path, raw, path, false))
        err = refuse("its path is damaged");
    char *at = t->memory;
    if (!err)
        err = read_path(t, raw, path, &at);
    if (!err && raw[path] == '?')
        err = read_query(t, raw + path + 1, at);
    if (err)
        facet_http_target_fini(t);
    return err;
}

void facet_http_target_fini(struct facet_http_target *t)
{
    free(t->path);
    free(t->memory);
    *t = (struct facet_http_target){ .path = NULL };
}

/* ---- routes ---- */

/* One part of a pattern against one of a path. 0: no; the more literal, the more. */
static int match_part(const char *p, size_t n, const char *segment)
{
    const char *close = p[0] == '{' ? memchr(p, '}', n) : NULL;
    if (!close)
        return strlen(segment) == n && !memcmp(segment, p, n) ? 3 : 0;
    size_t tail = (size_t)(p + n - close - 1), len = strlen(segment);
    if (len <= tail || memcmp(segment + len - tail, close + 1, tail) != 0)
        return 0;
    return tail ? 2 : 1;
}

static bool is_rest(const char *p, size_t n)
{
    return n > 5 && p[0] == '{' && !memcmp(p + n - 4, "...}", 4);
}

/* How well it fits; 0: not. */
static uint64_t match(const char *pattern, const struct facet_http_target *t)
{
    uint64_t score = 1;
    int i = 0;
    for (const char *p = pattern; *p == '/' && p[1];) {
        size_t n = strcspn(++p, "/");
        if (is_rest(p, n))
            return score << (2 * (unsigned)(24 - (i < 24 ? i : 24)));
        int fit = i < t->n_segments ? match_part(p, n, t->segment[i]) : 0;
        if (!fit || i >= 24)
            return 0;
        score = score * 4 + (uint64_t)fit;
        p += n;
        i++;
    }
    return i == t->n_segments ? score << (2 * (unsigned)(24 - i)) : 0;
}

const struct facet_http_route *facet_http_route_find(const struct facet_http_route *routes, size_t n, enum facet_http_method method,
                                                     const struct facet_http_target *t, unsigned *allowed)
{
    const struct facet_http_route *best = NULL;
    uint64_t best_score = 0;
    enum facet_http_method asked = method == FACET_HTTP_HEAD ? FACET_HTTP_GET : method;
    *allowed = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t score = match(routes[i].path, t);
        if (!score)
            continue;
        *allowed |= 1u << routes[i].method;
        if (routes[i].method == asked && score > best_score) {
            best = &routes[i];
            best_score = score;
        }
    }
    return best;
}

static size_t rest_of(const struct facet_http_target *t, int from, char *to)
{
    size_t n = 0;
    for (int i = from; i < t->n_segments; i++) {
        if (i > from)
            to[n++] = '/';
        memcpy(to + n, t->segment[i], strlen(t->segment[i]));
        n += strlen(t->segment[i]);
    }
    to[n] = '\0';
    return n + 1;
}

int facet_http_params_read(struct facet_http_params *out, const struct facet_http_route *r, const struct facet_http_target *t)
{
    size_t room = strlen(r->path) + 1 + FACET_MAX_HTTP_SEGMENTS;
    for (int i = 0; i < t->n_segments; i++)
        room += strlen(t->segment[i]) + 1;
    char *at = malloc(room);
    *out = (struct facet_http_params){ .memory = at };
    if (!at)
        return facet_fail_nomem();
    int i = 0;
    for (const char *p = r->path; *p == '/' && p[1]; i++) {
        size_t n = strcspn(++p, "/");
        const char *close = p[0] == '{' ? memchr(p, '}', n) : NULL;
        if (close && out->n < 8) {
            size_t name = (size_t)(close - p) - 1 - (is_rest(p, n) ? 3 : 0), tail = (size_t)(p + n - close - 1);
            struct facet_http_pair *pair = &out->p[out->n++];
            pair->name = at;
            memcpy(at, p + 1, name);
            at[name] = '\0';
            at += name + 1;
            pair->value = at;
            size_t len = is_rest(p, n) ? rest_of(t, i, at) : strlen(t->segment[i]) - tail + 1;
            if (!is_rest(p, n))
                memcpy(at, t->segment[i], len - 1);
            at[len - 1] = '\0';
            at += len;
        }
        p += n;
    }
    return FACET_OK;
}

void facet_http_params_fini(struct facet_http_params *p)
{
    free(p->memory);
    *p = (struct facet_http_params){ .n = 0 };
}
