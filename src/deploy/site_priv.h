/* The table of a site's keys, and its readers. One row is one key: everything that reads, prints, checks or documents a
 * key goes over these rows. */
#ifndef FACET_DEPLOY_SITE_PRIV_H
#define FACET_DEPLOY_SITE_PRIV_H

#include "deploy/site.h"

#include <stddef.h>

struct facet_str;
struct facet_yaml;

enum facet__site_kind {
    FACET__SITE_TEXT,              /* char[size] */
    FACET__SITE_NAME,              /* char[size]: letters, digits, '-', '_', '.': part of topics and ids */
    FACET__SITE_SECRET,            /* char[size]: also file:, env:, credential: */
    FACET__SITE_WORD,              /* char[size]: one of `words`, "edge|cloud|hybrid" */
    FACET__SITE_INT,               /* int */
    FACET__SITE_UINT,              /* unsigned */
    FACET__SITE_NUM,               /* double */
    FACET__SITE_FLOAT,             /* float */
    FACET__SITE_BOOL,              /* bool */
    FACET__SITE_TIME,              /* double, ms: "150ms", "10s", "5m", "2h", "7d" */
    FACET__SITE_TIME64,            /* int64_t, ms */
    FACET__SITE_BYTES,             /* int64_t: "64KiB", "256MiB", "2GiB" */
};

struct facet__site_key {
    const char *section;           /* NULL: at the top */
    const char *name;
    enum facet__site_kind kind;
    size_t offset, size;           /* of the field in its struct */
    double min, max;               /* both included, in the field's own unit; both 0: any */
    const char *words;             /* WORD */
    const char *fallback;          /* as it would be written; NULL: zero */
    const char *sample;            /* a value for the example file, when the default shows nothing */
    const char *help;              /* one line, no full stop */
};

struct facet__site_section { const char *name, *help; };

#define FACET__SITE_SECTIONS 11
extern const struct facet__site_section facet__site_sections[FACET__SITE_SECTIONS];    /* in the order of the example; the first is the top */
extern const struct facet__site_key facet__site_keys[];            /* of struct facet_site; NULL-ended by name */
extern const struct facet__site_key facet__site_camera_keys[];     /* of struct facet_camera_conf */

/* NULL: there is none. */
const struct facet__site_key *facet__site_key(const struct facet__site_key *table, const char *section, const char *name);

/* Sets one field of `base` from text; FACET_E_FORMAT says "<where><section>.<name> is ..., not '...'". A secret's value
 * never stands in an error. */
int facet__site_set(const struct facet__site_key *k, void *base, const char *text, const char *where);
int facet__site_defaults(const struct facet__site_key *table, void *base);
/* The field as it would be written in a file; a secret as "(set)", "" when it is empty. */
void facet__site_text(const struct facet__site_key *k, const void *base, char *out, size_t cap);
/* "a whole number from 1 to 65535" */
void facet__site_wanted(const struct facet__site_key *k, char *out, size_t cap);

/* The list `cameras:`. */
int facet__site_read_cameras(struct facet_site *s, const struct facet_yaml *list, const char *path);
/* "mon-fri 07:00-19:00"; a span over midnight becomes two. */
int facet__site_read_span(struct facet_camera_conf *c, const char *text, const char *where);

#endif
