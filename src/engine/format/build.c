/* The list of architectures: one file and one line each. */
#include "engine/format/build.h"

#include "engine/format/builders.h"

#include <string.h>

const struct facet_builder *const facet_builders[] = {
    &facet_build_facenet,
    &facet_build_mobilefacenet,
    &facet_build_pnet,
    &facet_build_rnet,
    &facet_build_onet,
    &facet_build_mobilenetv2,
    NULL,
};

const struct facet_builder *facet_builder_find(const char *name)
{
    for (const struct facet_builder *const *b = facet_builders; *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return NULL;
}
