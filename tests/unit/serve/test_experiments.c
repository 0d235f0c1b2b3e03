/* The runs of a folder, what the page draws of them; and names that lead elsewhere. */
#include "lib/served.h"

#include "base/errors.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct served server;

static void put(const char *name, const char *text)
{
    char dir[512];
    const char *path = scratch_path(&server.folder, name);
    snprintf(dir, sizeof(dir), "%.*s", (int)(facet_path_base(path) - path), path);
    assert_int_equal(facet_mkdirs(dir), FACET_OK);
    scratch_write(&server.folder, name, text);
}

static void put_run(const char *name, const char *summary)
{
    char file[128];
    snprintf(file, sizeof(file), "%s/experiments.json", name);
    put(file, "{\"name\": \"study\", \"items\": []}");
    snprintf(file, sizeof(file), "%s/environment.json", name);
    put(file, "{\"processor\": \"Test\", \"cores\": 2}");
    snprintf(file, sizeof(file), "%s/summary.csv", name);
    put(file, summary);
}

static int start(void **state)
{
    served_open(&server, true);
    put_run("seen/desk", "id,strategy,status,fps\naa-1,edge,done,25\n");
    put_run("seen/board", "id,strategy,status,fps\naa-1,edge,done,5\n");
    put_run("seen/broken", "id,strategy,status,fps\naa-1,edge\n");
    put_run("elsewhere", "id,strategy,status,fps\naa-1,edge,done,1\n");
    put("seen/notes/readme.txt", "no run");
    return 0;
}

static int stop(void **state)
{
    served_close(&server);
    return 0;
}

static void test_experiments__are_off_until_a_folder_is_named(void **state)
{
    server.site.serve.experiments[0] = '\0';
    struct http_answer a = served_get(&server, "/v1/experiments", 200);
    served_has(&a, "{\"configured\":false,\"items\":[],\"next\":null}");
    a = served_get(&server, "/v1/experiments/report?runs=desk", 404);
    served_has(&a, "there is no run 'desk'");
}

static void name_folder(void)
{
    snprintf(server.site.serve.experiments, sizeof(server.site.serve.experiments), "%s", scratch_path(&server.folder, "seen"));
}

static void test_experiments__are_the_folders_with_a_summary(void **state)
{
    name_folder();
    struct http_answer a = served_get(&server, "/v1/experiments", 200);
    struct facet_json *j = served_json(&a);
    assert_true(facet_json_bool(facet_json_get(j, "configured"), false));
    assert_int_equal(facet_json_size(facet_json_get(j, "items")), 3);
    facet_json_unref(&j);
}

static void test_experiments__stand_side_by_side_in_a_report(void **state)
{
    name_folder();
    put("seen/prices.yaml", "- {name: board, euro_a_month: 3}\n");
    struct http_answer a = served_get(&server, "/v1/experiments/report?runs=desk,board", 200);
    struct facet_json *j = served_json(&a);
    const struct facet_json *runs = facet_json_get(j, "runs");
    assert_int_equal(facet_json_size(runs), 2);
    assert_string_equal(facet_json_str(facet_json_get(facet_json_at(runs, 1), "label"), ""), "board: Test, 2 cores");
    assert_int_equal(facet_json_size(facet_json_get(j, "prices")), 1);
    facet_json_unref(&j);
}

static void test_experiments__lead_to_no_other_folder(void **state)
{
    static const char *const bad[] = { "../elsewhere", "..%2felsewhere", "%2e%2e", "desk%2f..%2fboard", "notes", "", ".", "desk,nobody", "%00desk" };
    name_folder();
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[128];
        struct http_answer a;
        snprintf(path, sizeof(path), "/v1/experiments/report?runs=%s", bad[i]);
        http_ask(&a, &(struct http_ask){ .port = server.port, .path = path, .key = server.key });
        if (a.status != 404 && a.status != 400)
            fail_msg("'%s' was answered with %d", bad[i], a.status);
        http_answer_fini(&a);
    }
}

static void test_experiments__that_are_broken_say_where(void **state)
{
    name_folder();
    struct http_answer a = served_get(&server, "/v1/experiments/report?runs=broken", 422);
    served_has(&a, "line 2");
    a = served_get(&server, "/v1/experiments/report", 400);
    served_has(&a, "'runs' must name a run");
}

static void test_experiments__are_shown_to_nobody_without_a_key(void **state)
{
    static const char *const paths[] = { "/v1/experiments", "/v1/experiments/report?runs=desk" };
    name_folder();
    for (int i = 0; i < 2; i++) {
        struct http_answer a;
        http_ask(&a, &(struct http_ask){ .port = server.port, .path = paths[i] });
        assert_int_equal(a.status, 401);
        http_answer_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_experiments__are_off_until_a_folder_is_named), cmocka_unit_test(test_experiments__are_the_folders_with_a_summary),
        cmocka_unit_test(test_experiments__stand_side_by_side_in_a_report),  cmocka_unit_test(test_experiments__lead_to_no_other_folder),
        cmocka_unit_test(test_experiments__that_are_broken_say_where),       cmocka_unit_test(test_experiments__are_shown_to_nobody_without_a_key),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
