/* The LFW protocol through the whole path, one fold of it: `make eval` runs all. */
#include "data/real.h"

#include "bench/eval_verify.h"

#include <facet/error.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct facet_verify_opts opts_for(const char *model)
{
    struct facet_verify_opts o = {.first_fold = 1, .last_fold = 1};
    o.pairs = real_data("lfw/pairs.txt");
    o.dir = real_data("lfw/images");
    o.detector = real_model("mtcnn");
    o.recogniser = real_model(model);
    return o;
}

/* One fold of 600 pairs: the targets are for all five, 0.9937 and 0.9917. */
static void test_verify__a_fold_of_lfw(void **state)
{
    static const struct { const char *model; double accuracy, auc; } cases[] = {
        {"facenet-20180402", 0.990, 0.998}, {"mobilefacenet-photo-analyze", 0.985, 0.997},
    };
    for (size_t i = 0; i < 2; i++) {
        struct facet_verify_opts o = opts_for(cases[i].model);
        struct facet_verify_result *r = calloc(1, sizeof(*r));
        assert_ok(facet_eval_verify(r, &o));
        print_message("%s: fold 1 %.4f, AUC %.5f, %zu faces missing, %zu at the second try, %.1f s\n", cases[i].model,
                      r->folds.accuracy, r->auc, r->missing, r->second_try, r->seconds);
        assert_int_equal(r->pairs, 600);
        assert_int_equal(r->missing, 0);
        assert_true(r->folds.accuracy >= cases[i].accuracy && r->auc >= cases[i].auc);
        assert_true(r->calib_a > 5 && r->calib_b < 0);
        free(r);
    }
}

static void write_text(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_verify__a_picture_that_is_not_there_is_named(void **state)
{
    char path[] = "/tmp/facet-pairs-XXXXXX";
    struct facet_verify_result *r = calloc(1, sizeof(*r));
    struct facet_verify_opts o = opts_for("mobilefacenet-photo-analyze");
    write_text(path, "1\nNobody_Here\t1\t2\nNobody_Here\t1\tAnybody\t3\n");
    o.pairs = path;
    assert_int_equal(facet_eval_verify(r, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "Nobody_Here_000"));
    unlink(path);
    free(r);
}

static void test_verify__folds_that_the_file_lacks_are_refused(void **state)
{
    struct facet_verify_result *r = calloc(1, sizeof(*r));
    struct facet_verify_opts o = opts_for("mobilefacenet-photo-analyze");
    o.last_fold = 11;
    assert_int_equal(facet_eval_verify(r, &o), FACET_E_INVALID);
    free(r);
}

static void test_verify__cancelling_ends_it(void **state)
{
    atomic_int cancel = 1;
    struct facet_verify_result *r = calloc(1, sizeof(*r));
    struct facet_verify_opts o = opts_for("mobilefacenet-photo-analyze");
    o.cancel = &cancel;
    assert_int_equal(facet_eval_verify(r, &o), FACET_E_CANCELLED);
    free(r);
}

static void test_verify__a_detector_is_no_recogniser(void **state)
{
    struct facet_verify_result *r = calloc(1, sizeof(*r));
    struct facet_verify_opts o = opts_for("mobilefacenet-photo-analyze");
    o.recogniser = o.detector;
    assert_true(facet_eval_verify(r, &o) < 0);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify__a_fold_of_lfw),
        cmocka_unit_test(test_verify__a_picture_that_is_not_there_is_named),
        cmocka_unit_test(test_verify__folds_that_the_file_lacks_are_refused),
        cmocka_unit_test(test_verify__cancelling_ends_it),
        cmocka_unit_test(test_verify__a_detector_is_no_recogniser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
