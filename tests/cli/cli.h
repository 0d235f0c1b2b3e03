/* Words in, words out: runs the built program in a scratch folder of its own. */
#ifndef FACET_TESTS_CLI_H
#define FACET_TESTS_CLI_H

#include "test.h"

#include <stdbool.h>

struct cli {
    char home[256];      /* scratch folder: data, cache and working files; removed by cli_teardown */
    int code;            /* of the last run; 128 + n when signal n killed it */
    char *out, *err;     /* of the last run, NUL-terminated, never NULL after a run */
};

/* For cmocka_unit_test_setup_teardown: *state is a struct cli *. */
int cli_setup(void **state);
int cli_teardown(void **state);

/* Runs `facet` with the words (NULL-ended) and waits. FACET_DATA and FACET_CACHE lie in c->home;
 * standard input is empty. */
void cli_run(struct cli *c, const char *const *words);
#define CLI(c, ...) cli_run(c, (const char *const[]){ __VA_ARGS__, NULL })
/* The same with text on standard input. */
void cli_run_input(struct cli *c, const char *const *words, const char *input);
/* Runs a line of sh in c->home, with the same environment and FACET (the program) besides. */
void cli_shell(struct cli *c, const char *line);

/* "<home>/name", in a ring of eight buffers: good until eight more were asked for. */
const char *cli_path(struct cli *c, const char *name);
void cli_write(struct cli *c, const char *name, const void *data, size_t len);
/* A file or folder of the pinned data ("group/t1.jpg"): below $FACET_MIRROR/data or ../shared/data.
 * Fails the test with what to do when it is not there. */
const char *cli_data(const char *name);
/* Makes sure that a model is in the build's own models folder ($FACET_MODELS of the tests), pulled
 * once by whoever comes first. Fails the test with the program's words when it cannot be had. */
void cli_need_model(struct cli *c, const char *name);

#define assert_says(text, part) cli_assert_says(text, part, __FILE__, __LINE__)
void cli_assert_says(const char *text, const char *part, const char *file, int line);
/* Exit code; on a difference what the program said is shown. */
#define assert_code(c, wanted) cli_assert_code(c, wanted, __FILE__, __LINE__)
void cli_assert_code(const struct cli *c, int wanted, const char *file, int line);

#endif
