/* The Open Inference Protocol as Triton's Python client speaks it: the same bytes in requests, the answers it reads. */
#include "lib/served.h"

#include "base/errors.h"
#include "base/str.h"
#include "serve/oip_request.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS (3 * SMALL_CHIP * SMALL_CHIP)
#define INFER "/v2/models/" SMALL_EMBEDDER "/infer"

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

static void fill(float *v, int batch)
{
    for (int i = 0; i < batch * NUMBERS; i++)
        v[i] = (float)((i * 37) % 255) / 127.5f - 1;
}

static void test_oip__tells_of_itself(void **state)
{
    struct http_answer a = served_get(&server, "/v2", 200);
    served_has(&a, "\"extensions\":[\"binary_tensor_data\"]");
    a = served_get(&server, "/v2/health/live", 200);
    served_has(&a, "\"live\":true");
    a = served_get(&server, "/v2/health/ready", 200);
    served_has(&a, "\"ready\":true");
    a = served_ask(&server, "POST", "/v2/repository/index", "application/json", "{}", 2, 200);
    served_has(&a, "{\"name\":\"" SMALL_EMBEDDER "\",\"version\":\"1\",\"state\":\"READY\"}");
}

static void test_oip__tells_of_models(void **state)
{
    struct http_answer a = served_get(&server, "/v2/models/" SMALL_EMBEDDER, 200);
    served_has(&a, "{\"name\":\"small-embedder\",\"versions\":[\"1\"],\"platform\":\"facet_onnx\","
                   "\"inputs\":[{\"name\":\"data\",\"datatype\":\"FP32\",\"shape\":[-1,3,16,16]}],"
                   "\"outputs\":[{\"name\":\"embedding\",\"datatype\":\"FP32\",\"shape\":[-1,32]}]}");
    a = served_get(&server, "/v2/models/" SMALL_EMBEDDER "/versions/1", 200);
    http_answer_fini(&a);
    a = served_get(&server, "/v2/models/" SMALL_DETECTOR "/ready", 200);
    served_has(&a, "\"ready\":true");
    a = served_get(&server, "/v2/models/" SMALL_EMBEDDER "/versions/1/ready", 200);
    http_answer_fini(&a);
    a = served_get(&server, "/v2/models/nobody", 404);
    assert_string_equal(a.body, "{\"error\":\"there is no model 'nobody'\"}");
    http_answer_fini(&a);
    a = served_get(&server, "/v2/models/" SMALL_EMBEDDER "/versions/7/ready", 404);
    served_has(&a, "not '7'");
}

/* What InferInput.set_data_from_numpy(binary_data=True) sends. */
static void put_binary(struct facet_str *s, int batch, const float *v, const char *outputs, size_t *json_len)
{
    facet_str_printf(s, "{\"id\":\"17\",\"inputs\":[{\"name\":\"data\",\"shape\":[%d,3,16,16],\"datatype\":\"FP32\","
                        "\"parameters\":{\"binary_data_size\":%zu}}],%s}", batch, (size_t)batch * NUMBERS * sizeof(float), outputs);
    *json_len = s->len;
    facet_str_append(s, v, (size_t)batch * NUMBERS * sizeof(float));
}

static struct http_answer ask_binary(const struct facet_str *s, size_t json_len)
{
    char headers[96];
    struct http_answer a;
    snprintf(headers, sizeof(headers), "Inference-Header-Content-Length: %zu\r\n", json_len);
    http_ask(&a, &(struct http_ask){.port = server.port, .method = "POST", .path = INFER, .type = "application/octet-stream",
                                    .headers = headers, .body = s->data, .len = s->len});
    return a;
}

static void put_json(struct facet_str *s, int batch, const float *v)
{
    facet_str_printf(s, "{\"inputs\":[{\"name\":\"data\",\"shape\":[%d,3,16,16],\"datatype\":\"FP32\",\"data\":[", batch);
    for (int i = 0; i < batch * NUMBERS; i++)
        facet_str_printf(s, "%s%.9g", i ? "," : "", (double)v[i]);
    facet_str_puts(s, "]}]}");
}

static size_t json_length(const struct http_answer *a)
{
    int64_t n = -1;
    assert_int_equal(facet_parse_int(http_header(a, "inference-header-content-length"), &n), FACET_OK);
    return (size_t)n;
}

static void test_oip__binary_and_json_say_the_same(void **state)
{
    float v[2 * NUMBERS], row[2 * SMALL_DIM];
    struct facet_str s = FACET_STR_INIT;
    size_t json_len;
    fill(v, 2);
    put_binary(&s, 2, v, "\"outputs\":[{\"name\":\"embedding\",\"parameters\":{\"binary_data\":true}}]", &json_len);
    struct http_answer a = ask_binary(&s, json_len);
    assert_int_equal(a.status, 200);
    assert_string_equal(http_header(&a, "content-type"), "application/octet-stream");
    size_t head = json_length(&a);
    assert_int_equal(a.len, head + sizeof(row));
    assert_memory_equal(a.body, "{\"model_name\":\"small-embedder\",\"model_version\":\"1\",\"id\":\"17\",\"outputs\":[{\"name\":\"embedding\","
                                "\"datatype\":\"FP32\",\"shape\":[2,32],\"parameters\":{\"binary_data_size\":256}}]}", head);
    memcpy(row, a.body + head, sizeof(row));
    http_answer_fini(&a);
    facet_str_clear(&s);
    put_json(&s, 2, v);
    a = served_ask(&server, "POST", INFER, "application/json", s.data, s.len, 200);
    assert_null(http_header(&a, "inference-header-content-length"));
    struct facet_json *j = served_json(&a);
    const struct facet_json *data = facet_json_get(facet_json_at(facet_json_get(j, "outputs"), 0), "data");
    assert_int_equal(facet_json_size(data), 2 * SMALL_DIM);
    for (size_t i = 0; i < 2 * SMALL_DIM; i++)
        assert_true((float)facet_json_num(facet_json_at(data, i), 0) == row[i]);
    facet_json_unref(&j);
    facet_str_fini(&s);
}

static void test_oip__binary_data_output_asks_for_all_in_binary(void **state)
{
    float v[NUMBERS];
    struct facet_str s = FACET_STR_INIT;
    size_t json_len;
    fill(v, 1);
    put_binary(&s, 1, v, "\"parameters\":{\"binary_data_output\":true}", &json_len);
    struct http_answer a = ask_binary(&s, json_len);
    assert_int_equal(a.status, 200);
    assert_int_equal(a.len, json_length(&a) + SMALL_DIM * sizeof(float));
    http_answer_fini(&a);
    facet_str_fini(&s);
}

static void test_oip__a_large_json_text_is_read(void **state)
{
    enum { SIDE = 224, COUNT = 3 * SIDE * SIDE };
    struct facet_str s = FACET_STR_INIT;
    facet_str_printf(&s, "{\"inputs\":[{\"name\":\"input\",\"shape\":[1,3,%d,%d],\"datatype\":\"FP32\",\"data\":[", SIDE, SIDE);
    for (int i = 0; i < COUNT; i++)
        facet_str_printf(&s, "%s0.%05d", i ? "," : "", i % 100000);
    facet_str_puts(&s, "]}],\"outputs\":[{\"name\":\"cls_32\"}]}");
    assert_true(s.len > 1u << 20);
    struct http_answer a = served_ask(&server, "POST", "/v2/models/" SMALL_DETECTOR "/infer", "application/json", s.data, s.len, 200);
    served_has(&a, "\"name\":\"cls_32\",\"datatype\":\"FP32\",\"shape\":[1,1,7,7]");
    s.data[s.len - 1] = ' ';
    a = served_ask(&server, "POST", "/v2/models/" SMALL_DETECTOR "/infer", "application/json", s.data, s.len, 400);
    http_answer_fini(&a);
    facet_str_fini(&s);
}

static void test_oip__what_does_not_fit_is_refused(void **state)
{
    static const struct { const char *json, *text; int status; } bad[] = {
        {"{", "the request", 400},
        {"[]", "no JSON object", 400},
        {"{}", "no list 'inputs'", 400},
        {"{\"inputs\":[]}", "no list 'inputs'", 400},
        {"{\"inputs\":[{\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}", "has no name", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"datatype\":\"FP32\",\"data\":[1]}]}", "has no shape", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[-1],\"datatype\":\"FP32\",\"data\":[1]}]}", "whole numbers", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1,99999999,99999999],\"datatype\":\"FP32\",\"data\":[1]}]}", "too large", 413},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1],\"datatype\":\"STRING\",\"data\":[1]}]}", "datatype 'STRING'", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1],\"datatype\":\"INT64\",\"data\":[1]}]}", "FP32 is taken", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1],\"datatype\":\"FP32\"}]}", "is no list", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1]}]}", "has shape 1, not 2", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[2],\"datatype\":\"FP32\",\"data\":[1,\"x\"]}]}", "something else than numbers", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3]]}]}", "ragged", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}", "not float32 of 1", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1,3,16,17],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":4}}]}", "4 bytes", 400},
        {"{\"inputs\":[{\"name\":\"data\",\"shape\":[1],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":4}}]}", "ends after 0 of 4", 400},
        {"{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]},{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}",
         "given twice", 400},
        {"{\"id\":5,\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}", "'id' is no text", 400},
        {"{\"outputs\":[{\"name\":\"x\",\"parameters\":{\"classification\":3}}],\"inputs\":[]}", "asks for classes", 400},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct http_answer a = served_post_json(&server, INFER, bad[i].json, bad[i].status);
        if (!strstr(a.body, bad[i].text) || strncmp(a.body, "{\"error\":", 9))
            fail_msg("'%s' is not in: %s", bad[i].text, a.body);
        http_answer_fini(&a);
    }
    struct http_answer a = served_post_json(&server, "/v2/models/nobody/infer", "{}", 404);
    http_answer_fini(&a);
    a = served_post_json(&server, "/v2/models/" SMALL_EMBEDDER "/versions/9/infer", "{}", 404);
    http_answer_fini(&a);
}

static void test_oip__an_output_that_is_none_is_refused(void **state)
{
    float v[NUMBERS];
    struct facet_str s = FACET_STR_INIT;
    size_t json_len;
    fill(v, 1);
    put_binary(&s, 1, v, "\"outputs\":[{\"name\":\"nothing\"}]", &json_len);
    struct http_answer a = ask_binary(&s, json_len);
    assert_int_equal(a.status, 400);
    served_has(&a, "no output 'nothing'");
    a = ask_binary(&s, s.len + 1);
    assert_int_equal(a.status, 400);
    http_answer_fini(&a);
    a = ask_binary(&s, json_len - 3);
    assert_int_equal(a.status, 400);
    http_answer_fini(&a);
    facet_str_append(&s, "more", 4);
    a = ask_binary(&s, json_len);
    assert_int_equal(a.status, 400);
    served_has(&a, "4 bytes behind the last");
    facet_str_fini(&s);
}

static void test_oip__a_header_that_is_no_length_is_refused(void **state)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = server.port, .method = "POST", .path = INFER, .type = "application/json",
                                    .headers = "Inference-Header-Content-Length: many\r\n", .body = "{}", .len = 2});
    assert_int_equal(a.status, 400);
    served_has(&a, "no length");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oip__tells_of_itself),
        cmocka_unit_test(test_oip__tells_of_models),
        cmocka_unit_test(test_oip__binary_and_json_say_the_same),
        cmocka_unit_test(test_oip__binary_data_output_asks_for_all_in_binary),
        cmocka_unit_test(test_oip__a_large_json_text_is_read),
        cmocka_unit_test(test_oip__what_does_not_fit_is_refused),
        cmocka_unit_test(test_oip__an_output_that_is_none_is_refused),
        cmocka_unit_test(test_oip__a_header_that_is_no_length_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
