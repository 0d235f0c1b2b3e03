#include "deploy/camera_json.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "base/url.h"
#include "deploy/site_priv.h"

#include <stdio.h>
#include <string.h>

static const char *const days[] = { "mon", "tue", "wed", "thu", "fri", "sat", "sun" };

/* Where a member is called otherwise than the key of the file: units are part of names here, and a camera is enabled. */
static const struct { const char *member, *key; } names[] = { { "timeout_ms", "timeout" }, { "max_latency_ms", "max_latency" }, { "enabled", "disabled" } };
#define N_NAMES (sizeof(names) / sizeof(names[0]))

static const char *member_of(const char *key)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (!strcmp(names[i].key, key))
            return names[i].member;
    return key;
}

static const struct facet__site_key *find(const char *member)
{
    for (size_t i = 0; i < N_NAMES; i++) {
        if (!strcmp(names[i].key, member))
            return NULL;
        if (!strcmp(names[i].member, member))
            member = names[i].key;
    }
    return facet__site_key(facet__site_camera_keys, "cameras", member);
}

static bool is_turned(const struct facet__site_key *k)
{
    return !strcmp(k->name, "disabled");
}

static bool is_secret(const struct facet__site_key *k)
{
    return k->kind == FACET__SITE_SECRET;
}

/* ---- out ---- */

static void put_value(struct facet_jsonw *w, const struct facet__site_key *k, const struct facet_camera_conf *c, bool secrets)
{
    const void *field = (const char *)c + k->offset;
    char url[256];
    if (!strcmp(k->name, "url") && !secrets) {
        facet_url_redact(url, sizeof(url), c->url);
        facet_jsonw_kstr(w, "url", url);
        return;
    }
    if (is_secret(k) && (!secrets || !*(const char *)field))
        return;
    facet_jsonw_key(w, member_of(k->name));
    switch (k->kind) {
    case FACET__SITE_INT: facet_jsonw_int(w, *(const int *)field); break;
    case FACET__SITE_BOOL: facet_jsonw_bool(w, *(const bool *)field != is_turned(k)); break;
    case FACET__SITE_NUM:
    case FACET__SITE_TIME: facet_jsonw_num(w, *(const double *)field, -1); break;
    default: facet_jsonw_str(w, field); break;
    }
}

static void put_areas(struct facet_jsonw *w, const char *key, const struct facet_area *areas, int n)
{
    facet_jsonw_key(w, key);
    facet_jsonw_array(w);
    for (int i = 0; i < n; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "name", areas[i].name);
        facet_jsonw_key(w, "points");
        facet_jsonw_array(w);
        for (int j = 0; j < areas[i].n; j++) {
            facet_jsonw_array(w);
            facet_jsonw_num(w, (double)areas[i].p[j].x, 6);
            facet_jsonw_num(w, (double)areas[i].p[j].y, 6);
            facet_jsonw_end_array(w);
        }
        facet_jsonw_end_array(w);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

static void put_minutes(struct facet_jsonw *w, const char *key, int minutes)
{
    char text[16];
    snprintf(text, sizeof(text), "%02d:%02d", minutes / 60, minutes % 60);
    facet_jsonw_kstr(w, key, text);
}

static void put_schedule(struct facet_jsonw *w, const struct facet_camera_conf *c)
{
    facet_jsonw_key(w, "schedule");
    facet_jsonw_array(w);
    for (int i = 0; i < c->n_schedule; i++) {
        facet_jsonw_object(w);
        put_minutes(w, "from", c->schedule[i].from_min);
        put_minutes(w, "to", c->schedule[i].to_min);
        facet_jsonw_key(w, "days");
        facet_jsonw_array(w);
        for (int d = 0; d < 7; d++)
            if (c->schedule[i].days >> d & 1)
                facet_jsonw_str(w, days[d]);
        facet_jsonw_end_array(w);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
}

void facet_camera_areas_to_json(struct facet_jsonw *w, const struct facet_camera_conf *c)
{
    put_areas(w, "zones", c->zones, c->n_zones);
    put_areas(w, "masks", c->masks, c->n_masks);
}

void facet_camera_to_json(struct facet_jsonw *w, const struct facet_camera_conf *c, bool secrets)
{
    for (const struct facet__site_key *k = facet__site_camera_keys; k->name; k++)
        put_value(w, k, c, secrets);
    facet_camera_areas_to_json(w, c);
    put_schedule(w, c);
}

/* ---- in ---- */

static int refuse(const char *key, const char *wanted)
{
    return facet_fail(FACET_E_INVALID, "'%s' is %s", key, wanted);
}

/* From outside only plain texts are taken: whoever may call the API must not make the server read files or variables. */
static int take_text(const struct facet__site_key *k, struct facet_camera_conf *c, const char *text)
{
    if (!text)
        return refuse(k->name, "a text");
    if (!strcmp(k->name, "ca") && *text)
        return facet_fail(FACET_E_INVALID, "'ca' names a file, which is not taken from outside: give 'fingerprint'");
    if (is_secret(k))
        return facet_copy_text((char *)c + k->offset, k->size, text) ? refuse(k->name, "too long") : FACET_OK;
    return facet__site_set(k, c, text, "") ? FACET_E_INVALID : FACET_OK;
}

/* A number's text goes by the table's own range; a time is in ms. */
static int take_number(const struct facet__site_key *k, struct facet_camera_conf *c, const struct facet_json *v)
{
    double number = facet_json_num(v, -1e300);
    char text[64], wanted[160];
    if (number <= -1e300) {
        facet__site_wanted(k, wanted, sizeof(wanted));
        return refuse(member_of(k->name), k->kind == FACET__SITE_TIME ? "a number of milliseconds" : wanted);
    }
    snprintf(text, sizeof(text), k->kind == FACET__SITE_TIME ? "%.3fms" : "%.17g", number);
    return facet__site_set(k, c, text, "") ? FACET_E_INVALID : FACET_OK;
}

static int take_bool(const struct facet__site_key *k, struct facet_camera_conf *c, const struct facet_json *v)
{
    bool yes = facet_json_bool(v, false);
    if (yes != facet_json_bool(v, true))
        return refuse(member_of(k->name), "true or false");
    *(bool *)((char *)c + k->offset) = yes != is_turned(k);
    return FACET_OK;
}

static int take_area(struct facet_area *a, const char *key, const struct facet_json *o)
{
    const struct facet_json *points = facet_json_get(o, "points");
    size_t n = facet_json_is_array(points) ? facet_json_size(points) : 0;
    if (n < 3 || n > FACET_AREA_POINTS || facet_copy_text(a->name, sizeof(a->name), facet_json_str(facet_json_get(o, "name"), "")))
        return refuse(key, "a list of areas with a name and 3 to 32 points");
    for (size_t i = 0; i < n; i++) {
        const struct facet_json *p = facet_json_at(points, i);
        double x = facet_json_num(facet_json_at(p, 0), -1), y = facet_json_num(facet_json_at(p, 1), -1);
        if (!facet_json_is_array(p) || facet_json_size(p) != 2 || !(x >= 0 && x <= 1 && y >= 0 && y <= 1))
            return refuse(key, "a list of areas whose points are pairs of numbers from 0 to 1");
        a->p[i] = (struct facet_point){ (float)x, (float)y };
    }
    a->n = (int)n;
    return FACET_OK;
}

static int take_areas(struct facet_area *areas, int *count, const char *key, const struct facet_json *v)
{
    size_t n = facet_json_size(v);
    if (!facet_json_is_array(v) || n > FACET_CAMERA_AREAS)
        return refuse(key, "a list of at most 16 areas");
    int err = FACET_OK;
    for (size_t i = 0; i < n && !err; i++)
        err = take_area(&areas[i], key, facet_json_at(v, i));
    *count = err ? 0 : (int)n;
    return err;
}

/* Written as the site's file has it, so that it is read by the same rules. */
static int take_span(struct facet_camera_conf *c, const struct facet_json *o)
{
    struct facet_str text = FACET_STR_INIT;
    const struct facet_json *list = facet_json_get(o, "days");
    for (size_t i = 0; i < facet_json_size(list) && i < 7; i++)
        facet_str_printf(&text, "%s%.3s", i ? "," : "", facet_json_str(facet_json_at(list, i), "?"));
    facet_str_printf(&text, "%s%.8s-%.8s", text.len ? " " : "", facet_json_str(facet_json_get(o, "from"), "?"),
                     facet_json_str(facet_json_get(o, "to"), "?"));
    int err = facet__site_read_span(c, facet_str_text(&text), "");
    facet_str_fini(&text);
    return err ? FACET_E_INVALID : FACET_OK;
}

static int take_schedule(struct facet_camera_conf *c, const struct facet_json *v)
{
    int err = facet_json_is_array(v) ? FACET_OK : refuse("schedule", "a list of spans");
    for (size_t i = 0; i < facet_json_size(v) && !err; i++)
        err = take_span(c, facet_json_at(v, i));
    return err;
}

static int take_member(void *ctx, const char *key, const struct facet_json *v)
{
    struct facet_camera_conf *c = ctx;
    const struct facet__site_key *k = find(key);
    if (!strcmp(key, "zones"))
        return take_areas(c->zones, &c->n_zones, key, v);
    if (!strcmp(key, "masks"))
        return take_areas(c->masks, &c->n_masks, key, v);
    if (!strcmp(key, "schedule"))
        return take_schedule(c, v);
    if (!k)
        return facet_fail(FACET_E_INVALID, "'%.60s' is no member of a camera", key);
    switch (k->kind) {
    case FACET__SITE_INT:
    case FACET__SITE_NUM:
    case FACET__SITE_TIME: return take_number(k, c, v);
    case FACET__SITE_BOOL: return take_bool(k, c, v);
    default: return take_text(k, c, facet_json_str(v, NULL));
    }
}

static int take_only_areas(void *ctx, const char *key, const struct facet_json *v)
{
    if (strcmp(key, "zones") && strcmp(key, "masks"))
        return facet_fail(FACET_E_INVALID, "'%.60s' is neither zones nor masks", key);
    return take_member(ctx, key, v);
}

int facet_camera_areas_from_json(struct facet_camera_conf *c, const struct facet_json *object)
{
    c->n_zones = c->n_masks = 0;
    return facet_json_each(object, take_only_areas, c);
}

int facet_camera_from_json(struct facet_camera_conf *out, const struct facet_json *object)
{
    memset(out, 0, sizeof(*out));
    if (!facet_json_is_object(object))
        return facet_fail(FACET_E_INVALID, "a camera is an object");
    int err = facet__site_defaults(facet__site_camera_keys, out);
    if (!err)
        err = facet_json_each(object, take_member, out);
    if (!err && (!*out->name || !*out->url))
        err = facet_fail(FACET_E_INVALID, "a camera wants 'name' and 'url'");
    return err ? err : facet_camera_conf_check(out);
}
