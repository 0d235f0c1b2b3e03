/* Operators of our own, domain "facet": made by passes, never read from files. */
#include "base/errors.h"
#include "engine/ops/ops.h"

/* Layout keeps the shape and changes how the data lies. */
static int infer_layout(struct facet_infer *c)
{
    const struct facet_fact *x = facet_fact_in(c, 0);
    facet_fact_set(c, 0, x->dtype, &x->shape);
    return FACET_OK;
}

const struct facet_op facet_ops_fused[] = {
    {"Layout", "facet", 1, 0, 1, 1, 1, infer_layout, NULL},
    {0},
};
