/* Processors without a variant of their own. */
#include "base/scan.h"

const struct facet_scan_ops *facet_scan_for(uint32_t flags)
{
    return &facet_scan_c;
}
