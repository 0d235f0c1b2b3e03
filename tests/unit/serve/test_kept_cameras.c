/* Cameras that were added by the API over a restart: they are there again, sealed while they lie, and give way to the site's file. */
#include "lib/served.h"

#include "base/errors.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Nothing answers there: it stays connecting or lost, which is all that is asked here. */
#define GATE "{\"name\":\"gate\",\"url\":\"rtsp://me:urlsecret@127.0.0.1:9/gate\",\"fps\":2}"

static int start(void **state)
{
    static struct served w;
    served_open(&w, true);
    *state = &w;
    return 0;
}

static int stop(void **state)
{
    served_close(*state);
    return 0;
}

static void ask(const struct served *w, const char *method, const char *path, int status)
{
    struct http_answer a = served_ask(w, method, path, NULL, NULL, 0, status);
    http_answer_fini(&a);
}

static void add(const struct served *w, const char *json, int status)
{
    struct http_answer a = served_post_json(w, "/v1/cameras", json, status);
    http_answer_fini(&a);
}

/* Address of a camera as it is told, and whether it is switched on. */
static bool look(const struct served *w, const char *name, char url[256])
{
    char path[256];
    snprintf(path, sizeof(path), "/v1/cameras/%s", name);
    struct http_answer a = served_get(w, path, 200);
    struct facet_json *j = served_json(&a);
    snprintf(url, 256, "%s", facet_json_str(facet_json_get(j, "url"), ""));
    bool on = facet_json_bool(facet_json_get(j, "enabled"), false);
    facet_json_unref(&j);
    return on;
}

static void test_kept_camera__is_there_after_a_restart(void **state)
{
    struct served *w = *state;
    char url[256];
    add(w, GATE, 201);
    served_restart(w);
    assert_true(look(w, "gate", url));
    assert_string_equal(url, "rtsp://127.0.0.1:9/gate");
    ask(w, "DELETE", "/v1/cameras/gate", 204);
}

static void test_kept_camera__stays_switched_off(void **state)
{
    struct served *w = *state;
    char url[256];
    add(w, GATE, 201);
    ask(w, "POST", "/v1/cameras/gate/disable", 200);
    served_restart(w);
    assert_false(look(w, "gate", url));
    ask(w, "POST", "/v1/cameras/gate/enable", 200);
    served_restart(w);
    assert_true(look(w, "gate", url));
    ask(w, "DELETE", "/v1/cameras/gate", 204);
}

static void put_areas(const struct served *w, const char *camera, const char *json, int status, const char *says)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/cameras/%s/areas", camera);
    struct http_answer a = served_ask(w, "PUT", path, "application/json", json, strlen(json), status);
    served_has(&a, says);
}

#define DOOR "{\"zones\":[{\"name\":\"door\",\"points\":[[0.000000,0.000000],[0.500000,0.000000],[0.500000,1.000000]]}],\"masks\":[]"

static void test_kept_camera__has_its_zones_after_a_restart(void **state)
{
    struct served *w = *state;
    add(w, GATE, 201);
    put_areas(w, "gate", DOOR "}", 200, DOOR ",\"kept\":true}");
    served_restart(w);
    struct http_answer a = served_get(w, "/v1/cameras/gate/areas", 200);
    served_has(&a, DOOR "}");
    put_areas(w, "gate", "{}", 200, "{\"zones\":[],\"masks\":[],\"kept\":true}");
    ask(w, "DELETE", "/v1/cameras/gate", 204);
}

static void test_kept_camera__refuses_zones_that_are_none(void **state)
{
    struct served *w = *state;
    add(w, GATE, 201);
    put_areas(w, "nobody", "{}", 404, "there is no camera 'nobody'");
    put_areas(w, "gate", "{\"zones\":[{\"name\":\"a\",\"points\":[[0,0],[1,1]]}]}", 422, "3 to 32 points");
    put_areas(w, "gate", "{\"zones\":[{\"name\":\"a\",\"points\":[[0,0],[2,0],[1,1]]}]}", 422, "from 0 to 1");
    put_areas(w, "gate", "{\"url\":\"rtsp://10.0.0.1/\"}", 422, "neither zones nor masks");
    put_areas(w, "gate", "[]", 400, "no JSON object");
    struct http_answer a = served_get(w, "/v1/cameras/gate/areas", 200);
    served_has(&a, "{\"zones\":[],\"masks\":[]}");
    a = served_get(w, "/v1/cameras/nobody/areas", 404);
    http_answer_fini(&a);
    ask(w, "DELETE", "/v1/cameras/gate", 204);
}

static void test_kept_camera__is_gone_when_it_was_removed(void **state)
{
    struct served *w = *state;
    add(w, GATE, 201);
    served_restart(w);
    ask(w, "DELETE", "/v1/cameras/gate", 204);
    served_restart(w);
    ask(w, "GET", "/v1/cameras/gate", 404);
    ask(w, "DELETE", "/v1/cameras/gate", 404);
}

static void test_kept_camera__refused_ones_leave_nothing(void **state)
{
    struct served *w = *state;
    add(w, GATE, 201);
    add(w, "{\"name\":\"gate\",\"url\":\"rtsp://127.0.0.1:9/other\"}", 409);
    add(w, "{\"name\":\"worse\",\"url\":\"/etc/passwd\"}", 422);
    served_restart(w);
    char url[256];
    (void)look(w, "gate", url);
    assert_string_equal(url, "rtsp://127.0.0.1:9/gate");
    ask(w, "GET", "/v1/cameras/worse", 404);
    ask(w, "DELETE", "/v1/cameras/gate", 204);
}

/* The device adds it again when it is there again. */
static void test_kept_camera__those_of_devices_are_not_kept(void **state)
{
    struct served *w = *state;
    struct http_answer a = served_post_json(w, "/v1/keys", "{\"name\":\"frontdoor\",\"role\":\"device\"}", 201);
    struct facet_json *j = served_json(&a);
    char key[128], admin[128];
    snprintf(key, sizeof(key), "%s", facet_json_str(facet_json_get(j, "key"), ""));
    facet_json_unref(&j);
    memcpy(admin, w->key, sizeof(admin));
    memcpy(w->key, key, sizeof(key));
    add(w, GATE, 201);
    memcpy(w->key, admin, sizeof(admin));
    ask(w, "GET", "/v1/cameras/gate", 200);
    served_restart(w);
    ask(w, "GET", "/v1/cameras/gate", 404);
}

static void put_into_file(struct facet_site *s, const char *name, const char *url)
{
    s->cameras = calloc(1, sizeof(*s->cameras));
    assert_non_null(s->cameras);
    snprintf(s->cameras[0].name, sizeof(s->cameras[0].name), "%s", name);
    snprintf(s->cameras[0].url, sizeof(s->cameras[0].url), "%s", url);
    s->n_cameras = 1;
}

static void take_from_file(struct served *w)
{
    free(w->site.cameras);
    w->site.cameras = NULL;
    w->site.n_cameras = 0;
}

static void test_kept_camera__gives_way_to_the_file(void **state)
{
    struct served *w = *state;
    char url[256];
    add(w, GATE, 201);
    put_into_file(&w->site, "gate", "rtsp://127.0.0.1:9/of-the-file");
    served_restart(w);
    (void)look(w, "gate", url);
    assert_string_equal(url, "rtsp://127.0.0.1:9/of-the-file");
    take_from_file(w);
    served_restart(w);
    ask(w, "GET", "/v1/cameras/gate", 404); /* it was forgotten, not only hidden */
}

static void test_kept_camera__gives_way_to_a_file_that_is_read_again(void **state)
{
    struct served *w = *state;
    struct facet_site fresh = w->site;
    struct facet_str changed = FACET_STR_INIT;
    char url[256];
    add(w, GATE, 201);
    put_into_file(&fresh, "gate", "rtsp://127.0.0.1:9/of-the-file");
    if (facet_serve_reload(w->serve, &fresh, &changed))
        fail_msg("%s", facet_error_text());
    (void)look(w, "gate", url);
    assert_string_equal(url, "rtsp://127.0.0.1:9/of-the-file");
    assert_string_equal(facet_str_text(&changed), "changed camera gate");
    facet_str_fini(&changed);
    served_restart(w); /* with the file as it was */
    ask(w, "GET", "/v1/cameras/gate", 404);
    free(fresh.cameras);
}

static bool is_in_file(const char *path, const char *text)
{
    uint8_t *data;
    size_t len;
    if (facet_file_read(path, 64u << 20, &data, &len))
        return false;
    bool found = memmem(data, len, text, strlen(text)) != NULL;
    free(data);
    return found;
}

static void test_kept_camera__password_is_sealed_where_there_is_a_site_key(void **state)
{
    struct served *w = *state;
    char url[256];
    scratch_write(&w->folder, "site.key", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n");
    assert_int_equal(chmod(scratch_path(&w->folder, "site.key"), 0600), 0);
    add(w, GATE, 201); /* before there was a key */
    assert_int_equal(facet_copy_text(w->site.store.key, sizeof(w->site.store.key), scratch_path(&w->folder, "site.key")), FACET_OK);
    served_restart(w);
    assert_true(look(w, "gate", url));
    add(w, "{\"name\":\"yard\",\"url\":\"rtsp://127.0.0.1:9/yard\",\"username\":\"me\",\"password\":\"fieldsecret\"}", 201);
    served_restart(w);
    assert_true(look(w, "yard", url));
    static const char *const files[] = { "events.db", "events.db-wal" };
    for (size_t i = 0; i < 2; i++) {
        const char *path = scratch_path(&w->folder, files[i]);
        assert_false(is_in_file(path, "fieldsecret"));
        assert_false(is_in_file(path, "urlsecret"));
    }
    assert_true(is_in_file(scratch_path(&w->folder, "events.db"), "camera/server/yard"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept_camera__is_there_after_a_restart),
        cmocka_unit_test(test_kept_camera__stays_switched_off),
        cmocka_unit_test(test_kept_camera__has_its_zones_after_a_restart),
        cmocka_unit_test(test_kept_camera__refuses_zones_that_are_none),
        cmocka_unit_test(test_kept_camera__is_gone_when_it_was_removed),
        cmocka_unit_test(test_kept_camera__refused_ones_leave_nothing),
        cmocka_unit_test(test_kept_camera__those_of_devices_are_not_kept),
        cmocka_unit_test(test_kept_camera__gives_way_to_the_file),
        cmocka_unit_test(test_kept_camera__gives_way_to_a_file_that_is_read_again),
        cmocka_unit_test(test_kept_camera__password_is_sealed_where_there_is_a_site_key),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
