/* facet cameras: its words. Real cameras are in ../live. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *film(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/fuzz/corpus/image/animated.gif", getenv("FACET_TEST_SOURCE"));
    return path;
}

static void test_cameras__file_is_told_of(void **state)
{
    struct cli *c = *state;
    CLI(c, "cameras", "probe", film());
    assert_code(c, 0);
    assert_says(c->out, "codec    gif, decoded by software");
    assert_says(c->out, "0 of 2 pictures");
    CLI(c, "cameras", "probe", "--json", film());
    assert_code(c, 0);
    assert_says(c->out, "\"codec\": \"gif\"");
    assert_says(c->out, "\"frames\": 2");
}

static void test_cameras__nobody_at_an_address_is_told_without_its_login(void **state)
{
    struct cli *c = *state;
    CLI(c, "cameras", "probe", "rtsp://guard:sesame@127.0.0.1:9/x?token=sesame");
    assert_code(c, 3);
    assert_says(c->err, "rtsp://127.0.0.1:9/x");
    assert_null(strstr(c->err, "sesame"));
    assert_null(strstr(c->out, "sesame"));
}

static void test_cameras__refuses_words_that_do_not_fit(void **state)
{
    struct cli *c = *state;
    CLI(c, "cameras");
    assert_code(c, 2);
    CLI(c, "cameras", "probe");
    assert_code(c, 2);
    CLI(c, "cameras", "probe", "--transport", "pigeon", "rtsp://127.0.0.1:9/x");
    assert_code(c, 2);
    CLI(c, "cameras", "probe", "--seconds", "0", "rtsp://127.0.0.1:9/x");
    assert_code(c, 2);
    CLI(c, "cameras", "probe", "gopher://127.0.0.1/x");
    assert_int_not_equal(c->code, 0);
    assert_says(c->err, "gopher");
    CLI(c, "cameras", "probe", "/nowhere/film.mp4");
    assert_code(c, 3);
    CLI(c, "cameras", "probe", "/dev/video250");
    assert_code(c, 3);
    assert_says(c->err, "/dev/video250");
    CLI(c, "cameras", "probe", "-u", "guard", "--password-file", "/nowhere/password", "rtsp://127.0.0.1:9/x");
    assert_code(c, 3);
    assert_says(c->err, "/nowhere/password");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cameras__file_is_told_of, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_cameras__nobody_at_an_address_is_told_without_its_login, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_cameras__refuses_words_that_do_not_fit, cli_setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
