#include "base/json.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"

#include <jansson.h>
#include <stdlib.h>

static json_t *to_jansson(const struct facet_json *j)
{
    return (json_t *)(uintptr_t)j;
}

static struct facet_json *from_jansson(json_t *j)
{
    return (struct facet_json *)j;
}

struct place {
    int line, column;
};

static struct place next_place(struct place at, char c)
{
    if (c == '\n')
        return (struct place){at.line + 1, 0};
    return (struct place){at.line, at.column + 1};
}

/* jansson's own ceiling is 2048 deep, and it recurses: ours is checked before it starts. */
static int check_depth(const char *text, size_t len, const char *origin)
{
    struct place at = {1, 0};
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        at = next_place(at, text[i]);
        if (in_string && text[i] == '\\' && i + 1 < len) {
            at = next_place(at, text[++i]);
            continue;
        }
        if (text[i] == '"')
            in_string = !in_string;
        else if (!in_string && (text[i] == '[' || text[i] == '{'))
            depth++;
        else if (!in_string && (text[i] == ']' || text[i] == '}'))
            depth--;
        if (depth > FACET_MAX_JSON_DEPTH)
            return facet_fail(FACET_E_LIMIT,
                              "cannot read '%s' line %d column %d: nested deeper than %d", origin,
                              at.line, at.column, FACET_MAX_JSON_DEPTH);
    }
    return FACET_OK;
}

int facet_json_parse(struct facet_json **out, const char *text, size_t len, const char *origin)
{
    json_error_t e = {0};
    *out = NULL;
    int err = check_depth(text, len, origin);
    if (err)
        return err;
    json_t *j = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!j && (!e.text[0] || json_error_code(&e) == json_error_out_of_memory))
        return facet_fail_nomem();
    if (!j)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d column %d: %s", origin, e.line,
                          e.column, e.text);
    *out = from_jansson(j);
    return FACET_OK;
}

int facet_json_load(struct facet_json **out, const char *path, size_t max)
{
    uint8_t *text;
    size_t len;
    *out = NULL;
    int err = facet_file_read(path, max, &text, &len);
    if (err)
        return err;
    err = facet_json_parse(out, (const char *)text, len, path);
    free(text);
    return err;
}

void facet_json_unref(struct facet_json **j)
{
    json_decref(to_jansson(*j));
    *j = NULL;
}

const struct facet_json *facet_json_get(const struct facet_json *obj, const char *key)
{
    return from_jansson(json_object_get(to_jansson(obj), key));
}

size_t facet_json_size(const struct facet_json *array_or_object)
{
    json_t *j = to_jansson(array_or_object);
    return json_is_object(j) ? json_object_size(j) : json_array_size(j);
}

const struct facet_json *facet_json_at(const struct facet_json *array, size_t i)
{
    return from_jansson(json_array_get(to_jansson(array), i));
}

const char *facet_json_str(const struct facet_json *j, const char *fallback)
{
    const char *text = json_string_value(to_jansson(j));
    return text ? text : fallback;
}

double facet_json_num(const struct facet_json *j, double fallback)
{
    json_t *n = to_jansson(j);
    return json_is_number(n) ? json_number_value(n) : fallback;
}

int64_t facet_json_int(const struct facet_json *j, int64_t fallback)
{
    json_t *n = to_jansson(j);
    return json_is_integer(n) ? json_integer_value(n) : fallback;
}

bool facet_json_bool(const struct facet_json *j, bool fallback)
{
    json_t *b = to_jansson(j);
    return json_is_boolean(b) ? json_is_true(b) : fallback;
}

bool facet_json_is_object(const struct facet_json *j)
{
    return json_is_object(to_jansson(j));
}

bool facet_json_is_array(const struct facet_json *j)
{
    return json_is_array(to_jansson(j));
}

bool facet_json_is_null(const struct facet_json *j)
{
    return json_is_null(to_jansson(j));
}

bool facet_json_is_number(const struct facet_json *j)
{
    return json_is_number(to_jansson(j));
}

int facet_json_each(const struct facet_json *obj, facet_json_member_fn *fn, void *ctx)
{
    json_t *j = to_jansson(obj);
    for (void *it = json_object_iter(j); it; it = json_object_iter_next(j, it)) {
        int rc = fn(ctx, json_object_iter_key(it), from_jansson(json_object_iter_value(it)));
        if (rc)
            return rc;
    }
    return 0;
}
