/* The REST form of TensorFlow Serving, by the requests of its documentation. */
#include "lib/served.h"

#include "base/base64.h"
#include "base/errors.h"
#include "media/picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE "/v1/models/" SMALL_EMBEDDER

static struct served server;

static int start(void **state)
{
    served_open(&server, false);
    return 0;
}

static int stop(void **state)
{
    served_close(&server);
    return 0;
}

/* Nested lists of one chip: 3 planes of 16 lines of 16 numbers. */
static void put_chip(struct facet_str *s, int seed)
{
    for (int c = 0; c < 3; c++)
        for (int y = 0; y < SMALL_CHIP; y++)
            for (int x = 0; x < SMALL_CHIP; x++)
                facet_str_printf(s, "%s%s%s%.6g%s%s", !c && !y && !x ? "[" : "", !y && !x ? (c ? ",[" : "[") : "", !x ? (y ? ",[" : "[") : ",",
                                 (double)((c * 7 + y * 3 + x * 5 + seed) % 11) / 11, x == SMALL_CHIP - 1 ? "]" : "",
                                 y == SMALL_CHIP - 1 && x == SMALL_CHIP - 1 ? (c == 2 ? "]]" : "]") : "");
}

static struct facet_json *predict(const char *json)
{
    struct http_answer a = served_post_json(&server, BASE ":predict", json, 200);
    return served_json(&a);
}

static void test_tf__rows_and_columns_say_the_same(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_puts(&s, "{\"signature_name\":\"serving_default\",\"instances\":[");
    put_chip(&s, 1);
    facet_str_puts(&s, ",");
    put_chip(&s, 2);
    facet_str_puts(&s, "]}");
    struct facet_json *rows = predict(s.data);
    const struct facet_json *p = facet_json_get(rows, "predictions");
    assert_int_equal(facet_json_size(p), 2);
    assert_int_equal(facet_json_size(facet_json_at(p, 1)), SMALL_DIM);
    facet_str_clear(&s);
    facet_str_puts(&s, "{\"inputs\":{\"data\":[");
    put_chip(&s, 1);
    facet_str_puts(&s, ",");
    put_chip(&s, 2);
    facet_str_puts(&s, "]}}");
    struct facet_json *columns = predict(s.data);
    const struct facet_json *o = facet_json_get(columns, "outputs");
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < SMALL_DIM; k++)
            assert_true(facet_json_num(facet_json_at(facet_json_at(o, i), k), 0) == facet_json_num(facet_json_at(facet_json_at(p, i), k), 1));
    facet_json_unref(&columns);
    facet_json_unref(&rows);
    facet_str_fini(&s);
}

static void test_tf__named_rows_are_taken(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_puts(&s, "{\"instances\":[{\"data\":");
    put_chip(&s, 1);
    facet_str_puts(&s, "}]}");
    struct facet_json *j = predict(s.data);
    assert_int_equal(facet_json_size(facet_json_at(facet_json_get(j, "predictions"), 0)), SMALL_DIM);
    facet_json_unref(&j);
    facet_str_fini(&s);
}

static void test_tf__pictures_in_base64_are_taken(void **state)
{
    struct facet_image img = small_noise(40, 30, 5);
    struct facet_str png = FACET_STR_INIT, s = FACET_STR_INIT;
    assert_int_equal(facet_picture_encode(&png, &img, "png", 0), FACET_OK);
    char *text = malloc(FACET_BASE64_SIZE(png.len));
    facet_base64_encode(text, png.data, png.len);
    facet_str_printf(&s, "{\"instances\":[{\"b64\":\"%s\"},{\"b64\":\"%s\"}]}", text, text);
    struct facet_json *j = predict(s.data);
    const struct facet_json *p = facet_json_get(j, "predictions");
    assert_int_equal(facet_json_size(p), 2);
    for (size_t k = 0; k < SMALL_DIM; k++)
        assert_true(facet_json_num(facet_json_at(facet_json_at(p, 0), k), 0) == facet_json_num(facet_json_at(facet_json_at(p, 1), k), 1));
    facet_json_unref(&j);
    free(text);
    facet_str_fini(&s);
    facet_str_fini(&png);
    facet_image_fini(&img);
}

static void test_tf__a_model_with_many_outputs_names_them(void **state)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_puts(&s, "{\"inputs\":[[");
    for (int c = 0; c < 3; c++) {
        facet_str_puts(&s, c ? ",[" : "[");
        for (int y = 0; y < 32; y++) {
            facet_str_puts(&s, y ? ",[" : "[");
            for (int x = 0; x < 32; x++)
                facet_str_printf(&s, "%s0.5", x ? "," : "");
            facet_str_puts(&s, "]");
        }
        facet_str_puts(&s, "]");
    }
    facet_str_puts(&s, "]]}");
    struct http_answer a = served_post_json(&server, "/v1/models/" SMALL_DETECTOR ":predict", s.data, 200);
    struct facet_json *j = served_json(&a);
    assert_int_equal(facet_json_size(facet_json_get(j, "outputs")), 12);
    assert_non_null(facet_json_get(facet_json_get(j, "outputs"), "bbox_8"));
    facet_json_unref(&j);
    facet_str_fini(&s);
}

static void test_tf__tells_of_models(void **state)
{
    struct http_answer a = served_get(&server, BASE "/versions/1", 200);
    served_has(&a, "{\"model_version_status\":[{\"version\":\"1\",\"state\":\"AVAILABLE\",\"status\":{\"error_code\":\"OK\",\"error_message\":\"\"}}]}");
    a = served_get(&server, BASE, 200);
    served_has(&a, "\"model_version_status\":[{\"version\":\"1\",\"state\":\"AVAILABLE\"");
    a = served_get(&server, BASE "/metadata", 200);
    served_has(&a, "\"tensor_shape\":{\"dim\":[{\"size\":\"-1\",\"name\":\"\"},{\"size\":\"3\"");
    a = served_get(&server, BASE "/versions/7", 404);
    http_answer_fini(&a);
    a = served_get(&server, BASE "/nothing", 404);
    http_answer_fini(&a);
}

static void test_tf__what_does_not_fit_is_refused(void **state)
{
    static const struct { const char *json, *text; int status; } bad[] = {
        {"{\"instances\":[1", "the request", 400},
        {"{}", "none of 'instances' and 'inputs'", 400},
        {"{\"instances\":[1],\"inputs\":[1]}", "both of 'instances' and 'inputs'", 400},
        {"{\"instances\":[]}", "no list of at least one", 400},
        {"{\"instances\":5}", "no list of at least one", 400},
        {"{\"instances\":[[1,2],[1]]}", "different shapes", 400},
        {"{\"instances\":[[[1],[2,3]]]}", "ragged", 400},
        {"{\"instances\":[[1,2]]}", "not float32 of 1x2", 400},
        {"{\"instances\":[\"text\"]}", "something else than numbers", 400},
        {"{\"instances\":[{\"nobody\":[1]}]}", "model's inputs ('data' ...)", 400},
        {"{\"instances\":[{\"data\":[1],\"more\":[1]}]}", "model's inputs ('data' ...)", 400},
        {"{\"instances\":[{\"b64\":\"!!\"}]}", "", 400},
        {"{\"instances\":[{\"b64\":\"AAAA\"}]}", "b64", 400},
        {"{\"inputs\":{\"data\":[1],\"x\":[1]}}", "has 1 inputs, not 2", 400},
        {"{\"inputs\":{\"x\":[1]}}", "input 'data' that was not given", 400},
        {"{\"inputs\":[]}", "is no list", 400},
        {"{\"signature_name\":\"other\",\"inputs\":[1]}", "no signature 'other'", 404},
        {"{\"instances\":[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}", "batch of 33", 413},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_answer a = served_post_json(&server, BASE ":predict", bad[i].json, bad[i].status);
        if (!strstr(a.body, bad[i].text) || strncmp(a.body, "{\"error\":", 9))
            fail_msg("'%s' is not in: %s", bad[i].text, a.body);
        http_answer_fini(&a);
    }
    struct http_answer a = served_post_json(&server, BASE ":classify", "{}", 400);
    served_has(&a, "only :predict");
    a = served_post_json(&server, "/v1/models/nobody:predict", "{\"inputs\":[1]}", 404);
    http_answer_fini(&a);
    a = served_post_json(&server, BASE "/versions/1:predict", "{\"inputs\":[1]}", 400);
    http_answer_fini(&a);
    a = served_post_json(&server, BASE "/versions/2:predict", "{\"inputs\":[1]}", 404);
    http_answer_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tf__rows_and_columns_say_the_same),
        cmocka_unit_test(test_tf__named_rows_are_taken),
        cmocka_unit_test(test_tf__pictures_in_base64_are_taken),
        cmocka_unit_test(test_tf__a_model_with_many_outputs_names_them),
        cmocka_unit_test(test_tf__tells_of_models),
        cmocka_unit_test(test_tf__what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
