#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "bench/bench_start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A program that answers as the script says; "$FACET_STARTED_NS" is there, and the words are "$*". */
static char program[] = "/tmp/facet-start-XXXXXX";

static int make_program(void **state)
{
    int fd = mkstemp(program);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int drop_program(void **state)
{
    return unlink(program);
}

static void script(const char *text)
{
    FILE *f = fopen(program, "w");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", text);
    fclose(f);
    assert_int_equal(chmod(program, 0700), 0);
}

#define GOOD "case \"$*\" in *onnxruntime*) echo '{\"message\": \"no such back end\"}';; *) " \
    "[ -n \"$FACET_STARTED_NS\" ] && echo '{\"pictures\": [{\"faces\": [{}]}], \"timings\": [{\"done\": \"main\", \"ms\": 2}, " \
    "{\"done\": \"embedded\", \"ms\": 12.5}], \"rss_bytes\": 30000000, \"peak_rss_bytes\": 40000000}';; esac"

static int run(struct facet_report *r, const char *answer)
{
    static const char *const names[] = {"some-model", NULL};
    struct facet_bench_start_opts o = {.program = program, .picture = "face.jpg", .recognisers = names, .rounds = 3};
    script(answer);
    facet_report_init(r, "start", 1);
    return facet_bench_start_run(r, &o);
}

static void test_bench_start__steps_and_memory_are_told(void **state)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    if (run(&r, GOOD))
        fail_msg("%s", facet_error_text());
    facet_report_write_text(&r, &s);
    const char *text = facet_str_text(&s);
    assert_non_null(strstr(text, "some-model"));
    assert_non_null(strstr(text, "12.5"));
    assert_non_null(strstr(text, "10.50 (10.50)")); /* the last step alone */
    assert_non_null(strstr(text, "30.0"));
    assert_non_null(strstr(text, "40.0"));
    assert_non_null(strstr(text, "no such back end"));
    facet_str_fini(&s);
    facet_report_fini(&r);
}

static void test_bench_start__only_rivals_that_are_named_start(void **state)
{
    static const char *const names[] = { "some-model", NULL };
    struct facet_bench_start_opts o = { .program = program, .picture = "face.jpg", .recognisers = names, .rounds = 3, .rivals = "openvino,tensorflow" };
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    script(GOOD);
    facet_report_init(&r, "start", 1);
    if (facet_bench_start_run(&r, &o))
        fail_msg("%s", facet_error_text());
    facet_report_write_text(&r, &s);
    assert_non_null(strstr(facet_str_text(&s), "openvino"));
    assert_non_null(strstr(facet_str_text(&s), "time / facet's"));
    assert_null(strstr(facet_str_text(&s), "onednn"));
    facet_str_fini(&s);
    facet_report_fini(&r);
    o.rivals = "openvino,ncnn";
    facet_report_init(&r, "start", 1);
    assert_int_equal(facet_bench_start_run(&r, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "no rival 'ncnn'"));
    facet_report_fini(&r);
}

static void refused(const char *answer, const char *why)
{
    struct facet_report r;
    assert_int_equal(run(&r, answer), FACET_E_NOT_FOUND);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
    facet_report_fini(&r);
}

static void test_bench_start__what_does_not_start_is_refused_with_its_words(void **state)
{
    refused("echo '{\"message\": \"cannot read it\"}'", "cannot read it");
}

static void test_bench_start__nonsense_is_refused(void **state)
{
    refused("echo hello", "facet embed");
    refused("true", "facet embed");
}

static void test_bench_start__a_picture_without_a_face_is_refused(void **state)
{
    refused("echo '{\"pictures\": [{\"faces\": []}]}'", "no face");
}

static void test_bench_start__a_program_that_is_killed_is_refused(void **state)
{
    refused("kill -9 $$", "ended badly");
}

static void test_bench_start__missing_steps_are_refused(void **state)
{
    refused("echo '{\"pictures\": [{\"faces\": [{}]}], \"timings\": [{\"done\": \"main\", \"ms\": 2}]}'", "steps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bench_start__steps_and_memory_are_told),
        cmocka_unit_test(test_bench_start__only_rivals_that_are_named_start),
        cmocka_unit_test(test_bench_start__what_does_not_start_is_refused_with_its_words),
        cmocka_unit_test(test_bench_start__nonsense_is_refused),
        cmocka_unit_test(test_bench_start__a_picture_without_a_face_is_refused),
        cmocka_unit_test(test_bench_start__a_program_that_is_killed_is_refused),
        cmocka_unit_test(test_bench_start__missing_steps_are_refused),
    };
    return cmocka_run_group_tests(tests, make_program, drop_program);
}
