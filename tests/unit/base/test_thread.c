#include "test.h"

#include "base/errors.h"
#include "base/thread.h"

struct seen {
    char name[16];
    int runs;
};

static void look(void *ctx)
{
    struct seen *s = ctx;
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    s->runs++;
}

static void test_thread__runs_once_under_its_name(void **state)
{
    struct facet_thread t;
    struct seen s = {.runs = 0};
    assert_int_equal(facet_thread_start(&t, "a name longer than 15", look, &s), FACET_OK);
    facet_thread_join(&t);
    assert_int_equal(s.runs, 1);
    assert_string_equal(s.name, "a name longer t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thread__runs_once_under_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
