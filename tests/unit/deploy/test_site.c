#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "deploy/site.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/facet-site-XXXXXX";
static char path[64], secret[64];

static int make_dir(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/site.yaml", dir);
    snprintf(secret, sizeof(secret), "%s/secret", dir);
    return 0;
}

static int drop_dir(void **state)
{
    (void)state;
    unlink(path);
    unlink(secret);
    return rmdir(dir);
}

static int load(struct facet_site *s, const char *text)
{
    assert_int_equal(facet_file_write_atomic(path, text, strlen(text)), FACET_OK);
    return facet_site_load(s, path);
}

#define CAMERA "cameras:\n  - name: front\n    url: rtsp://10.0.0.2/s\n"

static void test_site__an_empty_file_has_every_default(void **state)
{
    struct facet_site s;
    (void)state;
    assert_int_equal(load(&s, ""), FACET_OK);
    assert_string_equal(s.strategy, "edge");
    assert_string_equal(s.name, "home");
    assert_true(*s.device);
    assert_int_equal(s.n_cameras, 0);
    assert_int_equal(s.outbox.max_bytes, 256 << 20);
    assert_int_equal(s.outbox.max_age_ms, 7 * 86400000LL);
    assert_string_equal(s.mqtt.prefix, "facet");
    assert_int_equal(s.serve.port, 8080);
    assert_true(s.store.blur_others);
    assert_false(s.store.crops);
    assert_true(s.event_expires_ms == 600000);
    facet_site_fini(&s);
}

static void test_site__reads_what_a_device_needs(void **state)
{
    struct facet_site s;
    (void)state;
    int err = load(&s, "site: shop\ndevice: door-1\nstrategy: hybrid\n"
                       "mqtt:\n  host: broker.lan\n  tls: yes\n  port: 8884\n"
                       "hybrid: {chip: jpeg, quality: 80, expires: 2h}\n"
                       "track: {rejoin: -1, min_quality: 0.25}\n"
                       "store:\n" CAMERA
                       "    fps: 7.5\n    max_latency: 250ms\n    username: u\n"
                       "    zones:\n      - name: door\n        points: [[0, 0], [1, 0], [0.5, 1]]\n"
                       "    masks:\n      - points: [[0, 0], [1, 0], [0.5, 1], [0.2, 0.3]]\n"
                       "    schedule: [\"mon-wed,sun 07:30-19:00\", \"22:00-06:00\"]\n");
    assert_string_equal(err ? facet_error_text() : "", "");
    assert_string_equal(s.name, "shop");
    assert_string_equal(s.mqtt.host, "broker.lan");
    assert_int_equal(s.mqtt.port, 8884);
    assert_true(s.mqtt.tls);
    assert_string_equal(s.hybrid.chip, "jpeg");
    assert_int_equal(s.hybrid.quality, 80);
    assert_true(s.hybrid.expires_ms == 7200000);
    assert_true(s.track.rejoin == -1);
    const struct facet_camera_conf *c = s.cameras;
    assert_int_equal(s.n_cameras, 1);
    assert_string_equal(c->name, "front");
    assert_string_equal(c->transport, "tcp");
    assert_true(c->fps == 7.5);
    assert_true(c->max_latency_ms == 250);
    assert_int_equal(c->n_zones, 1);
    assert_int_equal(c->zones[0].n, 3);
    assert_string_equal(c->zones[0].name, "door");
    assert_int_equal(c->masks[0].n, 4);
    assert_int_equal(c->n_schedule, 3);
    assert_int_equal(c->schedule[0].days, 0x47);
    assert_int_equal(c->schedule[0].from_min, 450);
    assert_int_equal(c->schedule[1].from_min, 1320);
    assert_int_equal(c->schedule[1].to_min, 1440);
    assert_int_equal(c->schedule[2].from_min, 0);
    assert_int_equal(c->schedule[2].to_min, 360);
    assert_int_equal(facet_site_check_device(&s), FACET_OK);
    facet_site_fini(&s);
}

static void test_site__a_span_over_midnight_goes_on_the_next_day(void **state)
{
    struct facet_site s;
    (void)state;
    assert_int_equal(load(&s, CAMERA "    schedule: \"sun 23:00-01:30\"\n"), FACET_OK);
    assert_int_equal(s.cameras[0].schedule[0].days, 0x40);
    assert_int_equal(s.cameras[0].schedule[1].days, 0x01);
    assert_int_equal(s.cameras[0].schedule[1].to_min, 90);
    facet_site_fini(&s);
}

static void test_site__the_environment_overrides_the_file(void **state)
{
    struct facet_site s;
    (void)state;
    setenv("FACET_SITE_MQTT_HOST", "other.lan", 1);
    setenv("FACET_SITE_STRATEGY", "cloud", 1);
    int err = load(&s, "strategy: edge\nmqtt: {host: broker.lan}\n");
    unsetenv("FACET_SITE_MQTT_HOST");
    unsetenv("FACET_SITE_STRATEGY");
    assert_int_equal(err, FACET_OK);
    assert_string_equal(s.mqtt.host, "other.lan");
    assert_string_equal(s.strategy, "cloud");
    facet_site_fini(&s);
}

static void test_site__a_wrong_variable_is_refused_by_name(void **state)
{
    struct facet_site s;
    (void)state;
    setenv("FACET_SITE_MQTT_PORT", "many", 1);
    int err = load(&s, "mqtt: {host: broker.lan}\n");
    unsetenv("FACET_SITE_MQTT_PORT");
    assert_int_equal(err, FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "$FACET_SITE_MQTT_PORT"));
}

static void write_secret(const char *text, mode_t mode)
{
    assert_int_equal(facet_file_write_atomic(secret, text, strlen(text)), FACET_OK);
    assert_int_equal(chmod(secret, mode), 0);
}

static int load_with_secret(struct facet_site *s, const char *value)
{
    char text[512];
    snprintf(text, sizeof(text), "mqtt: {host: 127.0.0.1, username: u, password: \"%s\"}\n", value);
    return load(s, text);
}

static void test_site__secrets_come_from_files_and_variables(void **state)
{
    struct facet_site s;
    char from[80];
    (void)state;
    snprintf(from, sizeof(from), "file:%s", secret);
    write_secret("hush hush\n", 0600);
    assert_int_equal(load_with_secret(&s, from), FACET_OK);
    assert_string_equal(s.mqtt.password, "hush hush");
    facet_site_fini(&s);
    setenv("FACET_TEST_SECRET", "from env", 1);
    assert_int_equal(load_with_secret(&s, "env:FACET_TEST_SECRET"), FACET_OK);
    assert_string_equal(s.mqtt.password, "from env");
    facet_site_fini(&s);
    unsetenv("FACET_TEST_SECRET");
    setenv("CREDENTIALS_DIRECTORY", dir, 1);
    assert_int_equal(load_with_secret(&s, "credential:secret"), FACET_OK);
    assert_string_equal(s.mqtt.password, "hush hush");
    facet_site_fini(&s);
    unsetenv("CREDENTIALS_DIRECTORY");
    assert_int_equal(load_with_secret(&s, "plain"), FACET_OK);
    assert_string_equal(s.mqtt.password, "plain");
    facet_site_fini(&s);
}

static void test_site__secrets_that_are_not_there_are_refused(void **state)
{
    struct facet_site s;
    char from[80];
    (void)state;
    snprintf(from, sizeof(from), "file:%s", secret);
    write_secret("hush\n", 0644);
    assert_int_equal(load_with_secret(&s, from), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "chmod"));
    write_secret("\n", 0600);
    assert_int_equal(load_with_secret(&s, from), FACET_E_FORMAT);
    assert_int_equal(load_with_secret(&s, "file:/nowhere/at/all"), FACET_E_NOT_FOUND);
    assert_int_equal(load_with_secret(&s, "env:FACET_TEST_NOT_SET"), FACET_E_NOT_FOUND);
    assert_int_equal(load_with_secret(&s, "credential:x"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "mqtt.password"));
}

static void test_site__printing_tells_no_secret(void **state)
{
    struct facet_site s;
    struct facet_str out = FACET_STR_INIT;
    (void)state;
    assert_int_equal(load(&s, "mqtt: {host: localhost, username: u, password: hush}\n"
                              "server: {url: \"https://s\", key: hush}\nwebhook: {url: \"https://w\", secret: hush}\n"
                              "cameras: [{name: a, url: \"rtsp://u:hush@h/s\", password: hush}]\n"), FACET_OK);
    assert_int_equal(facet_site_print(&s, &out), FACET_OK);
    assert_null(strstr(facet_str_text(&out), "hush"));
    assert_non_null(strstr(facet_str_text(&out), "password: (set)"));
    assert_non_null(strstr(facet_str_text(&out), "max_age: 7d"));
    facet_str_fini(&out);
    facet_site_fini(&s);
}

/* Format faults name the file and the line; contradictions name both keys. */
static void test_site__refuses_what_it_does_not_understand(void **state)
{
    static const struct { const char *text, *says; int line; } cases[] = {
        { "sites: x\n", "did you mean 'site'", 1 },
        { "\nmqtt:\n  hots: x\n", "did you mean 'host'", 3 },
        { "mqtt: 3\n", "'mqtt' wants", 1 },
        { "mqtt:\n  host: [a]\n", "wants one value", 2 },
        { "mqtt:\n  port: http\n", "mqtt.port is a whole number from 0 to 65535, not 'http'", 2 },
        { "mqtt:\n  port: 70000\n", "mqtt.port", 2 },
        { "mqtt:\n  port: 1.5\n", "mqtt.port", 2 },
        { "mqtt:\n  port: -1\n", "mqtt.port", 2 },
        { "mqtt:\n  tls: maybe\n", "true or false", 2 },
        { "strategy: split\n", "edge|cloud|hybrid", 1 },
        { "strategy: edge|cloud\n", "edge|cloud|hybrid", 1 },
        { "site: a b\n", "letters, digits", 1 },
        { "site: a/b\n", "letters, digits", 1 },
        { "site: \"\"\n", "letters, digits", 1 },
        { "device: +\n", "letters, digits", 1 },
        { "event_expires: 10\n", "a time like", 1 },
        { "event_expires: ten\n", "a time like", 1 },
        { "event_expires: 10x\n", "a time like", 1 },
        { "event_expires: -1s\n", "a time like", 1 },
        { "event_expires: 1e9d\n", "a time like", 1 },
        { "outbox: {max_bytes: 10}\n", "at least 64KiB", 1 },
        { "outbox: {max_bytes: 1XB}\n", "bytes like", 1 },
        { "outbox: {max_age: 1ms}\n", "a time like", 1 },
        { "gallery: {threshold: 2}\n", "from -1 to 1", 1 },
        { "gallery: {threshold: nan}\n", "from -1 to 1", 1 },
        { "hybrid: {quality: 0}\n", "from 1 to 100", 1 },
        { "cameras: front\n", "a list of at most", 1 },
        { "cameras:\n  - front\n", "wants `name:` and `url:`", 2 },
        { "cameras:\n  - name: a\n", "wants `name:` and `url:`", 2 },
        { "cameras:\n  - url: x\n", "wants `name:` and `url:`", 2 },
        { "cameras:\n  - name: a\n    url: x\n  - name: a\n    url: y\n", "a camera 'a' already", 4 },
        { "cameras:\n  - name: a\n    url: x\n    fsp: 3\n", "did you mean 'fps'", 4 },
        { "cameras:\n  - name: a\n    url: x\n    transport: sctp\n", "tcp|udp", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: 3\n", "zones is a list", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: [{points: [[0,0],[1,1]]}]\n", "3 to 32 pairs", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: [{points: [[0,0],[1,1],[2,0]]}]\n", "from 0 to 1", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: [{points: [[0,0],[1,1],[nan,0]]}]\n", "from 0 to 1", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: [{points: [0,0,1,1,1,0]}]\n", "from 0 to 1", 4 },
        { "cameras:\n  - name: a\n    url: x\n    zones: [{pints: []}]\n", "did you mean 'points'", 4 },
        { "cameras:\n  - name: a\n    url: x\n    schedule: always\n", "spans like", 4 },
        { "cameras:\n  - name: a\n    url: x\n    schedule: \"25:00-26:00\"\n", "spans like", 4 },
        { "cameras:\n  - name: a\n    url: x\n    schedule: \"07:00-07:00\"\n", "spans like", 4 },
        { "cameras:\n  - name: a\n    url: x\n    schedule: \"mon- 07:00-08:00\"\n", "spans like", 4 },
        { "cameras:\n  - name: a\n    url: x\n    schedule: [\"07:00-08:00x\"]\n", "spans like", 4 },
        { "cameras:\n  - {name: a, url: x, min_face: 90, max_face: 40}\n", "90 to 40", 2 },
        { "cameras:\n  - {name: a.b, url: x}\n", "a.b", 2 },
        { "- a\n", "key: value", 0 },
        { "site: a\nsite: b\n", "is there already", 2 },
        { "site: [\n", "site.yaml", 0 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_site s;
        char line[32];
        int err = load(&s, cases[i].text);
        if (err != FACET_E_FORMAT || !strstr(facet_error_text(), cases[i].says))
            fail_msg("case %zu: %d %s", i, err, err ? facet_error_text() : "accepted");
        snprintf(line, sizeof(line), "site.yaml' line %d", cases[i].line);
        if (cases[i].line)
            assert_non_null(strstr(facet_error_text(), line));
    }
}

static void test_site__refuses_contradictions_with_both_keys(void **state)
{
    static const struct { const char *text, *one, *other; } cases[] = {
        { "gallery: {threshold: 0.4, far: 0.001}\n", "gallery.threshold", "gallery.far" },
        { "models: {min_face: 80, max_face: 40}\n", "models.max_face", "models.min_face" },
        { "mqtt: {password: x}\n", "mqtt.host", "missing" },
        { "mqtt: {host: b, cert: c, key: k}\n", "mqtt.cert", "mqtt.tls" },
        { "mqtt: {host: b, tls: on, cert: c}\n", "mqtt.cert", "mqtt.key" },
        { "mqtt: {host: b, password: x}\n", "mqtt.password", "mqtt.tls" },
        { "mqtt: {host: \"mqtt://b\"}\n", "mqtt.host", "no mqtt://" },
        { "mqtt: {host: b, prefix: \"a/#\"}\n", "mqtt.prefix", "'#'" },
        { "mqtt: {prefix: \"/a\"}\n", "mqtt.prefix", "either end" },
        { "strategy: hybrid\nmqtt: {host: b}\n", "hybrid", "mqtt.tls" },
        { "server: {key: x}\n", "server.key", "server.url" },
        { "server: {url: \"ftp://x\"}\n", "server.url", "https://" },
        { "server: {url: \"http://x\"}\n", "server.url", "server.insecure" },
        { "server: {url: \"https://u:p@x\"}\n", "server.url", "server.key" },
        { "serve: {cert: c}\n", "serve.cert", "serve.key" },
        { "webhook: {url: \"https://x\"}\n", "webhook.url", "webhook.secret" },
        { "webhook: {url: \"x\", secret: y}\n", "webhook.url", "https://" },
        { "hybrid: {batch_time: 3s}\n", "hybrid.batch_time", "hybrid.batch" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_site s;
        int err = load(&s, cases[i].text);
        if (err != FACET_E_INVALID || !strstr(facet_error_text(), cases[i].one) || !strstr(facet_error_text(), cases[i].other))
            fail_msg("case %zu: %d %s", i, err, err ? facet_error_text() : "accepted");
    }
}

static void test_site__a_device_needs_what_its_strategy_needs(void **state)
{
    static const struct { const char *text, *says; } cases[] = {
        { "", "no camera" },
        { "strategy: hybrid\n" CAMERA, "mqtt.host" },
        { "strategy: cloud\n" CAMERA, "server.url" },
        { "strategy: cloud\nserver: {url: \"https://s\"}\n" CAMERA, "server.key" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_site s;
        assert_int_equal(load(&s, cases[i].text), FACET_OK);
        assert_int_equal(facet_site_check_device(&s), FACET_E_INVALID);
        assert_non_null(strstr(facet_error_text(), cases[i].says));
        facet_site_fini(&s);
    }
}

static void test_site__a_secret_stands_in_no_refusal(void **state)
{
    struct facet_site s;
    char text[1400] = "webhook: {url: \"https://w\", secret: hushhush";
    (void)state;
    for (size_t n = strlen(text); n < 600; n++)
        text[n] = 'h';
    strncat(text, "}\n", sizeof(text) - strlen(text) - 1);
    assert_int_equal(load(&s, text), FACET_E_FORMAT);
    assert_null(strstr(facet_error_text(), "hush"));
    assert_non_null(strstr(facet_error_text(), "webhook.secret"));
}

static void test_site__no_file_is_refused(void **state)
{
    struct facet_site s;
    (void)state;
    assert_int_equal(facet_site_load(&s, "/nowhere/site.yaml"), FACET_E_NOT_FOUND);
    assert_null(s.cameras);
    facet_site_fini(&s);
}

static void test_site__the_example_is_what_is_checked_in_and_loads(void **state)
{
    struct facet_str made = FACET_STR_INIT;
    char file[1024];
    uint8_t *kept;
    size_t len;
    struct facet_site s;
    (void)state;
    snprintf(file, sizeof(file), "%s/examples/site.yaml", getenv("FACET_TEST_SOURCE"));
    assert_int_equal(facet_site_example(&made), FACET_OK);
    assert_int_equal(facet_file_read(file, 1 << 20, &kept, &len), FACET_OK);
    if (strcmp((char *)kept, facet_str_text(&made)))
        fail_msg("examples/site.yaml is not what facet site example writes: write it again");
    free(kept);
    facet_str_fini(&made);
    int err = facet_site_load(&s, file);
    assert_string_equal(err ? facet_error_text() : "", "");
    assert_int_equal(facet_site_check_device(&s), FACET_OK);
    facet_site_fini(&s);
}

static void test_site__the_manual_has_the_table(void **state)
{
    struct facet_str made = FACET_STR_INIT;
    char file[1024];
    uint8_t *kept;
    size_t len;
    (void)state;
    snprintf(file, sizeof(file), "%s/docs/site.md", getenv("FACET_TEST_SOURCE"));
    assert_int_equal(facet_site_table(&made), FACET_OK);
    assert_int_equal(facet_file_read(file, 1 << 20, &kept, &len), FACET_OK);
    if (!strstr((char *)kept, facet_str_text(&made)))
        fail_msg("docs/site.md does not hold what facet site keys writes: put it there");
    free(kept);
    facet_str_fini(&made);
}

static void test_site__is_told_from_options_of_run(void **state)
{
    (void)state;
    assert_int_equal(facet_file_write_atomic(path, "site: a\n", 8), FACET_OK);
    assert_true(facet_site_is_site(path));
    assert_int_equal(facet_file_write_atomic(path, "gallery: a.db\n", 14), FACET_OK);
    assert_false(facet_site_is_site(path));
    assert_false(facet_site_is_site("/nowhere"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site__an_empty_file_has_every_default),
        cmocka_unit_test(test_site__reads_what_a_device_needs),
        cmocka_unit_test(test_site__a_span_over_midnight_goes_on_the_next_day),
        cmocka_unit_test(test_site__the_environment_overrides_the_file),
        cmocka_unit_test(test_site__a_wrong_variable_is_refused_by_name),
        cmocka_unit_test(test_site__secrets_come_from_files_and_variables),
        cmocka_unit_test(test_site__secrets_that_are_not_there_are_refused),
        cmocka_unit_test(test_site__printing_tells_no_secret),
        cmocka_unit_test(test_site__refuses_what_it_does_not_understand),
        cmocka_unit_test(test_site__refuses_contradictions_with_both_keys),
        cmocka_unit_test(test_site__a_device_needs_what_its_strategy_needs),
        cmocka_unit_test(test_site__a_secret_stands_in_no_refusal),
        cmocka_unit_test(test_site__no_file_is_refused),
        cmocka_unit_test(test_site__the_example_is_what_is_checked_in_and_loads),
        cmocka_unit_test(test_site__the_manual_has_the_table),
        cmocka_unit_test(test_site__is_told_from_options_of_run),
    };
    return cmocka_run_group_tests(tests, make_dir, drop_dir);
}
