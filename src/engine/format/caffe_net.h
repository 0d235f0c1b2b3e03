/* A network on its way from Caffe to a graph: what the driver (caffe.c) and the layers
 * (caffe_layers.c) share. */
#ifndef FACET_ENGINE_FORMAT_CAFFE_NET_H
#define FACET_ENGINE_FORMAT_CAFFE_NET_H

#include "engine/format/caffe_priv.h"
#include "engine/graph.h"

#define FACET__MAX_BOTTOMS 64

/* A blob as it stands: layers may overwrite one in place, which gives it a new value. */
struct facet__blob {
    char *name;
    int value;           /* in the graph */
    int rank;            /* 4: N C H W; 2: N C */
    int64_t c, h, w;     /* h and w are 1 with rank 2 */
    bool is_used;        /* some layer reads it */
};

struct facet__caffe {
    struct facet_graph *graph;
    const struct facet__field *net;
    const struct facet__weights *weights;
    const char *origin;              /* the description's file name */
    bool is_swapped;                 /* published with height and width swapped; made upright here */
    bool is_sized;                   /* some layer needs the height and width of the input */
    struct facet__blob *blobs;
    size_t n_blobs;
};

struct facet__layer {
    const struct facet__field *field;
    const char *name, *type;
    const char *out_name;            /* of the value it makes */
    struct facet__blob *bottom[FACET__MAX_BOTTOMS];
    size_t n_bottom;
    struct facet__blob top;          /* filled by the layer: value, rank, c, h, w */
};

struct facet__layer_type {
    const char *type;
    size_t min_bottoms, max_bottoms;
    int (*make)(struct facet__caffe *c, struct facet__layer *l);
};
extern const struct facet__layer_type facet__layer_types[];    /* ended by a NULL type */

/* FACET_E_UNSUPPORTED with file, line, layer and type before the text. */
int facet__layer_fail(const struct facet__caffe *c, const struct facet__layer *l, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
