/* facet run: its words and refusals. What it answers on real faces is tested in ../data. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuses_words(struct cli *c, const char *const *words, const char *text)
{
    cli_run(c, words);
    assert_code(c, 2);
    assert_says(c->err, text);
    assert_says(c->err, "facet: see: facet help run");
}

#define REFUSES(text, ...) refuses_words(c, (const char *const[]){ "run", __VA_ARGS__, NULL }, text)

static void test_run__words_that_are_wrong(void **state)
{
    struct cli *c = *state;
    refuses_words(c, (const char *const[]){ "run", NULL }, "words are missing: SOURCE...");
    REFUSES("--threshold and --far say the same thing", "--threshold", "0.4", "--far", "1e-3", "x.jpg");
    REFUSES("only one of --csv -, --events - and --json", "--csv", "-", "--json", "x.jpg");
    REFUSES("only one of", "--csv", "-", "--events", "-", "x.jpg");
    REFUSES("there is no strategy 'moon'; there is edge", "--strategy", "moon", "x.jpg");
    REFUSES("--detect-thresholds: 'x' is not numbers between 0 and 1", "--detect-thresholds", "0.5,x", "x.jpg");
    REFUSES("more than three numbers", "--detect-thresholds", "0.5,0.5,0.5,0.5", "x.jpg");
    REFUSES("--threshold: '2' is not between -1 and 1", "--threshold", "2", "x.jpg");
    REFUSES("--method: 'guess' is none of nearest|vote|classifier", "--method", "guess", "x.jpg");
    REFUSES("--min-face: '-3' is not between", "--min-face", "-3", "x.jpg");
}

static void test_run__unknown_key_of_a_file_is_refused_with_its_line(void **state)
{
    struct cli *c = *state;
    static const char text[] = "every: 2\n\nthreshhold: 0.4\n";
    cli_write(c, "run.yaml", text, strlen(text));
    CLI(c, "run", "--config", cli_path(c, "run.yaml"), "x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "run.yaml' line 3: unknown key 'threshhold', did you mean 'threshold'?");
}

static void test_run__missing_file_of_options_is_bad_input(void **state)
{
    struct cli *c = *state;
    CLI(c, "run", "--config", "none.yaml", "x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "none.yaml");
}

static void test_run__check_config_runs_nothing(void **state)
{
    struct cli *c = *state;
    static const char text[] = "every: 2\nmethod: vote\n";
    cli_write(c, "run.yaml", text, strlen(text));
    CLI(c, "run", "--config", cli_path(c, "run.yaml"), "--check-config");
    assert_code(c, 0);
    assert_string_equal(c->out, "the options are right\n");
}

static void test_run__printed_options_are_taken_again(void **state)
{
    struct cli *c = *state;
    CLI(c, "run", "--every", "3", "--method", "vote", "--threshold", "0.35", "--print-config");
    assert_code(c, 0);
    assert_says(c->out, "every: 3  #");
    assert_says(c->out, "method: vote  #");
    assert_says(c->out, "#gallery: # who is known");
    char *first = strdup(c->out);
    cli_write(c, "run.yaml", first, strlen(first));
    CLI(c, "run", "--config", cli_path(c, "run.yaml"), "--print-config");
    assert_code(c, 0);
    assert_string_equal(c->out, first);
    free(first);
}

static void test_run__flags_win_over_environment_over_file(void **state)
{
    struct cli *c = *state;
    static const char text[] = "every: 2\nmin-face: 30\nfactor: 0.8\n";
    cli_write(c, "run.yaml", text, strlen(text));
    setenv("FACET_RUN_MIN_FACE", "40", 1);
    setenv("FACET_RUN_FACTOR", "0.7", 1);
    CLI(c, "run", "--config", cli_path(c, "run.yaml"), "--factor", "0.6", "--print-config");
    unsetenv("FACET_RUN_MIN_FACE");
    unsetenv("FACET_RUN_FACTOR");
    assert_code(c, 0);
    assert_says(c->out, "every: 2  #");
    assert_says(c->out, "min-face: 40  #");
    assert_says(c->out, "factor: 0.6  #");
}

static void test_run__bad_environment_names_the_variable(void **state)
{
    struct cli *c = *state;
    setenv("FACET_RUN_EVERY", "often", 1);
    CLI(c, "run", "--check-config");
    unsetenv("FACET_RUN_EVERY");
    assert_code(c, 2);
    assert_says(c->err, "FACET_RUN_EVERY: 'often' is not a whole number");
}

static void test_run__models_that_are_not_here_name_the_remedy(void **state)
{
    struct cli *c = *state;
    char kept[600];
    snprintf(kept, sizeof(kept), "%s", getenv("FACET_MODELS"));
    cli_write(c, "grey.pgm", "P2 2 2 255 90 90 90 90\n", 23);
    setenv("FACET_MODELS", cli_path(c, "none"), 1);
    CLI(c, "run", "--json", cli_path(c, "grey.pgm"));
    setenv("FACET_MODELS", kept, 1);
    assert_code(c, 3);
    assert_says(c->err, "facet models pull");
    assert_says(c->out, "\"error\": \"FACET_E_NOT_FOUND\"");
}

static void test_run__unknown_or_unfit_model_is_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "run", "--detector", "nothing", "x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "nothing");
    CLI(c, "run", "--recogniser", "mtcnn", "x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "its task is 'detect', not 'embed'");
}

static void test_run__gallery_that_is_not_there_is_refused(void **state)
{
    struct cli *c = *state;
    CLI(c, "run", "--gallery", cli_path(c, "none.db"), "x.jpg");
    assert_code(c, 3);
    assert_says(c->err, "none.db");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_run__words_that_are_wrong),
        CASE(test_run__unknown_key_of_a_file_is_refused_with_its_line),
        CASE(test_run__missing_file_of_options_is_bad_input),
        CASE(test_run__check_config_runs_nothing),
        CASE(test_run__printed_options_are_taken_again),
        CASE(test_run__flags_win_over_environment_over_file),
        CASE(test_run__bad_environment_names_the_variable),
        CASE(test_run__models_that_are_not_here_name_the_remedy),
        CASE(test_run__unknown_or_unfit_model_is_refused),
        CASE(test_run__gallery_that_is_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
