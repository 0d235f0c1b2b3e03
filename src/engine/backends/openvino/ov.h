/* OpenVINO, when its shared library is there. Never linked: opened by name, through the few functions of its public
 * C interface that running a network takes. */
#ifndef FACET_ENGINE_BACKENDS_OPENVINO_OV_H
#define FACET_ENGINE_BACKENDS_OPENVINO_OV_H

#include "engine/tensor.h"

#include <stdbool.h>

struct facet_ov;
struct facet_ov_net;

/* Looks at $FACET_OPENVINO_LIB alone when it is set, then at the usual places (library.h). FACET_E_UNSUPPORTED when
 * there is none, or one that is too old. */
int facet_ov_open(struct facet_ov **out);
void facet_ov_close(struct facet_ov **o);
const char *facet_ov_version(const struct facet_ov *o);

struct facet_ov_opts {
    unsigned threads;
    bool is_bf16;
    const struct facet_shape *inputs;         /* as the file has them, free dimensions -1; need not stay */
    int n_inputs;
};
/* A network from the bytes of an ONNX file, which need not stay. `o` is borrowed until unload. FACET_E_UNSUPPORTED
 * when it cannot run it. */
int facet_ov_load(struct facet_ov_net **out, struct facet_ov *o, const uint8_t *onnx, size_t len, const struct facet_ov_opts *opts);
void facet_ov_unload(struct facet_ov_net **n);
/* Where its inputs and outputs lie from now on, in the file's order: borrowed until the next bind or unload. Compiles
 * for these shapes when they are new; for few of them by itself, for all others together. */
int facet_ov_bind(struct facet_ov_net *n, const struct facet_tensor *const *in, int n_in, struct facet_tensor *const *out, int n_out);
int facet_ov_run(struct facet_ov_net *n);

#endif
