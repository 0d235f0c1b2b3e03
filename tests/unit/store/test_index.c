#include "unit/store/fixture.h"

#include "base/cpu.h"
#include "store/index.h"

#define PEOPLE 300
#define EACH 5

static struct facet_index *fill(int dim, bool int8)
{
    struct facet_index *x;
    assert_int_equal(facet_index_open(&x, dim, int8), FACET_OK);
    float e[FACET_MAX_EMBEDDING];
    for (int p = 1; p <= PEOPLE; p++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", p);
        assert_int_equal(facet_index_add_person(x, 10 * p, name), FACET_OK);
    }
    for (int t = 0; t < PEOPLE * EACH; t++) {
        make_embedding(e, dim, (uint64_t)t);
        assert_int_equal(facet_index_add_row(x, 10 * (1 + t % PEOPLE), 1000 + t, 1, e), FACET_OK);
    }
    return x;
}

/* The same answer by brute force over the seeds. */
static void best_by_hand(const float *q, int dim, double best[PEOPLE])
{
    float e[FACET_MAX_EMBEDDING];
    for (int p = 0; p < PEOPLE; p++)
        best[p] = -2;
    for (int t = 0; t < PEOPLE * EACH; t++) {
        make_embedding(e, dim, (uint64_t)t);
        double sum = 0;
        for (int i = 0; i < dim; i++)
            sum += (double)q[i] * (double)e[i];
        if (sum > best[t % PEOPLE])
            best[t % PEOPLE] = sum;
    }
}

static void check_search(int dim, bool int8, uint32_t flags, double tolerance)
{
    struct facet_index *x = fill(dim, int8);
    struct facet_match out[8];
    float q[FACET_MAX_EMBEDDING];
    double best[PEOPLE];
    make_embedding(q, dim, 99999);
    best_by_hand(q, dim, best);
    assert_int_equal(facet_index_search(x, q, 8, flags, out), 8);
    for (int i = 0; i < 8; i++) {
        int better = 0, p = (int)(out[i].person / 10) - 1;
        for (int other = 0; other < PEOPLE; other++)
            better += best[other] > best[p] + tolerance;
        assert_true(better <= i);
        assert_true(fabs((double)out[i].cosine - best[p]) <= tolerance);
        assert_int_equal((out[i].template_id - 1000) % PEOPLE, p);
        if (i)
            assert_true(out[i].cosine <= out[i - 1].cosine);
    }
    facet_index_unref(&x);
}

static void test_search__float_is_exact_by_every_kernel(void **state)
{
    check_search(512, false, 0, 1e-6);
    check_search(512, false, facet_cpu_flags(NULL), 1e-6);
    check_search(128, false, facet_cpu_flags(NULL), 1e-6);
    check_search(7, false, facet_cpu_flags(NULL), 1e-6);
}

static void test_search__int8_is_near(void **state)
{
    check_search(512, true, 0, 0.004);
    check_search(512, true, facet_cpu_flags(NULL), 0.004);
    check_search(128, true, facet_cpu_flags(NULL), 0.006);
}

static void test_search__gives_as_many_as_there_are(void **state)
{
    struct facet_index *x = fill(32, false);
    struct facet_match *out = calloc(PEOPLE + 5, sizeof(*out));
    float q[32];
    make_embedding(q, 32, 5);
    assert_int_equal(facet_index_search(x, q, PEOPLE + 5, 0, out), PEOPLE);
    for (int i = 0; i < PEOPLE; i++)
        for (int j = 0; j < i; j++)
            assert_true(out[i].person != out[j].person);
    free(out);
    facet_index_unref(&x);
}

static void test_search__nothing_in_nothing_out(void **state)
{
    struct facet_index *x;
    struct facet_match out[1];
    float q[8];
    assert_int_equal(facet_index_open(&x, 8, false), FACET_OK);
    make_embedding(q, 8, 1);
    assert_int_equal(facet_index_search(x, q, 1, 0, out), 0);
    assert_int_equal(facet_index_add_person(x, 1, "has no template"), FACET_OK);
    assert_int_equal(facet_index_search(x, q, 1, 0, out), 0);
    assert_int_equal(facet_index_search(x, q, 0, 0, out), 0);
    facet_index_unref(&x);
}

static void test_nearest__counts_templates_not_people(void **state)
{
    struct facet_index *x;
    struct facet_match out[4];
    float a[32], e[32];
    assert_int_equal(facet_index_open(&x, 32, false), FACET_OK);
    make_embedding(a, 32, 1);
    for (int p = 1; p <= 2; p++) {
        assert_int_equal(facet_index_add_person(x, p, "somebody"), FACET_OK);
        for (int t = 0; t < 3; t++)
            assert_int_equal(facet_index_add_row(x, p, 10 * p + t, 0.5f * (float)p,
                                                  make_near(e, a, 32, (uint64_t)(10 * p + t), 0.3f * (float)p)), FACET_OK);
    }
    assert_int_equal(facet_index_nearest(x, a, 4, 0, out), 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(out[i].person, 1);
        assert_true(out[i].quality == 0.5f);
        assert_true(out[i].cosine >= out[i + 1].cosine);
    }
    assert_int_equal(out[3].person, 2);
    assert_int_equal(facet_index_match_person(x, a, 2, 0, out), 1);
    assert_int_equal(out[0].person, 2);
    assert_int_equal(facet_index_match_person(x, a, 3, 0, out), 0);
    facet_index_unref(&x);
}

static void test_fork__old_index_does_not_see_new_rows(void **state)
{
    struct facet_index *old = fill(32, false), *next;
    struct facet_match out[1];
    float q[32];
    make_embedding(q, 32, 123456);
    assert_int_equal(facet_index_fork(&next, old), FACET_OK);
    assert_int_equal(facet_index_add_person(next, 99999, "new"), FACET_OK);
    assert_int_equal(facet_index_add_row(next, 99999, 7, 1, q), FACET_OK);
    assert_int_equal(facet_index_search(next, q, 1, 0, out), 1);
    assert_string_equal(out[0].name, "new");
    assert_true(out[0].cosine > 0.999f);
    assert_int_equal(facet_index_search(old, q, 1, 0, out), 1);
    assert_string_not_equal(out[0].name, "new");
    assert_false(facet_index_has_person(old, 99999));
    facet_index_unref(&old);
    assert_int_equal(facet_index_search(next, q, 1, 0, out), 1);
    facet_index_unref(&next);
}

static void test_fork__a_dropped_one_leaves_no_trace(void **state)
{
    struct facet_index *old = fill(32, false), *dropped, *next;
    struct facet_match out[1];
    float a[32], b[32];
    make_embedding(a, 32, 1000001);
    make_embedding(b, 32, 1000002);
    assert_int_equal(facet_index_fork(&dropped, old), FACET_OK);
    assert_int_equal(facet_index_add_row(dropped, 10, 7, 1, a), FACET_OK);
    facet_index_unref(&dropped);
    assert_int_equal(facet_index_fork(&next, old), FACET_OK);
    assert_int_equal(facet_index_add_row(next, 20, 8, 1, b), FACET_OK);
    facet_index_unref(&old);
    assert_int_equal(facet_index_search(next, a, 1, 0, out), 1);
    assert_true(out[0].cosine < 0.95f);
    assert_int_equal(facet_index_search(next, b, 1, 0, out), 1);
    assert_int_equal(out[0].template_id, 8);
    facet_index_unref(&next);
}

static void test_row__of_nobody_is_refused(void **state)
{
    struct facet_index *x = fill(8, false);
    float q[8];
    make_embedding(q, 8, 1);
    assert_int_equal(facet_index_add_row(x, 11, 1, 1, q), FACET_E_NOT_FOUND);
    assert_int_equal(facet_index_add_row(x, 10 * PEOPLE + 1, 1, 1, q), FACET_E_NOT_FOUND);
    assert_int_equal(facet_index_rows(x), PEOPLE * EACH);
    facet_index_unref(&x);
}

static void test_person__name_too_long_is_refused(void **state)
{
    struct facet_index *x = fill(8, false);
    char name[FACET_MAX_NAME + 1];
    memset(name, 'x', FACET_MAX_NAME);
    name[FACET_MAX_NAME] = '\0';
    assert_int_equal(facet_index_add_person(x, 1000000, name), FACET_E_LIMIT);
    assert_false(facet_index_has_person(x, 1000000));
    facet_index_unref(&x);
}

static void test_int8__rounds_half_away_from_zero_and_clips(void **state)
{
    const float in[6] = { 0.5f, -0.5f, 1.4f, 126.5f, 500.0f, -500.0f };
    int8_t out[6];
    facet__to_int8(out, in, 6, 1.0f);
    const int8_t want[6] = { 1, -1, 1, 127, 127, -127 };
    assert_memory_equal(out, want, 6);
    assert_true(facet__int8_scale(512) == 736.0f);
    assert_true(facet__int8_scale(128) == 368.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search__float_is_exact_by_every_kernel),
        cmocka_unit_test(test_search__int8_is_near),
        cmocka_unit_test(test_search__gives_as_many_as_there_are),
        cmocka_unit_test(test_search__nothing_in_nothing_out),
        cmocka_unit_test(test_nearest__counts_templates_not_people),
        cmocka_unit_test(test_fork__old_index_does_not_see_new_rows),
        cmocka_unit_test(test_fork__a_dropped_one_leaves_no_trace),
        cmocka_unit_test(test_row__of_nobody_is_refused),
        cmocka_unit_test(test_person__name_too_long_is_refused),
        cmocka_unit_test(test_int8__rounds_half_away_from_zero_and_clips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
