/* A request of the Open Inference Protocol v2 (REST, with the binary tensor extension), read and checked by itself; whether it
 * fits a model is asked by facet_nets_run. */
#ifndef FACET_SERVE_OIP_REQUEST_H
#define FACET_SERVE_OIP_REQUEST_H

#include "deploy/nets.h"

#define FACET_OIP_ID 128

struct facet__oip_output { char name[FACET_NET_PORT_NAME]; bool is_binary; };
struct facet__oip_request {
    bool has_id;
    char id[FACET_OIP_ID];
    struct facet_net_tensor inputs[FACET_NET_PORTS];
    int n_inputs;
    struct facet__oip_output outputs[FACET_NET_PORTS];     /* n_outputs 0: all, as is_binary says */
    int n_outputs;
    bool is_binary;
    float *memory[FACET_NET_PORTS];
};

/* The first `json_len` bytes of the body are JSON, the rest the binary tensors in the order of the inputs; a body without
 * binary tensors is all JSON. FACET_E_FORMAT, _INVALID or _LIMIT with what is wrong. To be ended by fini, on failure too. */
int facet__oip_request_parse(struct facet__oip_request *out, const void *body, size_t len, size_t json_len);
void facet__oip_request_fini(struct facet__oip_request *q);
/* "FP32"; NULL: the protocol has no such type. */
const char *facet__oip_datatype(enum facet_dtype t);

#endif
