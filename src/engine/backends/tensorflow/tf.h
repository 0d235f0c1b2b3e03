/* TensorFlow, when its shared library is there. Never linked: opened by name, through the few functions of its public
 * C interface that making and running a graph takes. Handles are opaque. */
#ifndef FACET_ENGINE_BACKENDS_TENSORFLOW_TF_H
#define FACET_ENGINE_BACKENDS_TENSORFLOW_TF_H

#include <stddef.h>
#include <stdint.h>

struct tf_output { void *op; int index; };

enum { TF_TYPE_FLOAT = 1, TF_TYPE_INT32 = 3 };

/* Result, name, arguments. */
#define FACET_TF_FUNCTIONS(X)                                                                                                     \
    X(const char *, TF_Version, (void))                                                                                           \
    X(void *, TF_NewStatus, (void))                                                                                               \
    X(void, TF_DeleteStatus, (void *status))                                                                                      \
    X(int, TF_GetCode, (const void *status))                                                                                      \
    X(const char *, TF_Message, (const void *status))                                                                             \
    X(void *, TF_NewGraph, (void))                                                                                                \
    X(void, TF_DeleteGraph, (void *graph))                                                                                        \
    X(void *, TF_NewOperation, (void *graph, const char *kind, const char *name))                                                 \
    X(void, TF_AddInput, (void *making, struct tf_output))                                                                        \
    X(void, TF_AddInputList, (void *making, const struct tf_output *, int))                                                       \
    X(void, TF_SetAttrType, (void *making, const char *, int))                                                                    \
    X(void, TF_SetAttrIntList, (void *making, const char *, const int64_t *, int))                                                \
    X(void, TF_SetAttrString, (void *making, const char *, const void *, size_t))                                                 \
    X(void, TF_SetAttrBool, (void *making, const char *, unsigned char))                                                          \
    X(void, TF_SetAttrFloat, (void *making, const char *, float))                                                                 \
    X(void, TF_SetAttrTensor, (void *making, const char *, void *tensor, void *status))                                           \
    X(void, TF_SetAttrShape, (void *making, const char *, const int64_t *, int))                                                  \
    X(void *, TF_FinishOperation, (void *making, void *status))                                                                   \
    X(void *, TF_NewTensor, (int type, const int64_t *, int, void *, size_t, void (*drop)(void *, size_t, void *), void *))       \
    X(void *, TF_AllocateTensor, (int type, const int64_t *, int, size_t))                                                        \
    X(void, TF_DeleteTensor, (void *tensor))                                                                                      \
    X(void *, TF_TensorData, (const void *tensor))                                                                                \
    X(size_t, TF_TensorByteSize, (const void *tensor))                                                                            \
    X(int, TF_TensorType, (const void *tensor))                                                                                   \
    X(void *, TF_NewSessionOptions, (void))                                                                                       \
    X(void, TF_SetConfig, (void *options, const void *, size_t, void *status))                                                    \
    X(void, TF_DeleteSessionOptions, (void *options))                                                                             \
    X(void *, TF_NewSession, (void *graph, const void *options, void *status))                                                    \
    X(void, TF_CloseSession, (void *session, void *status))                                                                       \
    X(void, TF_DeleteSession, (void *session, void *status))                                                                      \
    X(void, TF_SessionRun, (void *session, const void *, const struct tf_output *, void *const *, int, const struct tf_output *,  \
                            void **, int, const void *const *, int, void *, void *status))

#define FACET_TF_MEMBER(result, name, arguments) result (*name) arguments;
struct facet_tf { FACET_TF_FUNCTIONS(FACET_TF_MEMBER) };

/* Looks at $FACET_TENSORFLOW_LIB alone when it is set, then at the usual places (library.h). FACET_E_UNSUPPORTED when
 * there is none. What it finds stays open. */
int facet_tf_open(struct facet_tf *out);
/* The status as our error, and then dropped: FACET_E_UNSUPPORTED "TensorFlow cannot <doing>: ...". NULL: no memory. */
int facet_tf_check(const struct facet_tf *tf, void *status, const char *doing);

#endif
