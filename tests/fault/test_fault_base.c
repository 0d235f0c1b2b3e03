#include "test.h"

#include "fault.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "base/pool.h"
#include "base/queue.h"
#include "base/str.h"
#include "base/thread.h"
#include "base/yaml.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int forget_to_free(void *ctx)
{
    void *volatile *kept = ctx; /* or the compiler may leave the request out */
    *kept = malloc(10);
    return *kept ? FACET_OK : FACET_E_NOMEM;
}

static int open_nothing(void *ctx)
{
    (void)ctx;
    return FACET_OK;
}

/* The helper itself: it counts what is asked for and lets through what nothing asks. */
static void test_fault__counts_requests(void **state)
{
    void *volatile kept;
    unsigned long before = fault_requests();
    assert_int_equal(forget_to_free((void *)&kept), FACET_OK);
    assert_int_equal(fault_requests(), before + 1);
    free(kept);
    char *volatile text = strdup("text");
    assert_int_equal(fault_requests(), before + 2);
    free(text);
    assert_int_equal(fault_loop(open_nothing, NULL), 0);
}

static int parse_yaml(void *ctx)
{
    struct facet_yaml *y;
    int err = facet_yaml_parse(&y, ctx, strlen(ctx), "t.yaml");
    assert_true(!err == !!y);
    facet_yaml_free(&y);
    return err;
}

static void test_yaml__each_request_may_fail(void **state)
{
    static char text[] = "a: 1\nb: [x, y, {c: d, e: [1, 2, 3, 4, 5]}]\nf: {g: h}\n";
    assert_int_equal(fault_loop(parse_yaml, text), 0);
}

/* A refusal and a lack of memory at once: whichever comes first is said, nothing is left. */
static int parse_bad_yaml(void *ctx)
{
    int err = parse_yaml(ctx);
    return err == FACET_E_FORMAT ? FACET_OK : err;
}

static void test_yaml__refusal_leaves_nothing_either(void **state)
{
    static char text[] = "a: [1, 2]\nb: {c: 1, c: 2}\n";
    fault_loop(parse_bad_yaml, text);
}

static int load_yaml(void *ctx)
{
    struct facet_yaml *y;
    int err = facet_yaml_load(&y, ctx);
    facet_yaml_free(&y);
    return err;
}

static int list_files(void *ctx, const char *path)
{
    return facet_str_puts(ctx, path);
}

static int walk(void *ctx)
{
    struct facet_str s = FACET_STR_INIT;
    int err = facet_walk(ctx, 4, list_files, &s);
    facet_str_fini(&s);
    return err;
}

static int read_file(void *ctx)
{
    uint8_t *data;
    size_t len;
    int err = facet_file_read(ctx, 1000, &data, &len);
    free(data);
    return err;
}

static void test_files__each_request_may_fail(void **state)
{
    char dir[] = "/tmp/facet-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/a.yaml", dir);
    assert_int_equal(facet_file_write_atomic(path, "a: b\n", 5), FACET_OK);
    assert_int_equal(fault_loop(load_yaml, path), 0);
    assert_int_equal(fault_loop(walk, dir), 0);
    assert_int_equal(fault_loop(read_file, path), 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static int parse_json(void *ctx)
{
    struct facet_json *j;
    int err = facet_json_parse(&j, ctx, strlen(ctx), "t.json");
    assert_true(!err == !!j);
    facet_json_unref(&j);
    return err;
}

/* jansson calls some lacks of memory a fault of the text. */
static void test_json__each_request_of_jansson_may_fail(void **state)
{
    static char text[] =
        "{\"a\": [1, 2.5, \"text\", {\"b\": null}], \"c\": true, \"d\": \"\\u00e9\"}";
    json_set_alloc_funcs(fault_malloc, fault_free);
    fault_loop_any_code(parse_json, text);
    json_set_alloc_funcs(malloc, free);
}

static int write_json(void *ctx)
{
    (void)ctx;
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, true);
    facet_jsonw_object(&w);
    for (int i = 0; i < 50; i++)
        facet_jsonw_kint(&w, "a key of some length", i);
    facet_jsonw_end_object(&w);
    int err = s.err;
    facet_str_fini(&s);
    return err;
}

static int print_text(void *ctx)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_printf(&s, "%0*d", 300, 5);
    int err = facet_str_printf(&s, "%0*d", 3000, 5);
    char *text = facet_str_take(&s);
    (void)ctx;
    free(text);
    return err;
}

static void test_str__each_request_may_fail(void **state)
{
    assert_int_equal(fault_loop(write_json, NULL), 0);
    assert_int_equal(fault_loop(print_text, NULL), 0);
}

static int use_queue(void *ctx)
{
    struct facet_queue q;
    (void)ctx;
    int err = facet_queue_init(&q, 5);
    facet_queue_fini(&q);
    return err;
}

static void count(void *ctx, size_t i, unsigned worker)
{
    (void)i;
    (void)worker;
    __atomic_fetch_add((int *)ctx, 1, __ATOMIC_RELAXED);
}

static int use_pool(void *ctx)
{
    struct facet_pool *p;
    int n = 0;
    (void)ctx;
    int err = facet_pool_open(&p, 4);
    assert_true(!err == !!p);
    if (!err)
        facet_pool_for(p, 100, count, &n);
    assert_int_equal(n, err ? 0 : 100);
    facet_pool_close(&p);
    return err;
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static int use_thread(void *ctx)
{
    struct facet_thread t;
    (void)ctx;
    int err = facet_thread_start(&t, "test", nothing, NULL);
    if (!err)
        facet_thread_join(&t);
    return err;
}

static void test_threads__each_request_may_fail(void **state)
{
    assert_int_equal(fault_loop(use_queue, NULL), 0);
    assert_int_equal(fault_loop(use_pool, NULL), 0);
    assert_int_equal(fault_loop(use_thread, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fault__counts_requests),
        cmocka_unit_test(test_yaml__each_request_may_fail),
        cmocka_unit_test(test_yaml__refusal_leaves_nothing_either),
        cmocka_unit_test(test_files__each_request_may_fail),
        cmocka_unit_test(test_json__each_request_of_jansson_may_fail),
        cmocka_unit_test(test_str__each_request_may_fail),
        cmocka_unit_test(test_threads__each_request_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
