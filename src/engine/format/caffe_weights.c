#include "engine/format/caffe_priv.h"

#include "base/errors.h"
#include "base/limits.h"
#include "caffe.pb-c.h"
#include "engine/format/wire.h"

#include <stdlib.h>
#include <string.h>

struct facet__weights {
    Facet__Caffe__Net *net;
    char *origin;
};

/* A layer's blobs, whichever of the two forms the file has. */
struct blobs { Facet__Caffe__Blob **items; size_t count; };

static struct blobs find_blobs(const struct facet__weights *w, const char *layer)
{
    const Facet__Caffe__Net *net = w->net;
    for (size_t i = 0; i < net->n_layer; i++)
        if (net->layer[i]->name && !strcmp(net->layer[i]->name, layer))
            return (struct blobs){net->layer[i]->blobs, net->layer[i]->n_blobs};
    for (size_t i = 0; i < net->n_layers; i++)
        if (net->layers[i]->name && !strcmp(net->layers[i]->name, layer))
            return (struct blobs){net->layers[i]->blobs, net->layers[i]->n_blobs};
    return (struct blobs){NULL, 0};
}

size_t facet__weights_count(const struct facet__weights *w, const char *layer)
{
    return find_blobs(w, layer).count;
}

/* The blob's shape without leading ones; its rank, or -1 when it has too many dimensions. */
static int blob_shape(const Facet__Caffe__Blob *b, int64_t dims[FACET_MAX_DIMS])
{
    int64_t old[4] = {b->num, b->channels, b->height, b->width};
    const int64_t *from = b->shape ? b->shape->dim : old;
    size_t n = b->shape ? b->shape->n_dim : 4;
    while (n && *from == 1) {
        from++;
        n--;
    }
    if (n > FACET_MAX_DIMS)
        return -1;
    if (n)
        memcpy(dims, from, n * sizeof(*dims));
    return (int)n;
}

static bool same_shape(const Facet__Caffe__Blob *b, const int64_t *dims, int rank)
{
    int64_t have[FACET_MAX_DIMS];
    int n = blob_shape(b, have);
    while (rank && *dims == 1) {
        dims++;
        rank--;
    }
    return n == rank && (rank == 0 || !memcmp(have, dims, (size_t)rank * sizeof(*dims)));
}

static size_t count_of(const int64_t *dims, int rank)
{
    size_t n = 1;
    for (int i = 0; i < rank; i++)
        if (__builtin_mul_overflow(n, (size_t)dims[i], &n))
            return SIZE_MAX;
    return n;
}

int facet__weights_get(const struct facet__weights *w, const char *layer, size_t index, const int64_t *dims,
                       int rank, float **values)
{
    struct blobs blobs = find_blobs(w, layer);
    *values = NULL;
    if (index >= blobs.count)
        return facet_fail(FACET_E_FORMAT, "cannot import '%s': it has %zu blobs for layer '%s', not %zu or more",
                          w->origin, blobs.count, layer, index + 1);
    const Facet__Caffe__Blob *b = blobs.items[index];
    size_t want = count_of(dims, rank);
    if (!same_shape(b, dims, rank) || (b->n_data != want && b->n_double_data != want))
        return facet_fail(FACET_E_FORMAT, "cannot import '%s': blob %zu of layer '%s' has another shape than the "
                          "network's description says (%zu numbers wanted, %zu there)", w->origin, index, layer,
                          want, b->n_data ? b->n_data : b->n_double_data);
    float *out = malloc(want ? want * sizeof(*out) : 1);
    if (!out)
        return facet_fail_nomem();
    if (b->n_data == want)
        memcpy(out, b->data, want * sizeof(*out));
    else
        for (size_t i = 0; i < want; i++)
            out[i] = (float)b->double_data[i];
    *values = out;
    return FACET_OK;
}

int facet__weights_parse(struct facet__weights **out, const uint8_t *data, size_t len, const char *origin)
{
    struct facet__weights *w = calloc(1, sizeof(*w));
    *out = NULL;
    if (!w || !(w->origin = strdup(origin))) {
        free(w);
        return facet_fail_nomem();
    }
    int err = facet_wire_check(&facet__caffe__net__descriptor, data, len, origin);
    if (!err)
        w->net = facet__caffe__net__unpack(NULL, len, data);
    if (!err && !w->net)
        err = facet_fail(FACET_E_FORMAT, "cannot import '%s': it is damaged, or no file of Caffe weights", origin);
    else if (!err && w->net->n_layer + w->net->n_layers == 0)
        err = facet_fail(FACET_E_FORMAT, "cannot import '%s': it holds no layers", origin);
    if (err)
        facet__weights_free(&w);
    *out = w;
    return err;
}

void facet__weights_free(struct facet__weights **w)
{
    if (!*w)
        return;
    if ((*w)->net)
        facet__caffe__net__free_unpacked((*w)->net, NULL);
    free((*w)->origin);
    free(*w);
    *w = NULL;
}
