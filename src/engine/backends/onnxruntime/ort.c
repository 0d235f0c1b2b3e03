/* The functions are called by their place in the table that OrtGetApiBase()->GetApi gives; the order
 * is fixed by the API's promise to only append. Version 16 (2023) has all of them. */
#include "engine/backends/onnxruntime/ort.h"

#include "base/errors.h"
#include "engine/backends/library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 16
#define MAX_ARGUMENTS 16

enum slot {
    GET_ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION_FROM_ARRAY = 8, RUN = 9, CREATE_OPTIONS = 10, SET_OPTIMIZATION = 23,
    SET_INTRA_THREADS = 24, SET_INTER_THREADS = 25, INPUT_COUNT = 30, OUTPUT_COUNT = 31, INPUT_NAME = 36, OUTPUT_NAME = 37,
    CREATE_TENSOR = 49, CPU_MEMORY = 69, ALLOCATOR_FREE = 76, DEFAULT_ALLOCATOR = 78, RELEASE_ENV = 92, RELEASE_STATUS = 93,
    RELEASE_MEMORY = 94, RELEASE_SESSION = 95, RELEASE_VALUE = 96, RELEASE_OPTIONS = 100,
};

typedef void any_fn(void);
struct api_base { any_fn *const *(*get_api)(uint32_t version); const char *(*version)(void); };

struct facet_ort {
    const struct api_base *base;
    any_fn *const *api;
    void *env, *memory, *allocator;
};

/* Inputs or outputs. */
struct arguments {
    char *names[MAX_ARGUMENTS];
    void *values[MAX_ARGUMENTS];
    size_t n;
};

struct facet_ort_net {
    struct facet_ort *o;
    void *session;
    struct arguments in, out;
};

/* A status is NULL or an error that we take. */
static int check(struct facet_ort *o, void *status, const char *doing)
{
    if (!status)
        return FACET_OK;
    const char *(*message)(const void *) = (const char *(*)(const void *))o->api[GET_ERROR_MESSAGE];
    void (*release)(void *) = (void (*)(void *))o->api[RELEASE_STATUS];
    facet_fail(FACET_E_UNSUPPORTED, "ONNX Runtime cannot %s: %s", doing, message(status));
    release(status);
    return FACET_E_UNSUPPORTED;
}

static void release(struct facet_ort *o, enum slot slot, void *thing)
{
    if (thing)
        ((void (*)(void *))o->api[slot])(thing);
}

/* ---- the library ---- */

static const struct facet_library library = {
    .backend = "onnxruntime", .variable = "FACET_ORT_LIB", .files = { "libonnxruntime.so" }, .package = "onnxruntime/capi",
    .remedy = "run scripts/bench-rivals.sh to fetch its library",
};

static int start(struct facet_ort *o)
{
    int err = check(o, ((void *(*)(int, const char *, void **))o->api[CREATE_ENV])(3, "facet", &o->env), "start");
    if (!err)
        err = check(o, ((void *(*)(int, int, void **))o->api[CPU_MEMORY])(1, 0, &o->memory), "describe memory");
    if (!err)
        err = check(o, ((void *(*)(void **))o->api[DEFAULT_ALLOCATOR])(&o->allocator), "give its allocator");
    return err;
}

int facet_ort_open(struct facet_ort **out)
{
    struct facet_ort *o = calloc(1, sizeof(*o));
    static const struct facet_symbol symbol = { "OrtGetApiBase", 0 };
    const struct api_base *(*get)(void) = NULL;
    void *lib = NULL;
    int err = o ? facet_library_open(&lib, &library) : facet_fail_nomem();
    if (!err)
        err = facet_library_symbols(lib, &library, &symbol, 1, &get);
    if (!err) {
        o->base = get();
        o->api = o->base->get_api(API_VERSION);
    }
    if (!err && !o->api)
        err = facet_fail(FACET_E_UNSUPPORTED, "this ONNX Runtime does not offer version %d of its interface: install 1.16 or later", API_VERSION);
    if (!err)
        err = start(o);
    if (err)
        facet_ort_close(&o);
    *out = o;
    return err;
}

void facet_ort_close(struct facet_ort **o)
{
    if (*o && (*o)->api) {
        release(*o, RELEASE_MEMORY, (*o)->memory);
        release(*o, RELEASE_ENV, (*o)->env);
    }
    free(*o);       /* the library stays: its threads may outlive the last call */
    *o = NULL;
}

const char *facet_ort_version(const struct facet_ort *o)
{
    return o->base->version();
}

/* ---- networks ---- */

static int make_session(struct facet_ort_net *n, const uint8_t *onnx, size_t len, unsigned threads)
{
    struct facet_ort *o = n->o;
    void *options = NULL;
    int err = check(o, ((void *(*)(void **))o->api[CREATE_OPTIONS])(&options), "make options");
    if (!err)
        err = check(o, ((void *(*)(void *, int))o->api[SET_INTRA_THREADS])(options, (int)threads), "set threads");
    if (!err)
        err = check(o, ((void *(*)(void *, int))o->api[SET_INTER_THREADS])(options, 1), "set threads");
    if (!err)
        err = check(o, ((void *(*)(void *, int))o->api[SET_OPTIMIZATION])(options, 99), "set optimisation");
    if (!err)
        err = check(o, ((void *(*)(void *, const void *, size_t, void *, void **))o->api[CREATE_SESSION_FROM_ARRAY])(
                           o->env, onnx, len, options, &n->session), "load the network");
    release(o, RELEASE_OPTIONS, options);
    return err;
}

static int name_of(struct facet_ort_net *n, enum slot slot, size_t i, char **out)
{
    struct facet_ort *o = n->o;
    char *name = NULL;
    int err = check(o, ((void *(*)(void *, size_t, void *, char **))o->api[slot])(n->session, i, o->allocator, &name), "give a name");
    if (err)
        return err;
    *out = strdup(name);
    release(o, RELEASE_STATUS, ((void *(*)(void *, void *))o->api[ALLOCATOR_FREE])(o->allocator, name));
    return *out ? FACET_OK : facet_fail_nomem();
}

static int read_names(struct facet_ort_net *n, struct arguments *a, enum slot count, enum slot name)
{
    size_t found = 0;
    int err = check(n->o, ((void *(*)(void *, size_t *))n->o->api[count])(n->session, &found), "count inputs and outputs");
    if (!err && found > MAX_ARGUMENTS)
        err = facet_fail(FACET_E_LIMIT, "cannot run a network of %zu inputs or outputs on ONNX Runtime: %d are the most", found, MAX_ARGUMENTS);
    a->n = err ? 0 : found;
    for (size_t i = 0; !err && i < a->n; i++)
        err = name_of(n, name, i, &a->names[i]);
    return err;
}

int facet_ort_load(struct facet_ort_net **out, struct facet_ort *o, const uint8_t *onnx, size_t len, unsigned threads)
{
    struct facet_ort_net *n = calloc(1, sizeof(*n));
    int err = n ? FACET_OK : facet_fail_nomem();
    if (!err) {
        n->o = o;
        err = make_session(n, onnx, len, threads);
    }
    if (!err)
        err = read_names(n, &n->in, INPUT_COUNT, INPUT_NAME);
    if (!err)
        err = read_names(n, &n->out, OUTPUT_COUNT, OUTPUT_NAME);
    if (err)
        facet_ort_unload(&n);
    *out = n;
    return err;
}

static void drop_values(struct facet_ort_net *n, struct arguments *a)
{
    for (size_t i = 0; i < a->n; i++) {
        release(n->o, RELEASE_VALUE, a->values[i]);
        a->values[i] = NULL;
    }
}

void facet_ort_unload(struct facet_ort_net **n)
{
    if (!*n)
        return;
    struct arguments *both[] = { &(*n)->in, &(*n)->out };
    for (int k = 0; k < 2; k++) {
        drop_values(*n, both[k]);
        for (size_t i = 0; i < MAX_ARGUMENTS; i++)
            free(both[k]->names[i]);
    }
    release((*n)->o, RELEASE_SESSION, (*n)->session);
    free(*n);
    *n = NULL;
}

/* ONNX's number for a type; 0: not one that it may get. */
static int onnx_type(enum facet_dtype t)
{
    switch (t) {
    case FACET_F32: return 1;
    case FACET_U8: return 2;
    case FACET_I8: return 3;
    case FACET_I32: return 6;
    case FACET_I64: return 7;
    case FACET_BOOL: return 9;
    default: return 0;
    }
}

static int make_value(struct facet_ort_net *n, const struct facet_tensor *t, void **out)
{
    size_t bytes = (size_t)facet_shape_count(&t->shape) * facet_dtype_size(t->dtype);
    int type = onnx_type(t->dtype);
    if (!type)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot give ONNX Runtime numbers of type %s", facet_dtype_name(t->dtype));
    return check(n->o, ((void *(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))n->o->api[CREATE_TENSOR])(
                           n->o->memory, t->data, bytes, t->shape.dim, (size_t)t->shape.rank, type, out), "make a tensor");
}

int facet_ort_bind(struct facet_ort_net *n, const struct facet_tensor *const *in, int n_in, struct facet_tensor *const *out, int n_out)
{
    int err = FACET_OK;
    if ((size_t)n_in != n->in.n || (size_t)n_out != n->out.n)
        return facet_fail(FACET_E_INTERNAL, "ONNX Runtime sees %zu inputs and %zu outputs, not %d and %d", n->in.n, n->out.n, n_in, n_out);
    drop_values(n, &n->in);
    drop_values(n, &n->out);
    for (int i = 0; !err && i < n_in; i++)
        err = make_value(n, in[i], &n->in.values[i]);
    for (int i = 0; !err && i < n_out; i++)
        err = make_value(n, out[i], &n->out.values[i]);
    return err;
}

int facet_ort_run(struct facet_ort_net *n)
{
    typedef void *run_fn(void *, void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **);
    return check(n->o, ((run_fn *)n->o->api[RUN])(n->session, NULL, (const char *const *)n->in.names, (const void *const *)n->in.values, n->in.n,
                                                  (const char *const *)n->out.names, n->out.n, n->out.values), "run");
}
