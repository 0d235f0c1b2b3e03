#include "base/cpu.h"
#include "cli/commands.h"
#include "cli/out.h"

struct version_options { bool unused; };

static int version_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const char *kind = facet_cpu_kind(facet_cpu_flags(NULL));
    facet_say(cli, "facet %s (%s kernels)\n", FACET_VERSION, kind);
    if (!cli->json)
        return FACET_EXIT_OK;
    struct facet_answer a;
    facet_answer_begin(&a);
    facet_jsonw_kstr(&a.w, "version", FACET_VERSION);
    facet_jsonw_kstr(&a.w, "cpu", kind);
    return facet_answer_end(&a);
}

const struct facet_cmd facet_cmd_version = {
    .name = "version",
    .group = "Help",
    .summary = "version, and the kernels this processor gets",
    .usage = "",
    .options_size = sizeof(struct version_options),
    .run = version_run,
};
