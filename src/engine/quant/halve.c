/* Weights in 16 bits: constants of half the size behind a Cast to float, which loading folds. */
#include "engine/quant/quant_priv.h"

#include "base/errors.h"
#include "engine/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_F16 65504.0f
#define LEAST 16                      /* shorter ones (a scale, a bound of a clip) stay as they are */

/* Beyond the largest half it becomes the largest, which a network survives better than infinity. */
static uint16_t to_f16(float x)
{
    return facet_f16_store(fminf(fmaxf(x, -MOST_F16), MOST_F16));
}

static int halve_value(struct facet_graph *g, int v, enum facet_dtype t)
{
    const struct facet_shape shape = g->values[v].shape;
    const float *x = g->values[v].data;
    int64_t n = facet_shape_count(&shape);
    char name[512];
    int node = -1;
    uint16_t *half = malloc((size_t)n * sizeof(*half));
    if (!half)
        return facet_fail_nomem();
    for (int64_t i = 0; i < n; i++)
        half[i] = t == FACET_F16 ? to_f16(x[i]) : facet_bf16_store(x[i]);
    snprintf(name, sizeof(name), "%.480s/half", g->values[v].name);
    int c = facet_graph_const_take(g, facet_graph_find(g, name) < 0 ? name : NULL, t, &shape, half);
    int to = c < 0 ? c : facet_graph_node(g, "Cast", NULL, &c, 1, &node);
    if (to < 0)
        return to;
    facet_graph_replace_value(g, v, to);
    return facet_graph_attr_int(g, node, "to", 1);
}

int facet_quant_halve(struct facet_graph *g, enum facet_dtype t)
{
    int n = g->n_values, done = 0, err = FACET_OK;
    if (t != FACET_F16 && t != FACET_BF16)
        return facet_fail(FACET_E_INVALID, "cannot keep weights as %s: 16 bits are float16 or bfloat16", facet_dtype_name(t));
    err = facet__quant_raise_opset(g);
    for (int v = 0; !err && v < n; v++) {
        if (!g->values[v].data || g->values[v].dtype != FACET_F32 || g->values[v].is_stored ||
            facet_shape_count(&g->values[v].shape) < LEAST)
            continue;
        err = halve_value(g, v, t);
        done++;
    }
    if (!err && !done)
        err = facet_fail(FACET_E_UNSUPPORTED, "cannot make '%s' smaller: it has no constant float weights", g->name);
    if (!err)
        err = facet_graph_meta_set(g, "facet.precision", t == FACET_F16 ? "fp16" : "bf16");
    facet_graph_sweep(g);
    return err ? err : facet_graph_sort(g);
}
