/* What a camera may be told, checked before anything is opened, and when it is to run. */
#include "stages/ingest/cameras_priv.h"

#include "base/errors.h"
#include "base/hash.h"
#include "base/url.h"

#include <math.h>
#include <string.h>
#include <time.h>

const char *const facet_camera_state_words[FACET_CAMERA_STATES] = {
    [FACET_CAMERA_CONNECTING] = "connecting",
    [FACET_CAMERA_WAITING_KEYFRAME] = "waiting_keyframe",
    [FACET_CAMERA_LIVE] = "live",
    [FACET_CAMERA_STALLED] = "stalled",
    [FACET_CAMERA_LOST] = "lost",
    [FACET_CAMERA_DISABLED] = "disabled",
    [FACET_CAMERA_ENDED] = "ended",
};

const char *const facet_drop_words[FACET_DROP_REASONS] = {
    [FACET_DROP_NEWER] = "newer",
    [FACET_DROP_RATE] = "rate",
    [FACET_DROP_DAMAGED] = "damaged",
    [FACET_DROP_LATE] = "late",
};

static bool is_text(const char *text, size_t cap)
{
    size_t i = 0;
    for (; i < cap && text[i]; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return i < cap;
}

static int check_name(const char *name)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");
    if (n == 0 || name[n])
        return facet_fail(FACET_E_INVALID, "cannot call a camera '%s': give it a name of letters, digits, '-' and '_'", name);
    return FACET_OK;
}

static bool is_one_of(const char *text, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

static int check_address(const struct facet_camera_conf *c)
{
    static const char *const known[] = {"rtsp", "rtsps", "http", "https", NULL}, *const transports[] = {"", "tcp", "udp", NULL};
    char scheme[32] = "";
    bool has_scheme = facet_url_scheme(c->url, scheme, sizeof(scheme));
    if (!c->url[0] && !c->read)
        return facet_fail(FACET_E_INVALID, "camera '%s' has no address: give its url", c->name);
    if (strstr(c->url, "://") && !c->read && (!has_scheme || !is_one_of(scheme, known)) && c->url[0] != '/')
        return facet_fail(FACET_E_INVALID, "camera '%s' has an address of an unknown kind '%s': give rtsp, rtsps, http, https, a device or a file",
                          c->name, scheme);
    if (!is_one_of(c->transport, transports))
        return facet_fail(FACET_E_INVALID, "camera '%s' cannot be reached by '%s': its transport is tcp or udp", c->name, c->transport);
    if (c->username[0] && !has_scheme)
        return facet_fail(FACET_E_INVALID, "camera '%s' has a username, but its url is no address on a network", c->name);
    return FACET_OK;
}

static int check_trust(const struct facet_camera_conf *c)
{
    uint8_t print[FACET_FINGERPRINT];
    char scheme[32] = "";
    facet_url_scheme(c->url, scheme, sizeof(scheme));
    bool has_tls = strcmp(scheme, "rtsps") == 0 || strcmp(scheme, "https") == 0;
    if ((*c->ca || *c->fingerprint) && !has_tls)
        return facet_fail(FACET_E_INVALID, "camera '%s' has a 'ca' or 'fingerprint', but shows no certificate: only rtsps and https do", c->name);
    if (*c->ca && *c->fingerprint)
        return facet_fail(FACET_E_INVALID, "camera '%s' has both a 'ca' and a 'fingerprint': give one", c->name);
    if (*c->fingerprint && facet_fingerprint_parse(print, c->fingerprint))
        return facet_fail_prefix(FACET_E_INVALID, "camera '%s'", c->name);
    return FACET_OK;
}

static int check_numbers(const struct facet_camera_conf *c)
{
    if (!isfinite(c->fps) || c->fps < 0 || c->fps > 1000)
        return facet_fail(FACET_E_INVALID, "camera '%s' cannot be taken at %g frames a second: give 0 to 1000", c->name, c->fps);
    if (c->timeout_ms < 0 || c->timeout_ms > 3600 * 1000)
        return facet_fail(FACET_E_INVALID, "camera '%s' cannot have a timeout of %d ms: give 0 to an hour", c->name, c->timeout_ms);
    if (!isfinite(c->max_latency_ms) || c->max_latency_ms < 0)
        return facet_fail(FACET_E_INVALID, "camera '%s' cannot have a latency of %g ms", c->name, c->max_latency_ms);
    if (c->min_face < 0 || c->max_face < 0 || (c->max_face && c->max_face < c->min_face))
        return facet_fail(FACET_E_INVALID, "camera '%s' cannot look for faces of %d to %d pixels", c->name, c->min_face, c->max_face);
    return FACET_OK;
}

static int check_areas(const struct facet_camera_conf *c, const char *kind, const struct facet_area *areas, int n)
{
    if (n < 0 || n > FACET_CAMERA_AREAS)
        return facet_fail(FACET_E_INVALID, "camera '%s' has %d %ss: give at most %d", c->name, n, kind, FACET_CAMERA_AREAS);
    for (int i = 0; i < n; i++) {
        if (!is_text(areas[i].name, sizeof(areas[i].name)))
            return facet_fail(FACET_E_INVALID, "%s %d of camera '%s' has a name that is no text", kind, i + 1, c->name);
        if (areas[i].n < 3 || areas[i].n > FACET_AREA_POINTS)
            return facet_fail(FACET_E_INVALID, "%s '%s' of camera '%s' has %d corners: give 3 to %d", kind, areas[i].name, c->name,
                              areas[i].n, FACET_AREA_POINTS);
        for (int k = 0; k < areas[i].n; k++) {
            struct facet_point p = areas[i].p[k];
            if (!(p.x >= 0 && p.x <= 1 && p.y >= 0 && p.y <= 1))
                return facet_fail(FACET_E_INVALID, "%s '%s' of camera '%s' has a corner at %g, %g: corners lie within 0 and 1",
                                  kind, areas[i].name, c->name, (double)p.x, (double)p.y);
        }
    }
    return FACET_OK;
}

static int check_schedule(const struct facet_camera_conf *c)
{
    if (c->n_schedule < 0 || c->n_schedule > (int)(sizeof(c->schedule) / sizeof(c->schedule[0])))
        return facet_fail(FACET_E_INVALID, "camera '%s' has a schedule of %d parts: give at most 8", c->name, c->n_schedule);
    for (int i = 0; i < c->n_schedule; i++) {
        const struct facet_span *s = &c->schedule[i];
        if (s->from_min < 0 || s->from_min > 24 * 60 || s->to_min < 0 || s->to_min > 24 * 60 || s->from_min == s->to_min || !s->days || s->days > 127)
            return facet_fail(FACET_E_INVALID, "part %d of the schedule of camera '%s' is no time of a week", i + 1, c->name);
    }
    return FACET_OK;
}

int facet__camera_areas_check(const struct facet_camera_conf *c)
{
    int err = check_areas(c, "zone", c->zones, c->n_zones);
    return err ? err : check_areas(c, "mask", c->masks, c->n_masks);
}

int facet_camera_conf_check(const struct facet_camera_conf *c)
{
    if (!is_text(c->name, sizeof(c->name)) || !is_text(c->url, sizeof(c->url)) || !is_text(c->username, sizeof(c->username)) ||
        !is_text(c->password, sizeof(c->password)) || !is_text(c->transport, sizeof(c->transport)) ||
        !is_text(c->ca, sizeof(c->ca)) || !is_text(c->fingerprint, sizeof(c->fingerprint)))
        return facet_fail(FACET_E_INVALID, "a camera's name, url, username, password, transport, ca or fingerprint is no text");
    int err = check_name(c->name);
    if (!err)
        err = check_address(c);
    if (!err)
        err = check_trust(c);
    if (!err)
        err = check_numbers(c);
    if (!err)
        err = facet__camera_areas_check(c);
    return err ? err : check_schedule(c);
}

bool facet__camera_is_file(const struct facet_camera_conf *c)
{
    char scheme[32];
    bool is_device = strncmp(c->url, "/dev/video", 10) == 0 || strncmp(c->url, "v4l2:", 5) == 0;
    return !c->read && !is_device && !facet_url_scheme(c->url, scheme, sizeof(scheme));
}

/* A span that ends before it begins goes on into the next day; its days are those on which it begins. */
static bool is_within(const struct facet_span *s, int minute, int today, int yesterday)
{
    bool begins_today = s->days & (1 << today), began_yesterday = s->days & (1 << yesterday);
    if (s->from_min < s->to_min)
        return begins_today && minute >= s->from_min && minute < s->to_min;
    return (begins_today && minute >= s->from_min) || (began_yesterday && minute < s->to_min);
}

bool facet__schedule_is_on(const struct facet_camera_conf *c, int64_t wall_ms)
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    if (c->n_schedule == 0 || !localtime_r(&t, &tm))
        return true;
    int today = (tm.tm_wday + 6) % 7, yesterday = (today + 6) % 7;
    for (int i = 0; i < c->n_schedule; i++)
        if (is_within(&c->schedule[i], tm.tm_hour * 60 + tm.tm_min, today, yesterday))
            return true;
    return false;
}
