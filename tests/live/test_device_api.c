/* facet run --config --serve as a process: a device's cameras are watched at the device, for who has a key, and through a server
 * that was given one. */
#include "lib/proc.h"
#include "lib/prom.h"
#include "lib/served.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct world { struct scratch folder; struct proc p; int port; char key[64]; };

static struct world w;

static const char *facet(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    return path;
}

static const char *clip(void)
{
    static char path[1200];
    const char *mirror = getenv("FACET_MIRROR"), *source = getenv("FACET_TEST_SOURCE");
    if (mirror && *mirror)
        snprintf(path, sizeof(path), "%s/data/video/short_hamilton_clip.mp4", mirror);
    else
        snprintf(path, sizeof(path), "%s/../shared/data/video/short_hamilton_clip.mp4", source ? source : ".");
    if (!facet_path_exists(path))
        fail_msg("'%s' is not there: set FACET_MIRROR to the folder with models/ and data/", path);
    return path;
}

static int start_world(void **state)
{
    char text[4096];
    memset(&w, 0, sizeof(w));
    scratch_open(&w.folder);
    small_models(&w.folder);
    setenv("XDG_DATA_HOME", scratch_path(&w.folder, "data"), 1);
    snprintf(text, sizeof(text),
             "site: test\ndevice: door\nstrategy: edge\nmodels:\n  detector: " SMALL_DETECTOR "\n  recogniser: " SMALL_EMBEDDER "\n"
             "cameras:\n  - name: front\n    url: %s\n    native_rate: true\n    loop: true\n    fps: 5\n"
             "store:\n  events: %s\nserve:\n  port: 0\n  keys: %s\n",
             clip(), scratch_path(&w.folder, "events.db"), scratch_path(&w.folder, "keys.json"));
    scratch_write(&w.folder, "site.yaml", text);
    return chmod(scratch_path(&w.folder, "site.yaml"), 0600);
}

static int stop_world(void **state)
{
    proc_stop_all();
    scratch_close(&w.folder);
    return 0;
}

static struct http_answer ask(const char *path, const char *key)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = w.port, .path = path, .key = key});
    return a;
}

static bool has(const char *path, const char *text)
{
    struct http_answer a = ask(path, w.key);
    bool found = a.status == 200 && strstr(a.body, text);
    http_answer_fini(&a);
    return found;
}

static void check_status(const char *path, const char *key, int status)
{
    struct http_answer a = ask(path, key);
    if (a.status != status)
        fail_msg("%s: %d instead of %d: %.300s", path, a.status, status, a.body);
    http_answer_fini(&a);
}

static void start_device(void)
{
    PROC(&w.p, scratch_path(&w.folder, "run.log"), facet(), "run", "--config", scratch_path(&w.folder, "site.yaml"), "--serve", "--log", "json");
    proc_wait_line(&w.p, "can be watched at http://127.0.0.1:", 30000);
    char *text = proc_text(&w.p), *at = strstr(text, "http://127.0.0.1:");
    w.port = (int)strtol(at + strlen("http://127.0.0.1:"), NULL, 10);
    snprintf(w.key, sizeof(w.key), "%.47s", strstr(text, "fct_"));
    free(text);
    WAIT_FOR(has("/v1/cameras", "\"state\":\"live\""), 20000);
}

static void test_device__is_watched_where_it_is(void **state)
{
    struct http_watch live;
    start_device();
    check_status("/v1/cameras", NULL, 401);
    WAIT_FOR(has("/v1/cameras/front/snapshot", "\xff\xd8"), 20000);
    check_status("/v1/cameras/front/snapshot", "fct_wrong", 401);
    http_watch_open(&live, &(struct http_ask){.port = w.port, .path = "/v1/cameras/front/live", .key = w.key});
    http_watch_for(&live, "Content-Type: image/jpeg", 20000);
    http_watch_close(&live);
    WAIT_FOR(has("/v1/events", "\"device\":\"door\""), 20000);
    struct http_answer a = ask("/metrics", w.key);
    const char *why = prom_check(a.body);
    if (why)
        fail_msg("%s", why);
    http_answer_fini(&a);
    /* It recognises in its path, not for others. */
    struct http_answer b;
    http_ask(&b, &(struct http_ask){.port = w.port, .method = "POST", .path = "/v1/detect", .key = w.key, .type = "image/png", .body = "x", .len = 1});
    assert_int_equal(b.status, 503);
    http_answer_fini(&b);
    check_status("/api/v1/recognition/subjects", w.key, 503);
}

static double metric(const char *body, const char *name)
{
    bool found;
    double value = prom_value(body, name, &found);
    assert_true(found);
    return value;
}

/* Bytes of live views that the device has sent, and the frames that it looked at meanwhile. */
static double live_bytes(double *frames)
{
    struct http_answer a = ask("/metrics", w.key);
    double bytes = metric(a.body, "facet_live_sent_bytes_total");
    *frames = metric(a.body, "facet_frames_total");
    http_answer_fini(&a);
    return bytes;
}

/* Nothing more was sent while it went on looking. */
static bool is_quiet(void)
{
    double before, after, from = live_bytes(&before);
    do {
        if (live_bytes(&after) != from)
            return false;
    } while (after < before + 3);
    return true;
}

static void put_view(const struct served *s, const char *url, const char *key, int status)
{
    char body[256];
    snprintf(body, sizeof(body), "{\"url\":\"%s\",\"key\":\"%s\"}", url, key);
    struct http_answer a = served_ask(s, "PUT", "/v1/devices/door/view", "application/json", body, strlen(body), status);
    http_answer_fini(&a);
}

static void look(const struct served *s, const char *path, int status)
{
    struct http_answer a = served_get(s, path, status);
    assert_null(strstr(a.body, w.key));
    http_answer_fini(&a);
}

static void test_server__refuses_devices_that_it_cannot_reach_safely(void **state)
{
    struct served s;
    served_open(&s, true);
    look(&s, "/v1/devices/door/cameras", 404);
    look(&s, "/v1/devices/door/cameras/front/live", 404);
    put_view(&s, "http://10.0.0.7:8080", w.key, 403);          /* the key would travel openly */
    put_view(&s, "ftp://127.0.0.1", w.key, 422);
    put_view(&s, "https://u:p@10.0.0.7", w.key, 422);
    put_view(&s, "https://10.0.0.7/?x", w.key, 422);
    put_view(&s, "https://10.0.0.7", "a\\r\\nx-evil: 1", 422);
    put_view(&s, "http://127.0.0.1:9", w.key, 204);
    look(&s, "/v1/devices/door/cameras", 502);                  /* nobody is there */
    struct http_answer a = served_ask(&s, "DELETE", "/v1/devices/door/view", NULL, NULL, 0, 204);
    http_answer_fini(&a);
    a = served_ask(&s, "DELETE", "/v1/devices/door/view", NULL, NULL, 0, 404);
    http_answer_fini(&a);
    served_close(&s);
}

/* The device of the test before runs still. */
static void test_server__shows_a_device_while_somebody_watches(void **state)
{
    struct served s;
    struct http_watch live;
    char url[64];
    served_open(&s, true);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", w.port);
    put_view(&s, url, "fct_wrong", 204);
    look(&s, "/v1/devices/door/cameras", 502);
    put_view(&s, url, w.key, 204);
    served_restart(&s);
    struct http_answer a = served_get(&s, "/v1/devices/door/cameras", 200);
    served_has(&a, "\"name\":\"front\"");
    a = served_get(&s, "/v1/devices/door/cameras/front/snapshot", 200);
    assert_memory_equal(a.body, "\xff\xd8", 2);
    http_answer_fini(&a);
    look(&s, "/v1/devices/door/cameras/nobody/live", 404);
    look(&s, "/v1/devices/door/cameras/front/live?fps=100", 400);
    http_watch_open(&live, &(struct http_ask){.port = s.port, .path = "/v1/devices/door/cameras/front/live?fps=10&boxes=1", .key = s.key});
    for (int i = 0; i < 3; i++) {
        http_watch_for(&live, "--facet\r\nContent-Type: image/jpeg\r\n", 20000);
        http_watch_for(&live, "\xff\xd9", 20000);
        facet_str_clear(&live.text);
    }
    a = served_get(&s, "/metrics", 200);
    assert_true(metric(a.body, "facet_live_sent_bytes_total") > 1000);      /* counted apart, here as there */
    http_answer_fini(&a);
    WAIT_FOR(!is_quiet(), 20000);
    http_watch_close(&live);
    WAIT_FOR(is_quiet(), 20000);
    served_close(&s);
}

/* A server that ends does not wait for those who watch, nor for a device that is gone. */
static void test_server__ends_while_a_device_is_watched(void **state)
{
    struct served s;
    struct http_watch live;
    char url[64];
    served_open(&s, true);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d", w.port);
    put_view(&s, url, w.key, 204);
    http_watch_open(&live, &(struct http_ask){.port = s.port, .path = "/v1/devices/door/cameras/front/live", .key = s.key});
    http_watch_for(&live, "--facet", 20000);
    served_close(&s);
    http_watch_close(&live);
    WAIT_FOR(is_quiet(), 20000);
    assert_int_equal(proc_stop(&w.p, 20000), 0);
}

static void test_device__serve_wants_a_site(void **state)
{
    assert_int_equal(RUN(scratch_path(&w.folder, "plain.log"), facet(), "run", "--serve", clip()), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_device__is_watched_where_it_is),
        cmocka_unit_test(test_server__refuses_devices_that_it_cannot_reach_safely),
        cmocka_unit_test(test_server__shows_a_device_while_somebody_watches),
        cmocka_unit_test(test_server__ends_while_a_device_is_watched),
        cmocka_unit_test(test_device__serve_wants_a_site),
    };
    return cmocka_run_group_tests(tests, start_world, stop_world);
}
