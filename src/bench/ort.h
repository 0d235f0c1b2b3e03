/* ONNX Runtime as a rival, when its shared library is there. Never linked: opened by name, through
 * the few functions of its public C API that running a network takes. */
#ifndef FACET_BENCH_ORT_H
#define FACET_BENCH_ORT_H

#include "engine/tensor.h"

struct facet_ort;
struct facet_ort_net;

/* `path` NULL: $FACET_ORT_LIB, then the folders where scripts/bench-rivals.sh puts it, then the
 * system's. FACET_E_NOT_FOUND when there is none, FACET_E_UNSUPPORTED when it is too old. */
int facet_ort_open(struct facet_ort **out, const char *path);
void facet_ort_close(struct facet_ort **o);
const char *facet_ort_version(const struct facet_ort *o);      /* "1.30.0" */

/* One network with an input that is borrowed until close; CPU, all its own optimisations on. */
int facet_ort_load(struct facet_ort_net **out, struct facet_ort *o, const char *onnx_path, unsigned threads,
                   const struct facet_tensor *input);
void facet_ort_unload(struct facet_ort_net **n);
int facet_ort_run(struct facet_ort_net *n);
/* Output i of the last run, borrowed until the next; NULL before. */
const float *facet_ort_output(struct facet_ort_net *n, size_t i, size_t *count);

#endif
