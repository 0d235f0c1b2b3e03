#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void test_doctor__missing_models_are_faults_with_a_remedy(void **state)
{
    struct cli *c = *state;
    char kept[600];
    snprintf(kept, sizeof(kept), "%s", getenv("FACET_MODELS"));
    setenv("FACET_MODELS", cli_path(c, "none"), 1);
    CLI(c, "doctor");
    setenv("FACET_MODELS", kept, 1);
    assert_code(c, 1);
    assert_says(c->out, "FAULT  model        mtcnn, a default, is not here");
    assert_says(c->out, "-> facet models pull mtcnn");
    assert_says(c->out, "processor");
    assert_says(c->out, "video        FFmpeg module opens");
    assert_says(c->out, "downloads    curl module opens");
}

static void test_doctor__json_has_the_same(void **state)
{
    struct cli *c = *state;
    CLI(c, "doctor", "--json");
    assert_says(c->out, "\"check\": \"processor\"");
    assert_says(c->out, "\"faults\": ");
    cli_write(c, "out.json", c->out, strlen(c->out));
    cli_shell(c, "/usr/bin/python3 -c 'import json; json.load(open(\"out.json\"))'");
    assert_code(c, 0);
}

static void test_doctor__wrong_mirror_and_kind_are_told(void **state)
{
    struct cli *c = *state;
    char kept[600];
    snprintf(kept, sizeof(kept), "%s", getenv("FACET_MIRROR") ? getenv("FACET_MIRROR") : "");
    setenv("FACET_MIRROR", "/nonexistent", 1);
    setenv("FACET_CPU", "abacus", 1);
    CLI(c, "doctor");
    unsetenv("FACET_CPU");
    setenv("FACET_MIRROR", kept, 1);
    assert_code(c, 1);
    assert_says(c->out, "FACET_MIRROR names no folder");
    assert_says(c->out, "note   FACET_CPU");
}

static void test_doctor__modules_that_are_not_there_are_told(void **state)
{
    struct cli *c = *state;
    setenv("FACET_MODULES", c->home, 1);
    CLI(c, "doctor");
    unsetenv("FACET_MODULES");
    assert_code(c, 1);
    assert_says(c->out, "FAULT  video");
    assert_says(c->out, "FAULT  downloads");
}

static void test_doctor__folder_that_cannot_be_written(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "FACET_CACHE=/proc/nowhere \"$FACET\" doctor"); /* not even root can */
    assert_code(c, 1);
    assert_says(c->out, "FAULT  cache");
    assert_says(c->out, "/proc/nowhere");
    assert_says(c->out, "-> set FACET_CACHE");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_doctor__missing_models_are_faults_with_a_remedy),
        CASE(test_doctor__json_has_the_same),
        CASE(test_doctor__wrong_mirror_and_kind_are_told),
        CASE(test_doctor__modules_that_are_not_there_are_told),
        CASE(test_doctor__folder_that_cannot_be_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
