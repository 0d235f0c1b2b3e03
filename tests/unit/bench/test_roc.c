#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "bench/roc.h"

#include <math.h>
#include <stdlib.h>

static void assert_close(double got, double want, double most)
{
    if (!(fabs(got - want) <= most))
        fail_msg("%.9g, not %.9g", got, want);
}

/* Two bells around 0.6 and 0, in folds. */
static struct facet_scored *draw(size_t n, int folds, float spread)
{
    struct facet_rng r;
    struct facet_scored *s = calloc(n, sizeof(*s));
    facet_rng_seed(&r, 11);
    for (size_t i = 0; i < n; i++) {
        s[i].is_same = i % 2;
        s[i].cosine = (s[i].is_same ? 0.6f : 0) + spread * facet_rng_normal(&r);
        s[i].fold = (int)(i * (size_t)folds / n);
    }
    return s;
}

static void test_threshold__lies_between_what_it_parts(void **state)
{
    const struct facet_scored s[] = {{0.1f, false, false, 0}, {0.2f, false, false, 0}, {0.7f, true, false, 0}, {0.8f, true, false, 0}};
    assert_close(facet_roc_best_threshold(s, 4, -1), 0.45, 0.001);
    assert_close(facet_roc_accuracy(s, 4, -1, 0.45), 1, 0);
    assert_close(facet_roc_accuracy(s, 4, -1, 0.15), 0.75, 0);
}

static void test_threshold__of_folds_leaves_out_the_judged_one(void **state)
{
    const struct facet_scored s[] = {{0.1f, false, false, 0}, {0.3f, true, false, 0}, {0.6f, false, false, 1}, {0.9f, true, false, 1}};
    struct facet_folds f;
    facet_roc_folds(&f, s, 4, 2, 0);
    assert_close(f.fold_threshold[0], 0.75, 0.001);        /* from fold 1 */
    assert_close(f.fold_accuracy[0], 0.5, 0);
    assert_close(f.fold_threshold[1], 0.2, 0.001);
    assert_close(f.fold_accuracy[1], 0.5, 0);
    assert_close(f.deviation, 0, 0);
}

static void test_folds__one_alone_takes_the_given_threshold(void **state)
{
    const struct facet_scored s[] = {{0.1f, false, false, 0}, {0.3f, true, false, 0}};
    struct facet_folds f;
    facet_roc_folds(&f, s, 2, 1, 0.35);
    assert_close(f.threshold, 0.35, 0);
    assert_close(f.accuracy, 0.5, 0);
}

static void test_folds__a_missing_face_is_a_wrong_answer(void **state)
{
    const struct facet_scored s[] = {{-1, false, true, 0}, {-1, true, true, 0}, {0.9f, true, false, 0}, {0, false, false, 0}};
    assert_close(facet_roc_accuracy(s, 4, 0, 0.5), 0.5, 0);
    assert_close(facet_roc_best_threshold(s, 4, -1), 0.45, 0.001);
}

static void test_auc__is_the_share_of_pairs_in_order(void **state)
{
    const struct facet_scored s[] = {{0.9f, true, false, 0}, {0.5f, true, false, 0}, {0.5f, false, false, 0}, {0.6f, false, false, 0}};
    double auc;
    assert_int_equal(facet_roc_auc(&auc, s, 4), FACET_OK);
    assert_close(auc, (1 + 1 + 0.5 + 0) / 4, 1e-12);
    assert_int_equal(facet_roc_auc(&auc, s, 2), FACET_OK);
    assert_close(auc, -1, 0);
}

/* Two bells of one width have a logistic in closed form: a = distance / variance. */
static void test_calibrate__finds_the_logistic_of_two_bells(void **state)
{
    struct facet_scored *s = draw(200000, 1, 0.25f);
    double a, b;
    facet_roc_calibrate(&a, &b, s, 200000);
    assert_close(a, 0.6 / 0.0625, 0.15);
    assert_close(b, -0.6 * 0.3 / 0.0625, 0.05);
    free(s);
}

static void test_calibrate__ends_when_nothing_overlaps(void **state)
{
    const struct facet_scored s[] = {{0.1f, false, false, 0}, {0.2f, false, false, 0}, {0.7f, true, false, 0}, {0.8f, true, false, 0}};
    double a, b;
    facet_roc_calibrate(&a, &b, s, 4);
    assert_true(isfinite(a) && isfinite(b) && a > 0);
    assert_close(-b / a, 0.45, 0.01);
    facet_roc_calibrate(&a, &b, s, 0);
    assert_true(isfinite(a) && isfinite(b));
}

/* scipy 1.17: binomtest(10, 1000).proportion_ci(method='wilson') is (0.00544075, 0.01830947). */
static void test_bounds__are_wilsons(void **state)
{
    double low, high;
    facet_roc_bounds(&low, &high, 10, 1000);
    assert_close(low, 0.00544075, 1e-7);
    assert_close(high, 0.01830947, 1e-7);
    facet_roc_bounds(&low, &high, 0, 100);
    assert_close(low, 0, 0);
    assert_true(high > 0.03 && high < 0.04);
    facet_roc_bounds(&low, &high, 100, 100);
    assert_close(high, 1, 0);
    facet_roc_bounds(&low, &high, 0, 0);
    assert_true(low == 0 && high == 1);
}

static void test_table__rates_are_kept_and_end_where_errors_do(void **state)
{
    struct facet_counts c;
    struct facet_threshold rows[32];
    assert_int_equal(facet_counts_init(&c), FACET_OK);
    for (int i = 0; i < 10000; i++)                     /* impostors spread evenly over 0 .. 0.5 */
        facet_counts_add(&c, (float)i / 20000, false);
    for (int i = 0; i < 100; i++)
        facet_counts_add(&c, 0.4f + (float)i / 200, true);
    int n = facet_counts_table(&c, rows, 32);
    assert_int_equal(n, 5);                             /* 1e-1 3e-2 1e-2 3e-3 1e-3; 3e-4 would be 3 errors */
    facet_counts_fini(&c);
}

static void test_table__a_threshold_accepts_no_more_than_its_rate(void **state)
{
    struct facet_rng r;
    struct facet_counts c;
    struct facet_threshold rows[32];
    float *v = calloc(50000, sizeof(*v));
    facet_rng_seed(&r, 2);
    assert_int_equal(facet_counts_init(&c), FACET_OK);
    for (int i = 0; i < 50000; i++)
        facet_counts_add(&c, v[i] = 0.1f * facet_rng_normal(&r), false);
    int n = facet_counts_table(&c, rows, 32);
    for (int k = 0; k < n; k++) {
        int64_t above = 0;
        for (int i = 0; i < 50000; i++)
            above += (double)v[i] >= rows[k].cosine;
        assert_true(above <= rows[k].errors && rows[k].errors - above <= 2 + rows[k].errors / 50);
        assert_true((double)rows[k].errors <= rows[k].far * 50000 + 1e-6 && rows[k].errors >= FACET_ROC_MIN_ERRORS);
        assert_true(rows[k].far_low < (double)rows[k].errors / 50000 && rows[k].far_high > (double)rows[k].errors / 50000);
    }
    facet_counts_fini(&c);
    free(v);
}

static void test_table__nothing_is_told_from_nothing(void **state)
{
    struct facet_counts c;
    struct facet_threshold rows[4];
    assert_int_equal(facet_counts_init(&c), FACET_OK);
    assert_int_equal(facet_counts_table(&c, rows, 4), 0);
    facet_counts_add(&c, NAN, false);
    facet_counts_add(&c, 7, false);
    facet_counts_add(&c, -7, true);
    assert_int_equal(facet_counts_table(&c, rows, 4), 0);
    facet_counts_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold__lies_between_what_it_parts),
        cmocka_unit_test(test_threshold__of_folds_leaves_out_the_judged_one),
        cmocka_unit_test(test_folds__one_alone_takes_the_given_threshold),
        cmocka_unit_test(test_folds__a_missing_face_is_a_wrong_answer),
        cmocka_unit_test(test_auc__is_the_share_of_pairs_in_order),
        cmocka_unit_test(test_calibrate__finds_the_logistic_of_two_bells),
        cmocka_unit_test(test_calibrate__ends_when_nothing_overlaps),
        cmocka_unit_test(test_bounds__are_wilsons),
        cmocka_unit_test(test_table__rates_are_kept_and_end_where_errors_do),
        cmocka_unit_test(test_table__a_threshold_accepts_no_more_than_its_rate),
        cmocka_unit_test(test_table__nothing_is_told_from_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
