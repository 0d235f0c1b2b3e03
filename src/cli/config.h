/* Options from a YAML file and from the environment, by the command's own table. */
#ifndef FACET_CLI_CONFIG_H
#define FACET_CLI_CONFIG_H

#include <stdio.h>

struct facet_cmd;
struct facet_yaml;

/* Sets the options that the file names; *keep receives the tree the options now point into, and is
 * freed by the caller after its last use. An unknown key is refused with its line. */
int facet_config_apply(struct facet_yaml **keep, const struct facet_cmd *cmd, void *options,
                       const char *path);

/* Sets each option NAME-X whose variable <env_prefix>NAME_X is set and not empty. One with the prefix that belongs to no
 * option is refused with the nearest. */
int facet_config_environment(const struct facet_cmd *cmd, void *options);

/* Writes the options as such a file, defaults with a mark. */
void facet_config_print(FILE *to, const struct facet_cmd *cmd, const void *options);

#endif
