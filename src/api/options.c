#include "api/options.h"

#include "base/errors.h"

#include <string.h>

int facet__options_take(void *mine, size_t size, const void *theirs)
{
    size_t given = 0;
    memset(mine, 0, size);
    if (!theirs)
        return FACET_OK;
    memcpy(&given, theirs, sizeof(given));
    if (given < sizeof(given) || given > 4096)
        return facet_fail(FACET_E_INVALID, "cannot use the options: struct_size is %zu, use the INIT macro", given);
    for (size_t i = size; i < given; i++)
        if (((const unsigned char *)theirs)[i])
            return facet_fail(FACET_E_UNSUPPORTED, "cannot use the options: they are for a later version than " FACET_VERSION);
    memcpy(mine, theirs, given < size ? given : size);
    return FACET_OK;
}
