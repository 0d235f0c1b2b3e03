#include "test.h"

#include "base/errors.h"
#include "base/rng.h"
#include "stages/align/align.h"

#include <math.h>

static const struct facet_point face[5] = {{38, 52}, {74, 51}, {56, 72}, {42, 92}, {71, 92}};

static void turn(struct facet_point *out, float scale, float degrees, float dx, float dy)
{
    float c = scale * cosf(degrees / 57.29578f), s = scale * sinf(degrees / 57.29578f);
    for (int i = 0; i < 5; i++)
        out[i] = (struct facet_point){c * face[i].x - s * face[i].y + dx, s * face[i].x + c * face[i].y + dy};
}

static void assert_maps(const struct facet_affine *a, const struct facet_point *src, const struct facet_point *dst, float most)
{
    for (int i = 0; i < 5; i++) {
        struct facet_point p = facet_affine_apply(a, src[i]);
        assert_true(fabsf(p.x - dst[i].x) < most && fabsf(p.y - dst[i].y) < most);
    }
}

static void test_similarity__finds_scale_turn_and_shift(void **state)
{
    for (int degrees = -180; degrees <= 180; degrees += 30) {
        struct facet_point dst[5];
        struct facet_affine a;
        turn(dst, 2.5f, (float)degrees, 300, -40);
        assert_int_equal(facet_align_similarity(&a, face, dst, 5), FACET_OK);
        assert_maps(&a, face, dst, 0.01f);
        assert_true(fabsf(a.m[0] - a.m[4]) < 1e-5f && fabsf(a.m[1] + a.m[3]) < 1e-5f);
    }
}

static double cost(const struct facet_affine *a, const struct facet_point *src, const struct facet_point *dst)
{
    double sum = 0;
    for (int i = 0; i < 5; i++) {
        struct facet_point p = facet_affine_apply(a, src[i]);
        sum += (double)(p.x - dst[i].x) * (double)(p.x - dst[i].x) + (double)(p.y - dst[i].y) * (double)(p.y - dst[i].y);
    }
    return sum;
}

/* No similarity near the answer is better: it is the least squares one. */
static void test_similarity__is_the_least_squares_one(void **state)
{
    struct facet_rng r;
    struct facet_point dst[5];
    struct facet_affine best;
    facet_rng_seed(&r, 7);
    turn(dst, 0.7f, 12, 5, 9);
    for (int i = 0; i < 5; i++) {
        dst[i].x += 3 * facet_rng_normal(&r);
        dst[i].y += 3 * facet_rng_normal(&r);
    }
    assert_int_equal(facet_align_similarity(&best, face, dst, 5), FACET_OK);
    double least = cost(&best, face, dst);
    for (int i = 0; i < 500; i++) {
        struct facet_affine a = best;
        float re = 0.02f * facet_rng_normal(&r), im = 0.02f * facet_rng_normal(&r);
        a.m[0] += re;
        a.m[4] += re;
        a.m[1] -= im;
        a.m[3] += im;
        a.m[2] += facet_rng_normal(&r);
        a.m[5] += facet_rng_normal(&r);
        assert_true(cost(&a, face, dst) >= least - 1e-3);
    }
}

/* A mirrored face is not mirrored back. */
static void test_similarity__has_no_reflection(void **state)
{
    struct facet_point mirrored[5];
    struct facet_affine a;
    for (int i = 0; i < 5; i++)
        mirrored[i] = (struct facet_point){112 - face[i].x, face[i].y};
    assert_int_equal(facet_align_similarity(&a, face, mirrored, 5), FACET_OK);
    assert_true(a.m[0] * a.m[4] - a.m[1] * a.m[3] > 0);
}

static void test_similarity__two_points_are_enough(void **state)
{
    const struct facet_point a[2] = {{0, 0}, {1, 0}}, b[2] = {{5, 5}, {5, 7}};
    struct facet_affine m;
    assert_int_equal(facet_align_similarity(&m, a, b, 2), FACET_OK);
    struct facet_point p = facet_affine_apply(&m, (struct facet_point){0, 1});
    assert_true(fabsf(p.x - 3) < 1e-5f && fabsf(p.y - 5) < 1e-5f);
}

static void test_similarity__one_point_is_refused(void **state)
{
    struct facet_affine a;
    assert_int_equal(facet_align_similarity(&a, face, face, 1), FACET_E_INVALID);
    assert_int_equal(facet_align_similarity(&a, face, face, 0), FACET_E_INVALID);
}

static void test_similarity__points_in_one_place_are_refused(void **state)
{
    const struct facet_point same[5] = {{9, 9}, {9, 9}, {9, 9}, {9, 9}, {9, 9}};
    struct facet_affine a;
    assert_int_equal(facet_align_similarity(&a, same, face, 5), FACET_E_INVALID);
}

static void test_similarity__numbers_that_are_none_are_refused(void **state)
{
    struct facet_point bad[5] = {{1, 2}, {3, 4}, {NAN, 6}, {7, 8}, {9, 1}};
    struct facet_affine a;
    assert_int_equal(facet_align_similarity(&a, bad, face, 5), FACET_E_INVALID);
    bad[2].x = INFINITY;
    assert_int_equal(facet_align_similarity(&a, face, bad, 5), FACET_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_similarity__finds_scale_turn_and_shift),
        cmocka_unit_test(test_similarity__is_the_least_squares_one),
        cmocka_unit_test(test_similarity__has_no_reflection),
        cmocka_unit_test(test_similarity__two_points_are_enough),
        cmocka_unit_test(test_similarity__one_point_is_refused),
        cmocka_unit_test(test_similarity__points_in_one_place_are_refused),
        cmocka_unit_test(test_similarity__numbers_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
