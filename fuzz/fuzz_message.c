/* Messages from anybody: what is accepted can be packed again. */
#include "base/str.h"
#include "wire/message.h"

#include <facet/error.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_message m;
    struct facet_str s = FACET_STR_INIT;
    if (facet_message_unpack(&m, data, size) != FACET_OK)
        return 0;
    if (facet_message_pack(&m, &s) != FACET_OK)
        abort();
    facet_str_fini(&s);
    facet_message_fini(&m);
    return 0;
}
