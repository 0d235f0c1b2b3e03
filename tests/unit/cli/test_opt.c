#include "test.h"

#include "base/errors.h"
#include "base/yaml.h"
#include "cli/cmd.h"
#include "cli/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct options { bool deep; const char *file, *config; int64_t count; double share; int way; };

static const struct facet_opt table[] = {
    FACET_OPT(struct options, deep, "deep", 'd', FACET_OPT_FLAG, NULL, "look deeper"),
    FACET_OPT(struct options, file, "file", 'f', FACET_OPT_PATH, "FILE", "a file"),
    FACET_OPT_RANGE(struct options, count, "max-count", 'n', FACET_OPT_INT, "N", 0, 100, "how many"),
    FACET_OPT_RANGE(struct options, share, "share", 0, FACET_OPT_NUM, "X", -1, 1, "how much"),
    { .name = "way", .kind = FACET_OPT_CHOICE, .value = "near|vote|far", .fallback = "vote",
      .offset = offsetof(struct options, way), .help = "which way" },
    { .name = "config", .kind = FACET_OPT_PATH, .value = "FILE", .cli_only = true,
      .offset = offsetof(struct options, config), .help = "a file of these keys" },
    { .name = NULL },
};
static const struct facet_cmd command = {
    .name = "try", .options = table, .options_size = sizeof(struct options), .env_prefix = "FACET_TRY_", .has_config = true,
};

static int parse(struct facet_cli *cli, struct options *o, const char *const *words, int *first, bool *help)
{
    char *argv[16] = { NULL };
    int argc = 0;
    for (; words[argc]; argc++)
        argv[argc] = (char *)words[argc];
    return facet_opt_parse(cli, &command, o, argc, argv, first, help);
}

#define PARSE(...) parse(&cli, &o, (const char *const[]){ "try", __VA_ARGS__, NULL }, &first, &help)
#define LOCALS struct facet_cli cli = { .cmd = &command }; struct options o; int first = 0; bool help = false

static void test_opt__every_kind_is_set(void **state)
{
    LOCALS;
    assert_int_equal(PARSE("-d", "--file", "a b", "-n7", "--share=-0.5", "--way", "far", "left"), FACET_OK);
    assert_true(o.deep);
    assert_string_equal(o.file, "a b");
    assert_int_equal(o.count, 7);
    assert_true(o.share == -0.5);
    assert_int_equal(o.way, 2);
    assert_int_equal(first, 8);
}

static void test_opt__defaults_without_words(void **state)
{
    LOCALS;
    assert_int_equal(parse(&cli, &o, (const char *const[]){ "try", NULL }, &first, &help), FACET_OK);
    assert_false(o.deep);
    assert_null(o.file);
    assert_int_equal(o.way, 1);
}

static void test_opt__common_ones_go_to_the_cli(void **state)
{
    LOCALS;
    assert_int_equal(PARSE("--json", "-vv", "-q"), FACET_OK);
    assert_true(cli.json);
    assert_true(cli.quiet);
    assert_int_equal(cli.verbose, 2);
}

static void test_opt__help_wins_over_what_is_wrong(void **state)
{
    LOCALS;
    assert_int_equal(PARSE("--max-count", "many", "--help"), FACET_OK);
    assert_true(help);
}

static void test_opt__dashes_end_the_options(void **state)
{
    LOCALS;
    assert_int_equal(PARSE("--", "--deep"), FACET_OK);
    assert_false(o.deep);
    assert_int_equal(first, 2);
}

static void refuses(const char *a, const char *b, const char *text)
{
    LOCALS;
    assert_int_equal(PARSE(a, b), FACET_E_INVALID);
    if (!strstr(facet_error_text(), text))
        fail_msg("\"%s\" does not say \"%s\"", facet_error_text(), text);
}

static void test_opt__refusals_say_what_is_wrong(void **state)
{
    refuses("--max-count", "many", "--max-count: 'many' is not a whole number");
    refuses("--max-count", "7x", "is not a whole number");
    refuses("--max-count", "101", "'101' is not between 0 and 100");
    refuses("--max-count", "-1", "'-1' is not between 0 and 100");
    refuses("--max-count", "99999999999999999999", "is not a whole number");
    refuses("--share", "nan", "'nan' is not a number");
    refuses("--share", "", "'' is not a number");
    refuses("--way", "ne", "'ne' is none of near|vote|far");
    refuses("--way", "", "'' is none of");
    refuses("--file", "", "--file: the value is empty");
    refuses("--dep", "x", "unknown option '--dep', did you mean '--deep'?");
    refuses("x", "--file", "option '--file' needs a value");
    refuses("x", "-Q", "unknown option '-Q'");
}

static void test_opt__text_is_what_set_takes(void **state)
{
    LOCALS;
    char text[64];
    assert_int_equal(PARSE("-d", "-n", "12", "--share", "0.25", "--way", "near", "-f", "x"), FACET_OK);
    for (const struct facet_opt *t = table; t->name; t++) {
        struct options again = { 0 };
        facet_opt_text(t, &o, text, sizeof(text));
        if (*text)
            assert_int_equal(facet_opt_set(t, &again, text, "test"), FACET_OK);
    }
    facet_opt_text(facet_opt_find(table, "way"), &o, text, sizeof(text));
    assert_string_equal(text, "near");
}

static void test_opt__nearest_word(void **state)
{
    static const char *const words[] = { "gallery", "events", "video", NULL };
    assert_string_equal(facet_opt_nearest("galery", words), "gallery");
    assert_string_equal(facet_opt_nearest("vidoe", words), "video");
    assert_null(facet_opt_nearest("threshold", words));
    assert_null(facet_opt_nearest("x", words));
}

static const char *write_config(const char *text)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/facet-opt-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return path;
}

static int parse_with(const char *yaml, struct facet_cli *cli, struct options *o, const char *flag)
{
    int first;
    bool help;
    const char *path = write_config(yaml);
    int err = parse(cli, o, (const char *const[]){ "try", "--config", path, flag, NULL }, &first, &help);
    unlink(path);
    return err;
}

static void test_config__flags_win_over_environment_over_file(void **state)
{
    struct facet_cli cli = { .cmd = &command };
    struct options o;
    setenv("FACET_TRY_MAX_COUNT", "20", 1);
    setenv("FACET_TRY_SHARE", "0.2", 1);
    assert_int_equal(parse_with("max-count: 1\nshare: 0.1\nway: far\ndeep: yes\n", &cli, &o, "-n30"), FACET_OK);
    unsetenv("FACET_TRY_MAX_COUNT");
    unsetenv("FACET_TRY_SHARE");
    assert_int_equal(o.count, 30);
    assert_true(o.share == 0.2);
    assert_int_equal(o.way, 2);
    assert_true(o.deep);
    facet_yaml_free(&cli.config);
}

static void config_refuses(const char *yaml, const char *text)
{
    struct facet_cli cli = { .cmd = &command };
    struct options o;
    assert_int_equal(parse_with(yaml, &cli, &o, NULL), FACET_E_FORMAT);
    if (!strstr(facet_error_text(), text))
        fail_msg("\"%s\" does not say \"%s\"", facet_error_text(), text);
    facet_yaml_free(&cli.config);
}

static void test_config__refusals_say_the_line(void **state)
{
    config_refuses("share: 0.1\nmax-cuont: 2\n", "line 2: unknown key 'max-cuont', did you mean 'max-count'?");
    config_refuses("config: other.yaml\n", "line 1: unknown key 'config'");
    config_refuses("max-count: [1, 2]\n", "line 1: 'max-count' wants one value");
    config_refuses("\n\nmax-count: lots\n", "line 3: max-count: 'lots' is not a whole number");
    config_refuses("- 1\n", "must be `key: value` lines");
    config_refuses("deep: perhaps\n", "'perhaps' is neither true nor false");
}

static void test_config__bad_environment_is_refused(void **state)
{
    LOCALS;
    setenv("FACET_TRY_WAY", "up", 1);
    assert_int_equal(PARSE("x"), FACET_E_INVALID);
    unsetenv("FACET_TRY_WAY");
    assert_non_null(strstr(facet_error_text(), "FACET_TRY_WAY: 'up' is none of"));
}

static void test_config__a_variable_of_no_option_is_refused(void **state)
{
    LOCALS;
    setenv("FACET_TRY_WYA", "near", 1);
    assert_int_equal(PARSE("x"), FACET_E_INVALID);
    unsetenv("FACET_TRY_WYA");
    assert_non_null(strstr(facet_error_text(), "FACET_TRY_WYA is no option of"));
    assert_non_null(strstr(facet_error_text(), "did you mean FACET_TRY_WAY"));
}

static void test_config__what_is_printed_is_taken_again(void **state)
{
    LOCALS;
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    struct options again;
    assert_int_equal(PARSE("-d", "-n", "12", "--share", "0.25", "--way", "near"), FACET_OK);
    facet_config_print(f, &command, &o);
    fclose(f);
    assert_int_equal(parse_with(text, &cli, &again, NULL), FACET_OK);
    assert_int_equal(again.count, 12);
    assert_int_equal(again.way, 0);
    assert_true(again.deep && again.share == 0.25 && !again.file);
    facet_yaml_free(&cli.config);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opt__every_kind_is_set),
        cmocka_unit_test(test_opt__defaults_without_words),
        cmocka_unit_test(test_opt__common_ones_go_to_the_cli),
        cmocka_unit_test(test_opt__help_wins_over_what_is_wrong),
        cmocka_unit_test(test_opt__dashes_end_the_options),
        cmocka_unit_test(test_opt__refusals_say_what_is_wrong),
        cmocka_unit_test(test_opt__text_is_what_set_takes),
        cmocka_unit_test(test_opt__nearest_word),
        cmocka_unit_test(test_config__flags_win_over_environment_over_file),
        cmocka_unit_test(test_config__refusals_say_the_line),
        cmocka_unit_test(test_config__bad_environment_is_refused),
        cmocka_unit_test(test_config__a_variable_of_no_option_is_refused),
        cmocka_unit_test(test_config__what_is_printed_is_taken_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
