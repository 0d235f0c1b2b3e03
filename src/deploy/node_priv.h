/* Between the files of a node: node.c opens and runs it, node_look.c is what others see of it, node_path.c its pipeline. */
#ifndef FACET_DEPLOY_NODE_PRIV_H
#define FACET_DEPLOY_NODE_PRIV_H

#include "base/lock.h"
#include "deploy/node.h"
#include "stages/identify/identify.h"

#include <stdatomic.h>

struct facet_manifest;
struct facet_model_spec;
struct facet_packet;

#define FACET__NODE_LISTENERS 64
#define FACET__NODE_FACES 64       /* of a camera that are kept for drawing */

struct facet__listener { facet_node_listener *fn; void *ctx; int handle; };

struct facet__last_faces {         /* what a camera showed last */
    char camera[FACET_MAX_NAME];
    int64_t captured_ms;
    int n;
    struct facet_face face[FACET__NODE_FACES];
};

struct facet_node {
    struct facet_node_opts o;
    const struct facet_site *site;
    char run[64];                  /* of this process, in every event */
    uint64_t started_ns;
    volatile int stop;             /* 1: everything ends */
    struct facet_manifest *manifest;
    const struct facet_model_spec *detector, *recogniser;
    struct facet_gallery *gallery; /* NULL: nobody is known */
    struct facet_identify_opts identify;

    struct facet_lock listen_lock; /* held while listeners are told */
    bool has_listen_lock, has_lock;
    struct facet__listener listeners[FACET__NODE_LISTENERS];
    int n_listeners, last_handle;

    struct facet_lock lock;        /* below */
    struct facet__last_faces *faces[FACET_MAX_CAMERAS];
    int n_faces;
    struct facet_node_stats stats;
};

/* Steps of opening, each with its closing below. */
int facet__node_open_models(struct facet_node *n);
int facet__node_open_gallery(struct facet_node *n);

/* An event of this node's own, or one that arrived: listeners are told. */
void facet__node_tell(struct facet_node *n, const struct facet_event *e);
/* A frame went through the whole path. */
void facet__node_saw(struct facet_node *n, const struct facet_packet *p, const char *camera);
void facet__node_drop_faces(struct facet_node *n);

#endif
