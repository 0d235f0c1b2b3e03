/* Protobuf's text format, as much of it as network descriptions use: nested messages, scalars,
 * strings that are joined when they follow each other, lists in brackets, comments. Depth and number
 * of fields are bounded; meaning is left to the reader. */
#include "engine/format/caffe_priv.h"

#include "base/errors.h"
#include "base/limits.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 16
#define MAX_FIELDS (16 * FACET_MAX_MODEL_NODES)
#define MAX_WORD 512

struct reader {
    const char *at, *end;
    const char *origin;
    int line;
    size_t fields;
};

static int fail(const struct reader *r, const char *what)
{
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: %s", r->origin, r->line, what);
}

static void skip_space(struct reader *r)
{
    while (r->at < r->end) {
        if (*r->at == '#')
            while (r->at < r->end && *r->at != '\n')
                r->at++;
        else if (!isspace((unsigned char)*r->at))
            return;
        else if (*r->at++ == '\n')
            r->line++;
    }
}

static bool next_is(struct reader *r, char c)
{
    skip_space(r);
    return r->at < r->end && *r->at == c;
}

static bool take(struct reader *r, char c)
{
    bool is = next_is(r, c);
    r->at += is;
    return is;
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '+' || c == '.';
}

static int read_word(struct reader *r, char *out)
{
    size_t n = 0;
    skip_space(r);
    while (r->at < r->end && is_word(*r->at)) {
        if (n + 1 >= MAX_WORD)
            return fail(r, "a word is too long");
        out[n++] = *r->at++;
    }
    out[n] = '\0';
    return n ? FACET_OK : fail(r, "a name or a value is missing");
}

static int read_escape(struct reader *r, char *out)
{
    static const char from[] = "nt\\\"'", to[] = "\n\t\\\"'";
    const char *known = r->at < r->end && *r->at ? strchr(from, *r->at) : NULL;
    if (!known)
        return fail(r, "a string has an unknown escape");
    *out = to[known - from];
    r->at++;
    return FACET_OK;
}

static int read_string(struct reader *r, char *out, size_t *n)
{
    char quote = *r->at++;
    while (r->at < r->end && *r->at != quote) {
        if (*r->at == '\n' || *r->at == '\0')
            return fail(r, "a string does not end");
        if (*n + 1 >= MAX_WORD)
            return fail(r, "a string is too long");
        char c = *r->at++;
        if (c == '\\') {
            int err = read_escape(r, &c);
            if (err)
                return err;
        }
        out[(*n)++] = c;
    }
    if (r->at == r->end)
        return fail(r, "a string does not end");
    r->at++;
    return FACET_OK;
}

static int read_scalar(struct reader *r, char *out)
{
    if (!next_is(r, '"') && !next_is(r, '\''))
        return read_word(r, out);
    size_t n = 0;
    int err = FACET_OK;
    while (!err && (next_is(r, '"') || next_is(r, '\'')))
        err = read_string(r, out, &n);
    out[n] = '\0';
    return err;
}

static int add_field(struct reader *r, struct facet__field *parent, const char *key, struct facet__field **out)
{
    if (++r->fields > MAX_FIELDS)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s' line %d: too many fields", r->origin, r->line);
    if ((parent->count & (parent->count - 1)) == 0) { /* full at each power of two */
        size_t cap = parent->count ? parent->count * 2 : 1;
        struct facet__field *more = realloc(parent->children, cap * sizeof(*more));
        if (!more)
            return facet_fail_nomem();
        parent->children = more;
    }
    char *copy = strdup(key);
    if (!copy)
        return facet_fail_nomem();
    *out = &parent->children[parent->count++];
    **out = (struct facet__field){.key = copy, .line = r->line};
    return FACET_OK;
}

static int read_scalar_field(struct reader *r, struct facet__field *parent, const char *key)
{
    char text[MAX_WORD];
    struct facet__field *f;
    int err = read_scalar(r, text);
    if (!err)
        err = add_field(r, parent, key, &f);
    if (!err && !(f->text = strdup(text)))
        err = facet_fail_nomem();
    return err;
}

static int read_list(struct reader *r, struct facet__field *parent, const char *key)
{
    if (take(r, ']'))
        return FACET_OK;
    do {
        int err = read_scalar_field(r, parent, key);
        if (err)
            return err;
    } while (take(r, ','));
    return take(r, ']') ? FACET_OK : fail(r, "a list does not end with ']'");
}

static int read_message(struct reader *r, struct facet__field *into, char end, int depth);

static int read_field(struct reader *r, struct facet__field *parent, int depth)
{
    char key[MAX_WORD];
    int err = read_word(r, key);
    if (err)
        return err;
    bool has_colon = take(r, ':');
    char close = take(r, '{') ? '}' : take(r, '<') ? '>' : '\0';
    if (close) {
        struct facet__field *f;
        err = add_field(r, parent, key, &f);
        if (!err)
            err = read_message(r, f, close, depth + 1);
    } else if (!has_colon) {
        err = facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: ':' or '{' is missing after '%.64s'", r->origin,
                         r->line, key);
    } else if (take(r, '[')) {
        err = read_list(r, parent, key);
    } else {
        err = read_scalar_field(r, parent, key);
    }
    if (!err && !take(r, ','))
        take(r, ';');
    return err;
}

/* Until `end`, which is '\0' for the whole file. */
static int read_message(struct reader *r, struct facet__field *into, char end, int depth)
{
    if (depth > MAX_DEPTH)
        return facet_fail(FACET_E_LIMIT, "cannot read '%s' line %d: nested deeper than %d", r->origin, r->line,
                          MAX_DEPTH);
    int opened = r->line;
    for (;;) {
        skip_space(r);
        if (r->at == r->end && end)
            return facet_fail(FACET_E_FORMAT, "cannot read '%s': what opens in line %d is never closed", r->origin,
                              opened);
        if (r->at == r->end)
            return FACET_OK;
        if (end && take(r, end))
            return FACET_OK;
        int err = read_field(r, into, depth);
        if (err)
            return err;
    }
}

static void field_fini(struct facet__field *f)
{
    for (size_t i = 0; i < f->count; i++)
        field_fini(&f->children[i]);
    free(f->children);
    free(f->key);
    free(f->text);
}

void facet__prototxt_free(struct facet__field **root)
{
    if (!*root)
        return;
    field_fini(*root);
    free(*root);
    *root = NULL;
}

int facet__prototxt_parse(struct facet__field **out, const char *text, size_t len, const char *origin)
{
    struct reader r = {.at = text, .end = text + len, .origin = origin, .line = 1};
    *out = calloc(1, sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    int err = read_message(&r, *out, '\0', 0);
    if (err)
        facet__prototxt_free(out);
    return err;
}

const struct facet__field *facet__field_at(const struct facet__field *message, const char *key, size_t i)
{
    for (size_t k = 0; message && k < message->count; k++)
        if (!strcmp(message->children[k].key, key) && i-- == 0)
            return &message->children[k];
    return NULL;
}

const char *facet__field_text(const struct facet__field *message, const char *key, const char *fallback)
{
    const struct facet__field *f = facet__field_at(message, key, 0);
    return f && f->text ? f->text : fallback;
}

int facet__field_int(const struct facet__field *message, const char *key, size_t i, int64_t min, int64_t max,
                     int64_t fallback, int64_t *out, const char *origin)
{
    const struct facet__field *f = facet__field_at(message, key, i);
    *out = fallback;
    if (!f)
        return FACET_OK;
    char *end = NULL;
    errno = 0;
    long long v = f->text ? strtoll(f->text, &end, 0) : 0;
    if (!f->text || end == f->text || *end || errno || v < min || v > max)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: %s is not a whole number from %lld to %lld",
                          origin, f->line, key, (long long)min, (long long)max);
    *out = v;
    return FACET_OK;
}

int facet__field_num(const struct facet__field *message, const char *key, double fallback, double *out,
                     const char *origin)
{
    const struct facet__field *f = facet__field_at(message, key, 0);
    *out = fallback;
    if (!f)
        return FACET_OK;
    char *end = NULL;
    double v = f->text ? strtod(f->text, &end) : 0;
    if (!f->text || end == f->text || *end || !isfinite(v))
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: %s is not a number", origin, f->line, key);
    *out = v;
    return FACET_OK;
}

int facet__field_bool(const struct facet__field *message, const char *key, bool fallback, bool *out,
                      const char *origin)
{
    const struct facet__field *f = facet__field_at(message, key, 0);
    const char *text = f ? f->text : NULL;
    *out = fallback;
    if (!f)
        return FACET_OK;
    *out = text && (!strcmp(text, "true") || !strcmp(text, "1"));
    if (!*out && (!text || (strcmp(text, "false") && strcmp(text, "0"))))
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: %s is neither true nor false", origin, f->line,
                          key);
    return FACET_OK;
}
