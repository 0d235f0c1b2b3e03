/* The two halves of a Caffe model: prototxt.c reads the text that describes the network,
 * caffe_weights.c the binary that holds its numbers. caffe.c makes a graph of both. */
#ifndef FACET_ENGINE_FORMAT_CAFFE_PRIV_H
#define FACET_ENGINE_FORMAT_CAFFE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A field of protobuf's text format: a message (text NULL) or a scalar (text without quotes). */
struct facet__field {
    char *key;
    char *text;
    int line;
    struct facet__field *children;    /* in the order of the file */
    size_t count;
};

/* `origin` names the file in errors; the root is a message without key. */
int facet__prototxt_parse(struct facet__field **out, const char *text, size_t len, const char *origin);
void facet__prototxt_free(struct facet__field **root);

/* The i-th field of that name, NULL when there are not so many. `message` may be NULL. */
const struct facet__field *facet__field_at(const struct facet__field *message, const char *key, size_t i);
const char *facet__field_text(const struct facet__field *message, const char *key, const char *fallback);
/* FACET_E_FORMAT with file and line when present but not a whole number within the bounds. */
int facet__field_int(const struct facet__field *message, const char *key, size_t i, int64_t min, int64_t max,
                     int64_t fallback, int64_t *out, const char *origin);
int facet__field_num(const struct facet__field *message, const char *key, double fallback, double *out,
                     const char *origin);
int facet__field_bool(const struct facet__field *message, const char *key, bool fallback, bool *out,
                      const char *origin);

struct facet__weights;
int facet__weights_parse(struct facet__weights **out, const uint8_t *data, size_t len, const char *origin);
void facet__weights_free(struct facet__weights **w);
/* How many blobs a layer has; 0 when the file has no such layer. */
size_t facet__weights_count(const struct facet__weights *w, const char *layer);
/* Blob `index` of `layer`, which must have just this shape (leading ones aside); *values is malloc'ed. */
int facet__weights_get(const struct facet__weights *w, const char *layer, size_t index, const int64_t *dims,
                       int rank, float **values);

#endif
