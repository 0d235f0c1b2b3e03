/* Options as one table row each: name, type, field, range, default, help. The parser (over
 * getopt_long), --help, completion, the manual and configuration files come from it. */
#ifndef FACET_CLI_OPT_H
#define FACET_CLI_OPT_H

#include "engine/plan.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum facet_opt_kind {
    FACET_OPT_FLAG,      /* bool */
    FACET_OPT_STR,       /* const char *; NULL when not given and without default */
    FACET_OPT_PATH,      /* the same; completion offers files */
    FACET_OPT_INT,       /* int64_t */
    FACET_OPT_NUM,       /* double */
    FACET_OPT_CHOICE,    /* int: the number of the word in `value`, "nearest|vote|classifier" */
};

struct facet_opt {
    const char *name;            /* long, without dashes; NULL ends the table */
    char letter;                 /* short; 0: none */
    enum facet_opt_kind kind;
    const char *value;           /* what help calls the value: "FILE"; CHOICE: the words */
    size_t offset;               /* of the field in the command's options struct */
    double min, max;             /* INT, NUM, both included; both 0: any number */
    const char *fallback;        /* default as text; NULL: zero */
    const char *help;
    bool cli_only;               /* not a key of configuration files nor of the environment */
};

/* FACET_OPT(struct run_options, csv, "csv", 0, FACET_OPT_PATH, "FILE", "a row for each frame") */
#define FACET_OPT(type, field, name_, letter_, kind_, value_, help_) \
    { .name = (name_), .letter = (letter_), .kind = (kind_), .value = (value_), \
      .offset = offsetof(type, field), .help = (help_) }
/* ... and with a range, both ends included. */
#define FACET_OPT_RANGE(type, field, name_, letter_, kind_, value_, low_, high_, help_) \
    { .name = (name_), .letter = (letter_), .kind = (kind_), .value = (value_), .min = (low_), \
      .max = (high_), .offset = offsetof(type, field), .help = (help_) }

/* The same words wherever networks are run. */
#define FACET_BACKEND_HELP "what runs the networks: " FACET_BACKEND_WORDS " (default: cpu)"

struct facet_cli;
struct facet_cmd;

/* Fills `options` (cmd->options_size bytes, zeroed here) and the common options in `cli`. On return
 * argv[*first..] are the words left. FACET_E_INVALID with a text says what was wrong with the words;
 * *help is set by --help, and then nothing else was looked at. */
int facet_opt_parse(struct facet_cli *cli, const struct facet_cmd *cmd, void *options, int argc,
                    char **argv, int *first, bool *help);

/* Sets one option from text; `origin` names where it came from ("--every", "x.yaml line 3"). */
int facet_opt_set(const struct facet_opt *o, void *options, const char *text, const char *origin);
/* The field as text, as it would be written in a file; "" when unset. */
void facet_opt_text(const struct facet_opt *o, const void *options, char *out, size_t cap);
const struct facet_opt *facet_opt_find(const struct facet_opt *table, const char *name);    /* NULL: none */
/* --json, --quiet, --verbose, --help: part of every command. */
extern const struct facet_opt facet_opt_common[];

/* `facet help CMD`, and an option section alone. */
void facet_help_print(FILE *to, const struct facet_cmd *cmd);
void facet_help_overview(FILE *to);

/* The known word nearest to `word`, NULL when none is near. `words` is NULL-ended. */
const char *facet_opt_nearest(const char *word, const char *const *words);

#endif
