#include "test.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/str.h"
#include "deploy/camera_json.h"

#include <stdlib.h>
#include <string.h>

static int take(struct facet_camera_conf *c, const char *text)
{
    struct facet_json *j;
    assert_int_equal(facet_json_parse(&j, text, strlen(text), "test"), FACET_OK);
    int err = facet_camera_from_json(c, j);
    facet_json_unref(&j);
    return err;
}

static void write(struct facet_str *out, const struct facet_camera_conf *c, bool secrets)
{
    struct facet_jsonw w;
    facet_jsonw_init(&w, out, false);
    facet_jsonw_object(&w);
    facet_camera_to_json(&w, c, secrets);
    facet_jsonw_end_object(&w);
}

static const char full[] =
    "{\"name\":\"front\",\"url\":\"rtsp://u:hush@10.0.0.2/s\",\"password\":\"hush\",\"transport\":\"udp\",\"fps\":7.5,\"every_frame\":true,"
    "\"timeout_ms\":3000,\"max_latency_ms\":250,\"enabled\":false,\"min_face\":40,\"zones\":[{\"name\":\"door\",\"points\":[[0,0],[1,0],[0.5,1]]}],"
    "\"schedule\":[{\"from\":\"07:00\",\"to\":\"19:00\",\"days\":[\"mon\",\"sun\"]}]}";

static void test_camera_json__comes_back_as_it_was(void **state)
{
    static struct facet_camera_conf one, two;
    struct facet_str text = FACET_STR_INIT;
    (void)state;
    int err = take(&one, full);
    assert_string_equal(err ? facet_error_text() : "", "");
    assert_string_equal(one.transport, "udp");
    assert_true(one.max_latency_ms == 250);
    assert_int_equal(one.timeout_ms, 3000);
    assert_true(one.disabled);
    assert_int_equal(one.schedule[0].days, 0x41);
    assert_int_equal(one.zones[0].n, 3);
    write(&text, &one, true);
    assert_int_equal(take(&two, facet_str_text(&text)), FACET_OK);
    assert_memory_equal(&one, &two, sizeof(one));
    facet_str_fini(&text);
}

static void test_camera_json__tells_no_secret_unless_asked(void **state)
{
    static struct facet_camera_conf c;
    struct facet_str text = FACET_STR_INIT;
    (void)state;
    assert_int_equal(take(&c, full), FACET_OK);
    write(&text, &c, false);
    assert_null(strstr(facet_str_text(&text), "hush"));
    assert_non_null(strstr(facet_str_text(&text), "10.0.0.2"));
    facet_str_fini(&text);
}

/* Who may add a camera must not read the server's files by it. */
static void test_camera_json__takes_secrets_by_the_letter(void **state)
{
    static struct facet_camera_conf c;
    (void)state;
    assert_int_equal(take(&c, "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"password\":\"file:/etc/passwd\",\"username\":\"env:HOME\"}"), FACET_OK);
    assert_string_equal(c.password, "file:/etc/passwd");
    assert_string_equal(c.username, "env:HOME");
}

static void test_camera_json__refuses_what_is_wrong(void **state)
{
    static const struct { const char *text, *says; } cases[] = {
        { "[]", "an object" },
        { "{}", "'name' and 'url'" },
        { "{\"name\":\"a\"}", "'name' and 'url'" },
        { "{\"name\":\"a b\",\"url\":\"rtsp://h/s\"}", "name" },
        { "{\"name\":3,\"url\":\"rtsp://h/s\"}", "'name' is a text" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"fps\":\"7\"}", "fps" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"fps\":-1}", "fps" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"timeout_ms\":1.5}", "timeout" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"loop\":\"yes\"}", "true or false" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"transport\":\"sctp\"}", "tcp|udp" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"max_latency_ms\":\"1s\"}", "milliseconds" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"colour\":1}", "'colour' is no member" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"zones\":{}}", "zones" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"zones\":[{\"points\":[[0,0]]}]}", "zones" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"masks\":[{\"points\":[[0,0],[0,2],[1,1]]}]}", "masks" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"schedule\":7}", "schedule" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"schedule\":[{\"from\":\"7\"}]}", "schedule" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"min_face\":90,\"max_face\":40}", "40" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"disabled\":true}", "no member" },
        { "{\"name\":\"a\",\"url\":\"gopher://h/s\"}", "gopher" },
        { "{\"name\":\"a\",\"url\":\"rtsps://h/s\",\"ca\":\"/etc/shadow\"}", "fingerprint" },
        { "{\"name\":\"a\",\"url\":\"rtsps://h/s\",\"fingerprint\":\"12:34\"}", "64 hex digits" },
        { "{\"name\":\"a\",\"url\":\"rtsp://h/s\",\"fingerprint\":\"12:34\"}", "only rtsps and https" },
        { "{\"name\":\"a\",\"url\":\"rtsps://h/s\",\"insecure\":\"yes\"}", "true or false" },
    };
    static struct facet_camera_conf c;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int err = take(&c, cases[i].text);
        if (err != FACET_E_INVALID || !strstr(facet_error_text(), cases[i].says))
            fail_msg("case %zu: %d %s", i, err, err ? facet_error_text() : "accepted");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_camera_json__comes_back_as_it_was),
        cmocka_unit_test(test_camera_json__tells_no_secret_unless_asked),
        cmocka_unit_test(test_camera_json__takes_secrets_by_the_letter),
        cmocka_unit_test(test_camera_json__refuses_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
