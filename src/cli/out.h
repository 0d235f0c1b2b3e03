/* What a command says. Answers go to standard output, as text or JSON; everything else (progress,
 * warnings, errors) goes to standard error. */
#ifndef FACET_CLI_OUT_H
#define FACET_CLI_OUT_H

#include "base/json.h"
#include "base/log.h"
#include "base/str.h"
#include "cli/cmd.h"

#include <stdint.h>

/* A line of text on standard output; nothing with --json. The newline is yours. */
void facet_say(const struct facet_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "facet: ..." on standard error, whatever --quiet says. */
void facet_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Refuses the words: prints "facet: CMD: ..." with how to get help, returns FACET_EXIT_USAGE. */
int facet_usage(const struct facet_cli *cli, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* An answer as JSON: open, write members with facet_jsonw_*, end. The top is an object, opened and
 * closed here. The end prints it with a newline and returns FACET_E_NOMEM where it did not fit. */
struct facet_answer { struct facet_str text; struct facet_jsonw w; };
void facet_answer_begin(struct facet_answer *a);
int facet_answer_end(struct facet_answer *a);

/* The exit code of a failure by whose fault it is. */
int facet_exit_of(int err);

/* Progress on standard error: on a terminal one line, rewritten at most ten times a second;
 * otherwise plain lines after 10, 20, 40 ... and at most 60 seconds. Rate and time left come by themselves. */
struct facet_progress {
    bool off, terminal, drawn;
    const char *unit;              /* "frames", "B" (bytes are scaled) */
    uint64_t begun_ns, drawn_ns, pause_ns;
    char what[64];
};
void facet_progress_init(struct facet_progress *p, const struct facet_cli *cli, const char *what, const char *unit);
void facet_progress_step(struct facet_progress *p, int64_t done, int64_t total);     /* total 0: unknown */
void facet_progress_fini(struct facet_progress *p);                                  /* clears its line */
/* For facet_pull_opts: ctx is a struct facet_progress with unit "B". */
void facet_progress_pull(void *ctx, const char *what, int64_t done, int64_t total);

#endif
