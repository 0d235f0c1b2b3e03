#include "net/http/multipart.h"

#include "base/errors.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_BOUNDARY 70

static int refuse(const char *why)
{
    return facet_fail(FACET_E_FORMAT, "cannot read the form: %s", why);
}

/* The parameter `name` of a header like `form-data; name="x"; filename="y"`; false: not there, or too long. */
static bool parameter(const char *text, size_t len, const char *name, char *out, size_t cap)
{
    const char *end = text + len, *p = memchr(text, ';', len);
    size_t n = strlen(name), used = 0;
    while (p && p < end) {
        for (p++; p < end && (*p == ' ' || *p == '\t'); p++)
            ;
        const char *key = p;
        while (p < end && *p != '=' && *p != ';')
            p++;
        if (p == end || *p == ';')
            continue;
        bool is_it = (size_t)(p - key) == n && !strncasecmp(key, name, n);
        bool is_quoted = ++p < end && *p == '"';
        for (p += is_quoted; p < end && *p != (is_quoted ? '"' : ';'); p++) {
            if (is_quoted && *p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\'))
                p++;
            if (is_it && used + 1 < cap)
                out[used++] = *p;
            else if (is_it)
                return false;
        }
        out[used] = '\0';
        if (is_it)
            return true;
        while (p < end && *p != ';')
            p++;
    }
    return false;
}

static bool has_control(const char *t)
{
    for (; *t; t++)
        if ((unsigned char)*t < 32 || *t == 127)
            return true;
    return false;
}

/* One header line of a part. */
static int read_line(struct facet_http_part *p, const char *line, size_t n)
{
    static const char disposition[] = "content-disposition:", type[] = "content-type:";
    if (n > 512)
        return refuse("a part's header is too long");
    if (n >= sizeof(disposition) - 1 && !strncasecmp(line, disposition, sizeof(disposition) - 1)) {
        if (!parameter(line, n, "name", p->name, sizeof(p->name)) || has_control(p->name))
            return refuse("a part has no name");
        if (!parameter(line, n, "filename", p->filename, sizeof(p->filename)) || has_control(p->filename))
            p->filename[0] = '\0';
    } else if (n >= sizeof(type) - 1 && !strncasecmp(line, type, sizeof(type) - 1)) {
        const char *v = line + sizeof(type) - 1;
        size_t len = n - (sizeof(type) - 1);
        for (; len && *v == ' '; len--)
            v++;
        snprintf(p->type, sizeof(p->type), "%.*s", (int)(len < 120 ? len : 120), v);
    }
    return FACET_OK;
}

/* From after the delimiter's line to the data. */
static int read_head(struct facet_http_part *p, const uint8_t **at, const uint8_t *end)
{
    for (int lines = 0; lines < 16; lines++) {
        const uint8_t *feed = memmem(*at, (size_t)(end - *at), "\r\n", 2);
        if (!feed)
            return refuse("a part's headers do not end");
        const char *line = (const char *)*at;
        size_t n = (size_t)(feed - *at);
        *at = feed + 2;
        if (n == 0)
            return p->name[0] ? FACET_OK : refuse("a part has no name");
        int err = read_line(p, line, n);
        if (err)
            return err;
    }
    return refuse("a part has too many headers");
}

static int read_part(struct facet_http_multipart *m, const char *mark, size_t n, const uint8_t **at, const uint8_t *end)
{
    if (m->n == FACET_MAX_HTTP_PARTS)
        return facet_fail(FACET_E_LIMIT, "cannot read the form: it has more than %d parts", FACET_MAX_HTTP_PARTS);
    struct facet_http_part *p = &m->part[m->n];
    *p = (struct facet_http_part){ .data = NULL };
    int err = read_head(p, at, end);
    /* The empty line may be the delimiter's own: an empty part. */
    const uint8_t *next = err ? NULL : memmem(*at - 2, (size_t)(end - *at) + 2, mark, n);
    if (!err && !next)
        return refuse("its end is missing");
    if (err)
        return err;
    p->data = *at;
    p->len = next < *at ? 0 : (size_t)(next - *at);
    *at = next + n;
    m->n++;
    return FACET_OK;
}

/* After a delimiter: "--" ends the form, a line end begins a part. */
static int read_parts(struct facet_http_multipart *m, const char *mark, size_t n, const uint8_t *at, const uint8_t *end)
{
    for (;;) {
        if (end - at >= 2 && at[0] == '-' && at[1] == '-')
            return FACET_OK;
        while (at < end && (*at == ' ' || *at == '\t'))
            at++;
        if (end - at < 2 || at[0] != '\r' || at[1] != '\n')
            return refuse("a delimiter's line does not end");
        at += 2;
        int err = read_part(m, mark, n, &at, end);
        if (err)
            return err;
    }
}

int facet_http_multipart_parse(struct facet_http_multipart *out, const char *content_type, const void *body, size_t len)
{
    char boundary[MAX_BOUNDARY + 1], mark[MAX_BOUNDARY + 5];
    const uint8_t *data = body;
    *out = (struct facet_http_multipart){ .n = 0 };
    if (!content_type || strncasecmp(content_type, "multipart/form-data", 19) != 0)
        return refuse("its content-type is not multipart/form-data");
    if (!parameter(content_type, strlen(content_type), "boundary", boundary, sizeof(boundary)) || !*boundary)
        return refuse("its content-type names no boundary");
    size_t n = (size_t)snprintf(mark, sizeof(mark), "\r\n--%s", boundary);
    /* The first delimiter may be the body's beginning. */
    const uint8_t *first = len >= n - 2 && !memcmp(data, mark + 2, n - 2) ? data + n - 2 : NULL;
    if (!first && len) {
        first = memmem(data, len, mark, n);
        first = first ? first + n : NULL;
    }
    if (!first)
        return refuse("its beginning is missing");
    out->part = calloc(FACET_MAX_HTTP_PARTS, sizeof(*out->part));
    int err = out->part ? read_parts(out, mark, n, first, data + len) : facet_fail_nomem();
    if (err)
        facet_http_multipart_fini(out);
    return err;
}

void facet_http_multipart_fini(struct facet_http_multipart *m)
{
    free(m->part);
    *m = (struct facet_http_multipart){ .n = 0 };
}
