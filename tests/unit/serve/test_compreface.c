/* CompreFace's API by the requests that its Python SDK makes (paths, headers, multipart and JSON bodies). */
#include "lib/served.h"

#include "base/base64.h"
#include "base/errors.h"
#include "media/picture.h"
#include "store/gallery.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define API "/api/v1"

static struct served server;
static struct facet_str portrait, portrait2;       /* PNG files in which the detector sees one face */
static char anna_id[64], ben_id[64];

static void encode(struct facet_str *png, uint64_t seed)
{
    struct facet_image img = small_noise(32, 32, seed);
    facet_str_clear(png);
    assert_int_equal(facet_picture_encode(png, &img, "png", 0), FACET_OK);
    facet_image_fini(&img);
}

static struct http_answer send_file(const char *path, const char *part, const struct facet_str *png)
{
    struct facet_str body = FACET_STR_INIT;
    struct http_answer a;
    http_part(&body, part, "a.png", "image/png", png->data, png->len);
    http_part_end(&body);
    http_ask(&a, &(struct http_ask){.port = server.port, .method = "POST", .path = path, .key = server.key, .type = HTTP_MULTIPART,
                                    .body = body.data, .len = body.len});
    facet_str_fini(&body);
    return a;
}

static size_t faces_in(const struct facet_str *png)
{
    struct http_answer a = send_file(API "/detection/detect", "file", png);
    struct facet_json *j = served_json(&a);
    size_t n = facet_json_size(facet_json_get(j, "result"));
    facet_json_unref(&j);
    return n;
}

/* Noise with one face in it that can be enrolled, from seed `from` on. */
static uint64_t add_example(struct facet_str *png, const char *subject, uint64_t from, char id[64])
{
    char path[128];
    snprintf(path, sizeof(path), API "/recognition/faces?subject=%s&det_prob_threshold=0.1", subject);
    for (uint64_t seed = from; seed < from + 900; seed++) {
        encode(png, seed);
        if (faces_in(png) != 1)
            continue;
        struct http_answer a = send_file(path, "file", png);
        if (a.status != 201) {
            http_answer_fini(&a);
            continue;
        }
        struct facet_json *j = served_json(&a);
        assert_string_equal(facet_json_str(facet_json_get(j, "subject"), ""), subject);
        snprintf(id, 64, "%s", facet_json_str(facet_json_get(j, "image_id"), ""));
        assert_int_equal(strlen(id), 36);
        facet_json_unref(&j);
        return seed;
    }
    fail_msg("no noise looks like a face");
    return 0;
}

static int start(void **state)
{
    served_open(&server, true);
    uint64_t seed = add_example(&portrait, "Anna", 1, anna_id);
    add_example(&portrait2, "Ben", seed + 1, ben_id);
    return 0;
}

static int stop(void **state)
{
    facet_str_fini(&portrait);
    facet_str_fini(&portrait2);
    served_close(&server);
    return 0;
}

static void test_compreface__subjects_are_listed_added_renamed(void **state)
{
    struct http_answer a = served_get(&server, API "/recognition/subjects", 200);
    assert_string_equal(a.body, "{\"subjects\":[\"Anna\",\"Ben\"]}");
    http_answer_fini(&a);
    a = served_post_json(&server, API "/recognition/subjects", "{\"subject\": \"Cora\"}", 201);
    assert_string_equal(a.body, "{\"subject\":\"Cora\"}");
    http_answer_fini(&a);
    a = served_post_json(&server, API "/recognition/subjects", "{\"subject\": \"Anna\"}", 400);
    served_has(&a, "\"code\":43");
    static const char rename[] = "{\"api_endpoint\": \"Ben\", \"subject\": \"Benjamin\"}";
    a = served_ask(&server, "PUT", API "/recognition/subjects/Ben", "application/json", rename, strlen(rename), 200);
    assert_string_equal(a.body, "{\"updated\":true}");
    http_answer_fini(&a);
    static const char back[] = "{\"subject\": \"Ben\"}";
    a = served_ask(&server, "PUT", API "/recognition/subjects/Benjamin", "application/json", back, strlen(back), 200);
    http_answer_fini(&a);
}

static void test_compreface__faces_are_listed_in_pages(void **state)
{
    struct http_answer a = served_get(&server, API "/recognition/faces?page=0&size=1", 200);
    struct facet_json *j = served_json(&a);
    assert_int_equal(facet_json_size(facet_json_get(j, "faces")), 1);
    assert_int_equal(facet_json_int(facet_json_get(j, "page_number"), -1), 0);
    assert_int_equal(facet_json_int(facet_json_get(j, "page_size"), -1), 1);
    assert_int_equal(facet_json_int(facet_json_get(j, "total_pages"), -1), 2);
    assert_int_equal(facet_json_int(facet_json_get(j, "total_elements"), -1), 2);
    facet_json_unref(&j);
    a = served_get(&server, API "/recognition/faces?subject=Ben", 200);
    j = served_json(&a);
    const struct facet_json *f = facet_json_at(facet_json_get(j, "faces"), 0);
    assert_string_equal(facet_json_str(facet_json_get(f, "image_id"), ""), ben_id);
    assert_string_equal(facet_json_str(facet_json_get(f, "subject"), ""), "Ben");
    facet_json_unref(&j);
}

static const struct facet_json *first_subject(const struct facet_json *j)
{
    return facet_json_at(facet_json_get(facet_json_at(facet_json_get(j, "result"), 0), "subjects"), 0);
}

static void test_compreface__a_picture_is_recognised(void **state)
{
    struct http_answer a = send_file(API "/recognition/recognize?&limit=1&det_prob_threshold=0.1&prediction_count=2"
                                     "&face_plugins=calculator,landmarks&status=true", "file", &portrait);
    assert_int_equal(a.status, 200);
    struct facet_json *j = served_json(&a);
    assert_int_equal(facet_json_size(facet_json_get(j, "result")), 1);
    const struct facet_json *face = facet_json_at(facet_json_get(j, "result"), 0);
    assert_string_equal(facet_json_str(facet_json_get(first_subject(j), "subject"), ""), "Anna");
    assert_true(facet_json_num(facet_json_get(first_subject(j), "similarity"), 0) > 0.9);
    assert_int_equal(facet_json_size(facet_json_get(face, "subjects")), 2);
    assert_int_equal(facet_json_size(facet_json_get(face, "embedding")), SMALL_DIM);
    assert_int_equal(facet_json_size(facet_json_get(face, "landmarks")), 5);
    assert_true(facet_json_num(facet_json_get(facet_json_get(face, "box"), "probability"), 0) >= 0.1);
    const struct facet_json *box = facet_json_get(face, "box");
    assert_true(facet_json_int(facet_json_get(box, "x_max"), -1) > facet_json_int(facet_json_get(box, "x_min"), 99));
    assert_true(facet_json_num(facet_json_get(facet_json_get(face, "execution_time"), "calculator"), -1) >= 0);
    assert_string_equal(facet_json_str(facet_json_get(facet_json_get(j, "plugins_versions"), "detector"), ""), SMALL_DETECTOR);
    facet_json_unref(&j);
}

static void test_compreface__without_plugins_and_status_they_are_left_out(void **state)
{
    struct http_answer a = send_file(API "/recognition/recognize?face_plugins=age,gender,mask", "file", &portrait);
    assert_int_equal(a.status, 200);
    assert_null(strstr(a.body, "embedding"));
    assert_null(strstr(a.body, "landmarks"));
    assert_null(strstr(a.body, "execution_time"));
    assert_null(strstr(a.body, "plugins_versions"));
    http_answer_fini(&a);
}

static void test_compreface__base64_says_the_same(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    char *text = malloc(FACET_BASE64_SIZE(portrait.len));
    facet_base64_encode(text, portrait.data, portrait.len);
    facet_str_printf(&s, "{\"file\": \"%s\"}", text);
    struct http_answer a = served_post_json(&server, API "/recognition/recognize?det_prob_threshold=0.1", s.data, 200);
    struct facet_json *j = served_json(&a);
    assert_string_equal(facet_json_str(facet_json_get(first_subject(j), "subject"), ""), "Anna");
    facet_json_unref(&j);
    free(text);
    facet_str_fini(&s);
}

static void test_compreface__a_crop_is_taken_as_a_face(void **state)
{
    struct http_answer a = send_file(API "/recognition/recognize?detect_faces=false", "file", &portrait);
    assert_int_equal(a.status, 200);
    served_has(&a, "\"box\":{\"probability\":1.00000,\"x_max\":32,\"y_max\":32,\"x_min\":0,\"y_min\":0}");
}

static void test_compreface__a_picture_is_detected(void **state)
{
    struct http_answer a = send_file(API "/detection/detect?limit=1&face_plugins=pose", "file", &portrait);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"pose\":{\"pitch\":"));
    assert_null(strstr(a.body, "subjects"));
    http_answer_fini(&a);
}

static void test_compreface__examples_are_verified(void **state)
{
    char path[160];
    snprintf(path, sizeof(path), API "/recognition/faces/%s/verify?limit=0&det_prob_threshold=0.1", anna_id);
    struct http_answer a = send_file(path, "file", &portrait);
    assert_int_equal(a.status, 200);
    struct facet_json *j = served_json(&a);
    assert_true(facet_json_num(facet_json_get(facet_json_at(facet_json_get(j, "result"), 0), "similarity"), 0) > 0.9);
    facet_json_unref(&j);
    a = send_file(API "/recognition/faces/00000000-0000-4000-8000-0000000fffff/verify", "file", &portrait);
    assert_int_equal(a.status, 404);
    served_has(&a, "not found");
}

static void test_compreface__two_pictures_are_verified(void **state)
{
    struct facet_str body = FACET_STR_INIT;
    struct http_answer a;
    http_part(&body, "source_image", "a.png", "image/png", portrait.data, portrait.len);
    http_part(&body, "target_image", "b.png", "image/png", portrait.data, portrait.len);
    http_part_end(&body);
    http_ask(&a, &(struct http_ask){.port = server.port, .method = "POST", .path = API "/verification/verify?&det_prob_threshold=0.1", .key = server.key,
                                    .type = HTTP_MULTIPART, .body = body.data, .len = body.len});
    assert_int_equal(a.status, 200);
    struct facet_json *j = served_json(&a);
    const struct facet_json *r = facet_json_at(facet_json_get(j, "result"), 0);
    assert_non_null(facet_json_get(facet_json_get(r, "source_image_face"), "box"));
    assert_true(facet_json_num(facet_json_get(facet_json_at(facet_json_get(r, "face_matches"), 0), "similarity"), 0) > 0.9);
    facet_json_unref(&j);
    facet_str_fini(&body);
}

/* {"<key>": [row]} of Anna's example, as the gallery has it. */
struct row { float v[SMALL_DIM]; };

static int take_row(void *ctx, const struct facet_template *t, const float *embedding)
{
    memcpy(ctx, embedding, sizeof(struct row));
    return 1;
}

static void put_row(struct facet_str *s, const struct row *r)
{
    for (int i = 0; i < SMALL_DIM; i++)
        facet_str_printf(s, "%s%.9g", i ? "," : "[", (double)r->v[i]);
    facet_str_puts(s, "]");
}

static void test_compreface__embeddings_are_recognised_and_verified(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    struct row row;
    char path[160];
    assert_true(facet_gallery_templates(facet_node_gallery(server.node), "Anna", take_row, &row) >= 0);
    facet_str_puts(&s, "{\"embeddings\": [");
    put_row(&s, &row);
    facet_str_puts(&s, "]}");
    struct http_answer a = served_post_json(&server, API "/recognition/embeddings/recognize?&prediction_count=1", s.data, 200);
    struct facet_json *j = served_json(&a);
    const struct facet_json *r = facet_json_at(facet_json_get(j, "result"), 0);
    assert_int_equal(facet_json_size(facet_json_get(r, "embedding")), SMALL_DIM);
    assert_string_equal(facet_json_str(facet_json_get(facet_json_at(facet_json_get(r, "similarities"), 0), "subject"), ""), "Anna");
    facet_json_unref(&j);
    snprintf(path, sizeof(path), API "/recognition/embeddings/faces/%s/verify", anna_id);
    a = served_post_json(&server, path, s.data, 200);
    served_has(&a, "\"similarity\":");
    facet_str_clear(&s);
    facet_str_puts(&s, "{\"source\": ");
    put_row(&s, &row);
    facet_str_puts(&s, ", \"targets\": [");
    put_row(&s, &row);
    facet_str_puts(&s, "]}");
    a = served_post_json(&server, API "/verification/embeddings/verify", s.data, 200);
    served_has(&a, "\"similarity\":");
    facet_str_fini(&s);
}

static void test_compreface__refusals_have_its_shape(void **state)
{
    static const struct { const char *method, *path, *json; int status; const char *text; } bad[] = {
        {"POST", API "/recognition/subjects", "{\"subject\": \"\"}", 400, "\"message\":"},
        {"POST", API "/recognition/subjects", "{}", 400, "subject"},
        {"POST", API "/recognition/subjects", "{", 400, "\"code\":"},
        {"PUT", API "/recognition/subjects/Nobody", "{\"subject\": \"X\"}", 404, "Nobody"},
        {"DELETE", API "/recognition/subjects/Nobody", "", 404, "\"code\":11"},
        {"POST", API "/recognition/faces?subject=Anna", "{}", 400, "\"code\":"},
        {"POST", API "/recognition/faces", "{\"file\":\"AAAA\"}", 400, "'subject' is missing"},
        {"POST", API "/recognition/recognize", "{\"file\":\"AAAA\"}", 400, "\"code\":"},
        {"POST", API "/recognition/recognize?limit=-1", "{\"file\":\"AAAA\"}", 400, "limit is '-1'"},
        {"POST", API "/recognition/recognize?det_prob_threshold=2", "{\"file\":\"AAAA\"}", 400, "det_prob_threshold"},
        {"POST", API "/recognition/recognize?status=maybe", "{\"file\":\"AAAA\"}", 400, "status is 'maybe'"},
        {"GET", API "/recognition/faces?size=0", "", 400, "size is 0"},
        {"GET", API "/recognition/faces?page=x", "", 400, "page is 'x'"},
        {"DELETE", API "/recognition/faces", "", 400, "'subject' is missing"},
        {"DELETE", API "/recognition/faces/not-an-id", "", 404, "Image with id not-an-id not found"},
        {"POST", API "/recognition/faces/delete", "{}", 400, "no list of image ids"},
        {"POST", API "/recognition/embeddings/recognize", "{\"embeddings\":[[1,2]]}", 400, "lists of 32 numbers"},
        {"POST", API "/recognition/embeddings/recognize", "{\"embeddings\":[]}", 400, "no list of 1 to"},
        {"POST", API "/verification/embeddings/verify", "{\"source\":[0]}", 400, "source"},
        {"POST", API "/verification/verify", "{\"source_image\":\"AAAA\"}", 400, "\"code\":"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_answer a = served_ask(&server, bad[i].method, bad[i].path, *bad[i].json ? "application/json" : NULL, bad[i].json,
                                          strlen(bad[i].json), bad[i].status);
        if (!strstr(a.body, bad[i].text) || strncmp(a.body, "{\"message\":", 11))
            fail_msg("%s %s: '%s' is not in: %s", bad[i].method, bad[i].path, bad[i].text, a.body);
        http_answer_fini(&a);
    }
}

static void test_compreface__a_grey_picture_has_no_face(void **state)
{
    struct facet_str png = FACET_STR_INIT;
    struct facet_image img = small_noise(64, 64, 1);
    facet_image_fill(&img, 0, 0, 0);
    assert_int_equal(facet_picture_encode(&png, &img, "png", 0), FACET_OK);
    struct http_answer a = send_file(API "/detection/detect?det_prob_threshold=0.99", "file", &png);
    assert_int_equal(a.status, 400);
    assert_string_equal(a.body, "{\"message\":\"No face is found in the given image\",\"code\":28}");
    http_answer_fini(&a);
    facet_str_fini(&png);
    facet_image_fini(&img);
}

static void test_compreface__without_a_key_nothing_is_told(void **state)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = server.port, .path = API "/recognition/subjects"});
    assert_int_equal(a.status, 401);
    served_has(&a, "\"code\":20");
}

static void test_compreface__examples_and_subjects_are_deleted(void **state)
{
    char body[128], path[128], extra[64];
    add_example(&portrait2, "Dora", 1000, extra);
    snprintf(path, sizeof(path), API "/recognition/faces/%s", extra);
    struct http_answer a = served_ask(&server, "DELETE", path, NULL, NULL, 0, 200);
    served_has(&a, "\"subject\":\"Dora\"");
    a = served_ask(&server, "DELETE", path, NULL, NULL, 0, 404);
    http_answer_fini(&a);
    snprintf(body, sizeof(body), "[\"%s\", \"nothing\"]", ben_id);
    a = served_post_json(&server, API "/recognition/faces/delete", body, 200);
    snprintf(body, sizeof(body), "{\"faces\":[{\"image_id\":\"%s\",\"subject\":\"Ben\"}]}", ben_id);
    assert_string_equal(a.body, body);
    http_answer_fini(&a);
    a = served_ask(&server, "DELETE", API "/recognition/faces?subject=Anna", NULL, NULL, 0, 200);
    assert_string_equal(a.body, "{\"deleted\":1}");
    http_answer_fini(&a);
    add_example(&portrait2, "Emil", 2000, extra);
    a = served_ask(&server, "DELETE", API "/recognition/subjects/Emil", NULL, NULL, 0, 200);
    assert_string_equal(a.body, "{\"subject\":\"Emil\"}");
    http_answer_fini(&a);
    a = served_ask(&server, "DELETE", API "/recognition/subjects", NULL, NULL, 0, 200);
    served_has(&a, "{\"deleted\":");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compreface__subjects_are_listed_added_renamed),
        cmocka_unit_test(test_compreface__faces_are_listed_in_pages),
        cmocka_unit_test(test_compreface__a_picture_is_recognised),
        cmocka_unit_test(test_compreface__without_plugins_and_status_they_are_left_out),
        cmocka_unit_test(test_compreface__base64_says_the_same),
        cmocka_unit_test(test_compreface__a_crop_is_taken_as_a_face),
        cmocka_unit_test(test_compreface__a_picture_is_detected),
        cmocka_unit_test(test_compreface__examples_are_verified),
        cmocka_unit_test(test_compreface__two_pictures_are_verified),
        cmocka_unit_test(test_compreface__embeddings_are_recognised_and_verified),
        cmocka_unit_test(test_compreface__refusals_have_its_shape),
        cmocka_unit_test(test_compreface__a_grey_picture_has_no_face),
        cmocka_unit_test(test_compreface__without_a_key_nothing_is_told),
        cmocka_unit_test(test_compreface__examples_and_subjects_are_deleted),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
