#include "net/http/head.h"

#include "base/errors.h"

#include <string.h>
#include <strings.h>

static int refuse(int *status, int code, const char *why)
{
    *status = code;
    return facet_fail(code == 431 ? FACET_E_LIMIT : FACET_E_FORMAT, "cannot read the request: %s", why);
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *t, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_token_char((unsigned char)t[i]))
            return false;
    return n > 0;
}

static bool is_value(const char *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)t[i];
        if ((c < 32 && c != '\t') || c == 127)
            return false;
    }
    return true;
}

void facet_http_head_fini(struct facet_http_head *h)
{
    facet_str_fini(&h->text);
    *h = (struct facet_http_head){ .n = 0 };
}

/* Appends with a NUL; the offset goes to *at. */
static int keep(struct facet_http_head *h, const char *text, size_t len, bool lower, size_t *at, int *status)
{
    if (!h->text.len)
        h->text.max = FACET_MAX_HTTP_HEAD + 1024;
    *at = h->text.len;
    facet_str_append(&h->text, text, len);
    facet_str_append(&h->text, "", 1);
    if (h->text.err == FACET_E_NOMEM)
        *status = 503;
    if (h->text.err)
        return h->text.err == FACET_E_NOMEM ? facet_fail_nomem() : refuse(status, 431, "its headers are too long");
    for (char *c = h->text.data + *at; lower && *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return FACET_OK;
}

static int add_field(struct facet_http_head *h, const char *name, size_t name_len, const char *value, size_t value_len, int *status)
{
    if (h->n == FACET_MAX_HTTP_FIELDS)
        return refuse(status, 431, "it has too many headers");
    if (!is_token(name, name_len))
        return refuse(status, 400, "a header's name has characters that are not allowed");
    if (!is_value(value, value_len))
        return refuse(status, 400, "a header has characters that are not allowed");
    int err = keep(h, name, name_len, true, &h->field[h->n].name, status);
    if (!err)
        err = keep(h, value, value_len, false, &h->field[h->n].value, status);
    h->n += !err;
    return err;
}

static enum facet_http_method method_of(const char *t, size_t n)
{
    static const char *const words[] = { "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD" };
    for (int i = 0; i < (int)(sizeof(words) / sizeof(words[0])); i++)
        if (strlen(words[i]) == n && !memcmp(words[i], t, n))
            return (enum facet_http_method)i;
    return FACET_HTTP_OTHER;
}

/* "/path?query", or "http://host/path": only the path matters. */
static int set_target(struct facet_http_head *h, const char *t, size_t n, int *status)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)t[i] <= 32 || (unsigned char)t[i] >= 127)
            return refuse(status, 400, "its address has characters that are not allowed");
    if (n > 7 && (!strncasecmp(t, "http://", 7) || (n > 8 && !strncasecmp(t, "https://", 8)))) {
        const char *path = memchr(t + 8, '/', n - 8);
        n = path ? (size_t)(t + n - path) : 0;
        t = path ? path : "/";
        n = n ? n : 1;
    }
    if (!n || (t[0] != '/' && !(n == 1 && t[0] == '*')))
        return refuse(status, 400, "its address is no path");
    return keep(h, t, n, false, &h->target, status);
}

/* The first line: METHOD SP target SP HTTP/1.x */
static int parse_first(struct facet_http_head *h, const char *line, size_t n, int *status)
{
    const char *end = line + n, *a = memchr(line, ' ', n);
    const char *b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;
    if (!b || memchr(b + 1, ' ', (size_t)(end - b - 1)) || !is_token(line, (size_t)(a - line)))
        return refuse(status, 400, "its first line is none");
    if (end - b - 1 != 8 || memcmp(b + 1, "HTTP/", 5))
        return refuse(status, 400, "its first line names no version");
    if (memcmp(b + 1, "HTTP/1.1", 8) && memcmp(b + 1, "HTTP/1.0", 8))
        return refuse(status, 505, "only HTTP/1.1 and HTTP/2 are spoken");
    h->is_http10 = b[8] == '0';
    h->method = method_of(line, (size_t)(a - line));
    return set_target(h, a + 1, (size_t)(b - a - 1), status);
}

static int parse_field(struct facet_http_head *h, const char *line, size_t n, int *status)
{
    const char *colon = memchr(line, ':', n);
    if (!colon || line[0] == ' ' || line[0] == '\t')
        return refuse(status, 400, "a header is none");
    const char *v = colon + 1, *end = line + n;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    return add_field(h, line, (size_t)(colon - line), v, (size_t)(end - v), status);
}

int facet_http_head_parse(struct facet_http_head *h, const char *data, size_t len, int *status)
{
    bool is_first = true;
    *status = 400;
    for (size_t at = 0; at < len;) {
        const char *line = data + at, *feed = memchr(line, '\n', len - at);
        if (!feed || feed == line || feed[-1] != '\r')
            return refuse(status, 400, "a line does not end as lines do");
        size_t n = (size_t)(feed - line) - 1;
        at += n + 2;
        if (n == 0 && !is_first)
            return at == len ? facet_http_head_finish(h, status) : refuse(status, 400, "its head goes on after its end");
        int err = is_first ? parse_first(h, line, n, status) : parse_field(h, line, n, status);
        if (err)
            return err;
        is_first = false;
    }
    return refuse(status, 400, "its head does not end");
}

int facet_http_head_put(struct facet_http_head *h, const char *name, size_t name_len, const char *value, size_t value_len, int *status)
{
    *status = 400;
    if (!h->text.len && keep(h, "", 0, false, &h->target, status))
        return h->text.err;
    if (!name_len || name[0] != ':')
        return add_field(h, name, name_len, value, value_len, status);
    if (name_len == 7 && !memcmp(name, ":method", 7))
        h->method = method_of(value, value_len);
    else if (name_len == 5 && !memcmp(name, ":path", 5))
        return set_target(h, value, value_len, status);
    else if (name_len == 10 && !memcmp(name, ":authority", 10))
        return add_field(h, "host", 4, value, value_len, status);
    return FACET_OK;
}

static int read_length(struct facet_http_head *h, const char *text, int *status)
{
    uint64_t n = 0;
    if (!*text || strlen(text) > 18 || strspn(text, "0123456789") != strlen(text))
        return refuse(status, 400, "content-length is no number");
    for (const char *c = text; *c; c++)
        n = n * 10 + (uint64_t)(*c - '0');
    if (h->has_length && h->length != n)
        return refuse(status, 400, "it has two lengths");
    h->has_length = true;
    h->length = n;
    return FACET_OK;
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; *p;) {
        p += strspn(p, " \t,");
        size_t len = strcspn(p, " \t,");
        if (len == n && !strncasecmp(p, word, n))
            return true;
        p += len;
    }
    return false;
}

static int read_field(struct facet_http_head *h, const char *name, const char *value, int *hosts, int *status)
{
    if (!strcmp(name, "content-length"))
        return read_length(h, value, status);
    if (!strcmp(name, "transfer-encoding")) {
        if (h->is_chunked || strcasecmp(value, "chunked") != 0)
            return refuse(status, 400, "its transfer-encoding is not chunked alone");
        h->is_chunked = true;
    } else if (!strcmp(name, "connection")) {
        h->wants_close |= has_word(value, "close");
    } else if (!strcmp(name, "expect")) {
        h->expects_continue = !strcasecmp(value, "100-continue");
    } else if (!strcmp(name, "host")) {
        ++*hosts;
    }
    return FACET_OK;
}

int facet_http_head_finish(struct facet_http_head *h, int *status)
{
    int hosts = 0, err = FACET_OK;
    *status = 400;
    if (!*facet_http_head_target(h))
        return refuse(status, 400, "it has no address");
    for (int i = 0; !err && i < h->n; i++)
        err = read_field(h, h->text.data + h->field[i].name, h->text.data + h->field[i].value, &hosts, status);
    if (err)
        return err;
    if (hosts > 1 || (hosts == 0 && !h->is_http10))
        return refuse(status, 400, "it needs one host header");
    if (h->is_chunked && (h->has_length || h->is_http10))
        return refuse(status, 400, "it says its length in two ways");
    h->wants_close |= h->is_http10;
    return FACET_OK;
}

const char *facet_http_head_get(const struct facet_http_head *h, const char *name)
{
    for (int i = 0; i < h->n; i++)
        if (!strcmp(h->text.data + h->field[i].name, name))
            return h->text.data + h->field[i].value;
    return NULL;
}

const char *facet_http_head_target(const struct facet_http_head *h)
{
    return h->text.len ? h->text.data + h->target : "";
}

/* ---- chunks ---- */

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER_START, TRAILER, TRAILER_LF, END_LF };
#define MAX_TRAILER 4096

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int size_byte(struct facet_http_chunks *c, uint8_t b)
{
    int d = hex(b);
    if (d >= 0 && c->digits < 15) {
        c->left = c->left * 16 + (uint64_t)d;
        c->digits++;
        return 0;
    }
    if (d >= 0 || !c->digits)
        return -1;
    if (b == ';')
        c->state = EXTENSION;
    else if (b == '\r')
        c->state = SIZE_LF;
    else
        return -1;
    return 0;
}

/* One byte of what is around the data. */
static int frame_byte(struct facet_http_chunks *c, uint8_t b)
{
    switch (c->state) {
    case SIZE: return size_byte(c, b);
    case EXTENSION:
        if (b == '\r')
            c->state = SIZE_LF;
        return b == '\n' || ++c->trailer > MAX_TRAILER ? -1 : 0;
    case SIZE_LF: c->state = c->left ? DATA : TRAILER_START; break;
    case DATA_CR: c->state = DATA_LF; return b == '\r' ? 0 : -1;
    case DATA_LF: c->state = SIZE; c->digits = 0; break;
    case TRAILER_START: c->state = b == '\r' ? END_LF : TRAILER; return b == '\n' ? -1 : 0;
    case TRAILER:
        if (b == '\r')
            c->state = TRAILER_LF;
        return b == '\n' || ++c->trailer > MAX_TRAILER ? -1 : 0;
    case TRAILER_LF: c->state = TRAILER_START; break;
    default: c->is_done = true; break;
    }
    return b == '\n' ? 0 : -1;
}

int64_t facet_http_chunks_read(struct facet_http_chunks *c, const uint8_t *in, size_t n, const uint8_t **data, size_t *len)
{
    size_t at = 0;
    *data = NULL;
    *len = 0;
    while (at < n && !c->is_done) {
        if (c->state == DATA) {
            size_t take = n - at < c->left ? n - at : (size_t)c->left;
            *data = in + at;
            *len = take;
            c->left -= take;
            c->state = c->left ? DATA : DATA_CR;
            return (int64_t)(at + take);
        }
        if (frame_byte(c, in[at++]))
            return facet_fail(FACET_E_FORMAT, "cannot read the request: its chunks are damaged");
    }
    return (int64_t)at;
}
