/* facet run --config --serve as a process: a device's cameras are watched at the device, for who has a key. */
#include "lib/http_ask.h"
#include "lib/proc.h"
#include "lib/prom.h"
#include "lib/small_models.h"

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

static void test_device__is_watched_where_it_is(void **state)
{
    struct http_watch live;
    PROC(&w.p, scratch_path(&w.folder, "run.log"), facet(), "run", "--config", scratch_path(&w.folder, "site.yaml"), "--serve", "--log", "json");
    proc_wait_line(&w.p, "can be watched at http://127.0.0.1:", 30000);
    char *text = proc_text(&w.p), *at = strstr(text, "http://127.0.0.1:");
    w.port = (int)strtol(at + strlen("http://127.0.0.1:"), NULL, 10);
    snprintf(w.key, sizeof(w.key), "%.47s", strstr(text, "fct_"));
    free(text);
    WAIT_FOR(has("/v1/cameras", "\"state\":\"live\""), 20000);
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
        cmocka_unit_test(test_device__serve_wants_a_site),
    };
    return cmocka_run_group_tests(tests, start_world, stop_world);
}
