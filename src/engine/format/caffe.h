/* Caffe models to graphs (caffe.c says how). */
#ifndef FACET_ENGINE_FORMAT_CAFFE_H
#define FACET_ENGINE_FORMAT_CAFFE_H

#include "engine/format/import.h"

#include <stdbool.h>

struct facet_caffe_source {           /* all borrowed during the call */
    const char *text;                 /* the description */
    size_t text_len;
    const uint8_t *weights;
    size_t weights_len;
    const char *text_origin, *weights_origin;    /* names of the files in errors */
    bool is_swapped;                  /* trained with height and width swapped: the graph takes the upright picture */
};
int facet_caffe_parse(struct facet_graph **out, const struct facet_caffe_source *s);

extern const struct facet_importer facet_import_caffe, facet_import_caffe_swapped;

#endif
