/* Processors without a variant of their own. */
#include "base/dot.h"

const struct facet_dot_ops *facet_dot_for(uint32_t flags)
{
    return &facet_dot_c;
}
