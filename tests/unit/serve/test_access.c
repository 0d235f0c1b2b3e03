/* Who may do what: roles, sessions, forged requests, tries, and what is not opened at all. */
#include "lib/served.h"

#include "base/errors.h"
#include "base/file.h"
#include "serve/keys.h"
#include "serve/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int status_of(const struct served *w, const char *method, const char *path, const char *key, const char *headers)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){ .port = w->port, .method = method, .path = path, .key = key, .headers = headers });
    int status = a.status;
    http_answer_fini(&a);
    return status;
}

static void new_key(const struct served *w, const char *role, char out[FACET_KEY_TEXT])
{
    char body[128];
    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"role\":\"%s\"}", role, role);
    struct http_answer a = served_post_json(w, "/v1/keys", body, 201);
    struct facet_json *j = served_json(&a);
    snprintf(out, FACET_KEY_TEXT, "%s", facet_json_str(facet_json_get(j, "key"), ""));
    facet_json_unref(&j);
}

static void test_roles__each_may_its_own(void **state)
{
    const struct served *w = *state;
    static const char *const roles[] = { "viewer", "device", "operator", "admin" };
    static const struct { const char *method, *path; int status[5]; } cases[] = { /* nobody, viewer, device, operator, admin */
        { "GET", "/v1/health", { 200, 200, 200, 200, 200 } },
        { "GET", "/v1/system", { 401, 200, 200, 200, 200 } },
        { "GET", "/v1/people", { 401, 200, 403, 200, 200 } },
        { "DELETE", "/v1/people/nobody", { 401, 403, 403, 404, 404 } },
        { "GET", "/v1/keys", { 401, 403, 403, 403, 200 } },
        { "DELETE", "/v1/users/nobody", { 401, 403, 403, 403, 404 } },
        { "GET", "/v1/nothing", { 404, 404, 404, 404, 404 } },
    };
    char key[4][FACET_KEY_TEXT];
    for (int i = 0; i < 4; i++)
        new_key(w, roles[i], key[i]);
    for (size_t c = 0; c < sizeof(cases) / sizeof(cases[0]); c++)
        for (int i = 0; i < 5; i++)
            assert_int_equal(status_of(w, cases[c].method, cases[c].path, i ? key[i - 1] : NULL, NULL), cases[c].status[i]);
    assert_int_equal(status_of(w, "GET", "/v1/system", "fct_wrong", NULL), 401);
    char bearer[128];
    snprintf(bearer, sizeof(bearer), "authorization: Bearer %s\r\n", key[0]);
    assert_int_equal(status_of(w, "GET", "/v1/system", NULL, bearer), 200);
    assert_int_equal(status_of(w, "GET", "/v1/system", NULL, "authorization: Basic eDp5\r\n"), 401);
}

/* Signs in as the first user; the cookie's line and the token against forged requests. */
static void sign_in(const struct served *w, char cookie[256], char csrf[64])
{
    const struct facet_first_secrets *first = facet_serve_first(w->serve);
    char body[256];
    struct http_answer a;
    snprintf(body, sizeof(body), "{\"user\":\"%s\",\"password\":\"%s\"}", first->user, first->password);
    http_ask(&a, &(struct http_ask){ .port = w->port, .method = "POST", .path = "/v1/login", .type = "application/json", .body = body, .len = strlen(body) });
    assert_int_equal(a.status, 200);
    const char *set = http_header(&a, "set-cookie");
    assert_non_null(set);
    assert_non_null(strstr(set, "HttpOnly"));
    assert_non_null(strstr(set, "SameSite=Strict"));
    snprintf(cookie, 256, "cookie: other=1; %.*s\r\n", (int)strcspn(set, ";"), set);
    struct facet_json *j = served_json(&a);
    snprintf(csrf, 64, "%s", facet_json_str(facet_json_get(j, "csrf"), ""));
    facet_json_unref(&j);
}

static void test_session__needs_its_token_to_change_anything(void **state)
{
    const struct served *w = *state;
    char cookie[256], csrf[64], both[400];
    sign_in(w, cookie, csrf);
    assert_int_equal(status_of(w, "GET", "/v1/people", NULL, cookie), 200);
    assert_int_equal(status_of(w, "DELETE", "/v1/people/nobody", NULL, cookie), 403);
    snprintf(both, sizeof(both), "%sx-csrf-token: %.*s\r\n", cookie, 42, csrf);
    assert_int_equal(status_of(w, "DELETE", "/v1/people/nobody", NULL, both), 403);
    snprintf(both, sizeof(both), "%sx-csrf-token: %s\r\n", cookie, csrf);
    assert_int_equal(status_of(w, "DELETE", "/v1/people/nobody", NULL, both), 404);
    assert_int_equal(status_of(w, "POST", "/v1/logout", NULL, cookie), 403);
    assert_int_equal(status_of(w, "POST", "/v1/logout", NULL, both), 204);
    assert_int_equal(status_of(w, "GET", "/v1/people", NULL, cookie), 401);
}

static void test_login__is_refused_after_some_tries(void **state)
{
    const struct served *w = *state;
    static const char body[] = "{\"user\":\"admin\",\"password\":\"not the one\"}";
    struct http_answer a;
    for (int i = 0; i < FACET_LOGIN_TRIES; i++) {
        a = served_post_json(w, "/v1/login", body, 401);
        http_answer_fini(&a);
    }
    a = served_post_json(w, "/v1/login", body, 429);
    assert_non_null(http_header(&a, "retry-after"));
    http_answer_fini(&a);
}

static void test_login__takes_json_alone(void **state)
{
    const struct served *w = *state;
    static const char form[] = "user=admin&password=x";
    struct http_answer a = served_ask(w, "POST", "/v1/login", "application/x-www-form-urlencoded", form, sizeof(form) - 1, 415);
    http_answer_fini(&a);
    a = served_post_json(w, "/v1/login", "{\"user\":\"admin\"}", 422);
    http_answer_fini(&a);
    a = served_post_json(w, "/v1/login", "{\"user\":", 400);
    http_answer_fini(&a);
    a = served_post_json(w, "/v1/login", "[1]", 400);
    http_answer_fini(&a);
}

static void test_errors__have_one_shape_and_the_requests_id(void **state)
{
    const struct served *w = *state;
    struct http_answer a;
    http_ask(&a, &(struct http_ask){ .port = w->port, .path = "/v1/system", .headers = "x-request-id: abc.1\r\n" });
    assert_int_equal(a.status, 401);
    assert_string_equal(http_header(&a, "x-request-id"), "abc.1");
    assert_non_null(strstr(a.body, "\"code\":\"unauthorized\""));
    assert_non_null(strstr(a.body, "\"request_id\":\"abc.1\""));
    http_answer_fini(&a);
    http_ask(&a, &(struct http_ask){ .port = w->port, .path = "/v1/system", .headers = "x-request-id: a<b>\r\n" });
    assert_string_not_equal(http_header(&a, "x-request-id"), "a<b>");
    http_answer_fini(&a);
}

static void test_serve__is_not_opened_to_others_without_tls_or_keys(void **state)
{
    struct served *w = *state;
    struct facet_site site = w->site;
    struct facet_serve *s;
    struct facet_serve_opts o = { .site = &site, .page = "" };
    snprintf(site.serve.listen, sizeof(site.serve.listen), "0.0.0.0");
    assert_int_equal(facet_serve_open(&s, &o), FACET_E_PERMISSION);
    o.allow_open = true;
    assert_int_equal(facet_serve_open(&s, &o), FACET_E_PERMISSION);
    assert_null(s);
    site.serve.insecure = true;
    o.allow_open = false;
    if (facet_serve_open(&s, &o))
        fail_msg("%s", facet_error_text());
    facet_serve_close(&s, 0);
}

static void test_serve__a_reload_that_needs_a_restart_changes_nothing(void **state)
{
    struct served *w = *state;
    struct facet_site site = w->site;
    site.serve.port = 12345;
    assert_int_equal(facet_serve_reload(w->serve, &site, NULL), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "serve.port"));
    assert_int_equal(status_of(w, "GET", "/v1/health", NULL, NULL), 200);
}

static void write_text(const char *path, const char *text, size_t len)
{
    assert_int_equal(facet_file_write_own(path, text, len, NULL), FACET_OK);
}

static bool has_camera(const struct served *w, const char *name)
{
    char path[128];
    struct http_answer a;
    snprintf(path, sizeof(path), "/v1/cameras/%s", name);
    http_ask(&a, &(struct http_ask){ .port = w->port, .path = path, .key = w->key });
    int status = a.status;
    http_answer_fini(&a);
    return status == 200;
}

/* A site that the node refuses, a file of keys that is none (they are looked at with each request, so that good ones need no
 * reload), and both right. */
static void test_serve__a_reload_takes_all_or_nothing(void **state)
{
    struct served *w = *state;
    struct facet_site site = w->site, bad;
    struct facet_camera_conf camera = { .name = "door", .url = "rtsp://127.0.0.1:9/door" };
    uint8_t *keys;
    size_t len;
    assert_int_equal(facet_file_read(w->site.serve.keys, 1 << 20, &keys, &len), FACET_OK);
    site.cameras = &camera;
    site.n_cameras = 1;

    bad = site;
    snprintf(bad.models.recogniser, sizeof(bad.models.recogniser), "another");
    assert_int_equal(facet_serve_reload(w->serve, &bad, NULL), FACET_E_UNSUPPORTED);
    assert_int_equal(status_of(w, "GET", "/v1/system", w->key, NULL), 200);
    assert_false(has_camera(w, "door"));

    write_text(w->site.serve.keys, "{\"keys\":1}", 10);
    assert_int_equal(facet_serve_reload(w->serve, &site, NULL), FACET_E_FORMAT);
    assert_int_equal(status_of(w, "GET", "/v1/system", w->key, NULL), 200);
    assert_false(has_camera(w, "door"));

    write_text(w->site.serve.keys, (const char *)keys, len);
    assert_int_equal(facet_serve_reload(w->serve, &site, NULL), FACET_OK);
    assert_true(has_camera(w, "door"));
    assert_int_equal(facet_serve_reload(w->serve, &w->site, NULL), FACET_OK);
    assert_false(has_camera(w, "door"));
    free(keys);
}

static void test_serve__a_reload_with_too_many_cameras_leaves_all_as_they_are(void **state)
{
    struct served *w = *state;
    static struct facet_camera_conf cameras[FACET_MAX_CAMERAS];
    struct facet_site site = w->site;
    for (int i = 0; i < FACET_MAX_CAMERAS; i++) {
        snprintf(cameras[i].name, sizeof(cameras[i].name), "c%d", i);
        snprintf(cameras[i].url, sizeof(cameras[i].url), "rtsp://127.0.0.1:9/c%d", i);
        cameras[i].disabled = true;
    }
    struct http_answer a = served_post_json(w, "/v1/cameras", "{\"name\":\"gate\",\"url\":\"rtsp://127.0.0.1:9/gate\"}", 201);
    http_answer_fini(&a);
    site.cameras = cameras;
    site.n_cameras = FACET_MAX_CAMERAS;
    assert_int_equal(facet_serve_reload(w->serve, &site, NULL), FACET_E_LIMIT);
    assert_true(has_camera(w, "gate"));
    assert_false(has_camera(w, "c0"));
    site.n_cameras = FACET_MAX_CAMERAS - 1;
    assert_int_equal(facet_serve_reload(w->serve, &site, NULL), FACET_OK);
    assert_true(has_camera(w, "gate"));
    assert_true(has_camera(w, "c0"));
    assert_int_equal(facet_serve_reload(w->serve, &w->site, NULL), FACET_OK);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_roles__each_may_its_own),
        CASE(test_session__needs_its_token_to_change_anything),
        CASE(test_login__is_refused_after_some_tries),
        CASE(test_login__takes_json_alone),
        CASE(test_errors__have_one_shape_and_the_requests_id),
        CASE(test_serve__is_not_opened_to_others_without_tls_or_keys),
        CASE(test_serve__a_reload_that_needs_a_restart_changes_nothing),
        CASE(test_serve__a_reload_takes_all_or_nothing),
        CASE(test_serve__a_reload_with_too_many_cameras_leaves_all_as_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
