#include "test.h"

#include "base/errors.h"
#include "base/thread.h"
#include "deploy/upload.h"

#include <stdlib.h>
#include <string.h>

static struct facet_upload *open_ring(size_t cap)
{
    struct facet_upload *u;
    assert_int_equal(facet_upload_open(&u, cap), FACET_OK);
    return u;
}

static void test_upload__hands_bytes_over_in_order_and_ends_once(void **state)
{
    struct facet_upload *u = open_ring(0);
    uint8_t buf[16];
    (void)state;
    uint64_t w = facet_upload_begin(u);
    assert_int_equal(facet_upload_write(u, w, "hello", 5, 0), FACET_OK);
    facet_upload_end(u, w);
    assert_int_equal(facet_upload_read(u, buf, 3), 3);
    assert_memory_equal(buf, "hel", 3);
    assert_int_equal(facet_upload_read(u, buf, sizeof(buf)), 2);
    assert_int_equal(facet_upload_read(u, buf, sizeof(buf)), 0);
    assert_int_equal(facet_upload_read(u, buf, sizeof(buf)), FACET_E_AGAIN);
    assert_int_equal(facet_upload_bytes(u), 5);
    facet_upload_unref(&u);
}

static void test_upload__an_end_is_not_told_where_nothing_was(void **state)
{
    struct facet_upload *u = open_ring(0);
    uint8_t buf[4];
    (void)state;
    facet_upload_end(u, facet_upload_begin(u));
    assert_int_equal(facet_upload_read(u, buf, sizeof(buf)), FACET_E_AGAIN);
    facet_upload_unref(&u);
}

static void test_upload__a_new_writer_cuts_off_the_one_before(void **state)
{
    struct facet_upload *u = open_ring(0);
    uint8_t buf[4];
    (void)state;
    uint64_t first = facet_upload_begin(u);
    assert_int_equal(facet_upload_write(u, first, "ab", 2, 0), FACET_OK);
    assert_int_equal(facet_upload_read(u, buf, 1), 1);
    uint64_t second = facet_upload_begin(u);
    assert_int_equal(facet_upload_write(u, first, "cd", 2, 0), FACET_E_CANCELLED);
    assert_int_equal(facet_upload_write(u, second, "ef", 2, 0), FACET_OK);
    assert_int_equal(facet_upload_read(u, buf, 4), 0);
    assert_int_equal(facet_upload_read(u, buf, 4), 2);
    assert_memory_equal(buf, "ef", 2);
    facet_upload_unref(&u);
}

static void test_upload__has_a_ceiling(void **state)
{
    struct facet_upload *u = open_ring(4);
    (void)state;
    uint64_t w = facet_upload_begin(u);
    assert_int_equal(facet_upload_write(u, w, "abcd", 4, 0), FACET_OK);
    assert_int_equal(facet_upload_write(u, w, "e", 1, 1), FACET_E_TIMEOUT);
    assert_int_equal(facet_upload_bytes(u), 4);
    facet_upload_unref(&u);
}

static void test_upload__refuses_writers_without_a_reader(void **state)
{
    struct facet_upload *u = open_ring(4);
    (void)state;
    uint64_t w = facet_upload_begin(u);
    facet_upload_abandon(u);
    assert_int_equal(facet_upload_write(u, w, "a", 1, 0), FACET_E_CANCELLED);
    assert_int_equal(facet_upload_write(u, facet_upload_begin(u), "a", 1, 0), FACET_E_CANCELLED);
    facet_upload_unref(&u);
}

static void test_upload__refuses_who_has_ended(void **state)
{
    struct facet_upload *u = open_ring(4);
    (void)state;
    uint64_t w = facet_upload_begin(u);
    facet_upload_end(u, w);
    assert_int_equal(facet_upload_write(u, w, "a", 1, 0), FACET_E_CANCELLED);
    facet_upload_unref(&u);
}

#define MANY 100000

static void write_many(void *ctx)
{
    struct facet_upload *u = ctx;
    uint64_t w = facet_upload_begin(u);
    for (int i = 0; i < MANY; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        if (facet_upload_write(u, w, &byte, 1, 10000))
            abort();
    }
    facet_upload_end(u, w);
}

static void test_upload__many_bytes_pass_a_small_ring_whole(void **state)
{
    struct facet_upload *u = open_ring(97);
    struct facet_thread t;
    uint8_t buf[31];
    int n, at = 0;
    (void)state;
    assert_int_equal(facet_thread_start(&t, "writer", write_many, u), FACET_OK);
    while ((n = facet_upload_read(u, buf, sizeof(buf))) != 0)
        for (int i = 0; i < n; i++, at++)
            assert_int_equal(buf[i], (uint8_t)(at * 7));
    facet_thread_join(&t);
    assert_int_equal(at, MANY);
    facet_upload_unref(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upload__hands_bytes_over_in_order_and_ends_once),
        cmocka_unit_test(test_upload__an_end_is_not_told_where_nothing_was),
        cmocka_unit_test(test_upload__a_new_writer_cuts_off_the_one_before),
        cmocka_unit_test(test_upload__has_a_ceiling),
        cmocka_unit_test(test_upload__refuses_writers_without_a_reader),
        cmocka_unit_test(test_upload__refuses_who_has_ended),
        cmocka_unit_test(test_upload__many_bytes_pass_a_small_ring_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
