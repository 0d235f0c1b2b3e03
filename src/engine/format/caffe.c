/* Caffe models: a description (prototxt) and its weights (caffemodel). The description is read by a
 * parser of our own, the weights through protobuf-c; weights are found by the layer's name.
 *
 * Batch is always free. Height and width are free when no layer needs to know them (P-Net), and as
 * the description says otherwise. A blob that a layer overwrites in place keeps its name for the
 * last value, so that outputs are called as published. */
#include "engine/format/caffe.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/limits.h"
#include "engine/format/caffe_net.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPSET 13
#define MAX_SIDE 32768
#define MAX_LAYERS 4096

int facet__layer_fail(const struct facet__caffe *c, const struct facet__layer *l, const char *fmt, ...)
{
    char why[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why, sizeof(why), fmt, ap);
    va_end(ap);
    return facet_fail(FACET_E_UNSUPPORTED, "cannot import '%s' line %d: layer '%s' (%s): %s", c->origin,
                      l->field->line, l->name, l->type, why);
}

/* ---- blobs ---- */

static struct facet__blob *find_blob(struct facet__caffe *c, const char *name)
{
    for (size_t i = 0; i < c->n_blobs; i++)
        if (!strcmp(c->blobs[i].name, name))
            return &c->blobs[i];
    return NULL;
}

/* There is room: prepare_blobs counted all tops. */
static int put_blob(struct facet__caffe *c, const char *name, const struct facet__blob *as)
{
    struct facet__blob *b = find_blob(c, name);
    char *own = b ? b->name : strdup(name);
    if (!own)
        return facet_fail_nomem();
    if (!b)
        b = &c->blobs[c->n_blobs++];
    *b = *as;
    b->name = own;
    b->is_used = false;
    return FACET_OK;
}

static int prepare_blobs(struct facet__caffe *c)
{
    size_t n = 0;
    if (c->net->count > MAX_LAYERS)
        return facet_fail(FACET_E_LIMIT, "cannot import '%s': more than %d layers", c->origin, MAX_LAYERS);
    for (size_t i = 0; i < c->net->count; i++) {
        const struct facet__field *f = &c->net->children[i];
        n += !strcmp(f->key, "input");
        for (size_t k = 0; !strcmp(f->key, "layer") && k < f->count; k++)
            n += !strcmp(f->children[k].key, "top");
    }
    if (n > FACET_MAX_MODEL_NODES)
        return facet_fail(FACET_E_LIMIT, "cannot import '%s': it names more than %d blobs", c->origin,
                          FACET_MAX_MODEL_NODES);
    c->blobs = calloc(n + 1, sizeof(*c->blobs));
    return c->blobs ? FACET_OK : facet_fail_nomem();
}

/* ---- input ---- */

/* Four numbers: `key` of `from`, beginning at the number `first`. */
static int read_dims(const struct facet__caffe *c, const struct facet__field *from, const char *key, size_t first,
                     struct facet__blob *b)
{
    int64_t d[4];
    for (size_t i = 0; i < 4; i++) {
        int err = facet__field_int(from, key, first + i, 1, MAX_SIDE, 0, &d[i], c->origin);
        if (err)
            return err;
        if (!d[i])
            return facet_fail(FACET_E_FORMAT, "cannot import '%s': its input does not have four dimensions", c->origin);
    }
    *b = (struct facet__blob){.rank = 4, .c = d[1], .h = c->is_swapped ? d[3] : d[2],
                              .w = c->is_swapped ? d[2] : d[3]};
    return FACET_OK;
}

static int add_input(struct facet__caffe *c, const char *name, struct facet__blob *b)
{
    struct facet_shape s = {.rank = 4, .dim = {-1, b->c, b->h, b->w}};
    b->value = facet_graph_input(c->graph, name, FACET_F32, &s);
    return b->value < 0 ? b->value : put_blob(c, name, b);
}

/* `input: "data"` with input_dim or input_shape. */
static int add_inputs(struct facet__caffe *c)
{
    const struct facet__field *f;
    for (size_t i = 0; (f = facet__field_at(c->net, "input", i)) != NULL; i++) {
        const struct facet__field *shape = facet__field_at(c->net, "input_shape", i);
        struct facet__blob b;
        int err = shape ? read_dims(c, shape, "dim", 0, &b) : read_dims(c, c->net, "input_dim", 4 * i, &b);
        if (!err && !f->text)
            err = facet_fail(FACET_E_FORMAT, "cannot import '%s' line %d: input has no name", c->origin, f->line);
        if (!err)
            err = add_input(c, f->text, &b);
        if (err)
            return err;
    }
    return FACET_OK;
}

static int add_input_layer(struct facet__caffe *c, const struct facet__layer *l)
{
    const struct facet__field *shape = facet__field_at(facet__field_at(l->field, "input_param", 0), "shape", 0);
    const char *top = facet__field_text(l->field, "top", NULL);
    struct facet__blob b;
    if (!shape || !top)
        return facet__layer_fail(c, l, "it has no shape or no top");
    int err = read_dims(c, shape, "dim", 0, &b);
    return err ? err : add_input(c, top, &b);
}

/* ---- layers ---- */

static const struct facet__layer_type *find_type(const char *type)
{
    const struct facet__layer_type *t = facet__layer_types;
    while (t->type && strcmp(t->type, type))
        t++;
    return t->type ? t : NULL;
}

/* Layers for training alone are skipped. */
static bool is_for_training(const struct facet__field *layer)
{
    const struct facet__field *f;
    for (size_t i = 0; (f = facet__field_at(layer, "include", i)) != NULL; i++)
        if (!strcmp(facet__field_text(f, "phase", ""), "TRAIN"))
            return true;
    for (size_t i = 0; (f = facet__field_at(layer, "exclude", i)) != NULL; i++)
        if (!strcmp(facet__field_text(f, "phase", ""), "TEST"))
            return true;
    return false;
}

static int find_bottoms(struct facet__caffe *c, struct facet__layer *l, const struct facet__layer_type *t)
{
    const struct facet__field *f;
    for (size_t i = 0; (f = facet__field_at(l->field, "bottom", i)) != NULL; i++) {
        struct facet__blob *b = f->text ? find_blob(c, f->text) : NULL;
        if (!b)
            return facet__layer_fail(c, l, "no layer before it makes its input '%s'", f->text ? f->text : "");
        if (i >= t->max_bottoms)
            return facet__layer_fail(c, l, "it has more inputs than the %zu that are known", t->max_bottoms);
        b->is_used = true;
        l->bottom[l->n_bottom++] = b;
    }
    if (l->n_bottom < t->min_bottoms)
        return facet__layer_fail(c, l, "it has %zu inputs and needs %zu", l->n_bottom, t->min_bottoms);
    return FACET_OK;
}

/* Does this layer put a new value in the place of the blob? */
static bool overwrites(const struct facet__field *f, const char *blob)
{
    const char *type = facet__field_text(f, "type", "");
    return !strcmp(f->key, "layer") && !strcmp(facet__field_text(f, "top", ""), blob) && !is_for_training(f) &&
           strcmp(type, "Dropout") && strcmp(type, "Split");
}

static bool is_overwritten(const struct facet__caffe *c, size_t at, const char *blob)
{
    for (size_t i = at + 1; i < c->net->count; i++)
        if (overwrites(&c->net->children[i], blob))
            return true;
    return false;
}

/* Every top of a layer that does nothing is the bottom again; others have one. */
static int put_tops(struct facet__caffe *c, const struct facet__layer *l)
{
    const struct facet__field *f;
    bool is_split = !strcmp(l->type, "Split");
    for (size_t i = 0; (f = facet__field_at(l->field, "top", i)) != NULL; i++) {
        if (i && !is_split)
            return facet__layer_fail(c, l, "it has more than one output");
        int err = f->text ? put_blob(c, f->text, &l->top) : facet__layer_fail(c, l, "an output has no name");
        if (err)
            return err;
    }
    return FACET_OK;
}

static int check_shape(const struct facet__caffe *c, const struct facet__layer *l)
{
    const struct facet__blob *t = &l->top;
    if (t->h < 1 || t->w < 1 || t->h > MAX_SIDE || t->w > MAX_SIDE || t->c < 1 || t->c > INT32_MAX)
        return facet__layer_fail(c, l, "its output would have the impossible shape %lldx%lldx%lld", (long long)t->c,
                                 (long long)t->h, (long long)t->w);
    return FACET_OK;
}

static int add_layer(struct facet__caffe *c, size_t at)
{
    const struct facet__field *f = &c->net->children[at];
    struct facet__layer l = {.field = f, .name = facet__field_text(f, "name", ""),
                             .type = facet__field_text(f, "type", "")};
    const char *top = facet__field_text(f, "top", NULL);
    if (!strcmp(l.type, "Input"))
        return add_input_layer(c, &l);
    const struct facet__layer_type *t = find_type(l.type);
    if (!t)
        return facet__layer_fail(c, &l, "this type of layer is not known");
    if (!top)
        return facet__layer_fail(c, &l, "it has no output");
    char in_between[1100];
    snprintf(in_between, sizeof(in_between), "%s:%s", top, l.name);
    l.out_name = is_overwritten(c, at, top) ? in_between : top;
    int err = find_bottoms(c, &l, t);
    if (!err)
        err = t->make(c, &l);
    if (!err)
        err = check_shape(c, &l);
    return err ? err : put_tops(c, &l);
}

static int add_layers(struct facet__caffe *c)
{
    for (size_t i = 0; i < c->net->count; i++) {
        const struct facet__field *f = &c->net->children[i];
        int err = FACET_OK;
        if (!strcmp(f->key, "layers"))
            err = facet_fail(FACET_E_UNSUPPORTED, "cannot import '%s' line %d: 'layers' is the old form of a "
                             "description; Caffe's upgrade_net_proto_text writes the new one", c->origin, f->line);
        else if (!strcmp(f->key, "layer") && !is_for_training(f))
            err = add_layer(c, i);
        if (err)
            return err;
    }
    return FACET_OK;
}

/* ---- the whole ---- */

static int add_outputs(struct facet__caffe *c)
{
    if (!c->graph->n_inputs || !c->graph->n_nodes)
        return facet_fail(FACET_E_FORMAT, "cannot import '%s': it has no input or no layers", c->origin);
    for (size_t i = 0; i < c->n_blobs; i++) {
        int err = c->blobs[i].is_used ? FACET_OK : facet_graph_output(c->graph, c->blobs[i].value);
        if (err)
            return err;
    }
    if (!c->graph->n_outputs)
        return facet_fail(FACET_E_FORMAT, "cannot import '%s': it has no output", c->origin);
    return FACET_OK;
}

static void free_size(struct facet__caffe *c)
{
    for (int i = 0; !c->is_sized && i < c->graph->n_inputs; i++) {
        struct facet_shape *s = &c->graph->values[c->graph->inputs[i]].shape;
        s->dim[2] = s->dim[3] = -1;
    }
}

static int build(struct facet__caffe *c)
{
    int err = facet_graph_new(&c->graph, c->origin, OPSET);
    if (!err)
        err = prepare_blobs(c);
    if (!err)
        err = add_inputs(c);
    if (!err)
        err = add_layers(c);
    if (!err)
        err = add_outputs(c);
    if (!err)
        free_size(c);
    for (size_t i = 0; i < c->n_blobs; i++)
        free(c->blobs[i].name);
    free(c->blobs);
    if (err)
        facet_graph_free(&c->graph);
    return err;
}

int facet_caffe_parse(struct facet_graph **out, const struct facet_caffe_source *s)
{
    struct facet__field *net = NULL;
    struct facet__weights *weights = NULL;
    *out = NULL;
    int err = facet__prototxt_parse(&net, s->text, s->text_len, s->text_origin);
    if (!err)
        err = facet__weights_parse(&weights, s->weights, s->weights_len, s->weights_origin);
    struct facet__caffe c = {.net = net, .weights = weights, .origin = s->text_origin, .is_swapped = s->is_swapped};
    if (!err)
        err = build(&c);
    facet__weights_free(&weights);
    facet__prototxt_free(&net);
    *out = c.graph;
    return err;
}

static int import_files(struct facet_graph **out, const char *const *paths, size_t n_paths, bool is_swapped)
{
    uint8_t *text = NULL, *weights = NULL;
    struct facet_caffe_source s = {.is_swapped = is_swapped};
    *out = NULL;
    if (n_paths != 2)
        return facet_fail(FACET_E_INVALID, "cannot import a Caffe model of %zu files: it has two, the description "
                          "(prototxt) and then the weights (caffemodel)", n_paths);
    int err = facet_file_read(paths[0], FACET_MAX_TEXT_FILE, &text, &s.text_len);
    if (!err)
        err = facet_file_read(paths[1], FACET_MAX_MODEL_FILE, &weights, &s.weights_len);
    s.text = (const char *)text;
    s.weights = weights;
    s.text_origin = facet_path_base(paths[0]);
    s.weights_origin = facet_path_base(paths[1]);
    if (!err)
        err = facet_caffe_parse(out, &s);
    free(text);
    free(weights);
    return err;
}

static int import_upright(struct facet_graph **out, const char *const *paths, size_t n_paths)
{
    return import_files(out, paths, n_paths, false);
}

static int import_swapped(struct facet_graph **out, const char *const *paths, size_t n_paths)
{
    return import_files(out, paths, n_paths, true);
}

const struct facet_importer facet_import_caffe = {
    .name = "caffe",
    .help = "Caffe: description (prototxt) and weights (caffemodel)",
    .import = import_upright,
};

const struct facet_importer facet_import_caffe_swapped = {
    .name = "caffe-swapped",
    .help = "the same, trained with height and width swapped (MTCNN as published); made upright",
    .import = import_swapped,
};
