/* Manual pages from the tables, in scdoc's language. */
#ifndef FACET_CLI_MANUAL_H
#define FACET_CLI_MANUAL_H

#include <stdio.h>

struct facet_cmd;

void facet_manual_print(FILE *to, const struct facet_cmd *cmd);

#endif
