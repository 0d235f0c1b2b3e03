/* JSON: a strict parser and a small builder. Owns jansson; its types do not leave this file. */
#ifndef FACET_BASE_JSON_H
#define FACET_BASE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_json;      /* a reference; facet_json_unref each one you own */

/* Parses one value; duplicate keys, trailing bytes, and depth above FACET_MAX_JSON_DEPTH are
 * refused with line and column. `origin` names the source in the error text. */
int facet_json_parse(struct facet_json **out, const char *text, size_t len, const char *origin);
/* A file's one value; FACET_E_LIMIT for one of more than `max` bytes. */
int facet_json_load(struct facet_json **out, const char *path, size_t max);
void facet_json_unref(struct facet_json **j);

/* Readers borrow: what they return lives as long as the parent. NULL or the default when absent
 * or of another type; a NULL parent is fine. */
const struct facet_json *facet_json_get(const struct facet_json *obj, const char *key);
size_t facet_json_size(const struct facet_json *array_or_object);
const struct facet_json *facet_json_at(const struct facet_json *array, size_t i);
const char *facet_json_str(const struct facet_json *j, const char *fallback);
double facet_json_num(const struct facet_json *j, double fallback);
int64_t facet_json_int(const struct facet_json *j, int64_t fallback);
bool facet_json_bool(const struct facet_json *j, bool fallback);
bool facet_json_is_object(const struct facet_json *j);
bool facet_json_is_array(const struct facet_json *j);
bool facet_json_is_null(const struct facet_json *j);       /* the word null; absent is none */
bool facet_json_is_number(const struct facet_json *j);
/* Calls fn for each member in order of insertion; stops at non-zero and returns it. */
typedef int facet_json_member_fn(void *ctx, const char *key, const struct facet_json *value);
int facet_json_each(const struct facet_json *obj, facet_json_member_fn *fn, void *ctx);

/* Writing: text is appended to a facet_str, commas and quoting are kept right. Allocates nothing
 * beyond the string, whose `err` tells at the end whether all was written. NaN and infinities are
 * written as null; invalid UTF-8 is replaced by U+FFFD; negative `decimals` mean as many as read back
 * the same. */
struct facet_str;
struct facet_jsonw { struct facet_str *out; unsigned depth; bool comma[64]; bool indent; bool after_key; };
void facet_jsonw_init(struct facet_jsonw *w, struct facet_str *out, bool indent);
void facet_jsonw_object(struct facet_jsonw *w);        /* { */
void facet_jsonw_end_object(struct facet_jsonw *w);    /* } */
void facet_jsonw_array(struct facet_jsonw *w);         /* [ */
void facet_jsonw_end_array(struct facet_jsonw *w);     /* ] */
void facet_jsonw_key(struct facet_jsonw *w, const char *key);
void facet_jsonw_str(struct facet_jsonw *w, const char *value);      /* NULL writes null */
void facet_jsonw_int(struct facet_jsonw *w, int64_t value);
void facet_jsonw_num(struct facet_jsonw *w, double value, int decimals);
void facet_jsonw_bool(struct facet_jsonw *w, bool value);
void facet_jsonw_null(struct facet_jsonw *w);
void facet_jsonw_raw(struct facet_jsonw *w, const char *json);       /* a value that is JSON already */
/* key and value in one call */
void facet_jsonw_kstr(struct facet_jsonw *w, const char *key, const char *value);
void facet_jsonw_kint(struct facet_jsonw *w, const char *key, int64_t value);
void facet_jsonw_knum(struct facet_jsonw *w, const char *key, double value, int decimals);
void facet_jsonw_kbool(struct facet_jsonw *w, const char *key, bool value);

#endif
