/* A command: one file cmd_<name>.c with one `const struct facet_cmd`, and one line in commands.c.
 *
 * The table is all there is: parser, --help, completion and the manual's option sections come from
 * it. A command parses nothing itself: `run` gets its options struct filled (defaults, then the
 * configuration file and environment where it has them, then flags) and the words that are left. */
#ifndef FACET_CLI_CMD_H
#define FACET_CLI_CMD_H

#include "cli/opt.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct facet_yaml;

/* Documented in facet(1) and README.md. Other numbers are not used, but for 130: interrupted. */
enum facet_exit {
    FACET_EXIT_OK = 0,          /* yes, done */
    FACET_EXIT_NO = 1,          /* no, different, unknown, a check that failed */
    FACET_EXIT_USAGE = 2,       /* the words were wrong */
    FACET_EXIT_INPUT = 3,       /* a file, picture, model or gallery was */
    FACET_EXIT_INTERNAL = 4,    /* we were */
    FACET_EXIT_INTERRUPTED = 130,
};

/* Made in main, passed down: what all commands share. */
struct facet_cli {
    const struct facet_cmd *cmd;
    bool json, quiet, log_json;
    int verbose;
    uint64_t main_ns;           /* when main began, by facet_now_ns */
    bool terminal;              /* stderr is one: progress may rewrite its line */
    atomic_int *cancel;         /* non-zero after Ctrl-C or SIGTERM; finish files and return */
    struct facet_yaml *config;  /* kept while options point into it; NULL: none */
};

/* Returns an exit code (0..), or a negative FACET_E_* whose text main prints. */
typedef int facet_cmd_fn(struct facet_cli *cli, const void *options, int argc, char **argv);

/* `facet people list`: a command with `subs` runs the one named by its first word. All share the
 * command's options. */
struct facet_sub {
    const char *name;
    const char *usage;          /* words after it: "NAME NEW" */
    const char *summary;
    int min_args, max_args;     /* -1: any number */
    facet_cmd_fn *run;
};

struct facet_cmd {
    const char *name;
    const char *group;          /* heading in `facet --help`: "Look", "People", "Models", "Measure", "Help" */
    const char *summary;        /* one line, lower case, no full stop */
    const char *usage;          /* words after the name: "[options] SOURCE..." */
    const char *details;        /* paragraphs for help and manual, NULL: none */
    const struct facet_opt *options;    /* ended by a NULL name; NULL: none */
    size_t options_size;        /* of the struct they fill */
    int min_args, max_args;     /* -1: any number */
    const struct facet_sub *subs;       /* ended by a NULL name; NULL: none */
    const char *examples;       /* lines for help and manual, NULL: none */
    const char *env_prefix;     /* "FACET_RUN_": options may also come from the environment; NULL: no */
    bool has_config;            /* an option named "config" names a YAML file of the same keys */
    bool is_hidden;             /* left out of `facet --help` */
    /* Is this file something else than the table's keys? Then it is the command's own to read. NULL: never. */
    bool (*is_own_config)(const char *path);
    facet_cmd_fn *run;          /* NULL with subs */
};

/* The list; NULL-ended, in the order of `facet --help`. */
extern const struct facet_cmd *const facet_commands[];
const struct facet_cmd *facet_cmd_find(const char *name);      /* NULL: none */

#endif
