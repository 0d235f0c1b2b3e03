/* A site's file: read by the table in site_keys.c, overridden by the environment, then checked as a whole. */
#include "deploy/site.h"

#include "base/errors.h"
#include "base/str.h"
#include "base/yaml.h"
#include "deploy/site_priv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHERE 1200
#define MAX_KEYS 96

/* ---- the file ---- */

static const struct facet__site_section *find_section(const char *name)
{
    for (size_t i = 1; i < FACET__SITE_SECTIONS; i++)
        if (!strcmp(facet__site_sections[i].name, name))
            return &facet__site_sections[i];
    return NULL;
}

static int refuse_key(const struct facet_yaml *m, const char *section, const char *path)
{
    const char *names[MAX_KEYS] = { NULL };
    size_t n = 0;
    for (const struct facet__site_key *k = facet__site_keys; k->name && n + 1 < MAX_KEYS; k++)
        if (section ? k->section && !strcmp(k->section, section) : !k->section)
            names[n++] = k->name;
    for (size_t i = 1; !section && i < FACET__SITE_SECTIONS && n + 2 < MAX_KEYS; i++)
        names[n++] = facet__site_sections[i].name;
    if (!section)
        names[n] = "cameras";
    struct facet_yaml map = { .kind = FACET_YAML_MAP, .children = (struct facet_yaml *)(uintptr_t)m, .count = 1 };
    return facet_yaml_only(&map, names, path);
}

static int read_key(struct facet_site *s, const char *section, const struct facet_yaml *m, const char *path)
{
    char where[WHERE];
    const struct facet__site_key *k = facet__site_key(facet__site_keys, section, m->key);
    if (!k)
        return refuse_key(m, section, path);
    snprintf(where, sizeof(where), "cannot use '%s' line %d: ", path, m->line);
    if (m->kind != FACET_YAML_SCALAR)
        return facet_fail(FACET_E_FORMAT, "%s%s%s%s wants one value", where, section ? section : "", section ? "." : "", m->key);
    return facet__site_set(k, s, m->text, where);
}

static bool is_nothing(const struct facet_yaml *m)
{
    return m->kind == FACET_YAML_SCALAR && (!*m->text || !strcmp(m->text, "~") || !strcmp(m->text, "null"));
}

static int read_section(struct facet_site *s, const struct facet_yaml *map, const char *path)
{
    int err = FACET_OK;
    if (map->kind != FACET_YAML_MAP)
        return facet_fail(FACET_E_FORMAT, "cannot use '%s' line %d: '%s' wants `key: value` lines below it", path, map->line, map->key);
    for (size_t i = 0; i < map->count && !err; i++)
        err = read_key(s, map->key, &map->children[i], path);
    return err;
}

static int read_member(struct facet_site *s, const struct facet_yaml *m, const char *path)
{
    bool is_cameras = !strcmp(m->key, "cameras");
    if ((is_cameras || find_section(m->key)) && is_nothing(m))
        return FACET_OK;
    if (is_cameras)
        return facet__site_read_cameras(s, m, path);
    return find_section(m->key) ? read_section(s, m, path) : read_key(s, NULL, m, path);
}

static int read_file(struct facet_site *s, const char *path)
{
    struct facet_yaml *y;
    int err = facet_yaml_load(&y, path);
    if (err)
        return err;
    if (y->kind != FACET_YAML_MAP)
        err = facet_fail(FACET_E_FORMAT, "cannot use '%s': it must be `key: value` lines", path);
    for (size_t i = 0; !err && i < y->count; i++)
        err = read_member(s, &y->children[i], path);
    facet_yaml_free(&y);
    return err;
}

bool facet_site_is_site(const char *path)
{
    struct facet_yaml *y;
    bool is_site = false;
    if (facet_yaml_load(&y, path))
        return false;
    for (size_t i = 0; y->kind == FACET_YAML_MAP && i < y->count; i++)
        is_site |= !strcmp(y->children[i].key, "site") || !strcmp(y->children[i].key, "cameras");
    facet_yaml_free(&y);
    return is_site;
}

/* ---- the environment: FACET_SITE_MQTT_HOST ---- */

static int read_environment(struct facet_site *s)
{
    int err = FACET_OK;
    for (const struct facet__site_key *k = facet__site_keys; k->name && !err; k++) {
        char name[96];
        snprintf(name, sizeof(name), "FACET_SITE_%s%s%s", k->section ? k->section : "", k->section ? "_" : "", k->name);
        for (char *c = name; *c; c++)
            *c = (char)toupper((unsigned char)*c);
        const char *text = getenv(name);
        char where[128];
        snprintf(where, sizeof(where), "cannot use $%s: ", name);
        if (text && *text)
            err = facet__site_set(k, s, text, where);
    }
    return err;
}

/* A machine's name may hold what a name here may not. */
static void name_after_host(char *out, size_t cap)
{
    char host[64] = "";
    size_t n = 0;
    if (gethostname(host, sizeof(host) - 1))
        host[0] = '\0';
    for (const char *c = host; *c && n + 1 < cap; c++)
        out[n++] = isalnum((unsigned char)*c) || *c == '-' || *c == '_' ? *c : '-';
    out[n] = '\0';
    if (!n)
        snprintf(out, cap, "device");
}

/* ---- what does not go together ---- */

static int contradicts(const struct facet_site *s, const char *what)
{
    return facet_fail(FACET_E_INVALID, "cannot use '%s': %s", s->path, what);
}

bool facet_host_is_local(const char *host)
{
    return !strcmp(host, "localhost") || !strcmp(host, "::1") || !strcmp(host, "[::1]") || !strncmp(host, "127.", 4);
}

static bool is_topic_prefix(const char *p)
{
    size_t len = strlen(p);
    return len && p[0] != '/' && p[len - 1] != '/' && p[0] != '$' && !strpbrk(p, "+# \t");
}

static int check_mqtt(const struct facet_site *s)
{
    bool has_files = *s->mqtt.ca || *s->mqtt.cert || *s->mqtt.key;
    bool is_open = !s->mqtt.tls && !s->mqtt.insecure && !facet_host_is_local(s->mqtt.host);
    if (!is_topic_prefix(s->mqtt.prefix) || !is_topic_prefix(s->mqtt.discovery_prefix))
        return contradicts(s, "mqtt.prefix and mqtt.discovery_prefix are topics without '+', '#', blanks and a '/' at either end");
    if (!*s->mqtt.host)
        return *s->mqtt.username || *s->mqtt.password || s->mqtt.tls || s->mqtt.discovery
                   ? contradicts(s, "mqtt.host is missing, but other keys of mqtt are there") : FACET_OK;
    if (strpbrk(s->mqtt.host, "/@ "))
        return contradicts(s, "mqtt.host is a host's name or address alone: no mqtt://, no user, no port");
    if (has_files && !s->mqtt.tls)
        return contradicts(s, "mqtt.ca, mqtt.cert and mqtt.key mean nothing without mqtt.tls: true");
    if (!*s->mqtt.cert != !*s->mqtt.key)
        return contradicts(s, "mqtt.cert and mqtt.key go together");
    if (*s->mqtt.password && is_open)
        return contradicts(s, "mqtt.password would go unencrypted: set mqtt.tls: true (or mqtt.insecure: true)");
    if (!strcmp(s->strategy, "hybrid") && is_open)
        return contradicts(s, "strategy hybrid sends faces over mqtt, which would go unencrypted: set mqtt.tls: true (or mqtt.insecure: true)");
    return FACET_OK;
}

static int check_server(const struct facet_site *s)
{
    bool is_plain = !strncmp(s->server.url, "http://", 7);
    if (!*s->server.url)
        return *s->server.key ? contradicts(s, "server.key is there, but server.url is missing") : FACET_OK;
    if (!is_plain && strncmp(s->server.url, "https://", 8))
        return contradicts(s, "server.url begins with https:// (or http:// with server.insecure: true)");
    if (is_plain && !s->server.insecure)
        return contradicts(s, "server.url is http://, which encrypts nothing: use https:// or set server.insecure: true");
    if (strchr(s->server.url, '@'))
        return contradicts(s, "server.url holds a user or password: give server.key instead");
    return FACET_OK;
}

static int check_rest(const struct facet_site *s)
{
    if (s->gallery.threshold != 0 && s->gallery.far != 0)
        return contradicts(s, "gallery.threshold and gallery.far say the same thing, give one");
    if (s->models.max_face && s->models.max_face < s->models.min_face)
        return contradicts(s, "models.max_face is less than models.min_face");
    if (!*s->serve.cert != !*s->serve.key)
        return contradicts(s, "serve.cert and serve.key go together");
    if (!*s->webhook.url != !*s->webhook.secret)
        return contradicts(s, "webhook.url and webhook.secret go together: posts are signed");
    if (*s->webhook.url && strncmp(s->webhook.url, "https://", 8) && strncmp(s->webhook.url, "http://", 7))
        return contradicts(s, "webhook.url begins with https:// or http://");
    if (s->hybrid.batch_ms > 0 && !s->hybrid.batch)
        return contradicts(s, "hybrid.batch_time means nothing without hybrid.batch");
    return FACET_OK;
}

int facet_site_check_device(const struct facet_site *s)
{
    bool is_hybrid = !strcmp(s->strategy, "hybrid"), is_cloud = !strcmp(s->strategy, "cloud");
    if (s->n_cameras == 0)
        return contradicts(s, "there is no camera in it");
    if (is_hybrid && !*s->mqtt.host)
        return contradicts(s, "strategy hybrid needs a broker: mqtt.host is missing");
    if (is_cloud && !*s->server.url)
        return contradicts(s, "strategy cloud needs a server: server.url is missing");
    if (is_cloud && !*s->server.key)
        return contradicts(s, "strategy cloud needs server.key, an API key of role device (facet keys add)");
    return FACET_OK;
}

/* ---- public ---- */

int facet_site_defaults(struct facet_site *out)
{
    memset(out, 0, sizeof(*out));
    int err = facet__site_defaults(facet__site_keys, out);
    name_after_host(out->device, sizeof(out->device));
    return err;
}

int facet_site_check(const struct facet_site *s)
{
    int err = check_mqtt(s);
    if (!err)
        err = check_server(s);
    return err ? err : check_rest(s);
}

int facet_site_load(struct facet_site *out, const char *path)
{
    int err = facet_site_defaults(out);
    if (!err && facet_copy_text(out->path, sizeof(out->path), path))
        err = facet_fail(FACET_E_LIMIT, "cannot use '%.60s...': the path is too long", path);
    if (!err)
        err = read_file(out, path);
    if (!err)
        err = read_environment(out);
    if (!err)
        err = facet_site_check(out);
    if (err)
        facet_site_fini(out);
    return err;
}

/* Secrets do not stay in memory that is given back. */
void facet_site_fini(struct facet_site *s)
{
    if (s->cameras)
        explicit_bzero(s->cameras, (size_t)s->n_cameras * sizeof(*s->cameras));
    free(s->cameras);
    explicit_bzero(s, sizeof(*s));
}
