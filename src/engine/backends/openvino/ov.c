/* A network is compiled for the shapes that it is bound to: known shapes run fastest. Those who bind ever new shapes
 * would only compile, so that after a few one more is compiled, with free dimensions, and serves all the rest.
 * Numbers that the interface gives to types changed between versions: they are asked for, never assumed. */
#include "engine/backends/openvino/ov.h"

#include "base/errors.h"
#include "engine/backends/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ARGUMENTS 16
#define KEPT 4                      /* lists of shapes, the last one is for any */

struct ov_version { const char *build, *description; };
struct ov_shape { int64_t rank; int64_t *dims; };
struct ov_dimension { int64_t min, max; };
struct ov_partial { struct ov_dimension rank; struct ov_dimension *dims; };

/* Result, name, arguments. Handles are opaque. */
#define FUNCTIONS(X)                                                                                                            \
    X(int, ov_get_openvino_version, (struct ov_version *))                                                                      \
    X(void, ov_version_free, (struct ov_version *))                                                                             \
    X(const char *, ov_get_error_info, (int))                                                                                   \
    X(const char *, ov_get_last_err_msg, (void))                                                                                \
    X(void, ov_free, (const char *))                                                                                            \
    X(int, ov_core_create, (void **core))                                                                                       \
    X(void, ov_core_free, (void *core))                                                                                         \
    X(int, ov_core_read_model_from_memory_buffer, (const void *core, const char *, size_t, const void *weights, void **model)) \
    X(int, ov_core_compile_model, (const void *core, const void *model, const char *, size_t words, void **compiled, ...))      \
    X(void, ov_model_free, (void *model))                                                                                       \
    X(int, ov_model_inputs_size, (const void *model, size_t *))                                                                 \
    X(int, ov_model_outputs_size, (const void *model, size_t *))                                                                \
    X(int, ov_model_reshape_by_port_indexes, (const void *model, const size_t *, const struct ov_partial *, size_t))            \
    X(int, ov_compiled_model_input_by_index, (const void *compiled, size_t, void **port))                                       \
    X(int, ov_compiled_model_output_by_index, (const void *compiled, size_t, void **port))                                      \
    X(int, ov_compiled_model_get_property, (const void *compiled, const char *, char **))                                       \
    X(int, ov_compiled_model_create_infer_request, (const void *compiled, void **request))                                      \
    X(void, ov_compiled_model_free, (void *compiled))                                                                           \
    X(int, ov_port_get_element_type, (const void *port, int *))                                                                 \
    X(void, ov_output_const_port_free, (void *port))                                                                            \
    X(int, ov_tensor_create_from_host_ptr, (int type, struct ov_shape, void *, void **tensor))                                  \
    X(int, ov_tensor_get_byte_size, (const void *tensor, size_t *))                                                             \
    X(void, ov_tensor_free, (void *tensor))                                                                                     \
    X(int, ov_infer_request_set_input_tensor_by_index, (void *request, size_t, const void *tensor))                             \
    X(int, ov_infer_request_set_output_tensor_by_index, (void *request, size_t, const void *tensor))                            \
    X(int, ov_infer_request_infer, (void *request))                                                                             \
    X(void, ov_infer_request_free, (void *request))

#define MEMBER(result, name, arguments) result (*name) arguments;
#define SYMBOL(result, name, arguments) { #name, offsetof(struct api, name) },

struct api { FUNCTIONS(MEMBER) };
static const struct facet_symbol symbols[] = { FUNCTIONS(SYMBOL) };

static const struct facet_library library = {
    .backend = "openvino", .variable = "FACET_OPENVINO_LIB", .files = { "libopenvino_c.so" }, .package = "openvino/libs",
    .remedy = "pip install openvino (2023.1 or later)",
};

struct facet_ov {
    struct api f;
    void *core;
    char version[64];
};

/* Compiled for some shapes of the inputs. */
struct variant {
    struct facet_shape in[MAX_ARGUMENTS];
    void *compiled, *request;
};

struct facet_ov_net {
    struct facet_ov *o;
    unsigned threads;
    bool is_bf16;
    struct facet_shape free[MAX_ARGUMENTS];
    void *model;
    size_t n_in, n_out;
    struct variant kept[KEPT];
    int n_kept;
    struct variant *now;
};

/* Its texts are of several lines, with the places in its source before the reason. */
static int check(const struct facet_ov *o, int status, const char *doing)
{
    char text[512];
    size_t n = 0;
    if (status == 0)
        return FACET_OK;
    const char *last = o->f.ov_get_last_err_msg(), *info = o->f.ov_get_error_info(status);
    const char *why = last && *last ? last : info ? info : "";
    size_t skip = strlen(why) >= sizeof(text) ? strlen(why) - sizeof(text) + 1 : 0;
    for (const char *at = why + skip; *at; at++)
        text[n++] = *at == '\n' || *at == '\r' ? ' ' : *at;
    while (n > 0 && text[n - 1] == ' ')
        n--;
    return facet_fail(FACET_E_UNSUPPORTED, "OpenVINO cannot %s: %.*s", doing, (int)n, text);
}

/* ---- the library ---- */

static int read_version(struct facet_ov *o)
{
    struct ov_version v = { NULL, NULL };
    int err = check(o, o->f.ov_get_openvino_version(&v), "tell its version");
    if (err)
        return err;
    snprintf(o->version, sizeof(o->version), "%.*s", v.build ? (int)strcspn(v.build, "- ") : 1, v.build ? v.build : "?");
    o->f.ov_version_free(&v);
    return FACET_OK;
}

int facet_ov_open(struct facet_ov **out)
{
    struct facet_ov *o = calloc(1, sizeof(*o));
    void *lib = NULL;
    int err = o ? facet_library_open(&lib, &library) : facet_fail_nomem();
    if (!err)
        err = facet_library_symbols(lib, &library, symbols, sizeof(symbols) / sizeof(symbols[0]), &o->f);
    if (!err)
        err = read_version(o);
    if (!err)
        err = check(o, o->f.ov_core_create(&o->core), "start");
    if (!err && !o->core)
        err = facet_fail(FACET_E_UNSUPPORTED, "back end 'openvino' is not here: the library starts nothing");
    if (err)
        facet_ov_close(&o);
    *out = o;
    return err;
}

void facet_ov_close(struct facet_ov **o)
{
    if (*o && (*o)->core)
        (*o)->f.ov_core_free((*o)->core);
    free(*o);       /* the library stays: its threads may outlive the last call */
    *o = NULL;
}

const char *facet_ov_version(const struct facet_ov *o)
{
    return o->version;
}

/* ---- networks ---- */

int facet_ov_load(struct facet_ov_net **out, struct facet_ov *o, const uint8_t *onnx, size_t len, const struct facet_ov_opts *opts)
{
    struct facet_ov_net *n = calloc(1, sizeof(*n));
    int err = n ? FACET_OK : facet_fail_nomem();
    if (!err) {
        n->o = o;
        n->threads = opts->threads;
        n->is_bf16 = opts->is_bf16;
        err = check(o, o->f.ov_core_read_model_from_memory_buffer(o->core, (const char *)onnx, len, NULL, &n->model), "read the network");
    }
    if (!err)
        err = check(o, o->f.ov_model_inputs_size(n->model, &n->n_in), "count inputs");
    if (!err)
        err = check(o, o->f.ov_model_outputs_size(n->model, &n->n_out), "count outputs");
    if (!err && (n->n_in > MAX_ARGUMENTS || n->n_out > MAX_ARGUMENTS))
        err = facet_fail(FACET_E_LIMIT, "cannot run a network of %zu inputs and %zu outputs on OpenVINO: %d are the most", n->n_in, n->n_out,
                         MAX_ARGUMENTS);
    if (!err && n->n_in != (size_t)opts->n_inputs)
        err = facet_fail(FACET_E_UNSUPPORTED, "OpenVINO sees %zu inputs, not %d", n->n_in, opts->n_inputs);
    for (size_t i = 0; !err && i < n->n_in; i++)
        n->free[i] = opts->inputs[i];
    if (err)
        facet_ov_unload(&n);
    *out = n;
    return err;
}

static void drop_variant(const struct facet_ov *o, struct variant *v)
{
    if (v->request)
        o->f.ov_infer_request_free(v->request);
    if (v->compiled)
        o->f.ov_compiled_model_free(v->compiled);
    *v = (struct variant){ .request = NULL };
}

void facet_ov_unload(struct facet_ov_net **n)
{
    if (!*n)
        return;
    for (int i = 0; i < KEPT; i++)
        drop_variant((*n)->o, &(*n)->kept[i]);
    if ((*n)->model)
        (*n)->o->f.ov_model_free((*n)->model);
    free(*n);
    *n = NULL;
}

/* is_any: what the file leaves free stays free. */
static int reshape(struct facet_ov_net *n, const struct facet_tensor *const *in, bool is_any)
{
    struct ov_dimension dims[MAX_ARGUMENTS][FACET_MAX_DIMS];
    struct ov_partial shapes[MAX_ARGUMENTS];
    size_t ports[MAX_ARGUMENTS];
    for (size_t i = 0; i < n->n_in; i++) {
        const struct facet_shape *s = &in[i]->shape;
        for (int d = 0; d < s->rank; d++)
            dims[i][d] = is_any && n->free[i].dim[d] < 0 ? (struct ov_dimension){ -1, -1 } : (struct ov_dimension){ s->dim[d], s->dim[d] };
        ports[i] = i;
        shapes[i] = (struct ov_partial){ { s->rank, s->rank }, dims[i] };
    }
    return check(n->o, n->o->f.ov_model_reshape_by_port_indexes(n->model, ports, shapes, n->n_in), "take these shapes");
}

/* What was asked for is a hint to it: it may have had reasons to take another. */
static int check_precision(const struct facet_ov_net *n, const struct variant *v, const char *wanted)
{
    char *got = NULL;
    int err = check(n->o, n->o->f.ov_compiled_model_get_property(v->compiled, "INFERENCE_PRECISION_HINT", &got), "tell its precision");
    if (!err && (!got || strcmp(got, wanted) != 0))
        err = facet_fail(FACET_E_UNSUPPORTED, "OpenVINO has no %s on this processor", wanted);
    if (got)
        n->o->f.ov_free(got);
    return err;
}

static int compile(struct facet_ov_net *n, struct variant *v)
{
    const struct facet_ov *o = n->o;
    const char *precision = n->is_bf16 ? "bf16" : "f32";
    char threads[16];
    snprintf(threads, sizeof(threads), "%u", n->threads);
    const char *const w[] = { "INFERENCE_PRECISION_HINT", precision, "INFERENCE_NUM_THREADS", threads, "NUM_STREAMS", "1",
                              "PERFORMANCE_HINT", "LATENCY", "ENABLE_CPU_PINNING", "NO", "ENABLE_HYPER_THREADING", "YES" };
    int err = check(o, o->f.ov_core_compile_model(o->core, n->model, "CPU", sizeof(w) / sizeof(w[0]), &v->compiled, w[0], w[1], w[2], w[3], w[4],
                                                  w[5], w[6], w[7], w[8], w[9], w[10], w[11]), "compile the network");
    if (!err)
        err = check_precision(n, v, precision);
    if (!err)
        err = check(o, o->f.ov_compiled_model_create_infer_request(v->compiled, &v->request), "make a request");
    return err;
}

static struct variant *find_variant(struct facet_ov_net *n, const struct facet_tensor *const *in)
{
    for (int k = 0; k < n->n_kept; k++) {
        size_t same = 0;
        while (same < n->n_in && facet_shape_equal(&n->kept[k].in[same], &in[same]->shape))
            same++;
        if (same == n->n_in)
            return &n->kept[k];
    }
    return n->n_kept == KEPT ? &n->kept[KEPT - 1] : NULL;
}

static int make_variant(struct facet_ov_net *n, const struct facet_tensor *const *in)
{
    bool is_any = n->n_kept == KEPT - 1;
    struct variant *v = &n->kept[n->n_kept];
    int err = reshape(n, in, is_any);
    if (!err)
        err = compile(n, v);
    if (err) {
        drop_variant(n->o, v);
        return err;
    }
    for (size_t i = 0; i < n->n_in && !is_any; i++)
        v->in[i] = in[i]->shape;
    n->n_kept++;
    n->now = v;
    return FACET_OK;
}

/* The type is what the port says; that both mean the same is seen by the bytes. */
static int put_tensor(struct facet_ov_net *n, size_t i, const struct facet_tensor *t, bool is_output)
{
    const struct api *f = &n->o->f;
    int64_t dims[FACET_MAX_DIMS];
    void *port = NULL, *tensor = NULL;
    size_t bytes = 0, want = (size_t)facet_shape_count(&t->shape) * facet_dtype_size(t->dtype);
    int type = 0;
    memcpy(dims, t->shape.dim, (size_t)t->shape.rank * sizeof(dims[0]));
    int err = check(n->o, (is_output ? f->ov_compiled_model_output_by_index : f->ov_compiled_model_input_by_index)(n->now->compiled, i, &port),
                    "give a port");
    if (!err)
        err = check(n->o, f->ov_port_get_element_type(port, &type), "tell a type");
    if (!err)
        err = check(n->o, f->ov_tensor_create_from_host_ptr(type, (struct ov_shape){ t->shape.rank, dims }, t->data, &tensor), "make a tensor");
    if (!err)
        err = check(n->o, f->ov_tensor_get_byte_size(tensor, &bytes), "tell a tensor's size");
    if (!err && bytes != want)
        err = facet_fail(FACET_E_UNSUPPORTED, "OpenVINO wants another type than %s for %s %zu", facet_dtype_name(t->dtype),
                         is_output ? "output" : "input", i);
    if (!err)
        err = check(n->o, (is_output ? f->ov_infer_request_set_output_tensor_by_index : f->ov_infer_request_set_input_tensor_by_index)(
                              n->now->request, i, tensor), "take a tensor");
    if (tensor)
        f->ov_tensor_free(tensor);
    if (port)
        f->ov_output_const_port_free(port);
    return err;
}

int facet_ov_bind(struct facet_ov_net *n, const struct facet_tensor *const *in, int n_in, struct facet_tensor *const *out, int n_out)
{
    if ((size_t)n_in != n->n_in || (size_t)n_out != n->n_out)
        return facet_fail(FACET_E_INTERNAL, "OpenVINO sees %zu inputs and %zu outputs, not %d and %d", n->n_in, n->n_out, n_in, n_out);
    n->now = find_variant(n, in);
    int err = n->now ? FACET_OK : make_variant(n, in);
    for (int i = 0; !err && i < n_in; i++)
        err = put_tensor(n, (size_t)i, in[i], false);
    for (int i = 0; !err && i < n_out; i++)
        err = put_tensor(n, (size_t)i, out[i], true);
    return err;
}

int facet_ov_run(struct facet_ov_net *n)
{
    return check(n->o, n->o->f.ov_infer_request_infer(n->now->request), "run");
}
