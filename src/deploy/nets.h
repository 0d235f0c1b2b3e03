/* Every network of the manifest that is there, for requests that bring tensors of their own: opened on first use, one run at a
 * time on all threads, others wait in a bounded line. A model of one network bears the model's name, a part of a model
 * "<model>.<part>" ("mtcnn.pnet"). Thread-safe. */
#ifndef FACET_DEPLOY_NETS_H
#define FACET_DEPLOY_NETS_H

#include "engine/tensor.h"

struct facet_nets;
struct facet_model_spec;

#define FACET_NET_PORTS 32
#define FACET_NET_NAME (FACET_MAX_NAME + 33)
#define FACET_NET_PORT_NAME 128
#define FACET_MAX_INFER_BODY (64u << 20)            /* bytes of a request that brings tensors */
#define FACET_MAX_INFER_JSON (16u << 20)            /* ... of its JSON part */
#define FACET_MAX_INFER_BATCH 32                    /* rows of a batch that it may ask for */

struct facet_nets_opts {
    const char *manifest, *backend;    /* NULL: found; the default */
    bool strict;
    unsigned threads;              /* 0: all */
    unsigned max_waiting;          /* requests, beside the one under way; 0: 64. More: FACET_E_AGAIN */
};

struct facet_net_port { char name[FACET_NET_PORT_NAME]; enum facet_dtype dtype; struct facet_shape shape; };   /* dim -1: free */
struct facet_net_info {
    char name[FACET_NET_NAME], version[32];
    bool is_present;
    int n_inputs, n_outputs;       /* 0 until the network is opened: facet_nets_open_net */
    struct facet_net_port inputs[FACET_NET_PORTS], outputs[FACET_NET_PORTS];
};

/* Numbers of the port's type; inputs are always FACET_F32. */
struct facet_net_tensor { struct facet_net_port port; const void *data; };
struct facet_net_answer { struct facet_net_tensor outputs[FACET_NET_PORTS]; int n; uint64_t queued_ns, worked_ns; void *memory; };

int facet_nets_open(struct facet_nets **out, const struct facet_nets_opts *o);
void facet_nets_close(struct facet_nets **n);      /* as facet_engine_room_close */
size_t facet_nets_count(const struct facet_nets *n);
const char *facet_nets_name(const struct facet_nets *n, size_t i);
/* What is known without opening: ports are left out. FACET_E_NOT_FOUND. */
int facet_nets_look(const struct facet_nets *n, const char *name, struct facet_net_info *out);
/* The same with ports: opens the network when it is not. FACET_E_NOT_FOUND: there is none, or it was not pulled. */
int facet_nets_info(struct facet_nets *n, const char *name, struct facet_net_info *out);
/* The model that a network is of, or is a part of; NULL: there is none. */
const struct facet_model_spec *facet_nets_spec(const struct facet_nets *n, const char *name);
/* Runs `inputs`, each of the network's once, in any order, with data of exactly its shape. FACET_E_INVALID says what does not fit.
 * The answer is the caller's, and empty on failure. */
int facet_nets_run(struct facet_nets *n, const char *name, const struct facet_net_tensor *inputs, int n_inputs,
                   struct facet_net_answer *out);
void facet_net_answer_fini(struct facet_net_answer *a);

#endif
