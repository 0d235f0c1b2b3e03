/* The functions are called by their place in the table that OrtGetApiBase()->GetApi gives; the order
 * is fixed by the API's promise to only append. Version 16 (2023) has all of them. */
#include "bench/ort.h"

#include "base/errors.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API_VERSION 16
#define MAX_OUTPUTS 8

enum slot {
    GET_ERROR_MESSAGE = 2, CREATE_ENV = 3, CREATE_SESSION = 7, RUN = 9, CREATE_OPTIONS = 10, SET_OPTIMIZATION = 23,
    SET_INTRA_THREADS = 24, SET_INTER_THREADS = 25, OUTPUT_COUNT = 31, INPUT_NAME = 36, OUTPUT_NAME = 37,
    CREATE_TENSOR = 49, TENSOR_DATA = 51, ELEMENT_COUNT = 64, TENSOR_INFO = 65, CPU_MEMORY = 69, ALLOCATOR_FREE = 76,
    DEFAULT_ALLOCATOR = 78, RELEASE_ENV = 92, RELEASE_STATUS = 93, RELEASE_MEMORY = 94, RELEASE_SESSION = 95,
    RELEASE_VALUE = 96, RELEASE_INFO = 99, RELEASE_OPTIONS = 100,
};

typedef void any_fn(void);
struct api_base { any_fn *const *(*get_api)(uint32_t version); const char *(*version)(void); };

struct facet_ort {
    void *lib;
    const struct api_base *base;
    any_fn *const *api;
    void *env, *memory, *allocator;
};

struct facet_ort_net {
    struct facet_ort *o;
    void *session, *input, *outputs[MAX_OUTPUTS];
    char *input_name, *output_names[MAX_OUTPUTS];
    size_t n_outputs;
};

/* A status is NULL or an error that we take. */
static int check(struct facet_ort *o, void *status, const char *doing)
{
    if (!status)
        return FACET_OK;
    const char *(*message)(const void *) = (const char *(*)(const void *))o->api[GET_ERROR_MESSAGE];
    void (*release)(void *) = (void (*)(void *))o->api[RELEASE_STATUS];
    facet_fail(FACET_E_INTERNAL, "ONNX Runtime cannot %s: %s", doing, message(status));
    release(status);
    return FACET_E_INTERNAL;
}

static void release(struct facet_ort *o, enum slot slot, void *thing)
{
    if (thing)
        ((void (*)(void *))o->api[slot])(thing);
}

static void *open_library(const char *path)
{
    static const char *const names[] = { ".cache/rivals/libonnxruntime.so.1", "libonnxruntime.so.1", "libonnxruntime.so" };
    const char *given = path ? path : getenv("FACET_ORT_LIB");
    if (given && *given)
        return dlopen(given, RTLD_NOW | RTLD_LOCAL);
    void *lib = NULL;
    for (size_t i = 0; !lib && i < sizeof(names) / sizeof(names[0]); i++)
        lib = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    return lib;
}

static int start(struct facet_ort *o)
{
    int err = check(o, ((void *(*)(int, const char *, void **))o->api[CREATE_ENV])(3, "facet", &o->env), "start");
    if (!err)
        err = check(o, ((void *(*)(int, int, void **))o->api[CPU_MEMORY])(1, 0, &o->memory), "describe memory");
    if (!err)
        err = check(o, ((void *(*)(void **))o->api[DEFAULT_ALLOCATOR])(&o->allocator), "give its allocator");
    return err;
}

int facet_ort_open(struct facet_ort **out, const char *path)
{
    struct facet_ort *o = calloc(1, sizeof(*o));
    int err = o ? FACET_OK : facet_fail_nomem();
    if (!err)
        o->lib = open_library(path);
    if (!err && !o->lib)
        err = facet_fail(FACET_E_NOT_FOUND, "ONNX Runtime is not here: run scripts/bench-rivals.sh, or set FACET_ORT_LIB");
    const struct api_base *(*get)(void) = err ? NULL : (const struct api_base *(*)(void))(uintptr_t)dlsym(o->lib, "OrtGetApiBase");
    if (!err && get) {
        o->base = get();
        o->api = o->base->get_api(API_VERSION);
    }
    if (!err && !o->api)
        err = facet_fail(FACET_E_UNSUPPORTED, "this ONNX Runtime does not offer version %d of its interface", API_VERSION);
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

static int make_session(struct facet_ort_net *n, const char *path, unsigned threads)
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
        err = check(o, ((void *(*)(void *, const char *, void *, void **))o->api[CREATE_SESSION])(o->env, path, options, &n->session), "load the network");
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

static int bind_names(struct facet_ort_net *n)
{
    struct facet_ort *o = n->o;
    int err = check(o, ((void *(*)(void *, size_t *))o->api[OUTPUT_COUNT])(n->session, &n->n_outputs), "count outputs");
    if (!err && n->n_outputs > MAX_OUTPUTS)
        err = facet_fail(FACET_E_LIMIT, "cannot race a network of %zu outputs", n->n_outputs);
    if (err)
        n->n_outputs = 0;
    if (!err)
        err = name_of(n, INPUT_NAME, 0, &n->input_name);
    for (size_t i = 0; !err && i < n->n_outputs; i++)
        err = name_of(n, OUTPUT_NAME, i, &n->output_names[i]);
    return err;
}

int facet_ort_load(struct facet_ort_net **out, struct facet_ort *o, const char *onnx_path, unsigned threads,
                   const struct facet_tensor *input)
{
    struct facet_ort_net *n = calloc(1, sizeof(*n));
    int err = n ? FACET_OK : facet_fail_nomem();
    size_t bytes = (size_t)facet_shape_count(&input->shape) * sizeof(float);
    if (!err) {
        n->o = o;
        err = make_session(n, onnx_path, threads);
    }
    if (!err)
        err = bind_names(n);
    if (!err)
        err = check(o, ((void *(*)(void *, void *, size_t, const int64_t *, size_t, int, void **))o->api[CREATE_TENSOR])(
                           o->memory, input->data, bytes, input->shape.dim, (size_t)input->shape.rank, 1, &n->input), "make a tensor");
    if (err)
        facet_ort_unload(&n);
    *out = n;
    return err;
}

static void drop_outputs(struct facet_ort_net *n)
{
    for (size_t i = 0; i < n->n_outputs; i++) {
        release(n->o, RELEASE_VALUE, n->outputs[i]);
        n->outputs[i] = NULL;
    }
}

void facet_ort_unload(struct facet_ort_net **n)
{
    if (!*n)
        return;
    drop_outputs(*n);
    for (size_t i = 0; i < MAX_OUTPUTS; i++)
        free((*n)->output_names[i]);
    free((*n)->input_name);
    release((*n)->o, RELEASE_VALUE, (*n)->input);
    release((*n)->o, RELEASE_SESSION, (*n)->session);
    free(*n);
    *n = NULL;
}

int facet_ort_run(struct facet_ort_net *n)
{
    const char *in_name = n->input_name;
    const void *in = n->input;
    drop_outputs(n);
    return check(n->o, ((void *(*)(void *, void *, const char *const *, const void *const *, size_t, const char *const *, size_t, void **))
                            n->o->api[RUN])(n->session, NULL, &in_name, &in, 1, (const char *const *)n->output_names, n->n_outputs, n->outputs), "run");
}

const float *facet_ort_output(struct facet_ort_net *n, size_t i, size_t *count)
{
    struct facet_ort *o = n->o;
    void *data = NULL, *info = NULL;
    if (i >= n->n_outputs || !n->outputs[i])
        return NULL;
    int err = check(o, ((void *(*)(void *, void **))o->api[TENSOR_DATA])(n->outputs[i], &data), "give its output");
    if (!err)
        err = check(o, ((void *(*)(void *, void **))o->api[TENSOR_INFO])(n->outputs[i], &info), "give a shape");
    if (!err)
        err = check(o, ((void *(*)(void *, size_t *))o->api[ELEMENT_COUNT])(info, count), "count");
    release(o, RELEASE_INFO, info);
    return err ? NULL : data;
}
