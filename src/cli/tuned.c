#include "cli/tuned.h"

#include "base/cpu.h"

#include <stdlib.h>
#include <string.h>

int facet_cli_tuning(const struct facet_cli *cli, struct facet_tuning *out)
{
    char why[256];
    int err = facet_tuning_load(out, NULL, why);
    if (!err && *why && !cli->quiet)
        facet_complain("%s", why);
    if (!err && out->is_there && strcmp(out->kernels, facet_cpu_kind(out->flags)))
        setenv("FACET_CPU", out->kernels, 0);
    return err;
}
