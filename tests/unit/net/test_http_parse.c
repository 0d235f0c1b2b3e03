#include "test.h"

#include "base/errors.h"
#include "net/http/head.h"
#include "net/http/multipart.h"
#include "net/http/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- heads ---- */

static int parse(struct facet_http_head *h, const char *text)
{
    int status = 0;
    *h = (struct facet_http_head){ .n = 0 };
    int err = facet_http_head_parse(h, text, strlen(text), &status);
    return err ? status : 0;
}

static int status_of(const char *text)
{
    struct facet_http_head h;
    int status = parse(&h, text);
    facet_http_head_fini(&h);
    return status;
}

static void test_head__is_read_with_its_fields(void **state)
{
    struct facet_http_head h;
    assert_int_equal(parse(&h, "POST /v1/a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\nX-Thing:  a b \r\nExpect: 100-continue\r\n\r\n"), 0);
    assert_int_equal(h.method, FACET_HTTP_POST);
    assert_string_equal(facet_http_head_target(&h), "/v1/a?b=c");
    assert_string_equal(facet_http_head_get(&h, "x-thing"), "a b");
    assert_null(facet_http_head_get(&h, "x-other"));
    assert_true(h.has_length && h.length == 12 && h.expects_continue && !h.wants_close);
    facet_http_head_fini(&h);
    assert_int_equal(parse(&h, "GET http://host:80/p HTTP/1.0\r\n\r\n"), 0);
    assert_string_equal(facet_http_head_target(&h), "/p");
    assert_true(h.wants_close);
    facet_http_head_fini(&h);
}

static void test_head__what_could_be_read_in_two_ways_is_refused(void **state)
{
    static const char *const bad[] = {
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET relative HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTCPCP/1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(status_of(bad[i]), 400);
    assert_int_equal(status_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
}

static void test_head__too_many_fields_are_refused(void **state)
{
    char text[FACET_MAX_HTTP_FIELDS * 8 + 64];
    int n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < FACET_MAX_HTTP_FIELDS; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "a: b\r\n");
    snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
    assert_int_equal(status_of(text), 431);
}

/* ---- chunks ---- */

/* The body of chunked text read `step` bytes at a time; NULL: refused. */
static const char *unchunk(const char *text, size_t step, bool *is_done)
{
    static char out[256];
    struct facet_http_chunks c = FACET_HTTP_CHUNKS_INIT;
    size_t n = strlen(text), at = 0, used = 0;
    while (at < n && !c.is_done) {
        const uint8_t *data;
        size_t len, end = at + step < n ? at + step : n;
        int64_t took = facet_http_chunks_read(&c, (const uint8_t *)text + at, end - at, &data, &len);
        if (took < 0)
            return NULL;
        memcpy(out + used, data ? (const char *)data : "", len);
        used += len;
        at += (size_t)took;
    }
    out[used] = '\0';
    *is_done = c.is_done;
    return out;
}

static void test_chunks__are_read_however_they_are_cut(void **state)
{
    const char *text = "5\r\nhello\r\nA;x=y\r\n, worldly!\r\n0\r\nTrailer: a\r\n\r\n";
    bool done;
    for (size_t step = 1; step < 60; step++) {
        assert_string_equal(unchunk(text, step, &done), "hello, worldly!");
        assert_true(done);
    }
}

static void test_chunks__garbage_is_refused(void **state)
{
    static const char *const bad[] = { "x\r\n", "\r\n", "5\nhello\r\n", "5\r\nhelloo\r\n", "ffffffffffffffff\r\n", "-1\r\n", "5 \r\nhello\r\n", "0\r\n\n" };
    bool done;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_null(unchunk(bad[i], 100, &done));
    assert_non_null(unchunk("5\r\nhel", 100, &done));
    assert_false(done);
}

/* ---- addresses ---- */

static void test_target__is_decoded_part_by_part(void **state)
{
    struct facet_http_target t;
    assert_int_equal(facet_http_target_parse(&t, "/v1/people/a%2Fb%20c?x=1&y=%C3%A9+z&flag&=e"), FACET_OK);
    assert_int_equal(t.n_segments, 3);
    assert_string_equal(t.segment[2], "a/b c");
    assert_string_equal(t.path, "/v1/people/a/b c");
    assert_int_equal(t.n_query, 4);
    assert_string_equal(t.query[1].value, "\xc3\xa9 z");
    assert_string_equal(t.query[2].name, "flag");
    assert_string_equal(t.query[2].value, "");
    facet_http_target_fini(&t);
    assert_int_equal(facet_http_target_parse(&t, "/"), FACET_OK);
    assert_int_equal(t.n_segments, 0);
    facet_http_target_fini(&t);
}

static void test_target__ways_out_and_damage_are_refused(void **state)
{
    static const char *const bad[] = { "/..", "/a/../b", "/%2e%2e/a", "/a/%2E", "/%", "/%4", "/%zz", "/%00",
                                       "/a%0d%0ab", "/%ff", "/%c0%af", "/a?b=%0a", "/a?b=%" };
    struct facet_http_target t;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(facet_http_target_parse(&t, bad[i]), FACET_E_FORMAT);
        assert_null(t.memory);
    }
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/{rest...}" },
    { .method = FACET_HTTP_GET, .path = "/v1/people/{name}" },
    { .method = FACET_HTTP_DELETE, .path = "/v1/people/{name}" },
    { .method = FACET_HTTP_GET, .path = "/v1/people/merge" },
    { .method = FACET_HTTP_POST, .path = "/v1/models/{name}:predict" },
    { .method = FACET_HTTP_POST, .path = "/v1/models/{name}" },
    { .method = FACET_HTTP_GET, .path = "/" },
};

static const struct facet_http_route *find(enum facet_http_method m, const char *path, unsigned *allowed, char *param)
{
    struct facet_http_target t;
    struct facet_http_params p;
    assert_int_equal(facet_http_target_parse(&t, path), FACET_OK);
    const struct facet_http_route *r = facet_http_route_find(routes, sizeof(routes) / sizeof(routes[0]), m, &t, allowed);
    param[0] = '\0';
    if (r) {
        assert_int_equal(facet_http_params_read(&p, r, &t), FACET_OK);
        if (p.n)
            snprintf(param, 64, "%s", p.p[0].value);
        facet_http_params_fini(&p);
    }
    facet_http_target_fini(&t);
    return r;
}

static void test_route__the_most_literal_is_taken(void **state)
{
    unsigned allowed;
    char param[64];
    assert_ptr_equal(find(FACET_HTTP_GET, "/v1/people/merge", &allowed, param), &routes[3]);
    assert_ptr_equal(find(FACET_HTTP_HEAD, "/v1/people/a%2Fb", &allowed, param), &routes[1]);
    assert_string_equal(param, "a/b");
    assert_ptr_equal(find(FACET_HTTP_POST, "/v1/models/m:predict", &allowed, param), &routes[4]);
    assert_string_equal(param, "m");
    assert_ptr_equal(find(FACET_HTTP_GET, "/assets/x/y.js", &allowed, param), &routes[0]);
    assert_string_equal(param, "assets/x/y.js");
    assert_null(find(FACET_HTTP_PUT, "/v1/people/a", &allowed, param));
    assert_true(allowed & 1u << FACET_HTTP_DELETE);
}

/* ---- forms ---- */

static const char form[] = "preamble\r\n--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--b\r\ncontent-type: image/png\r\n"
                           "content-disposition: form-data; filename=\"x \\\"y\\\".png\"; name=file\r\n\r\n\r\n-xbb\r\n\r\n--b\r\n"
                           "content-disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b--\r\n";

static void test_multipart__parts_are_views_of_the_body(void **state)
{
    struct facet_http_multipart m;
    assert_int_equal(facet_http_multipart_parse(&m, "multipart/form-data; charset=utf-8; boundary=\"b\"", form, sizeof(form) - 1), FACET_OK);
    assert_int_equal(m.n, 3);
    assert_string_equal(m.part[0].name, "a");
    assert_memory_equal(m.part[0].data, "one", 3);
    assert_int_equal(m.part[0].len, 3);
    assert_string_equal(m.part[1].name, "file");
    assert_string_equal(m.part[1].filename, "x \"y\".png");
    assert_string_equal(m.part[1].type, "image/png");
    assert_int_equal(m.part[2].len, 0);
    facet_http_multipart_fini(&m);
}

static void test_multipart__damage_is_refused_wherever_it_is_cut(void **state)
{
    static const char good[] = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\n--b--\r\n";
    struct facet_http_multipart m;
    for (size_t n = 0; n < sizeof(good) - 3; n++)
        assert_int_not_equal(facet_http_multipart_parse(&m, "multipart/form-data; boundary=b", good, n), FACET_OK);
    assert_int_equal(facet_http_multipart_parse(&m, "multipart/form-data", good, sizeof(good) - 1), FACET_E_FORMAT);
    assert_int_equal(facet_http_multipart_parse(&m, "text/plain", good, sizeof(good) - 1), FACET_E_FORMAT);
    assert_int_equal(facet_http_multipart_parse(&m, NULL, good, sizeof(good) - 1), FACET_E_FORMAT);
    static const char nameless[] = "--b\r\nContent-Disposition: form-data\r\n\r\none\r\n--b--\r\n";
    assert_int_equal(facet_http_multipart_parse(&m, "multipart/form-data; boundary=b", nameless, sizeof(nameless) - 1), FACET_E_FORMAT);
}

static void test_multipart__too_many_parts_are_refused(void **state)
{
    static const char one[] = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
    struct facet_http_multipart m;
    size_t n = 0;
    char *text = malloc((FACET_MAX_HTTP_PARTS + 2) * sizeof(one));
    for (int i = 0; i <= FACET_MAX_HTTP_PARTS; i++)
        n += (size_t)snprintf(text + n, sizeof(one), "%s", one);
    n += (size_t)snprintf(text + n, 6, "--b--");
    assert_int_equal(facet_http_multipart_parse(&m, "multipart/form-data; boundary=b", text, n), FACET_E_LIMIT);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_head__is_read_with_its_fields),
        cmocka_unit_test(test_head__what_could_be_read_in_two_ways_is_refused),
        cmocka_unit_test(test_head__too_many_fields_are_refused),
        cmocka_unit_test(test_chunks__are_read_however_they_are_cut),
        cmocka_unit_test(test_chunks__garbage_is_refused),
        cmocka_unit_test(test_target__is_decoded_part_by_part),
        cmocka_unit_test(test_target__ways_out_and_damage_are_refused),
        cmocka_unit_test(test_route__the_most_literal_is_taken),
        cmocka_unit_test(test_multipart__parts_are_views_of_the_body),
        cmocka_unit_test(test_multipart__damage_is_refused_wherever_it_is_cut),
        cmocka_unit_test(test_multipart__too_many_parts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
