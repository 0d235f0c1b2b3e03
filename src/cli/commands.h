/* Every cmd_<name>.c's table. */
#ifndef FACET_CLI_COMMANDS_H
#define FACET_CLI_COMMANDS_H

#include "cli/cmd.h"

extern const struct facet_cmd facet_cmd_run;
extern const struct facet_cmd facet_cmd_serve;
extern const struct facet_cmd facet_cmd_keys;
extern const struct facet_cmd facet_cmd_site;
extern const struct facet_cmd facet_cmd_identify;
extern const struct facet_cmd facet_cmd_verify;
extern const struct facet_cmd facet_cmd_embed;
extern const struct facet_cmd facet_cmd_enroll;
extern const struct facet_cmd facet_cmd_people;
extern const struct facet_cmd facet_cmd_gallery;
extern const struct facet_cmd facet_cmd_store;
extern const struct facet_cmd facet_cmd_models;
extern const struct facet_cmd facet_cmd_data;
extern const struct facet_cmd facet_cmd_bench;
extern const struct facet_cmd facet_cmd_report;
extern const struct facet_cmd facet_cmd_eval;
extern const struct facet_cmd facet_cmd_tune;
extern const struct facet_cmd facet_cmd_cameras;
extern const struct facet_cmd facet_cmd_netsim;
extern const struct facet_cmd facet_cmd_doctor;
extern const struct facet_cmd facet_cmd_help;
extern const struct facet_cmd facet_cmd_version;
extern const struct facet_cmd facet_cmd_completion;

#endif
