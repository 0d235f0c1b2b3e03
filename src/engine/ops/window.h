/* Where a sliding window (convolution, pool) falls: one reading of strides, pads, dilations, auto_pad
 * and ceil_mode for inference and every back end. */
#ifndef FACET_ENGINE_OPS_WINDOW_H
#define FACET_ENGINE_OPS_WINDOW_H

#include "engine/graph.h"

struct facet_window {
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t dilation_h, dilation_w;
    int64_t pad_top, pad_left, pad_bottom, pad_right;
    int64_t out_h, out_w;             /* -1 where the input's size is free */
};

/* kernel_h and kernel_w as the weights have them (Conv) or 0: from kernel_shape (pools). */
int facet_window_init(struct facet_window *w, const struct facet_graph *g, const struct facet_node *n,
                      int64_t kernel_h, int64_t kernel_w, int64_t in_h, int64_t in_w);

#endif
