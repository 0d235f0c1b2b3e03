/* The front of the program: commands, options, help, exit codes. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_words__none_is_a_usage_error(void **state)
{
    struct cli *c = *state;
    cli_run(c, (const char *const[]){ NULL });
    assert_code(c, 2);
    assert_says(c->err, "usage: facet COMMAND");
    assert_string_equal(c->out, "");
}

static void test_words__help_lists_commands_and_exit_codes(void **state)
{
    struct cli *c = *state;
    CLI(c, "--help");
    assert_code(c, 0);
    assert_says(c->out, "completion");
    assert_says(c->out, "3 bad input");
    assert_string_equal(c->err, "");
}

static void test_words__unknown_command_names_the_nearest(void **state)
{
    struct cli *c = *state;
    CLI(c, "versoin");
    assert_code(c, 2);
    assert_says(c->err, "facet: there is no command 'versoin', did you mean 'version'?");
}

static void test_words__unknown_command_far_from_all(void **state)
{
    struct cli *c = *state;
    CLI(c, "qqqqqqqqqqqq");
    assert_code(c, 2);
    assert_says(c->err, "facet: there is no command 'qqqqqqqqqqqq'\n");
}

static void test_words__unknown_option_names_the_nearest(void **state)
{
    struct cli *c = *state;
    CLI(c, "version", "--jsn");
    assert_code(c, 2);
    assert_says(c->err, "facet: version: unknown option '--jsn', did you mean '--json'?");
    assert_says(c->err, "facet help version");
}

static void test_words__unknown_letter_is_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "version", "-Z");
    assert_code(c, 2);
    assert_says(c->err, "unknown option '-Z'");
}

static void test_words__flag_takes_no_value(void **state)
{
    struct cli *c = *state;
    CLI(c, "version", "--json=yes");
    assert_code(c, 2);
    assert_says(c->err, "'--json' takes no value");
}

static void test_words__too_many_are_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "version", "now");
    assert_code(c, 2);
    assert_says(c->err, "too many words");
}

static void test_words__missing_are_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "completion");
    assert_code(c, 2);
    assert_says(c->err, "words are missing: bash");
}

static void test_output__full_disk_is_told_and_a_gone_reader_is_not(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "\"$FACET\" --help >/dev/full");
    assert_code(c, 3);
    assert_says(c->err, "cannot write to standard output");
    cli_shell(c, "mkfifo f; { \"$FACET\" completion bash; echo $? >code; } >f & exec 3<f; exec 3<&-; wait; cat code");
    assert_string_equal(c->err, "");
}

static void test_version__says_number_and_kernels(void **state)
{
    struct cli *c = *state;
    CLI(c, "--version");
    assert_code(c, 0);
    assert_says(c->out, "facet " FACET_VERSION);
    assert_says(c->out, "kernels");
}

static void test_version__json(void **state)
{
    struct cli *c = *state;
    CLI(c, "version", "--json");
    assert_code(c, 0);
    assert_says(c->out, "\"version\": \"" FACET_VERSION "\"");
}

static void test_help__unknown_command(void **state)
{
    struct cli *c = *state;
    CLI(c, "help", "nothing");
    assert_code(c, 2);
    assert_says(c->err, "there is no command 'nothing'");
}

/* Every command that the overview lists explains itself, the same by both ways. */
static void test_help__of_each_command(void **state)
{
    struct cli *c = *state;
    char names[64][32], copy[8192];
    int n = 0;
    CLI(c, "--help");
    snprintf(copy, sizeof(copy), "%s", c->out);
    for (char *save = NULL, *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        if (!strncmp(line, "  ", 2) && n < 64)
            sscanf(line, "%31s", names[n++]);
    assert_true(n >= 3);
    for (int i = 0; i < n; i++) {
        CLI(c, "help", names[i]);
        assert_code(c, 0);
        assert_says(c->out, "usage: facet");
        assert_says(c->out, "--json");
        char *first = strdup(c->out);
        CLI(c, names[i], "--help");
        assert_code(c, 0);
        assert_string_equal(c->out, first);
        free(first);
    }
}

static void test_help__manual_source_of_a_command(void **state)
{
    struct cli *c = *state;
    CLI(c, "help", "--scdoc", "version");
    assert_code(c, 0);
    assert_says(c->out, "facet-version(1)");
    assert_says(c->out, "# EXIT STATUS");
}

static void test_completion__bash_knows_the_commands(void **state)
{
    struct cli *c = *state;
    CLI(c, "completion", "bash");
    assert_code(c, 0);
    assert_says(c->out, "complete -o default -F _facet facet");
    assert_says(c->out, "version");
}

static void test_words__processor_that_cannot_be_had_is_told(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "FACET_CPU=abacus \"$FACET\" version");
    assert_code(c, 0);
    assert_says(c->err, "FACET_CPU is none of c, avx2, avx512, neon");
    cli_shell(c, "FACET_CPU=c \"$FACET\" version");
    assert_string_equal(c->err, "");
}

static void test_completion__other_shells_are_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "completion", "fish");
    assert_code(c, 2);
    assert_says(c->err, "not for 'fish'");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_words__none_is_a_usage_error),
        CASE(test_words__help_lists_commands_and_exit_codes),
        CASE(test_words__unknown_command_names_the_nearest),
        CASE(test_words__unknown_command_far_from_all),
        CASE(test_words__unknown_option_names_the_nearest),
        CASE(test_words__unknown_letter_is_refused),
        CASE(test_words__flag_takes_no_value),
        CASE(test_words__too_many_are_refused),
        CASE(test_words__missing_are_refused),
        CASE(test_output__full_disk_is_told_and_a_gone_reader_is_not),
        CASE(test_version__says_number_and_kernels),
        CASE(test_version__json),
        CASE(test_words__processor_that_cannot_be_had_is_told),
        CASE(test_help__unknown_command),
        CASE(test_help__of_each_command),
        CASE(test_help__manual_source_of_a_command),
        CASE(test_completion__bash_knows_the_commands),
        CASE(test_completion__other_shells_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
