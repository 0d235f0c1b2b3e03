#include <facet/facet.h>

const char *facet_version(void)
{
    return FACET_VERSION;
}
