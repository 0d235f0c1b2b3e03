/* The tuning file as commands use it. */
#ifndef FACET_CLI_TUNED_H
#define FACET_CLI_TUNED_H

#include "cli/out.h"
#include "deploy/tuning.h"

/* Reads it and lets its kind of kernels hold, where FACET_CPU does not say another. A file of another machine is
 * told once and not used. */
int facet_cli_tuning(const struct facet_cli *cli, struct facet_tuning *out);

#endif
