#include "base/str.h"

#include "base/errors.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STR_DEFAULT_MAX ((size_t)64 << 20)

static int str_refuse(struct facet_str *s, int err)
{
    s->err = err;
    if (err == FACET_E_NOMEM)
        return facet_fail_nomem();
    return facet_fail(err, "text is longer than its ceiling of %zu bytes",
                      s->max ? s->max : STR_DEFAULT_MAX);
}

/* Makes room for `more` bytes and a NUL. */
static int str_grow(struct facet_str *s, size_t more)
{
    size_t max = s->max ? s->max : STR_DEFAULT_MAX;
    if (s->err)
        return s->err;
    if (more > max || s->len > max - more)
        return str_refuse(s, FACET_E_LIMIT);
    size_t need = s->len + more + 1;
    if (need <= s->cap)
        return FACET_OK;
    size_t cap = s->cap ? s->cap : 64;
    while (cap < need)
        cap += cap / 2;
    char *data = realloc(s->data, cap);
    if (!data)
        return str_refuse(s, FACET_E_NOMEM);
    s->data = data;
    s->cap = cap;
    return FACET_OK;
}

void facet_str_fini(struct facet_str *s)
{
    size_t max = s->max;
    free(s->data);
    *s = (struct facet_str){.max = max};
}

void facet_str_clear(struct facet_str *s)
{
    s->len = 0;
    s->err = FACET_OK;
    if (s->data)
        s->data[0] = '\0';
}

int facet_str_append(struct facet_str *s, const void *data, size_t len)
{
    int err = str_grow(s, len);
    if (err)
        return err;
    if (len)
        memcpy(s->data + s->len, data, len);
    s->len += len;
    s->data[s->len] = '\0';
    return FACET_OK;
}

int facet_str_puts(struct facet_str *s, const char *text)
{
    return facet_str_append(s, text, strlen(text));
}

int facet_str_printf(struct facet_str *s, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = s->cap - s->len;
    int len = s->err ? 0 : vsnprintf(room ? s->data + s->len : NULL, room, fmt, ap);
    int err = s->err;
    if (!err && len < 0)
        err = str_refuse(s, FACET_E_LIMIT);
    if (!err)
        err = str_grow(s, (size_t)len);
    if (!err && (size_t)len >= room)
        vsnprintf(s->data + s->len, s->cap - s->len, fmt, again);
    if (!err)
        s->len += (size_t)len;
    else if (s->data)
        s->data[s->len] = '\0';
    va_end(again);
    va_end(ap);
    return err;
}

const char *facet_str_text(const struct facet_str *s)
{
    return s->data ? s->data : "";
}

char *facet_str_take(struct facet_str *s)
{
    char *data = s->data ? s->data : calloc(1, 1);
    size_t max = s->max;
    *s = (struct facet_str){.max = max};
    return data;
}

int facet_copy_text(char *dst, size_t cap, const char *src)
{
    size_t len = strlen(src);
    if (len >= cap) {
        if (cap)
            dst[0] = '\0';
        return facet_fail(FACET_E_LIMIT, "'%.40s...' is longer than %zu bytes", src,
                          cap ? cap - 1 : 0);
    }
    memcpy(dst, src, len + 1);
    return FACET_OK;
}

int facet_parse_num(const char *text, double *out)
{
    char *end = (char *)(uintptr_t)text;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!c)
        return facet_fail_nomem();
    double value = isspace((unsigned char)text[0]) ? 0 : strtod_l(text, &end, c);
    freelocale(c);
    if (end == text || *end || !isfinite(value))
        return facet_fail(FACET_E_FORMAT, "'%.60s' is no number", text);
    *out = value;
    return FACET_OK;
}

int facet_parse_int(const char *text, int64_t *out)
{
    char *end = (char *)(uintptr_t)text;
    errno = 0;
    long long value = isspace((unsigned char)text[0]) ? 0 : strtoll(text, &end, 10);
    if (end == text || *end || errno)
        return facet_fail(FACET_E_FORMAT, "'%.60s' is no whole number", text);
    *out = value;
    return FACET_OK;
}
