/* Caffe networks from anywhere: the description up to the first NUL byte, then the weights. Both
 * ways of importing; a network that is accepted must be sound. */
#include "engine/format/caffe.h"

#include <facet/error.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t text = end ? (size_t)(end - data) : size, rest = end ? size - text - 1 : 0;
    struct facet_caffe_source s = {.text = (const char *)data, .text_len = text, .weights = data + size - rest,
                                   .weights_len = rest, .text_origin = "fuzz.prototxt",
                                   .weights_origin = "fuzz.caffemodel"};
    for (int i = 0; i < 2; i++) {
        struct facet_graph *g;
        s.is_swapped = i == 1;
        if (facet_caffe_parse(&g, &s) != FACET_OK)
            continue;
        if (facet_graph_check(g) != FACET_OK)
            abort();
        facet_graph_infer(g); /* may refuse: shapes of in-between values are not checked twice */
        facet_graph_free(&g);
    }
    return 0;
}
