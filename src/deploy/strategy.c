#include "deploy/strategy.h"

#include "base/errors.h"
#include "base/str.h"

#include <string.h>

const struct facet_strategy *const facet_strategies[] = {
    &facet_strategy_edge,
    &facet_strategy_cloud,
    &facet_strategy_hybrid,
    NULL,
};

const struct facet_strategy *facet_strategy_find(const char *name)
{
    struct facet_str names = FACET_STR_INIT;
    for (const struct facet_strategy *const *s = facet_strategies; *s; s++) {
        if (!strcmp((*s)->name, name)) {
            facet_str_fini(&names);
            return *s;
        }
        (void)facet_str_printf(&names, "%s%s", names.len ? ", " : "", (*s)->name);
    }
    (void)facet_fail(FACET_E_NOT_FOUND, "there is no strategy '%s'; there is %s", name, facet_str_text(&names));
    facet_str_fini(&names);
    return NULL;
}
