/* Addresses of cameras: no password gets through, whatever is around it. And what a camera is told: what is accepted can be
 * used. */
#include "stages/ingest/cameras_priv.h"

#include "base/str.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECRET "S3cR3t"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Text without NUL: what is before the first one. */
static char *text_of(const uint8_t *data, size_t size)
{
    char *text = calloc(1, size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    return text;
}

static void check_login(const char *url)
{
    struct facet_str s = FACET_STR_INIT;
    char out[4096];
    if (facet_url_login(&s, url, "u@:/", SECRET "/@?") == FACET_OK) {
        facet_url_redact(out, sizeof(out), facet_str_text(&s));
        if (strstr(out, SECRET))
            abort();
    }
    facet_str_fini(&s);
}

/* The input, cut in two, around a password. */
static void check_redaction(const uint8_t *data, size_t size)
{
    char *user = text_of(data, size / 2), *rest = text_of(data + size / 2, size - size / 2), url[4096], out[4096], small[9];
    snprintf(url, sizeof(url), "rtsp://%s:" SECRET "@%s", user, rest);
    if (!strstr(user, "S3") && !strstr(rest, "S3") && strlen(user) + strlen(rest) < 4000) {
        facet_url_redact(out, sizeof(out), url);
        if (strstr(out, SECRET) || strlen(out) > strlen(url) + 8)
            abort();
    }
    facet_url_redact(out, sizeof(out), rest);
    facet_url_redact(small, sizeof(small), rest);
    if (memchr(small, '\0', sizeof(small)) == NULL)
        abort();
    if (!strstr(rest, "S3"))
        check_login(rest);
    free(user);
    free(rest);
}

static void check_areas(const struct facet_camera_conf *c)
{
    uint8_t pixels[24 * 16 * 3];
    struct facet_image img = {FACET_PIXEL_RGB24, 24, 16, 24 * 3, pixels};
    memset(pixels, 1, sizeof(pixels));
    for (int i = 0; i < c->n_masks; i++)
        facet__area_blacken(&c->masks[i], &img);
    for (int i = 0; i < c->n_zones; i++)
        for (int k = 0; k < c->zones[i].n; k++)
            facet__area_holds(&c->zones[i], c->zones[i].p[k].x, c->zones[i].p[k].y);
}

static void check_conf(const uint8_t *data, size_t size)
{
    struct facet_camera_conf *c = calloc(1, sizeof(*c));
    if (!c)
        abort();
    memcpy(c, data, size < sizeof(*c) ? size : sizeof(*c));
    c->read = NULL;
    if (facet_camera_conf_check(c) == FACET_OK) {
        check_areas(c);
        facet__schedule_is_on(c, 1750000000000);
        facet__camera_is_file(c);
    }
    /* The shapes alone, so that they are reached without a name and an address that fit. */
    snprintf(c->name, sizeof(c->name), "x");
    snprintf(c->url, sizeof(c->url), "x");
    c->username[0] = c->password[0] = c->transport[0] = '\0';
    c->fps = c->max_latency_ms = 0;
    c->timeout_ms = c->min_face = c->max_face = 0;
    if (facet_camera_conf_check(c) == FACET_OK) {
        check_areas(c);
        facet__schedule_is_on(c, 1750000000000);
    }
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] % 2)
        check_redaction(data + 1, size - 1);
    else if (size)
        check_conf(data + 1, size - 1);
    return 0;
}
