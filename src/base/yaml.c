/* The reader of trees: libyaml's events become nodes whose text and children are allocated apart.
 * The recursion is bounded by FACET_MAX_YAML_DEPTH, the memory by FACET_MAX_YAML_NODES and the
 * input. */
#include "base/yaml.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct reader {
    yaml_parser_t parser;
    const char *origin;
    size_t nodes;
};

static int refuse(const struct reader *r, int err, const yaml_mark_t *at, const char *what)
{
    return facet_fail(err, "cannot read '%s' line %zu: %s", r->origin, at->line + 1, what);
}

static int next_event(struct reader *r, yaml_event_t *e)
{
    if (yaml_parser_parse(&r->parser, e))
        return FACET_OK;
    const yaml_parser_t *p = &r->parser;
    memset(e, 0, sizeof(*e));
    if (p->error == YAML_MEMORY_ERROR)
        return facet_fail_nomem();
    if (p->error == YAML_READER_ERROR)
        return facet_fail(FACET_E_FORMAT, "cannot read '%s' at byte %zu: %s", r->origin,
                          p->problem_offset, p->problem ? p->problem : "no UTF-8 text");
    return refuse(r, FACET_E_FORMAT, &p->problem_mark, p->problem ? p->problem : "no YAML");
}

static void node_fini(struct facet_yaml *n)
{
    for (size_t i = 0; i < n->count; i++)
        node_fini(&n->children[i]);
    free(n->children);
    free((void *)(uintptr_t)n->key);
    free((void *)(uintptr_t)n->text);
}

/* Room for one more child; `cap` is the smallest power of two that holds `count`. */
static int add_child(struct reader *r, struct facet_yaml *n, const yaml_mark_t *at)
{
    if (++r->nodes > FACET_MAX_YAML_NODES)
        return refuse(r, FACET_E_LIMIT, at, "too many values");
    if ((n->count & (n->count - 1)) == 0) {
        size_t cap = n->count ? n->count * 2 : 1;
        struct facet_yaml *children = realloc(n->children, cap * sizeof(*children));
        if (!children)
            return facet_fail_nomem();
        n->children = children;
    }
    n->children[n->count++] = (struct facet_yaml){.origin = r->origin};
    return FACET_OK;
}

static int copy_scalar(struct reader *r, const char **out, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    if (strlen(value) != e->data.scalar.length)
        return refuse(r, FACET_E_FORMAT, &e->start_mark, "a NUL byte in a text");
    *out = strdup(value);
    return *out ? FACET_OK : facet_fail_nomem();
}

static int read_node(struct reader *r, const yaml_event_t *e, struct facet_yaml *n, int depth);

static int read_list(struct reader *r, struct facet_yaml *n, int depth)
{
    yaml_event_t e;
    int err = next_event(r, &e);
    while (!err && e.type != YAML_SEQUENCE_END_EVENT) {
        err = add_child(r, n, &e.start_mark);
        if (!err)
            err = read_node(r, &e, &n->children[n->count - 1], depth);
        yaml_event_delete(&e);
        if (!err)
            err = next_event(r, &e);
    }
    if (!err)
        yaml_event_delete(&e);
    return err;
}

/* `e` is the key's event, borrowed. */
static int read_member(struct reader *r, const yaml_event_t *e, struct facet_yaml *n, int depth)
{
    yaml_event_t value;
    if (e->type == YAML_ALIAS_EVENT)
        return refuse(r, FACET_E_FORMAT, &e->start_mark, "aliases are not supported");
    if (e->type != YAML_SCALAR_EVENT)
        return refuse(r, FACET_E_FORMAT, &e->start_mark, "a key must be a plain text");
    if (e->data.scalar.anchor || e->data.scalar.tag)
        return refuse(r, FACET_E_FORMAT, &e->start_mark, "anchors and tags are not supported");
    int err = add_child(r, n, &e->start_mark);
    if (err)
        return err;
    struct facet_yaml *child = &n->children[n->count - 1];
    child->key_line = (int)e->start_mark.line + 1;
    err = copy_scalar(r, &child->key, e);
    if (!err)
        err = next_event(r, &value);
    if (err)
        return err;
    err = read_node(r, &value, child, depth);
    yaml_event_delete(&value);
    return err;
}

static int by_key(const void *va, const void *vb)
{
    const struct facet_yaml *a = *(const struct facet_yaml *const *)va,
                            *b = *(const struct facet_yaml *const *)vb;
    int order = strcmp(a->key, b->key);
    return order ? order : (a > b) - (a < b);
}

static int refuse_duplicates(const struct reader *r, const struct facet_yaml *n)
{
    if (n->count < 2)
        return FACET_OK;
    const struct facet_yaml **sorted = malloc(n->count * sizeof(*sorted));
    if (!sorted)
        return facet_fail_nomem();
    int err = FACET_OK;
    for (size_t i = 0; i < n->count; i++)
        sorted[i] = &n->children[i];
    qsort(sorted, n->count, sizeof(*sorted), by_key);
    for (size_t i = 1; i < n->count && !err; i++) {
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
            err =
                facet_fail(FACET_E_FORMAT,
                           "cannot read '%s' line %d: key '%.60s' is there already, in line %d",
                           r->origin, sorted[i]->key_line, sorted[i]->key, sorted[i - 1]->key_line);
    }
    free(sorted);
    return err;
}

static int read_map(struct reader *r, struct facet_yaml *n, int depth)
{
    yaml_event_t e;
    int err = next_event(r, &e);
    while (!err && e.type != YAML_MAPPING_END_EVENT) {
        err = read_member(r, &e, n, depth);
        yaml_event_delete(&e);
        if (!err)
            err = next_event(r, &e);
    }
    if (!err)
        yaml_event_delete(&e);
    return err ? err : refuse_duplicates(r, n);
}

static int read_node(struct reader *r, const yaml_event_t *e, struct facet_yaml *n, int depth)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    n->line = (int)e->start_mark.line + 1;
    n->column = (int)e->start_mark.column + 1;
    if (depth > FACET_MAX_YAML_DEPTH)
        return refuse(r, FACET_E_LIMIT, &e->start_mark, "nested too deep");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        n->kind = FACET_YAML_SCALAR;
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
        break;
    case YAML_SEQUENCE_START_EVENT:
        n->kind = FACET_YAML_LIST;
        anchor = e->data.sequence_start.anchor;
        tag = e->data.sequence_start.tag;
        break;
    case YAML_MAPPING_START_EVENT:
        n->kind = FACET_YAML_MAP;
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
        break;
    default: return refuse(r, FACET_E_FORMAT, &e->start_mark, "aliases are not supported");
    }
    if (anchor || tag)
        return refuse(r, FACET_E_FORMAT, &e->start_mark, "anchors and tags are not supported");
    if (n->kind == FACET_YAML_SCALAR)
        return copy_scalar(r, &n->text, e);
    return n->kind == FACET_YAML_LIST ? read_list(r, n, depth + 1) : read_map(r, n, depth + 1);
}

/* Events in order: stream start, document start, the node, document end, stream end. */
static int expect(struct reader *r, yaml_event_type_t want, const char *otherwise)
{
    yaml_event_t e;
    int err = next_event(r, &e);
    if (!err && e.type != want)
        err = refuse(r, FACET_E_FORMAT, &e.start_mark, otherwise);
    yaml_event_delete(&e);
    return err;
}

static int read_root(struct reader *r, struct facet_yaml *root)
{
    yaml_event_t e;
    int err = next_event(r, &e);
    if (err)
        return err;
    err = read_node(r, &e, root, 0);
    yaml_event_delete(&e);
    if (!err)
        err = expect(r, YAML_DOCUMENT_END_EVENT, "the document goes on after its end");
    if (!err)
        err = expect(r, YAML_STREAM_END_EVENT, "a second document");
    return err;
}

static int read_document(struct reader *r, struct facet_yaml *root)
{
    yaml_event_t e;
    int err = expect(r, YAML_STREAM_START_EVENT, "no YAML");
    if (!err)
        err = next_event(r, &e);
    if (err)
        return err;
    bool is_empty = e.type == YAML_STREAM_END_EVENT;
    if (!is_empty &&
        e.data.document_start.tag_directives.start != e.data.document_start.tag_directives.end)
        err = refuse(r, FACET_E_FORMAT, &e.start_mark, "tags are not supported");
    yaml_event_delete(&e);
    if (err || is_empty)
        return err;
    return read_root(r, root);
}

static int read_text(struct facet_yaml *root, const char *text, size_t len)
{
    struct reader r = {.origin = root->origin};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        len -= 3;
    }
    if (!yaml_parser_initialize(&r.parser))
        return facet_fail_nomem();
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, len);
    int err = read_document(&r, root);
    yaml_parser_delete(&r.parser);
    return err;
}

int facet_yaml_parse(struct facet_yaml **out, const char *text, size_t len, const char *origin)
{
    *out = NULL;
    if (len > FACET_MAX_TEXT_FILE)
        return facet_fail(FACET_E_LIMIT,
                          "cannot read '%s': %zu bytes are more than the limit of %u", origin, len,
                          FACET_MAX_TEXT_FILE);
    struct facet_yaml *root = calloc(1, sizeof(*root));
    if (!root)
        return facet_fail_nomem();
    *root = (struct facet_yaml){
        .kind = FACET_YAML_MAP, .line = 1, .column = 1, .origin = strdup(origin)};
    int err = root->origin ? read_text(root, text, len) : facet_fail_nomem();
    if (err)
        facet_yaml_free(&root);
    *out = root;
    return err;
}

int facet_yaml_load(struct facet_yaml **out, const char *path)
{
    uint8_t *data;
    size_t len;
    *out = NULL;
    int err = facet_file_read(path, FACET_MAX_TEXT_FILE, &data, &len);
    if (err)
        return err;
    err = facet_yaml_parse(out, (const char *)data, len, path);
    free(data);
    return err;
}

void facet_yaml_free(struct facet_yaml **y)
{
    if (*y) {
        node_fini(*y);
        free((void *)(uintptr_t)(*y)->origin);
        free(*y);
    }
    *y = NULL;
}
