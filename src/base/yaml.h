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
    const char *origin;           /* the document's name, for errors */
};

/* Takes nothing; *out is freed by facet_yaml_free. `origin` names the file in errors, which read
 * "cannot read 'x.yaml' line 3: ...". Duplicate keys, keys that are no scalar, bytes that are no UTF-8,
 * and more than FACET_MAX_YAML_DEPTH, FACET_MAX_YAML_NODES or FACET_MAX_TEXT_FILE are refused. An
 * empty document is an empty map. */
int facet_yaml_parse(struct facet_yaml **out, const char *text, size_t len, const char *origin);
int facet_yaml_load(struct facet_yaml **out, const char *path);
void facet_yaml_free(struct facet_yaml **y);

/* Readers take NULL and what is no map as a map without members. */
const struct facet_yaml *facet_yaml_get(const struct facet_yaml *map, const char *key);   /* NULL: absent */
/* The fallback also when the member is a list or a map. */
const char *facet_yaml_str(const struct facet_yaml *map, const char *key, const char *fallback);
/* FACET_E_FORMAT with file and line when present but no number. */
int facet_yaml_num(const struct facet_yaml *map, const char *key, double fallback, double *out);
/* A list of at most `max` numbers (FACET_E_LIMIT), or one number alone; absent: *count is 0. */
int facet_yaml_nums(const struct facet_yaml *map, const char *key, size_t max, double *out, size_t *count);
/* true, yes, on; false, no, off; in any case. */
int facet_yaml_bool(const struct facet_yaml *map, const char *key, bool fallback, bool *out);
/* Refuses a member whose key is not in the NULL-ended list, naming it, its line and the nearest known. */
int facet_yaml_only(const struct facet_yaml *map, const char *const *known, const char *origin);

#endif
