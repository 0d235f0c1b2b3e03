#include "test.h"

#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "deploy/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/facet-tuning-XXXXXX";
static char path[64];

static int make_dir(void **state)
{
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/a/tune.yaml", dir);
    return 0;
}

static int drop_dir(void **state)
{
    char below[64];
    snprintf(below, sizeof(below), "%s/a", dir);
    unlink(path);
    rmdir(below);
    return rmdir(dir);
}

static struct facet_tuning sample(void)
{
    struct facet_tuning t;
    facet_tuning_here(&t);
    t.detector_threads = 2;
    t.recogniser_threads = 3;
    t.batch = 4;
    t.together = 2;
    t.scan_every = 5;
    snprintf(t.scan_detector, sizeof(t.scan_detector), "mtcnn");
    snprintf(t.recogniser, sizeof(t.recogniser), "it's-a-model");
    return t;
}

static void test_tuning__comes_back_as_it_was_saved(void **state)
{
    struct facet_tuning t = sample(), back;
    char why[256];
    assert_int_equal(facet_tuning_save(&t, path), FACET_OK);
    assert_int_equal(facet_tuning_load(&back, path, why), FACET_OK);
    assert_string_equal(why, "");
    assert_true(back.is_there);
    assert_int_equal(back.detector_threads, 2);
    assert_int_equal(back.recogniser_threads, 3);
    assert_int_equal(back.batch, 4);
    assert_int_equal(back.together, 2);
    assert_int_equal(facet_tuning_scan_every(&back, "mtcnn"), 5);
    assert_int_equal(facet_tuning_scan_every(&back, "yunet-n-320"), 0); /* found with another detector */
    assert_string_equal(back.recogniser, "it's-a-model");
    assert_string_equal(back.kernels, facet_cpu_kind(facet_cpu_flags(NULL)));
}

static void test_tuning__none_is_fine(void **state)
{
    struct facet_tuning t;
    char why[256], none[128];
    snprintf(none, sizeof(none), "%s/none.yaml", dir);
    assert_int_equal(facet_tuning_load(&t, none, why), FACET_OK);
    assert_false(t.is_there);
    assert_string_equal(why, "");
}

static void not_used(const struct facet_tuning *t, const char *because)
{
    struct facet_tuning back;
    char why[256];
    assert_int_equal(facet_tuning_save(t, path), FACET_OK);
    assert_int_equal(facet_tuning_load(&back, path, why), FACET_OK);
    assert_false(back.is_there);
    assert_int_equal(back.detector_threads, 0);
    assert_int_equal(facet_tuning_scan_every(&back, "mtcnn"), 0);
    assert_string_equal(back.recogniser, "");
    assert_non_null(strstr(why, because));
    assert_non_null(strstr(why, "facet tune"));
}

static void test_tuning__another_machine_s_is_not_used(void **state)
{
    struct facet_tuning t = sample();
    snprintf(t.cpu, sizeof(t.cpu), "Abacus 3000");
    not_used(&t, "another processor");
    t = sample();
    t.flags ^= FACET_CPU_AVX2;
    not_used(&t, "another processor");
    t = sample();
    t.cpus++;
    not_used(&t, "another number of processors");
}

static void write_text(const char *text)
{
    assert_int_equal(facet_file_write_atomic(path, text, strlen(text)), FACET_OK);
}

static void test_tuning__another_release_s_is_not_used(void **state)
{
    struct facet_tuning t;
    char why[256];
    write_text("tuning: 1\nfacet: '0.0.0'\ncpus: 1\n");
    assert_int_equal(facet_tuning_load(&t, path, why), FACET_OK);
    assert_false(t.is_there);
    assert_non_null(strstr(why, "another release"));
}

static void test_tuning__what_cannot_be_understood_is_refused(void **state)
{
    static const struct { const char *text, *says; } cases[] = {
        {"tuning: 1\nbatch: many\n", "line 2"},
        {"tuning: 1\nbatch: 0\n", "'batch' is no whole number from 1 to 256"},
        {"tuning: 1\nbatch: 2.5\n", "'batch'"},
        {"tuning: 1\ntogether: 9\n", "'together' is no whole number from 1 to 8"},
        {"tuning: 1\nscan_every: 0\n", "'scan_every'"},
        {"tuning: 1\nscan_detector: [mtcnn]\n", "'scan_detector' is no short text"},
        {"tuning: 1\nthreads: 2\n", "threads"},
        {"tuning: 2\n", "tuning: 1"},
        {"- a\n- b\n", "tuning: 1"},
        {"tuning: 1\nbatch: [1\n", "tune.yaml"},
        {"tuning: 1\nrecogniser: [a]\n", "'recogniser' is no short text"},
        {"tuning: 1\ncpus: -1\n", "'cpus'"},
        {"\xff\xfe", "tune.yaml"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_tuning t;
        write_text(cases[i].text);
        if (facet_tuning_load(&t, path, NULL) == FACET_OK)
            fail_msg("'%s' was taken", cases[i].text);
        assert_false(t.is_there);
        if (!strstr(facet_error_text(), cases[i].says))
            fail_msg("'%s' does not say '%s'", facet_error_text(), cases[i].says);
        assert_non_null(strstr(facet_error_text(), "remove it, or run facet tune"));
    }
}

static void test_tuning__long_words_are_refused(void **state)
{
    char text[1000] = "tuning: 1\nrecogniser: ";
    struct facet_tuning t;
    memset(text + strlen(text), 'x', 500);
    write_text(text);
    assert_int_equal(facet_tuning_load(&t, path, NULL), FACET_E_FORMAT);
}

static void test_tuning__the_variable_names_the_file(void **state)
{
    char found[256];
    setenv("FACET_TUNING", "/x/y.yaml", 1);
    assert_int_equal(facet_tuning_path(found, sizeof(found)), FACET_OK);
    assert_string_equal(found, "/x/y.yaml");
    unsetenv("FACET_TUNING");
    setenv("FACET_CONFIG", "/nowhere/facet", 1);
    assert_int_equal(facet_tuning_path(found, sizeof(found)), FACET_OK);
    assert_string_equal(found, "/nowhere/facet/tune.yaml");
    unsetenv("FACET_CONFIG");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tuning__comes_back_as_it_was_saved),
        cmocka_unit_test(test_tuning__none_is_fine),
        cmocka_unit_test(test_tuning__another_machine_s_is_not_used),
        cmocka_unit_test(test_tuning__another_release_s_is_not_used),
        cmocka_unit_test(test_tuning__what_cannot_be_understood_is_refused),
        cmocka_unit_test(test_tuning__long_words_are_refused),
        cmocka_unit_test(test_tuning__the_variable_names_the_file),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
