/* Asking a tree: members by key, as text, numbers and truths. */
#include "base/yaml.h"

#include "base/errors.h"
#include "base/str.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const struct facet_yaml *facet_yaml_get(const struct facet_yaml *map, const char *key)
{
    if (!map || map->kind != FACET_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->children[i].key, key) == 0)
            return &map->children[i];
    }
    return NULL;
}

const char *facet_yaml_str(const struct facet_yaml *map, const char *key, const char *fallback)
{
    const struct facet_yaml *y = facet_yaml_get(map, key);
    return y && y->text ? y->text : fallback;
}

static int refuse_kind(const struct facet_yaml *y, const char *key, const char *wanted)
{
    if (y->text)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is %s, not '%.60s'",
                          y->origin, y->line, key, wanted, y->text);
    return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: '%s' is %s, not a %s", y->origin,
                      y->line, key, wanted, y->kind == FACET_YAML_LIST ? "list" : "map");
}

static int read_num(const struct facet_yaml *y, const char *key, double *out)
{
    if (!y->text || facet_parse_num(y->text, out) != FACET_OK)
        return refuse_kind(y, key, "a number");
    return FACET_OK;
}

int facet_yaml_num(const struct facet_yaml *map, const char *key, double fallback, double *out)
{
    const struct facet_yaml *y = facet_yaml_get(map, key);
    *out = fallback;
    return y ? read_num(y, key, out) : FACET_OK;
}

int facet_yaml_nums(const struct facet_yaml *map, const char *key, size_t max, double *out,
                    size_t *count)
{
    const struct facet_yaml *y = facet_yaml_get(map, key);
    *count = 0;
    if (!y)
        return FACET_OK;
    if (y->kind == FACET_YAML_MAP)
        return refuse_kind(y, key, "a list of numbers");
    const struct facet_yaml *items = y->kind == FACET_YAML_LIST ? y->children : y;
    size_t n = y->kind == FACET_YAML_LIST ? y->count : 1;
    if (n > max)
        return facet_fail(FACET_E_LIMIT,
                          "cannot read '%s' line %d: '%s' has %zu numbers, at most %zu", y->origin,
                          y->line, key, n, max);
    for (size_t i = 0; i < n; i++) {
        int err = read_num(&items[i], key, &out[i]);
        if (err)
            return err;
    }
    *count = n;
    return FACET_OK;
}

int facet_yaml_bool(const struct facet_yaml *map, const char *key, bool fallback, bool *out)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    const struct facet_yaml *y = facet_yaml_get(map, key);
    *out = fallback;
    if (!y)
        return FACET_OK;
    for (size_t i = 0; y->text && i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcasecmp(y->text, words[i]) == 0) {
            *out = i % 2;
            return FACET_OK;
        }
    }
    return refuse_kind(y, key, "true or false");
}

#define NEAR_MAX 48 /* longer keys are not compared */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Insertions, removals and changes that turn a into b (Levenshtein 1966), one row kept. */
static size_t edits(const char *a, const char *b)
{
    size_t row[NEAR_MAX + 1], la = strlen(a), lb = strlen(b);
    if (la > NEAR_MAX || lb > NEAR_MAX)
        return NEAR_MAX;
    for (size_t j = 0; j <= lb; j++)
        row[j] = j;
    for (size_t i = 1; i <= la; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[lb];
}

static const char *nearest(const char *key, const char *const *known)
{
    const char *best = NULL;
    size_t fewest = strlen(key) / 3 + 2;
    for (; *known; known++) {
        size_t n = edits(key, *known);
        if (n < fewest) {
            fewest = n;
            best = *known;
        }
    }
    return best;
}

static bool is_known(const char *key, const char *const *known)
{
    for (; *known; known++) {
        if (strcmp(key, *known) == 0)
            return true;
    }
    return false;
}

int facet_yaml_only(const struct facet_yaml *map, const char *const *known, const char *origin)
{
    for (size_t i = 0; map && map->kind == FACET_YAML_MAP && i < map->count; i++) {
        const struct facet_yaml *m = &map->children[i];
        if (is_known(m->key, known))
            continue;
        const char *near = nearest(m->key, known);
        char hint[80] = "";
        if (near)
            snprintf(hint, sizeof(hint), ", did you mean '%s'?", near);
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' line %d: unknown key '%.60s'%s", origin,
                          m->key_line, m->key, hint);
    }
    return FACET_OK;
}
