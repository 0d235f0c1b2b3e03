/* Events from anybody: what is accepted can be written and read again, and is the same then. */
#include "base/str.h"
#include "wire/event.h"

#include <facet/error.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_event e, again;
    struct facet_str once = FACET_STR_INIT, twice = FACET_STR_INIT;
    if (facet_event_from_json(&e, (const char *)data, size) != FACET_OK)
        return 0;
    if (facet_event_to_json(&e, &once) != FACET_OK || facet_event_from_json(&again, once.data, once.len) != FACET_OK ||
        facet_event_to_json(&again, &twice) != FACET_OK)
        abort();
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
        abort();
    facet_str_fini(&once);
    facet_str_fini(&twice);
    return 0;
}
