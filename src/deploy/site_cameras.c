/* The cameras of a site's file: zones and masks are polygons in parts of width and height, schedules are spans of the
 * local day. */
#include "deploy/site_priv.h"

#include "base/errors.h"
#include "base/str.h"
#include "base/yaml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SPANS (int)(sizeof(((struct facet_camera_conf *)0)->schedule) / sizeof(struct facet_span))
#define MIDNIGHT (24 * 60)
#define WHERE 1200

static void place(char *out, const char *path, int line)
{
    snprintf(out, WHERE, "cannot use '%s' line %d: ", path, line);
}

/* ---- schedule ---- */

static const char *const day_names[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL };

static int day_of(const char *text)
{
    for (int i = 0; day_names[i]; i++)
        if (!strncasecmp(text, day_names[i], 3))
            return i;
    return -1;
}

/* "mon-fri" or "sat,sun"; the length, or 0. */
static size_t read_days(const char *text, uint8_t *days)
{
    size_t at = 0;
    *days = 0;
    for (;;) {
        int from = day_of(text + at), to = from;
        if (from < 0)
            return 0;
        at += 3;
        if (text[at] == '-') {
            to = day_of(text + at + 1);
            if (to < 0)
                return 0;
            at += 4;
        }
        for (int d = from;; d = (d + 1) % 7) {
            *days |= (uint8_t)(1 << d);
            if (d == to)
                break;
        }
        if (text[at] != ',')
            return at;
        at++;
    }
}

static bool read_clock(const char **text, int *minutes)
{
    int hour, minute, n = 0;
    if (sscanf(*text, "%2d:%2d%n", &hour, &minute, &n) != 2 || n < 4 || hour < 0 || minute < 0 || minute > 59)
        return false;
    *minutes = hour * 60 + minute;
    *text += n;
    return *minutes <= MIDNIGHT;
}

static int add_span(struct facet_camera_conf *c, int from, int to, uint8_t days, const char *where)
{
    if (c->n_schedule == SPANS)
        return facet_fail(FACET_E_LIMIT, "%scameras.schedule has more than %d spans (one over midnight counts as two)", where, SPANS);
    c->schedule[c->n_schedule++] = (struct facet_span){ .from_min = from, .to_min = to, .days = days };
    return FACET_OK;
}

int facet__site_read_span(struct facet_camera_conf *c, const char *text, const char *where)
{
    uint8_t days = 0x7f;
    int from, to;
    const char *at = text;
    if (day_of(at) >= 0) {
        size_t n = read_days(at, &days);
        at += n;
        if (n == 0 || *at++ != ' ')
            at = "";
    }
    bool is_right = read_clock(&at, &from) && *at++ == '-' && read_clock(&at, &to) && !*at && from != to && from < MIDNIGHT;
    if (!is_right)
        return facet_fail(FACET_E_FORMAT, "%scameras.schedule wants spans like \"mon-fri 07:00-19:00\" or \"22:00-06:00\", not '%.60s'", where, text);
    if (from < to)
        return add_span(c, from, to, days, where);
    uint8_t next = (uint8_t)(((days << 1) | (days >> 6)) & 0x7f);
    int err = add_span(c, from, MIDNIGHT, days, where);
    return err || to == 0 ? err : add_span(c, 0, to, next, where);
}

static int read_schedule(struct facet_camera_conf *c, const struct facet_yaml *y, const char *path)
{
    char where[WHERE];
    place(where, path, y->line);
    if (y->kind == FACET_YAML_SCALAR)
        return facet__site_read_span(c, y->text, where);
    int err = FACET_OK;
    for (size_t i = 0; i < y->count && !err; i++) {
        place(where, path, y->children[i].line);
        err = facet__site_read_span(c, y->children[i].text ? y->children[i].text : "", where);
    }
    return err;
}

/* ---- zones and masks ---- */

static int read_points(struct facet_area *a, const struct facet_yaml *y, const char *where)
{
    size_t n = y && y->kind == FACET_YAML_LIST ? y->count : 0;
    if (n < 3 || n > FACET_AREA_POINTS)
        return facet_fail(FACET_E_FORMAT, "%san area wants `points:` with 3 to %d pairs like [0.1, 0.9]", where, FACET_AREA_POINTS);
    for (size_t i = 0; i < n; i++) {
        const struct facet_yaml *p = &y->children[i];
        double xy[2] = { -1, -1 };
        for (size_t j = 0; j < 2 && p->kind == FACET_YAML_LIST && p->count == 2; j++)
            if (!p->children[j].text || facet_parse_num(p->children[j].text, &xy[j]))
                xy[j] = -1;
        if (!(xy[0] >= 0 && xy[0] <= 1 && xy[1] >= 0 && xy[1] <= 1))
            return facet_fail(FACET_E_FORMAT, "%sa point is a pair of numbers from 0 to 1 (parts of width and height)", where);
        a->p[i] = (struct facet_point){ (float)xy[0], (float)xy[1] };
    }
    a->n = (int)n;
    return FACET_OK;
}

static int read_areas(struct facet_area *areas, int *count, const struct facet_yaml *y, const char *path)
{
    static const char *const known[] = { "name", "points", NULL };
    char where[WHERE];
    place(where, path, y->line);
    if (y->kind != FACET_YAML_LIST || y->count > FACET_CAMERA_AREAS)
        return facet_fail(FACET_E_FORMAT, "%s%s is a list of at most %d areas, each with name and points", where, y->key, FACET_CAMERA_AREAS);
    int err = FACET_OK;
    for (size_t i = 0; i < y->count && !err; i++) {
        const struct facet_yaml *m = &y->children[i];
        struct facet_area *a = &areas[i];
        place(where, path, m->line);
        err = facet_yaml_only(m, known, path);
        if (!err && facet_copy_text(a->name, sizeof(a->name), facet_yaml_str(m, "name", "")))
            err = facet_fail(FACET_E_FORMAT, "%sthe area's name is longer than %zu bytes", where, sizeof(a->name) - 1);
        if (!err)
            err = read_points(a, facet_yaml_get(m, "points"), where);
    }
    *count = err ? 0 : (int)y->count;
    return err;
}

/* ---- cameras ---- */

static int refuse_key(const struct facet_yaml *m, const char *path)
{
    const char *names[40] = { "zones", "masks", "schedule" };
    size_t n = 3;
    for (const struct facet__site_key *k = facet__site_camera_keys; k->name && n < 39; k++)
        names[n++] = k->name;
    struct facet_yaml map = { .kind = FACET_YAML_MAP, .children = (struct facet_yaml *)(uintptr_t)m, .count = 1 };
    return facet_yaml_only(&map, names, path);
}

static int read_member(struct facet_camera_conf *c, const struct facet_yaml *m, const char *path)
{
    char where[WHERE];
    const struct facet__site_key *k = facet__site_key(facet__site_camera_keys, "cameras", m->key);
    if (!strcmp(m->key, "zones"))
        return read_areas(c->zones, &c->n_zones, m, path);
    if (!strcmp(m->key, "masks"))
        return read_areas(c->masks, &c->n_masks, m, path);
    if (!strcmp(m->key, "schedule"))
        return read_schedule(c, m, path);
    if (!k)
        return refuse_key(m, path);
    place(where, path, m->line);
    if (m->kind != FACET_YAML_SCALAR)
        return facet_fail(FACET_E_FORMAT, "%scameras.%s wants one value", where, m->key);
    return facet__site_set(k, c, m->text, where);
}

static int read_camera(struct facet_site *s, int i, const struct facet_yaml *map, const char *path)
{
    struct facet_camera_conf *c = &s->cameras[i];
    char where[WHERE];
    place(where, path, map->line);
    if (map->kind != FACET_YAML_MAP)
        return facet_fail(FACET_E_FORMAT, "%sa camera wants `name:` and `url:`", where);
    int err = facet__site_defaults(facet__site_camera_keys, c);
    for (size_t j = 0; j < map->count && !err; j++)
        err = read_member(c, &map->children[j], path);
    if (!err && (!*c->name || !*c->url))
        err = facet_fail(FACET_E_FORMAT, "%sa camera wants `name:` and `url:`", where);
    for (int j = 0; j < i && !err; j++)
        if (!strcmp(s->cameras[j].name, c->name))
            err = facet_fail(FACET_E_FORMAT, "%sthere is a camera '%s' already", where, c->name);
    if (!err && facet_camera_conf_check(c))
        err = facet_fail_prefix(FACET_E_FORMAT, "cannot use '%s' line %d", path, map->line);
    return err;
}

int facet__site_read_cameras(struct facet_site *s, const struct facet_yaml *list, const char *path)
{
    if (list->kind != FACET_YAML_LIST || list->count > FACET_MAX_CAMERAS)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: cameras is a list of at most %d cameras", path, list->line, FACET_MAX_CAMERAS);
    if (list->count == 0)
        return FACET_OK;
    s->cameras = calloc(list->count, sizeof(*s->cameras));
    if (!s->cameras)
        return facet_fail_nomem();
    s->n_cameras = (int)list->count;
    int err = FACET_OK;
    for (int i = 0; i < s->n_cameras && !err; i++)
        err = read_camera(s, i, &list->children[i], path);
    return err;
}
