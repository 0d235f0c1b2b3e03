#include "base/errors.h"
#include "cli/commands.h"
#include "cli/manual.h"
#include "cli/out.h"

struct help_options { bool scdoc; };

static const struct facet_opt options[] = {
    FACET_OPT(struct help_options, scdoc, "scdoc", 0, FACET_OPT_FLAG, NULL,
              "write the command's manual page as scdoc source"),
    { .name = NULL },
};

static int help_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    const struct help_options *o = opts;
    if (argc == 0) {
        facet_help_overview(stdout);
        return FACET_EXIT_OK;
    }
    const struct facet_cmd *cmd = facet_cmd_find(argv[0]);
    if (!cmd)
        return facet_usage(cli, "there is no command '%s'", argv[0]);
    if (o->scdoc)
        facet_manual_print(stdout, cmd);
    else
        facet_help_print(stdout, cmd);
    return FACET_EXIT_OK;
}

const struct facet_cmd facet_cmd_help = {
    .name = "help",
    .group = "Help",
    .summary = "explain a command",
    .usage = "[COMMAND]",
    .options = options,
    .options_size = sizeof(struct help_options),
    .max_args = 1,
    .run = help_run,
};
