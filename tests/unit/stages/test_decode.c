#include "test.h"

#include "stages/detect/anchors.h"

#include <math.h>

static void assert_close(float got, double want)
{
    if (fabs((double)got - want) > 1e-3)
        fail_msg("%g, not %g", (double)got, want);
}

static void test_yunet__decodes_centre_and_logarithms(void **state)
{
    float bbox[4 * 6] = {0}, kps[10 * 6] = {0};
    const struct facet__grid_maps m = {.stride = 16, .rows = 2, .cols = 3, .bbox = bbox, .kps = kps};
    const float b[4] = {0.25f, -0.5f, 0.6931472f, 1.0986123f};        /* log 2, log 3 */
    for (int i = 0; i < 4; i++)
        bbox[4 * 5 + i] = b[i];
    kps[10 * 5] = 0.5f;
    kps[10 * 5 + 1] = 2;
    struct facet__candidate c;
    facet__yunet_decode(&c, &m, 5);                                   /* column 2, row 1 */
    assert_close(c.box.x1, 2.25 * 16 - 16);
    assert_close(c.box.x2, 2.25 * 16 + 16);
    assert_close(c.box.y1, 0.5 * 16 - 24);
    assert_close(c.box.y2, 0.5 * 16 + 24);
    assert_close(c.points.p[0].x, 2.5 * 16);
    assert_close(c.points.p[0].y, 3 * 16);
    assert_close(c.points.p[4].x, 2 * 16);
}

static void test_scrfd__decodes_distances_of_two_anchors(void **state)
{
    float bbox[4 * 12] = {0}, kps[10 * 12] = {0};
    const struct facet__grid_maps m = {.stride = 8, .rows = 2, .cols = 3, .bbox = bbox, .kps = kps};
    const float b[4] = {1, 2, 3, 4};
    for (int i = 0; i < 4; i++)
        bbox[4 * 9 + i] = b[i];
    kps[10 * 9 + 8] = -0.5f;
    kps[10 * 9 + 9] = 0.25f;
    struct facet__candidate c;
    facet__scrfd_decode(&c, &m, 9);                                   /* second anchor of column 1, row 1 */
    assert_close(c.box.x1, 0);
    assert_close(c.box.y1, 8 - 16);
    assert_close(c.box.x2, 8 + 24);
    assert_close(c.box.y2, 8 + 32);
    assert_close(c.points.p[4].x, 4);
    assert_close(c.points.p[4].y, 10);
}

static void test_decode__both_anchors_share_a_cell(void **state)
{
    float bbox[4 * 12], kps[10 * 12] = {0};
    for (int i = 0; i < 48; i++)
        bbox[i] = 1;
    const struct facet__grid_maps m = {.stride = 32, .rows = 2, .cols = 3, .bbox = bbox, .kps = kps};
    struct facet__candidate a, b;
    facet__scrfd_decode(&a, &m, 10);
    facet__scrfd_decode(&b, &m, 11);
    assert_memory_equal(&a.box, &b.box, sizeof(a.box));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yunet__decodes_centre_and_logarithms),
        cmocka_unit_test(test_scrfd__decodes_distances_of_two_anchors),
        cmocka_unit_test(test_decode__both_anchors_share_a_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
