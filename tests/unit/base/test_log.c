#include "test.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

struct heard {
    int lines;
    enum facet_log_level level;
    char topic[16], text[2048];
};

static void hear(void *ctx, enum facet_log_level level, const char *topic, const char *text)
{
    struct heard *h = ctx;
    h->lines++;
    h->level = level;
    snprintf(h->topic, sizeof(h->topic), "%s", topic);
    snprintf(h->text, sizeof(h->text), "%s", text);
}

static void test_log__reaches_the_callback(void **state)
{
    struct heard h = {0};
    facet_log_set(hear, &h, FACET_LOG_INFO);
    facet_log(FACET_LOG_WARN, "engine", "node %d", 3);
    assert_int_equal(h.lines, 1);
    assert_int_equal(h.level, FACET_LOG_WARN);
    assert_string_equal(h.topic, "engine");
    assert_string_equal(h.text, "node 3");
    facet_log_set(NULL, NULL, FACET_LOG_ERROR);
}

static void test_log__below_the_level_or_without_callback_is_silent(void **state)
{
    struct heard h = {0};
    facet_log_set(hear, &h, FACET_LOG_WARN);
    facet_log(FACET_LOG_INFO, "engine", "quiet");
    facet_log_set(NULL, NULL, FACET_LOG_DEBUG);
    facet_log(FACET_LOG_ERROR, "engine", "nobody");
    assert_int_equal(h.lines, 0);
}

static void test_log__long_text_is_cut(void **state)
{
    struct heard h = {0};
    facet_log_set(hear, &h, FACET_LOG_DEBUG);
    facet_log(FACET_LOG_DEBUG, "x", "%05000d", 1);
    assert_int_equal(h.lines, 1);
    assert_true(strlen(h.text) < 2048);
    facet_log_set(NULL, NULL, FACET_LOG_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log__reaches_the_callback),
        cmocka_unit_test(test_log__below_the_level_or_without_callback_is_silent),
        cmocka_unit_test(test_log__long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
