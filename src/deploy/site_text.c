/* What the table tells: the example file, the manual's table, and a site as it is. */
#include "deploy/site.h"

#include "base/errors.h"
#include "base/str.h"
#include "deploy/site_priv.h"

#include <stdio.h>
#include <string.h>

#define COLUMN 44

static const char camera_lists[] =
    "    # zones:                    # only faces whose middle is in one of these count\n"
    "    #   - name: door\n"
    "    #     points: [[0.1, 0.2], [0.5, 0.2], [0.5, 0.9], [0.1, 0.9]]   # parts of width and height\n"
    "    # masks:                    # what is in one of these is not looked at\n"
    "    #   - points: [[0, 0], [1, 0], [1, 0.1], [0, 0.1]]\n"
    "    # schedule: [\"mon-fri 07:00-19:00\", \"sat 22:00-02:00\"]   # local time; always unless given\n";

/* A key whose default says something stands as it is; others are shown with a sample, behind #. */
static void put_key(struct facet_str *out, const struct facet__site_key *k, const char *indent, bool is_live)
{
    char line[256];
    const char *value = k->sample ? k->sample : k->fallback ? k->fallback : "";
    const char *mark = is_live || (k->fallback && !k->sample) ? "" : "# ";
    int n = snprintf(line, sizeof(line), "%s%s%s: %s", indent, mark, k->name, value);
    facet_str_printf(out, "%s%*s  # %s\n", line, n < COLUMN ? COLUMN - n : 0, "", k->help);
}

static bool is_of(const struct facet__site_key *k, const char *section)
{
    return section ? k->section && !strcmp(k->section, section) : !k->section;
}

static void put_section(struct facet_str *out, const struct facet__site_section *s)
{
    if (s->name)
        facet_str_printf(out, "\n# %s\n%s:\n", s->help, s->name);
    for (const struct facet__site_key *k = facet__site_keys; k->name; k++)
        if (is_of(k, s->name))
            put_key(out, k, s->name ? "  " : "", false);
}

static void put_cameras(struct facet_str *out)
{
    facet_str_puts(out, "\n# what is looked at; a server may have none\ncameras:\n");
    for (const struct facet__site_key *k = facet__site_camera_keys; k->name; k++) {
        bool is_first = k == facet__site_camera_keys, is_needed = is_first || !strcmp(k->name, "url");
        put_key(out, k, is_first ? "  - " : "    ", is_needed);
    }
    facet_str_puts(out, camera_lists);
}

int facet_site_example(struct facet_str *out)
{
    facet_str_puts(out, "# A Facet site: one file for devices and servers. Made by: facet site example\n"
                        "# A key with # in front has no value unless given. Secrets may be file:PATH, env:NAME or credential:NAME.\n"
                        "# Any key can be overridden by the environment: FACET_SITE_MQTT_HOST for mqtt.host.\n\n");
    put_section(out, &facet__site_sections[0]);
    put_cameras(out);
    for (size_t i = 1; i < FACET__SITE_SECTIONS; i++)
        put_section(out, &facet__site_sections[i]);
    return out->err;
}

static void put_row(struct facet_str *out, const struct facet__site_key *k)
{
    char wanted[160];
    facet__site_wanted(k, wanted, sizeof(wanted));
    facet_str_printf(out, "| `%s%s%s` | ", k->section ? k->section : "", k->section ? "." : "", k->name);
    for (const char *c = wanted; *c; c++)
        facet_str_printf(out, *c == '|' ? "\\|" : "%c", *c);
    facet_str_printf(out, " | %s%s%s | %s |\n", k->fallback ? "`" : "", k->fallback ? k->fallback : "", k->fallback ? "`" : "", k->help);
}

int facet_site_table(struct facet_str *out)
{
    facet_str_puts(out, "| Key | Value | Default | Meaning |\n|---|---|---|---|\n");
    for (const struct facet__site_key *k = facet__site_keys; k->name; k++)
        put_row(out, k);
    for (const struct facet__site_key *k = facet__site_camera_keys; k->name; k++)
        put_row(out, k);
    return out->err;
}

static void put_value(struct facet_str *out, const struct facet__site_key *k, const void *base, const char *indent)
{
    char text[1100];
    facet__site_text(k, base, text, sizeof(text));
    facet_str_printf(out, *text ? "%s%s: %s\n" : "%s# %s:\n", indent, k->name, text);
}

int facet_site_print(const struct facet_site *s, struct facet_str *out)
{
    for (size_t i = 0; i < FACET__SITE_SECTIONS; i++) {
        const char *section = facet__site_sections[i].name;
        if (section)
            facet_str_printf(out, "%s:\n", section);
        for (const struct facet__site_key *k = facet__site_keys; k->name; k++)
            if (is_of(k, section))
                put_value(out, k, s, section ? "  " : "");
    }
    facet_str_puts(out, s->n_cameras ? "cameras:\n" : "cameras: []\n");
    for (int i = 0; i < s->n_cameras; i++)
        for (const struct facet__site_key *k = facet__site_camera_keys; k->name; k++)
            put_value(out, k, &s->cameras[i], k == facet__site_camera_keys ? "  - " : "    ");
    return out->err;
}
