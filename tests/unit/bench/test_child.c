/* Programs beside us: what they say and cost, and that none outlives its welcome. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "bench/child.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[64], out[128], log_file[128];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/facet-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    snprintf(out, sizeof(out), "%s/out", dir);
    snprintf(log_file, sizeof(log_file), "%s/log", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    return facet_remove_tree(dir);
}

#define SHELL(text) (const char *const[]){ "/bin/sh", "-c", text, NULL }

static void assert_holds(const char *path, const char *text)
{
    uint8_t *is;
    size_t len;
    assert_int_equal(facet_file_read(path, 4096, &is, &len), FACET_OK);
    assert_string_equal((char *)is, text);
    free(is);
}

static void test_child__leaves_its_words_and_its_cost(void **state)
{
    struct facet_child_cost cost;
    (void)state;
    assert_int_equal(facet_child_run(SHELL("echo one; echo two >&2; exit 3"), out, log_file, NULL, &cost), FACET_OK);
    assert_int_equal(cost.code, 3);
    assert_true(cost.peak_rss_bytes > 0 && cost.seconds > 0);
    assert_holds(out, "one\n");
    assert_holds(log_file, "two\n");
}

static void test_child__takes_what_the_environment_is_to_be(void **state)
{
    const char *const env[] = { "FACET_TEST_ONE=new", "FACET_TEST_TWO=2", NULL };
    struct facet_child c;
    (void)state;
    setenv("FACET_TEST_ONE", "old", 1);
    const struct facet_child_opts o = { .argv = SHELL("echo $FACET_TEST_ONE $FACET_TEST_TWO; echo same >&2"), .env = env, .out = out, .log = out };
    assert_int_equal(facet_child_start(&c, &o), FACET_OK);
    while (facet_child_is_running(&c))
        usleep(1000);
    assert_holds(out, "new 2\nsame\n");
}

static void test_child__is_stopped_and_killed_where_it_will_not(void **state)
{
    struct facet_child c;
    atomic_int cancel = 1;
    struct facet_child_cost cost;
    (void)state;
    assert_int_equal(facet_child_run(SHELL("sleep 60"), out, log_file, &cancel, &cost), FACET_E_CANCELLED);
    const struct facet_child_opts o = { .argv = SHELL("trap '' TERM; echo deaf; while true; do read x || true; done"), .out = out, .log = log_file };
    assert_int_equal(facet_child_start(&c, &o), FACET_OK);
    char first[8] = "";
    while (!first[0]) {
        FILE *f = fopen(out, "r");
        if (f && !fgets(first, sizeof(first), f))
            first[0] = '\0';
        if (f)
            fclose(f);
    }
    assert_true(facet_child_cpu_seconds(&c) >= 0);
    facet_child_stop(&c, 50);
    assert_int_equal(c.cost.code, 128 + SIGKILL);
    facet_child_stop(&c, 50);                      /* once more is fine */
}

static void test_child__that_cannot_be_started_says_so(void **state)
{
    const char *const nobody[] = { "/no/such/program", NULL };
    char found[64];
    struct facet_child c = { .pid = 0 };
    (void)state;
    assert_int_equal(facet_child_start(&c, &(struct facet_child_opts){ .argv = nobody, .out = out, .log = log_file }), FACET_E_NOT_FOUND);
    assert_int_equal(c.pid, 0);
    assert_int_equal(facet_child_start(&c, &(struct facet_child_opts){ .argv = SHELL("true"), .out = "/no/such/dir/out", .log = log_file }),
                     FACET_E_NOT_FOUND);
    assert_int_equal(facet_child_start(&c, &(struct facet_child_opts){ .argv = SHELL("true"), .out = out, .log = log_file, .net_fd = 1 << 20 }),
                     FACET_OK);
    while (facet_child_is_running(&c))
        usleep(1000);
    assert_int_equal(c.cost.code, 127);            /* there is no such namespace */
    assert_int_equal(facet_child_find(found, sizeof(found), "facet-no-such-program"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_child_find(found, sizeof(found), "sh"), FACET_OK);
    assert_int_equal(facet_child_find(found, 3, "sh"), FACET_E_NOT_FOUND);
}

static void test_child__fails_with_its_last_line(void **state)
{
    struct facet_child c = { .cost = { .code = 4 } };
    (void)state;
    assert_int_equal(facet_file_write_atomic(log_file, "first\nno such model\n\n", 21), FACET_OK);
    assert_int_equal(facet_child_fail(&c, "the server", log_file), FACET_E_INTERNAL);
    assert_string_equal(facet_error_text(), "the server: exit code 4: no such model");
    assert_int_equal(facet_child_fail(&c, "the server", "/no/log"), FACET_E_INTERNAL);
    assert_string_equal(facet_error_text(), "the server: exit code 4");
}

#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_child__leaves_its_words_and_its_cost),
        IN_ROOM(test_child__takes_what_the_environment_is_to_be),
        IN_ROOM(test_child__is_stopped_and_killed_where_it_will_not),
        IN_ROOM(test_child__that_cannot_be_started_says_so),
        IN_ROOM(test_child__fails_with_its_last_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
