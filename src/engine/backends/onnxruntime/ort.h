/* ONNX Runtime, when its shared library is there. Never linked: opened by name, through the few functions
 * of its public C interface that running a network takes. */
#ifndef FACET_ENGINE_BACKENDS_ONNXRUNTIME_ORT_H
#define FACET_ENGINE_BACKENDS_ONNXRUNTIME_ORT_H

#include "engine/tensor.h"

struct facet_ort;
struct facet_ort_net;

/* Looks at $FACET_ORT_LIB alone when it is set, then at the usual places (library.h). FACET_E_UNSUPPORTED when there is
 * none, or one that is too old. */
int facet_ort_open(struct facet_ort **out);
void facet_ort_close(struct facet_ort **o);
const char *facet_ort_version(const struct facet_ort *o);      /* "1.30.0" */

/* A network from the bytes of its file, with all of its own optimisations on. `o` is borrowed until close. */
int facet_ort_load(struct facet_ort_net **out, struct facet_ort *o, const uint8_t *onnx, size_t len, unsigned threads);
void facet_ort_unload(struct facet_ort_net **n);
/* Where its inputs and outputs lie from now on, in the file's order: borrowed until the next bind or unload. */
int facet_ort_bind(struct facet_ort_net *n, const struct facet_tensor *const *in, int n_in, struct facet_tensor *const *out, int n_out);
int facet_ort_run(struct facet_ort_net *n);

#endif
