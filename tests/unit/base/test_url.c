#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "base/url.h"

#include <string.h>

static const char *redact(const char *url)
{
    static char out[256];
    facet_url_redact(out, sizeof(out), url);
    return out;
}

static void test_url__login_and_query_are_left_out(void **state)
{
    assert_string_equal(redact("rtsp://admin:secret@cam:554/stream1"), "rtsp://cam:554/stream1");
    assert_string_equal(redact("rtsps://admin@10.0.0.2/h264"), "rtsps://10.0.0.2/h264");
    assert_string_equal(redact("http://cam/video.mjpg?user=admin&pwd=secret"), "http://cam/video.mjpg?***");
    assert_string_equal(redact("http://a:b@cam/x#secret"), "http://cam/x?***");
    assert_string_equal(redact("rtsp://u:p@[fe80::1]:554/x"), "rtsp://[fe80::1]:554/x");
}

static void test_url__no_password_gets_through_however_odd(void **state)
{
    static const char *const odd[] = {
        "rtsp://admin:sec@ret@cam/x", "rtsp://admin:sec/ret@cam/x", "rtsp://admin:ret?@cam/x", "rtsp://admin:s:ret@cam",
        "rtsp://admin:ret#1@cam/x", "rtsp://:ret@cam", "rtsp://admin:sec/ret/@cam", "rtsp://a b:ret@cam/", "x://[ret@cam",
        "rtsp://admin:1234ret/@cam", "rtsp://a/b:ret@cam", "rtsp://a:55?ret@cam", "rtsp://cam:554/x:ret@y",
    };
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        assert_null(strstr(redact(odd[i]), "ret"));
}

static void test_url__what_holds_no_login_stays(void **state)
{
    static const char *const plain[] = {
        "rtsp://cam:554/stream1", "rtsp://cam/axis@1", "rtsp://[::1]/x@y", "rtsp://[::1]:8554/x", "/videos/a@b.mp4", "clip.mp4", "/dev/video0", "",
        "v4l2:/dev/video0",
    };
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        assert_string_equal(redact(plain[i]), plain[i]);
}

static void test_url__cut_to_what_fits(void **state)
{
    char out[12] = "";
    facet_url_redact(out, sizeof(out), "rtsp://admin:secret@camera/stream");
    assert_string_equal(out, "rtsp://came");
    facet_url_redact(out, 1, "rtsp://admin:secret@camera/stream");
    assert_string_equal(out, "");
    out[0] = 'x';
    facet_url_redact(out, 0, "rtsp://cam");
    assert_int_equal(out[0], 'x');
}

static void test_url__scheme_is_told(void **state)
{
    char s[8];
    assert_true(facet_url_scheme("rtsp://x", s, sizeof(s)));
    assert_string_equal(s, "rtsp");
    assert_false(facet_url_scheme("://x", s, sizeof(s)));
    assert_false(facet_url_scheme("/a://b", s, sizeof(s)));
    assert_false(facet_url_scheme("v4l2:/dev/video0", s, sizeof(s)));
    assert_false(facet_url_scheme("muchtoolong://x", s, sizeof(s)));
}

static const char *login(const char *url, const char *user, const char *password)
{
    static struct facet_str s;
    facet_str_fini(&s);
    assert_int_equal(facet_url_login(&s, url, user, password), FACET_OK);
    static char out[256];
    assert_int_equal(facet_copy_text(out, sizeof(out), facet_str_text(&s)), FACET_OK);
    facet_str_fini(&s);
    return out;
}

static void test_url__login_is_put_in_and_encoded(void **state)
{
    assert_string_equal(login("rtsp://cam/x", "admin", "p@ss/w:rd"), "rtsp://admin:p%40ss%2Fw%3Ard@cam/x");
    assert_string_equal(login("rtsp://old:one@cam/x", "a", "b"), "rtsp://a:b@cam/x");
    assert_string_equal(login("rtsp://cam/x", "", "b"), "rtsp://cam/x");
    assert_string_equal(login("rtsp://cam/x", "a", NULL), "rtsp://a:@cam/x");
}

static void test_url__no_login_for_a_path(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    assert_int_equal(facet_url_login(&s, "/dev/video0", "a", "b"), FACET_E_INVALID);
    facet_str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_url__login_and_query_are_left_out),
        cmocka_unit_test(test_url__no_password_gets_through_however_odd),
        cmocka_unit_test(test_url__what_holds_no_login_stays),
        cmocka_unit_test(test_url__cut_to_what_fits),
        cmocka_unit_test(test_url__scheme_is_told),
        cmocka_unit_test(test_url__login_is_put_in_and_encoded),
        cmocka_unit_test(test_url__no_login_for_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
