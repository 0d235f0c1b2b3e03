/* What stands in a plan file behind its head (the head is put before it, or nothing would pass its checksum):
 * read, checked, shapes inferred, written again. The corpus was made with FACET_PLAN_CORPUS (tests/unit/engine). */
#include "engine/plan_priv.h"

#include <facet/error.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct facet_plan *p = NULL;
    struct facet__plan_origin origin;
    uint8_t *file = calloc(1, FACET__PLAN_HEAD + size), *again = NULL;
    size_t len;
    if (!file)
        return 0;
    if (size)
        memcpy(file + FACET__PLAN_HEAD, data, size);
    facet__plan_seal(file, FACET__PLAN_HEAD + size);
    if (!facet__plan_of_bytes(&p, &origin, file, FACET__PLAN_HEAD + size, "fuzz")) {
        if (facet_graph_infer(p->g) == FACET_OK)
            facet_graph_cuts(p->g, NULL, 0);
        if (facet__plan_bytes(p, &origin, &again, &len))
            abort();
        facet__plan_origin_fini(&origin);
    }
    facet_plan_close(&p);
    free(again);
    free(file);
    return 0;
}
