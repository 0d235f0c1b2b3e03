/* The public library: photos, and what a session refuses before any model is there. */
#include "test.h"

#include <facet/facet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_photo__copies_pixels(void **state)
{
    const uint8_t pixels[2][8] = { { 1, 2, 3, 4, 5, 6, 0, 0 }, { 7, 8, 9, 10, 11, 12, 0, 0 } };
    struct facet_photo *p = NULL;
    assert_int_equal(facet_photo_from_rgb(&p, pixels[0], 2, 2, sizeof(pixels[0])), FACET_OK);
    assert_int_equal(facet_photo_width(p), 2);
    assert_int_equal(facet_photo_height(p), 2);
    facet_photo_close(&p);
    assert_null(p);
    facet_photo_close(&p);
}

static void test_photo__decodes_from_memory(void **state)
{
    static const char ppm[] = "P6 2 1 255\nabcdef";
    struct facet_photo *p = NULL;
    assert_int_equal(facet_photo_decode(&p, ppm, sizeof(ppm) - 1), FACET_OK);
    assert_int_equal(facet_photo_width(p), 2);
    facet_photo_close(&p);
}

static void test_photo__refuses_what_is_no_picture(void **state)
{
    struct facet_photo *p = (void *)1;
    assert_int_equal(facet_photo_decode(&p, "", 0), FACET_E_FORMAT);
    assert_null(p);
    assert_int_equal(facet_photo_decode(&p, "P6 2 2 255\nabc", 14), FACET_E_FORMAT);
    assert_int_equal(facet_photo_read(&p, "no-such-picture.jpg"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "no-such-picture.jpg"));
    assert_null(p);
}

static void test_photo__refuses_wrong_sizes(void **state)
{
    const uint8_t pixels[12] = { 0 };
    struct facet_photo *p = NULL;
    assert_int_equal(facet_photo_from_rgb(&p, NULL, 2, 2, 6), FACET_E_INVALID);
    assert_int_equal(facet_photo_from_rgb(&p, pixels, 0, 2, 6), FACET_E_INVALID);
    assert_int_equal(facet_photo_from_rgb(&p, pixels, 2, -1, 6), FACET_E_INVALID);
    assert_int_equal(facet_photo_from_rgb(&p, pixels, 2, 2, 5), FACET_E_INVALID);
    assert_int_equal(facet_photo_from_rgb(&p, pixels, 1 << 20, 1, 3 << 20), FACET_E_LIMIT);
    assert_null(p);
}

static void test_session__says_which_model_to_pull(void **state)
{
    struct facet_session *s = (void *)1;
    char empty[] = "/tmp/facet-test-XXXXXX";
    assert_non_null(mkdtemp(empty));
    setenv("FACET_MODELS", empty, 1);
    assert_int_equal(facet_session_open(&s, NULL), FACET_E_NOT_FOUND);
    assert_null(s);
    assert_non_null(strstr(facet_error_text(), "facet models pull"));
    facet_session_close(&s);
    assert_int_equal(rmdir(empty), 0);
}

static void test_session__refuses_options_it_does_not_know(void **state)
{
    struct { struct facet_session_options o; int later; } wide = { FACET_SESSION_OPTIONS_INIT, 1 };
    struct facet_session_options o = FACET_SESSION_OPTIONS_INIT;
    struct facet_session *s = NULL;
    o.struct_size = 0;
    assert_int_equal(facet_session_open(&s, &o), FACET_E_INVALID);
    wide.o.struct_size = sizeof(wide);
    assert_int_equal(facet_session_open(&s, &wide.o), FACET_E_UNSUPPORTED);
    o = (struct facet_session_options)FACET_SESSION_OPTIONS_INIT;
    o.detector = "no-such-model";
    assert_int_equal(facet_session_open(&s, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "no-such-model"));
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_photo__copies_pixels),
        cmocka_unit_test(test_photo__decodes_from_memory),
        cmocka_unit_test(test_photo__refuses_what_is_no_picture),
        cmocka_unit_test(test_photo__refuses_wrong_sizes),
        cmocka_unit_test(test_session__says_which_model_to_pull),
        cmocka_unit_test(test_session__refuses_options_it_does_not_know),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
