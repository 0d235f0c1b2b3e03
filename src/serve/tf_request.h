/* A :predict request of TensorFlow Serving's REST form, turned into the tensors of a network. */
#ifndef FACET_SERVE_TF_REQUEST_H
#define FACET_SERVE_TF_REQUEST_H

#include "deploy/nets.h"

struct facet_model_spec;

struct facet__tf_request {
    bool is_row;                   /* "instances", answered by "predictions"; otherwise "inputs" and "outputs" */
    struct facet_net_tensor inputs[FACET_NET_PORTS];
    int n_inputs;
    float *memory[FACET_NET_PORTS];
};

/* For network `info`. Where a list of numbers is wanted for one instance, {"b64": ...} may hold a picture, which is scaled to the
 * network's size and fed as `spec` says (NULL: not taken). To be ended by fini, on failure too. */
int facet__tf_request_parse(struct facet__tf_request *out, const struct facet_net_info *info, const struct facet_model_spec *spec,
                            const void *body, size_t len);
void facet__tf_request_fini(struct facet__tf_request *q);

#endif
