/* Cameras through the API: a clip as a camera, looked at, drawn, watched, switched and removed; video that is sent; refusals. */
#include "lib/proc.h"
#include "lib/prom.h"
#include "lib/served.h"

#include "base/errors.h"
#include "base/file.h"
#include "media/picture.h"
#include "stages/ingest/cameras.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct served server;

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

static int start(void **state)
{
    struct facet_camera_conf conf = {.native_rate = true, .loop = true, .fps = 5};
    snprintf(conf.name, sizeof(conf.name), "front");
    snprintf(conf.url, sizeof(conf.url), "%s", clip());
    served_open_with(&server, false, &conf, 1);
    return 0;
}

static int stop(void **state)
{
    served_close(&server);
    return 0;
}

/* The state of a camera now, in a static buffer; "": there is none. */
static const char *state_of(const char *name)
{
    static char word[32];
    char path[128];
    struct http_answer a;
    snprintf(path, sizeof(path), "/v1/cameras/%s/state", name);
    http_ask(&a, &(struct http_ask){.port = server.port, .path = path});
    word[0] = '\0';
    if (a.status == 200) {
        struct facet_json *j = served_json(&a);
        snprintf(word, sizeof(word), "%s", facet_json_str(facet_json_get(j, "state"), ""));
        facet_json_unref(&j);
    } else
        http_answer_fini(&a);
    return word;
}

static bool has_faces(void)
{
    struct facet_node_stats s;
    facet_node_stats(server.node, &s);
    return s.faces > 0;
}

static void test_cameras__are_listed_with_their_state(void **state)
{
    WAIT_FOR(!strcmp(state_of("front"), "live") && has_faces(), 20000);
    struct http_answer a = served_get(&server, "/v1/cameras", 200);
    struct facet_json *j = served_json(&a);
    const struct facet_json *c = facet_json_at(facet_json_get(j, "items"), 0);
    assert_string_equal(facet_json_str(facet_json_get(c, "name"), ""), "front");
    assert_true(facet_json_int(facet_json_get(c, "width"), 0) > 0);
    assert_true(facet_json_bool(facet_json_get(c, "enabled"), false));
    assert_non_null(facet_json_get(facet_json_get(c, "dropped"), facet_drop_words[FACET_DROP_RATE]));
    facet_json_unref(&j);
    a = served_get(&server, "/v1/cameras/nobody", 404);
    served_has(&a, "\"code\":\"not_found\"");
}

static void check_jpeg(const void *data, size_t len)
{
    struct facet_image img;
    if (facet_picture_decode(&img, data, len, "the answer"))
        fail_msg("%s", facet_error_text());
    assert_true(img.width > 100);
    facet_image_fini(&img);
}

static void test_cameras__a_snapshot_is_a_picture(void **state)
{
    struct http_answer a = served_get(&server, "/v1/cameras/front/snapshot", 200);
    assert_string_equal(http_header(&a, "content-type"), "image/jpeg");
    check_jpeg(a.body, a.len);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/front/snapshot?boxes=0", 200);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/front/snapshot?boxes=maybe", 400);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/nobody/snapshot", 404);
    http_answer_fini(&a);
}

static void test_live__pictures_come_one_after_the_other(void **state)
{
    struct http_watch w;
    bool found;
    http_watch_open(&w, &(struct http_ask){.port = server.port, .path = "/v1/cameras/front/live?fps=10&boxes=1"});
    assert_int_equal(w.status, 200);
    http_watch_for(&w, "content-type: multipart/x-mixed-replace; boundary=facet", 5000);
    for (int i = 0; i < 3; i++) {
        http_watch_for(&w, "--facet\r\nContent-Type: image/jpeg\r\nContent-Length: ", 20000);
        http_watch_for(&w, "\xff\xd9", 20000);
        facet_str_clear(&w.text);
    }
    struct http_answer a = served_get(&server, "/metrics", 200);
    const char *why = prom_check(a.body);
    if (why)
        fail_msg("%s", why);
    assert_true(prom_value(a.body, "facet_live_sent_bytes_total", &found) > 1000 && found);
    assert_true(prom_value(a.body, "facet_camera_up{camera=\"front\"}", &found) == 1 && found);
    double frames = prom_value(a.body, "facet_frames_total", &found);
    assert_true(frames > 0 && found);
    assert_true(prom_value(a.body, "facet_stage_duration_seconds_count{stage=\"detect\",camera=\"front\",placement=\"edge\"}", &found) >= 1 && found);
    assert_true(prom_value(a.body, "facet_frame_duration_seconds_count{camera=\"front\"}", &found) >= 1 && found);
    assert_false((prom_value(a.body, "facet_stage_queue_seconds_count{camera=\"nobody\"}", &found), found));
    http_answer_fini(&a);
    http_watch_close(&w);
}

static double figure(const char *name)
{
    bool found;
    struct http_answer a = served_get(&server, "/metrics", 200);
    double value = prom_value(a.body, name, &found);
    http_answer_fini(&a);
    assert_true(found);
    return value;
}

/* Nobody has asked for an embedding here: what the recogniser of requests has embedded came from the camera. */
static void test_engine__is_one_for_requests_and_cameras(void **state)
{
    struct facet_engine_room *room;
    assert_int_equal(facet_node_engine(server.node, &room), FACET_OK);
    double before = figure("facet_engine_chips_total");
    WAIT_FOR(figure("facet_engine_chips_total") > before, 20000);
    double of_cameras = figure("facet_embeddings_total");
    assert_true(figure("facet_engine_chips_total") >= of_cameras && of_cameras > 0);
}

static void test_live__boxes_come_apart(void **state)
{
    struct http_watch w;
    http_watch_open(&w, &(struct http_ask){.port = server.port, .path = "/v1/cameras/front/boxes"});
    http_watch_for(&w, "\"faces\":[{\"box\":[", 20000);
    http_watch_for(&w, "\"decision\":", 5000);
    assert_non_null(strstr(w.text.data, "\"captured_ms\":"));
    http_watch_close(&w);
}

static void test_live__bad_questions_are_refused(void **state)
{
    struct http_answer a = served_get(&server, "/v1/cameras/front/live?fps=100", 400);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/nobody/live", 404);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/nobody/boxes", 404);
    http_answer_fini(&a);
    server.site.serve.live_view = false;
    a = served_get(&server, "/v1/cameras/front/live", 403);
    http_answer_fini(&a);
    a = served_get(&server, "/v1/cameras/front/snapshot", 403);
    http_answer_fini(&a);
    server.site.serve.live_view = true;
}

static void test_cameras__are_switched_off_and_on(void **state)
{
    struct http_answer a = served_ask(&server, "POST", "/v1/cameras/front/disable", NULL, NULL, 0, 200);
    http_answer_fini(&a);
    WAIT_FOR(!strcmp(state_of("front"), "disabled"), 10000);
    a = served_ask(&server, "POST", "/v1/cameras/front/enable", NULL, NULL, 0, 200);
    http_answer_fini(&a);
    WAIT_FOR(!strcmp(state_of("front"), "live"), 20000);
    a = served_ask(&server, "POST", "/v1/cameras/nobody/enable", NULL, NULL, 0, 404);
    http_answer_fini(&a);
}

static void test_cameras__bad_ones_are_not_added(void **state)
{
    static const struct { const char *json; int status; const char *text; } bad[] = {
        {"{\"name\":\"x\",\"url\":\"/etc/passwd\"}", 422, "must begin with rtsp://"},
        {"{\"name\":\"x\",\"url\":\"file:///etc/passwd\"}", 422, "must begin with rtsp://"},
        {"{\"name\":\"x\",\"url\":\"/dev/video0\"}", 422, "must begin with rtsp://"},
        {"{\"name\":\"bad name\",\"url\":\"rtsp://127.0.0.1/x\"}", 422, "name"},
        {"{\"url\":\"rtsp://127.0.0.1/x\"}", 422, "name"},
        {"{\"name\":\"x\",\"url\":5}", 422, "'url' is a text"},
        {"{\"name\":\"x\",\"url\":\"rtsp://127.0.0.1/x\",\"colour\":\"red\"}", 422, "'colour' is no member"},
        {"{\"name\":\"x\",\"url\":\"rtsp://127.0.0.1/x\",\"fps\":-1}", 422, "cameras.fps is a number from 0"},
        {"{\"name\":\"front\",\"url\":\"rtsp://127.0.0.1/x\"}", 409, "front"},
        {"{", 400, "the body"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_answer a = served_post_json(&server, "/v1/cameras", bad[i].json, bad[i].status);
        served_has(&a, bad[i].text);
    }
}

static void test_cameras__one_that_is_added_tells_no_password_and_is_removed(void **state)
{
    static const char json[] = "{\"name\":\"gate\",\"url\":\"rtsp://me:secret@127.0.0.1:9/x\",\"fps\":2}";
    struct http_answer a = served_post_json(&server, "/v1/cameras", json, 201);
    assert_null(strstr(a.body, "secret"));
    served_has(&a, "\"name\":\"gate\"");
    a = served_get(&server, "/v1/cameras", 200);
    assert_null(strstr(a.body, "secret"));
    http_answer_fini(&a);
    a = served_ask(&server, "DELETE", "/v1/cameras/gate", NULL, NULL, 0, 204);
    http_answer_fini(&a);
    a = served_ask(&server, "DELETE", "/v1/cameras/gate", NULL, NULL, 0, 404);
    http_answer_fini(&a);
}

/* A device adds a camera and sends its video: the clip as it is, whose index lies at its end in this form, is refused by
 * decoders of streams, so it goes as MPEG-TS. */
static void test_upload__video_that_is_sent_is_a_camera(void **state)
{
    struct facet_str path = FACET_STR_INIT;
    uint8_t *video;
    size_t len;
    facet_str_puts(&path, scratch_path(&server.folder, "clip.ts"));
    int code = RUN(scratch_path(&server.folder, "ffmpeg.log"), "ffmpeg", "-v", "error", "-i", clip(), "-an", "-c:v", "copy", "-f", "mpegts",
                   "-y", path.data);
    if (code)
        fail_msg("ffmpeg ended with %d: apt-get install ffmpeg", code);
    assert_int_equal(facet_file_read(path.data, 64u << 20, &video, &len), FACET_OK);
    struct http_answer a = served_post_json(&server, "/v1/cameras", "{\"name\":\"sent\",\"url\":\"upload:\"}", 201);
    http_answer_fini(&a);
    a = served_ask(&server, "PUT", "/v1/cameras/sent/stream", "video/mp2t", video, len, 204);
    http_answer_fini(&a);
    WAIT_FOR(({
        struct http_answer b = served_get(&server, "/v1/cameras/sent", 200);
        struct facet_json *j = served_json(&b);
        int64_t frames = facet_json_int(facet_json_get(j, "frames"), 0);
        facet_json_unref(&j);
        frames > 50;
    }), 20000);
    a = served_ask(&server, "PUT", "/v1/cameras/nobody/stream", "video/mp2t", "x", 1, 404);
    http_answer_fini(&a);
    a = served_ask(&server, "PUT", "/v1/cameras/front/stream", "video/mp2t", "x", 1, 404);
    http_answer_fini(&a);
    a = served_ask(&server, "DELETE", "/v1/cameras/sent", NULL, NULL, 0, 204);
    http_answer_fini(&a);
    free(video);
    facet_str_fini(&path);
}

/* Brightest of all pixels of the newest picture. */
static int brightest(void)
{
    struct http_answer a = served_get(&server, "/v1/cameras/front/snapshot?boxes=0", 200);
    struct facet_image img;
    int most = 0;
    assert_int_equal(facet_picture_decode(&img, (const uint8_t *)a.body, a.len, "the answer"), FACET_OK);
    for (int y = 0; y < img.height; y++)
        for (int x = 0; x < img.width * (int)img.format; x++)
            most = img.data[y * (int)img.stride + x] > most ? img.data[y * (int)img.stride + x] : most;
    facet_image_fini(&img);
    http_answer_fini(&a);
    return most;
}

static void set_masks(const char *json)
{
    struct http_answer a = served_ask(&server, "PUT", "/v1/cameras/front/areas", "application/json", json, strlen(json), 200);
    served_has(&a, "\"kept\":false");      /* it stands in the site's file */
}

static void test_cameras__a_mask_holds_from_the_next_picture_on(void **state)
{
    WAIT_FOR(brightest() > 60, 20000);
    set_masks("{\"masks\":[{\"name\":\"all\",\"points\":[[0,0],[1,0],[1,1],[0,1]]}]}");
    WAIT_FOR(brightest() < 8, 20000);
    set_masks("{}");
    WAIT_FOR(brightest() > 60, 20000);
}

static void test_live__ends_when_its_camera_goes(void **state)
{
    struct http_watch w;
    http_watch_open(&w, &(struct http_ask){.port = server.port, .path = "/v1/cameras/front/live"});
    http_watch_for(&w, "--facet", 20000);
    struct http_answer a = served_ask(&server, "DELETE", "/v1/cameras/front", NULL, NULL, 0, 204);
    http_answer_fini(&a);
    http_watch_for(&w, "\r\n0\r\n\r\n", 20000);        /* the last chunk */
    http_watch_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cameras__are_listed_with_their_state),
        cmocka_unit_test(test_cameras__a_snapshot_is_a_picture),
        cmocka_unit_test(test_live__pictures_come_one_after_the_other),
        cmocka_unit_test(test_engine__is_one_for_requests_and_cameras),
        cmocka_unit_test(test_live__boxes_come_apart),
        cmocka_unit_test(test_live__bad_questions_are_refused),
        cmocka_unit_test(test_cameras__are_switched_off_and_on),
        cmocka_unit_test(test_cameras__bad_ones_are_not_added),
        cmocka_unit_test(test_cameras__one_that_is_added_tells_no_password_and_is_removed),
        cmocka_unit_test(test_upload__video_that_is_sent_is_a_camera),
        cmocka_unit_test(test_cameras__a_mask_holds_from_the_next_picture_on),
        cmocka_unit_test(test_live__ends_when_its_camera_goes),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
