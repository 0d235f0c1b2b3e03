#include "lib/prom.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAMILIES 256
#define SERIES 8192

static char wrong[512];

static const char *fault(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(wrong, sizeof(wrong), fmt, ap);
    va_end(ap);
    return wrong;
}

struct family { char name[128], type[16]; bool has_help; };
struct check {
    struct family f[FAMILIES];
    int n;
    char *series[SERIES];
    int n_series;
    double last_bucket;            /* of the histogram under way */
    char bucket_of[512];
};

static bool is_name(const char *s, size_t n)
{
    if (!n || (!isalpha((unsigned char)s[0]) && s[0] != '_'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_')
            return false;
    return true;
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), m = strlen(tail);
    return n > m && !strcmp(s + n - m, tail);
}

static const char *check_comment(struct check *c, const char *line)
{
    char name[128], type[16];
    if (sscanf(line, "# HELP %127s", name) == 1) {
        for (int i = 0; i < c->n; i++)
            if (!strcmp(c->f[i].name, name))
                return fault("family %s is begun twice", name);
        if (c->n == FAMILIES || !is_name(name, strlen(name)) || strncmp(name, "facet_", 6))
            return fault("bad family name: %s", line);
        snprintf(c->f[c->n].name, sizeof(c->f[0].name), "%s", name);
        c->f[c->n].type[0] = '\0';
        c->f[c->n++].has_help = strlen(line) > strlen("# HELP ") + strlen(name) + 1;
        return NULL;
    }
    if (sscanf(line, "# TYPE %127s %15s", name, type) != 2 || !c->n || strcmp(c->f[c->n - 1].name, name))
        return fault("not a HELP nor the TYPE that belongs to it: %s", line);
    if (strcmp(type, "counter") && strcmp(type, "gauge") && strcmp(type, "histogram"))
        return fault("unknown type: %s", line);
    if (!strcmp(type, "counter") && !ends(name, "_total"))
        return fault("a counter ends in _total: %s", name);
    if (strstr(name, "_ms") || strstr(name, "_percent") || ends(name, "_us"))
        return fault("no base unit: %s", name);
    snprintf(c->f[c->n - 1].type, sizeof(c->f[0].type), "%s", type);
    return NULL;
}

/* Past "{...}"; NULL: malformed. le (of 64 bytes) gets that label's value. */
static const char *skip_labels(const char *p, char *le)
{
    while (*++p != '}') {
        const char *name = p;
        while (*p && *p != '=')
            p++;
        if (!*p || !is_name(name, (size_t)(p - name)) || *++p != '"')
            return NULL;
        const char *value = ++p;
        for (; *p && *p != '"'; p++)
            if (*p == '\\' && !strchr("\\\"n", *++p))
                return NULL;
        if (*p != '"')
            return NULL;
        if (!strncmp(name, "le=", 3))
            snprintf(le, 64, "%.*s", (int)(p - value), value);
        p++;
        if (*p == ',')
            continue;
        if (*p != '}')
            return NULL;
        p--;
    }
    return p + 1;
}

static const char *check_bucket(struct check *c, const char *line, const char *base, const char *le, double value)
{
    char key[512];
    const char *at = strstr(line, "le=\"");
    snprintf(key, sizeof(key), "%.*s", (int)(at - line), line);
    if (strcmp(key, c->bucket_of))
        c->last_bucket = 0;
    snprintf(c->bucket_of, sizeof(c->bucket_of), "%s", key);
    if (value < c->last_bucket)
        return fault("buckets of %s shrink at le=%s", base, le);
    c->last_bucket = value;
    return NULL;
}

static const char *check_belongs(struct check *c, const char *line, const char *name, const char *le, double value)
{
    const struct family *f = c->n ? &c->f[c->n - 1] : NULL;
    size_t n = f ? strlen(f->name) : 0;
    if (!f || !*f->type || !f->has_help)
        return fault("a sample before its family: %s", line);
    if (strcmp(f->type, "histogram"))
        return strcmp(name, f->name) ? fault("sample %s amid family %s", name, f->name) : NULL;
    if (strncmp(name, f->name, n))
        return fault("sample %s amid family %s", name, f->name);
    if (!strcmp(name + n, "_bucket"))
        return *le ? check_bucket(c, line, f->name, le, value) : fault("a bucket without le: %s", line);
    if (!strcmp(name + n, "_count"))
        return value != c->last_bucket ? fault("the count of %s is not its +Inf bucket: %s", f->name, line) : NULL;
    return strcmp(name + n, "_sum") ? fault("sample %s amid histogram %s", name, f->name) : NULL;
}

static const char *check_sample(struct check *c, const char *line)
{
    const char *p = line;
    char name[160], le[64] = "", *rest;
    while (*p && *p != '{' && *p != ' ')
        p++;
    if (!is_name(line, (size_t)(p - line)))
        return fault("bad name: %s", line);
    snprintf(name, sizeof(name), "%.*s", (int)(p - line), line);
    if (*p == '{')
        p = skip_labels(p, le);
    if (!p || *p != ' ')
        return fault("bad labels: %s", line);
    double value = strtod(p + 1, &rest);
    if (rest == p + 1 || *rest)
        return fault("bad value: %s", line);
    for (int i = 0; i < c->n_series; i++)
        if (!strncmp(c->series[i], line, (size_t)(p - line) + 1))
            return fault("series twice: %s", line);
    if (c->n_series == SERIES)
        return fault("too many series");
    c->series[c->n_series++] = strndup(line, (size_t)(p - line) + 1);
    return check_belongs(c, line, name, le, value);
}

const char *prom_check(const char *text)
{
    struct check *c = calloc(1, sizeof(*c));
    const char *why = c ? NULL : fault("no memory");
    while (!why && *text) {
        const char *end = strchr(text, '\n');
        char line[1024];
        if (!end || end - text >= (long)sizeof(line)) {
            why = fault("a line without end, or too long: %.80s", text);
            break;
        }
        snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
        why = !*line ? fault("an empty line") : *line == '#' ? check_comment(c, line) : check_sample(c, line);
        text = end + 1;
    }
    for (int i = 0; c && i < c->n_series; i++)
        free(c->series[i]);
    free(c);
    return why;
}

double prom_value(const char *text, const char *series, bool *found)
{
    size_t n = strlen(series);
    for (const char *p = text; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
        if (!strncmp(p, series, n) && p[n] == ' ') {
            *found = true;
            return strtod(p + n + 1, NULL);
        }
    *found = false;
    return 0;
}
