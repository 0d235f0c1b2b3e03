/* The list of commands: one file and one line each, in the order of `facet --help`. */
#include "cli/commands.h"

#include <string.h>

const struct facet_cmd *const facet_commands[] = {
    &facet_cmd_run,
    &facet_cmd_serve,
    &facet_cmd_keys,
    &facet_cmd_site,
    &facet_cmd_cameras,
    &facet_cmd_identify,
    &facet_cmd_verify,
    &facet_cmd_embed,
    &facet_cmd_enroll,
    &facet_cmd_people,
    &facet_cmd_gallery,
    &facet_cmd_store,
    &facet_cmd_models,
    &facet_cmd_data,
    &facet_cmd_bench,
    &facet_cmd_report,
    &facet_cmd_eval,
    &facet_cmd_tune,
    &facet_cmd_netsim,
    &facet_cmd_doctor,
    &facet_cmd_help,
    &facet_cmd_version,
    &facet_cmd_completion,
    NULL,
};

const struct facet_cmd *facet_cmd_find(const char *name)
{
    for (const struct facet_cmd *const *c = facet_commands; *c; c++)
        if (!strcmp((*c)->name, name))
            return *c;
    return NULL;
}
