/* Tensors in JSON: nested lists of numbers, as inference clients write and read them. */
#ifndef FACET_SERVE_TENSOR_JSON_H
#define FACET_SERVE_TENSOR_JSON_H

#include "base/json.h"
#include "deploy/nets.h"

/* A number, or lists of lists of numbers that are all alike: *data is malloc'ed, the caller frees. `what` names it in errors.
 * FACET_E_FORMAT: ragged, empty, or something else than numbers; FACET_E_LIMIT: too deep. */
int facet__tensor_from_json(struct facet_shape *shape, float **data, const struct facet_json *j, const char *what);
/* Nested lists from dimension `level` on of the numbers from element `at` on. */
void facet__tensor_to_json(struct facet_jsonw *w, const struct facet_net_tensor *t, int level, int64_t at);
/* All numbers in one list. */
void facet__tensor_to_flat_json(struct facet_jsonw *w, const struct facet_net_tensor *t);

#endif
