/* A library with TensorFlow's C interface that runs nothing; FACET_FAKE_TENSORFLOW says in which way it misbehaves. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN __attribute__((visibility("default")))
#define GIVES(result, name, arguments, ...) SHOWN result name arguments; SHOWN result name arguments { __VA_ARGS__ }

struct output { void *op; int index; };
struct tensor { int type; size_t bytes; void *data; int is_lent; };
struct status { int code; };

static char thing[64];                  /* what every other handle points at */

static int is(const char *word)
{
    const char *how = getenv("FACET_FAKE_TENSORFLOW");
    return how && strcmp(how, word) == 0;
}

static void fail_if(void *status, const char *step)
{
    ((struct status *)status)->code = is(step) ? 3 : 0;
}

static size_t count(const int64_t *dims, int n)
{
    size_t all = 1;
    for (int i = 0; i < n; i++)
        all *= (size_t)dims[i];
    return all;
}

static struct tensor *make_tensor(int type, size_t bytes, void *data)
{
    struct tensor *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    *t = (struct tensor){ .type = type, .bytes = bytes, .data = data ? data : calloc(1, bytes + 1), .is_lent = data != NULL };
    return t;
}

GIVES(const char *, TF_Version, (void), return is("nameless") ? NULL : "9.9.9-fake";)
GIVES(void *, TF_NewStatus, (void), return calloc(1, sizeof(struct status));)
GIVES(void, TF_DeleteStatus, (void *status), free(status);)
GIVES(int, TF_GetCode, (const void *status), return ((const struct status *)status)->code;)
GIVES(const char *, TF_Message, (const void *status), return is("run") ? NULL : "the fake would not";)
GIVES(void *, TF_NewGraph, (void), return is("graph") ? NULL : thing;)
GIVES(void, TF_DeleteGraph, (void *graph), (void)graph;)
GIVES(void *, TF_NewOperation, (void *graph, const char *kind, const char *name), return is("kind") ? NULL : thing;)
GIVES(void, TF_AddInput, (void *making, struct output x), (void)making;)
GIVES(void, TF_AddInputList, (void *making, const struct output *x, int n), (void)making;)
GIVES(void, TF_SetAttrType, (void *making, const char *key, int type), (void)making;)
GIVES(void, TF_SetAttrIntList, (void *making, const char *key, const int64_t *v, int n), (void)making;)
GIVES(void, TF_SetAttrString, (void *making, const char *key, const void *v, size_t len), (void)making;)
GIVES(void, TF_SetAttrBool, (void *making, const char *key, unsigned char v), (void)making;)
GIVES(void, TF_SetAttrFloat, (void *making, const char *key, float v), (void)making;)
GIVES(void, TF_SetAttrTensor, (void *making, const char *key, void *tensor, void *status), fail_if(status, "constant");)
GIVES(void, TF_SetAttrShape, (void *making, const char *key, const int64_t *dims, int n), (void)making;)
GIVES(void *, TF_FinishOperation, (void *making, void *status), fail_if(status, "finish"); return is("hollow") ? NULL : thing;)
GIVES(void *, TF_NewTensor, (int type, const int64_t *dims, int n, void *data, size_t len, void (*drop)(void *, size_t, void *), void *ctx),
      return is("input") ? NULL : make_tensor(type, len, data);)
GIVES(void *, TF_AllocateTensor, (int type, const int64_t *dims, int n, size_t len), return make_tensor(type, is("small") ? 0 : len, NULL);)
GIVES(void *, TF_TensorData, (const void *tensor), return ((const struct tensor *)tensor)->data;)
GIVES(size_t, TF_TensorByteSize, (const void *tensor), return ((const struct tensor *)tensor)->bytes;)
GIVES(int, TF_TensorType, (const void *tensor), return ((const struct tensor *)tensor)->type;)
GIVES(void *, TF_NewSessionOptions, (void), return is("options") ? NULL : thing;)
GIVES(void, TF_SetConfig, (void *options, const void *proto, size_t len, void *status), fail_if(status, "config");)
GIVES(void, TF_DeleteSessionOptions, (void *options), (void)options;)
GIVES(void *, TF_NewSession, (void *graph, const void *options, void *status), fail_if(status, "session");
      return is("session") || is("idle") ? NULL : thing;)
GIVES(void, TF_CloseSession, (void *session, void *status), (void)session;)
GIVES(void, TF_DeleteSession, (void *session, void *status), (void)session;)

SHOWN void TF_DeleteTensor(void *tensor);
SHOWN void TF_DeleteTensor(void *tensor)
{
    struct tensor *t = tensor;
    if (!t->is_lent)
        free(t->data);
    free(t);
}

/* R-Net's outputs for one window: 4 shifts and 2 scores, or 2 and 4. */
SHOWN void TF_SessionRun(void *session, const void *options, const struct output *inputs, void *const *in, int n_in, const struct output *outputs,
                         void **out, int n_out, const void *const *targets, int n_targets, void *metadata, void *status);
SHOWN void TF_SessionRun(void *session, const void *options, const struct output *inputs, void *const *in, int n_in, const struct output *outputs,
                         void **out, int n_out, const void *const *targets, int n_targets, void *metadata, void *status)
{
    const int64_t two[] = { 1, 2 };
    const int64_t four[] = { 1, 4 };
    int first_is_two = getenv("FACET_FAKE_FIRST") != NULL;
    fail_if(status, "run");
    for (int i = 0; i < n_out && !is("run") && !is("nothing"); i++) {
        const int64_t *dims = (i == 0) == first_is_two ? two : four;
        out[i] = make_tensor(is("type") ? 2 : 1, is("size") ? 4 : 4 * count(dims, 2), NULL);
    }
}
