#include "test.h"

#include "image/frame.h"

#include <facet/error.h>

static void test_frame__memory_is_used_again(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f;
    assert_int_equal(facet_frame_pool_open(&p, 1), FACET_OK);
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_RGB24, 64, 48), FACET_OK);
    struct facet_frame *first = f;
    const uint8_t *pixels = f->image.data;
    facet_frame_unref(&f);
    assert_null(f);
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_RGB24, 32, 48), FACET_OK);
    assert_ptr_equal(f, first);
    assert_ptr_equal(f->image.data, pixels);
    assert_int_equal(f->image.width, 32);
    facet_frame_unref(&f);
    facet_frame_pool_close(&p);
    assert_null(p);
}

static void take_all(struct facet_frame_pool *p, struct facet_frame **f, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(facet_frame_get(&f[i], p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
}

static void give_all(struct facet_frame **f, int n)
{
    for (int i = 0; i < n; i++)
        facet_frame_unref(&f[i]);
}

/* What a jam needed is let go when it is over, and had again when the next comes. */
static void test_frame__pool_shrinks_after_a_jam(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f[16];
    assert_int_equal(facet_frame_pool_open(&p, 16), FACET_OK);
    take_all(p, f, 16);
    give_all(f, 16);
    for (int i = 0; i < 5000; i++) {
        take_all(p, f, 1);
        give_all(f, 1);
    }
    assert_true(facet_frame_pool_made(p) <= 4);
    take_all(p, f, 16);
    assert_int_equal(facet_frame_pool_made(p), 16);
    give_all(f, 16);
    facet_frame_pool_close(&p);
}

static void test_frame__shared_is_not_writable(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f, *g;
    assert_int_equal(facet_frame_pool_open(&p, 2), FACET_OK);
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    assert_true(facet_frame_is_writable(f));
    g = facet_frame_ref(f);
    assert_false(facet_frame_is_writable(f));
    facet_frame_unref(&g);
    assert_true(facet_frame_is_writable(f));
    facet_frame_unref(&f);
    facet_frame_unref(&f); /* NULL is fine */
    facet_frame_pool_close(&p);
}

static void test_frame__outlives_its_pool(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f, *g;
    assert_int_equal(facet_frame_pool_open(&p, 2), FACET_OK);
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    assert_int_equal(facet_frame_get(&g, p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    facet_frame_unref(&g);
    facet_frame_pool_close(&p);
    f->image.data[0] = 1;
    facet_frame_unref(&f);
}

static void test_frame__cancelled_pool_gives_none(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f, *g;
    assert_int_equal(facet_frame_pool_open(&p, 2), FACET_OK);
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    facet_frame_pool_cancel(p);
    assert_int_equal(facet_frame_get(&g, p, FACET_PIXEL_GRAY8, 8, 8), FACET_E_CANCELLED);
    assert_null(g);
    facet_frame_unref(&f);
    facet_frame_pool_close(&p);
}

static void test_frame__bad_sizes_cost_no_frame(void **state)
{
    struct facet_frame_pool *p;
    struct facet_frame *f;
    assert_int_equal(facet_frame_pool_open(&p, 1), FACET_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 0, 8), FACET_E_INVALID);
        assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 1 << 20, 8), FACET_E_LIMIT);
        assert_null(f);
    }
    assert_int_equal(facet_frame_get(&f, p, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
    facet_frame_unref(&f);
    facet_frame_pool_close(&p);
    facet_frame_pool_close(&p); /* NULL is fine */
}

static void test_frame__pool_of_none_is_refused(void **state)
{
    struct facet_frame_pool *p;
    assert_int_equal(facet_frame_pool_open(&p, 0), FACET_E_INVALID);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frame__memory_is_used_again),
        cmocka_unit_test(test_frame__pool_shrinks_after_a_jam),
        cmocka_unit_test(test_frame__shared_is_not_writable),
        cmocka_unit_test(test_frame__outlives_its_pool),
        cmocka_unit_test(test_frame__cancelled_pool_gives_none),
        cmocka_unit_test(test_frame__bad_sizes_cost_no_frame),
        cmocka_unit_test(test_frame__pool_of_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
