/* The writer: text only, so it needs no tree and no jansson. */
#include "base/json.h"

#include "base/errors.h"
#include "base/str.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define JSONW_DEPTH (sizeof((struct facet_jsonw *)0)->comma / sizeof(bool))

void facet_jsonw_init(struct facet_jsonw *w, struct facet_str *out, bool indent)
{
    *w = (struct facet_jsonw){.out = out, .indent = indent};
}

static void new_line(struct facet_jsonw *w)
{
    if (!w->indent)
        return;
    facet_str_append(w->out, "\n", 1);
    for (unsigned i = 0; i < w->depth; i++)
        facet_str_append(w->out, "  ", 2);
}

/* What stands between the last thing written and the next. */
static void separate(struct facet_jsonw *w)
{
    if (w->after_key) {
        w->after_key = false;
        return;
    }
    if (w->depth == 0 || w->depth > JSONW_DEPTH)
        return;
    if (w->comma[w->depth - 1])
        facet_str_append(w->out, ",", 1);
    w->comma[w->depth - 1] = true;
    new_line(w);
}

static void begin(struct facet_jsonw *w, const char *bracket)
{
    separate(w);
    facet_str_append(w->out, bracket, 1);
    if (w->depth++ < JSONW_DEPTH)
        w->comma[w->depth - 1] = false;
    else if (!w->out->err)
        w->out->err = facet_fail(FACET_E_LIMIT, "JSON nested deeper than %zu", JSONW_DEPTH);
}

static void end(struct facet_jsonw *w, const char *bracket)
{
    bool had_any = w->depth > 0 && w->depth <= JSONW_DEPTH && w->comma[w->depth - 1];
    if (w->depth > 0)
        w->depth--;
    if (had_any)
        new_line(w);
    facet_str_append(w->out, bracket, 1);
}

void facet_jsonw_object(struct facet_jsonw *w)
{
    begin(w, "{");
}

void facet_jsonw_end_object(struct facet_jsonw *w)
{
    end(w, "}");
}

void facet_jsonw_array(struct facet_jsonw *w)
{
    begin(w, "[");
}

void facet_jsonw_end_array(struct facet_jsonw *w)
{
    end(w, "]");
}

/* Length of the well-formed UTF-8 sequence at p (RFC 3629: no surrogates, nothing overlong, at most
 * U+10FFFF); 0 when there is none. */
static size_t utf8_length(const unsigned char *p)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                 : p[0] < 0xf5 ? 4
                               : 0;
    if (len < 2)
        return len;
    uint32_t code = p[0] & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (p[i] & 0x3f);
    }
    bool is_surrogate = code >= 0xd800 && code <= 0xdfff;
    return code < least[len] || is_surrogate || code > 0x10ffff ? 0 : len;
}

static void put_escaped(struct facet_str *out, unsigned char c)
{
    static const char plain[] = "\"\\\b\f\n\r\t", letter[] = "\"\\bfnrt";
    const char *at = strchr(plain, c);
    if (at)
        facet_str_printf(out, "\\%c", letter[at - plain]);
    else
        facet_str_printf(out, "\\u%04x", c);
}

static void put_quoted(struct facet_str *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    facet_str_append(out, "\"", 1);
    while (*p) {
        const unsigned char *start = p;
        size_t len = 1;
        while (*p >= 0x20 && *p != '"' && *p != '\\' && *p != 0x7f && (len = utf8_length(p)) > 0)
            p += len;
        facet_str_append(out, start, (size_t)(p - start));
        if (*p && len == 0)
            facet_str_append(out, "\xef\xbf\xbd", 3);
        else if (*p)
            put_escaped(out, *p);
        p += *p != 0;
    }
    facet_str_append(out, "\"", 1);
}

void facet_jsonw_key(struct facet_jsonw *w, const char *key)
{
    separate(w);
    put_quoted(w->out, key);
    facet_str_puts(w->out, w->indent ? ": " : ":");
    w->after_key = true;
}

void facet_jsonw_str(struct facet_jsonw *w, const char *value)
{
    if (!value) {
        facet_jsonw_null(w);
        return;
    }
    separate(w);
    put_quoted(w->out, value);
}

void facet_jsonw_int(struct facet_jsonw *w, int64_t value)
{
    separate(w);
    facet_str_printf(w->out, "%" PRId64, value);
}

void facet_jsonw_num(struct facet_jsonw *w, double value, int decimals)
{
    char text[512]; /* the longest double has 309 digits before the point */
    if (!isfinite(value)) {
        facet_jsonw_null(w);
        return;
    }
    if (decimals < 0)
        snprintf(text, sizeof(text), "%.17g", value);
    else
        snprintf(text, sizeof(text), "%.*f", decimals > 100 ? 100 : decimals, value);
    char *point = text + strspn(text, "+-0123456789");
    if (*point == ',') /* the locale's, not JSON's */
        *point = '.';
    separate(w);
    facet_str_puts(w->out, text);
}

void facet_jsonw_bool(struct facet_jsonw *w, bool value)
{
    separate(w);
    facet_str_puts(w->out, value ? "true" : "false");
}

void facet_jsonw_raw(struct facet_jsonw *w, const char *json)
{
    separate(w);
    facet_str_puts(w->out, json);
}

void facet_jsonw_null(struct facet_jsonw *w)
{
    separate(w);
    facet_str_puts(w->out, "null");
}

void facet_jsonw_kstr(struct facet_jsonw *w, const char *key, const char *value)
{
    facet_jsonw_key(w, key);
    facet_jsonw_str(w, value);
}

void facet_jsonw_kint(struct facet_jsonw *w, const char *key, int64_t value)
{
    facet_jsonw_key(w, key);
    facet_jsonw_int(w, value);
}

void facet_jsonw_knum(struct facet_jsonw *w, const char *key, double value, int decimals)
{
    facet_jsonw_key(w, key);
    facet_jsonw_num(w, value, decimals);
}

void facet_jsonw_kbool(struct facet_jsonw *w, const char *key, bool value)
{
    facet_jsonw_key(w, key);
    facet_jsonw_bool(w, value);
}
