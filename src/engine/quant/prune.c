/* The smallest weights of each layer become zero. The file's numbers stay as many: what is gained shows when
 * it is packed or sent compressed. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int prune_value(struct facet_value *v, double share, int64_t *zeros)
{
    float *w = v->data;
    int64_t n = facet_shape_count(&v->shape), cut = (int64_t)floor((double)n * share);
    float *sizes = malloc((size_t)n * sizeof(*sizes));
    if (!sizes)
        return facet_fail_nomem();
    for (int64_t i = 0; i < n; i++)
        sizes[i] = fabsf(w[i]);
    qsort(sizes, (size_t)n, sizeof(*sizes), by_value);
    float least = cut < n ? sizes[cut] : INFINITY;
    free(sizes);
    for (int64_t i = 0; i < n; i++) {
        if (fabsf(w[i]) < least)
            w[i] = 0;
        *zeros += w[i] == 0;
    }
    return FACET_OK;
}

int facet_quant_prune(struct facet_graph *g, double share, int64_t *zeros, int64_t *weights)
{
    int err = FACET_OK;
    *zeros = *weights = 0;
    if (!(share >= 0) || share > 1)
        return facet_fail(FACET_E_INVALID, "cannot prune a share of %g of the weights: give 0 to 1", share);
    for (int i = 0; !err && i < g->n_nodes; i++) {
        int v = facet__quant_weights_of(g, i);
        if (v < 0)
            continue;
        err = prune_value(&g->values[v], share, zeros);
        *weights += facet_shape_count(&g->values[v].shape);
    }
    if (!err && !*weights)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot prune '%s': no layer has constant weights", g->name);
    return err;
}
