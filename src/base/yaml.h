/* YAML documents as a tree with line numbers. Owns libyaml (the parser under libcyaml).
 * Why not libcyaml: its schema is one C struct per file; our configuration is one table per key
 * from which parser, --help, manual and example all come, so a plain tree fits. Anchors, aliases,
 * tags and a second document are refused. */
#ifndef FACET_BASE_YAML_H
#define FACET_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum facet_yaml_kind { FACET_YAML_SCALAR, FACET_YAML_LIST, FACET_YAML_MAP };

struct facet_yaml {
    enum facet_yaml_kind kind;
    int line, column;             /* from 1 */
    const char *key;              /* when a member of a map, otherwise NULL */
    int key_line;
    const char *text;             /* scalar, otherwise NULL */
    struct facet_yaml *children;  /* list items or map members, in order */
    size_t count;
};

/* Takes nothing; *out is freed by facet_yaml_free. `origin` names the file in errors, which read
 * "cannot read 'x.yaml' line 3: ...". Duplicate keys are refused. */
int facet_yaml_parse(struct facet_yaml **out, const char *text, size_t len, const char *origin);
int facet_yaml_load(struct facet_yaml **out, const char *path);
void facet_yaml_free(struct facet_yaml **y);

const struct facet_yaml *facet_yaml_get(const struct facet_yaml *map, const char *key);   /* NULL: absent */
const char *facet_yaml_str(const struct facet_yaml *map, const char *key, const char *fallback);
/* FACET_E_FORMAT with file and line when present but no number. */
int facet_yaml_num(const struct facet_yaml *map, const char *key, double fallback, double *out);
int facet_yaml_nums(const struct facet_yaml *map, const char *key, size_t max, double *out, size_t *count);
int facet_yaml_bool(const struct facet_yaml *map, const char *key, bool fallback, bool *out);
/* Refuses a member whose key is not in the NULL-ended list, naming it, its line and the nearest known. */
int facet_yaml_only(const struct facet_yaml *map, const char *const *known, const char *origin);

#endif
