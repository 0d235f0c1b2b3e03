#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "engine/format/npy.h"

#include <stdlib.h>
#include <string.h>

static void make(struct facet_str *s, int version, const char *dict, const void *body, size_t len)
{
    size_t n = strlen(dict);
    unsigned char head[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)version, 0, (unsigned char)n,
                              (unsigned char)(n >> 8), 0, 0};
    facet_str_clear(s);
    facet_str_append(s, head, version == 1 ? 10 : 12);
    facet_str_append(s, dict, n);
    facet_str_append(s, body, len);
}

static int parse(const struct facet_str *s, float **out, struct facet_shape *shape)
{
    return facet_npy_parse(out, shape, (const uint8_t *)s->data, s->len, "a.npy");
}

static void refused(int version, const char *dict, size_t len, int err, const char *why)
{
    static const char body[256];
    struct facet_str s = FACET_STR_INIT;
    struct facet_shape shape;
    float *v;
    make(&s, version, dict, body, len);
    int got = parse(&s, &v, &shape);
    if (got != err || !strstr(facet_error_text(), why))
        fail_msg("%d, '%s' lacks '%s'", got, facet_error_text(), why);
    assert_null(v);
    facet_str_fini(&s);
}

static void test_npy__floats_of_every_version(void **state)
{
    const float body[] = {1, 2.5f, -3, 4, 5, 6};
    struct facet_str s = FACET_STR_INIT;
    for (int version = 1; version <= 3; version++) {
        struct facet_shape shape;
        float *v;
        make(&s, version, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }   \n", body, sizeof(body));
        assert_int_equal(parse(&s, &v, &shape), 0);
        assert_int_equal(shape.rank, 2);
        assert_int_equal(shape.dim[1], 3);
        assert_memory_equal(v, body, sizeof(body));
        free(v);
    }
    facet_str_fini(&s);
}

static void test_npy__fortran_order_is_turned(void **state)
{
    const double body[] = {1, 4, 2, 5, 3, 6};
    const float want[] = {1, 2, 3, 4, 5, 6};
    struct facet_str s = FACET_STR_INIT;
    struct facet_shape shape;
    float *v;
    make(&s, 1, "{'descr': '<f8', 'fortran_order': True, 'shape': (2, 3)}", body, sizeof(body));
    assert_int_equal(parse(&s, &v, &shape), 0);
    assert_memory_equal(v, want, sizeof(want));
    free(v);
    facet_str_fini(&s);
}

static void test_npy__integers_keep_their_sign(void **state)
{
    const int64_t big[] = {-5, 7};
    const unsigned char small[] = {250, 3};
    struct facet_str s = FACET_STR_INIT;
    struct facet_shape shape;
    float *v;
    make(&s, 1, "{'descr': '<i8', 'fortran_order': False, 'shape': (2,), }", big, sizeof(big));
    assert_int_equal(parse(&s, &v, &shape), 0);
    assert_true(v[0] == -5 && v[1] == 7);
    free(v);
    make(&s, 1, "{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }", small, 2);
    assert_int_equal(parse(&s, &v, &shape), 0);
    assert_true(v[0] == -6 && v[1] == 3);
    free(v);
    make(&s, 1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", small, 2);
    assert_int_equal(parse(&s, &v, &shape), 0);
    assert_true(v[0] == 250);
    free(v);
    facet_str_fini(&s);
}

static void test_npy__scalars_and_empty_arrays(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_shape shape;
    float *v;
    make(&s, 1, "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", &(float){9}, 4);
    assert_int_equal(parse(&s, &v, &shape), 0);
    assert_int_equal(shape.rank, 0);
    assert_true(v[0] == 9);
    free(v);
    make(&s, 1, "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 3), }", "", 0);
    assert_int_equal(parse(&s, &v, &shape), 0);
    free(v);
    facet_str_fini(&s);
}

static void test_npy__sizes_that_do_not_fit_are_refused(void **state)
{
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 7, FACET_E_FORMAT, "longer or shorter");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", 9, FACET_E_FORMAT, "longer or shorter");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999,), }", 8, FACET_E_FORMAT, "sensible");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (200000000, 200000000, 200000000), }", 8,
            FACET_E_FORMAT, "longer or shorter");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1), }", 4, FACET_E_FORMAT, "sensible");
}

static void test_npy__headers_that_are_none_are_refused(void **state)
{
    refused(1, "{'descr': '>f4', 'fortran_order': False, 'shape': (2,), }", 8, FACET_E_UNSUPPORTED, ">f4");
    refused(1, "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", 16, FACET_E_UNSUPPORTED, "<c8");
    refused(1, "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, FACET_E_FORMAT, "plain number");
    refused(1, "{'descr': '<f4', 'shape': (2,), }", 8, FACET_E_FORMAT, "lacks a key");
    refused(1, "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", 8, FACET_E_FORMAT, "True nor False");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}", 8, FACET_E_FORMAT, "unknown key");
    refused(1, "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", 8, FACET_E_FORMAT, "sensible");
    refused(1, "{'descr': '<f4'", 0, FACET_E_FORMAT, "damaged");
    refused(1, "{'shape': (2", 0, FACET_E_FORMAT, "damaged");
    refused(1, "", 0, FACET_E_FORMAT, "damaged");
    refused(4, "{}", 0, FACET_E_UNSUPPORTED, "version 4");
}

static void test_npy__truncated_files_are_refused(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    make(&s, 2, "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", &(float){1}, 4);
    for (size_t n = 0; n < s.len; n++) {
        uint8_t *copy = malloc(n ? n : 1); /* exact size: the sanitizer sees a read past the end */
        struct facet_shape shape;
        float *v;
        assert_non_null(copy);
        memcpy(copy, s.data, n);
        assert_int_not_equal(facet_npy_parse(&v, &shape, copy, n, "a.npy"), 0);
        assert_null(v);
        free(copy);
    }
    facet_str_fini(&s);
}

static void test_npy__absent_file_is_named(void **state)
{
    struct facet_shape shape;
    float *v;
    assert_int_equal(facet_npy_load(&v, &shape, "/nowhere/a.npy"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/nowhere/a.npy"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_npy__floats_of_every_version),
        cmocka_unit_test(test_npy__fortran_order_is_turned),
        cmocka_unit_test(test_npy__integers_keep_their_sign),
        cmocka_unit_test(test_npy__scalars_and_empty_arrays),
        cmocka_unit_test(test_npy__sizes_that_do_not_fit_are_refused),
        cmocka_unit_test(test_npy__headers_that_are_none_are_refused),
        cmocka_unit_test(test_npy__truncated_files_are_refused),
        cmocka_unit_test(test_npy__absent_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
