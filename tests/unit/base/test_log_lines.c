#include "test.h"

#include "base/errors.h"
#include "base/json.h"
#include "base/log_lines.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static uint64_t mono;

static uint64_t mono_ns(void *ctx)
{
    return mono;
}

static int64_t wall_ms(void *ctx)
{
    return 1767225600000 + (int64_t)(mono / 1000000u);
}

static const struct facet_clock fake = {.mono_ns = mono_ns, .wall_ms = wall_ms};

struct world { struct facet_log_lines lines; int out, in; char text[16384]; size_t len; };

static void begin(struct world *w, bool json)
{
    int fds[2];
    mono = 0;
    memset(w, 0, sizeof(*w));
    assert_int_equal(pipe(fds), 0);
    w->out = fds[1];
    w->in = fds[0];
    assert_int_equal(facet_log_lines_init(&w->lines, w->out, json, &fake), FACET_OK);
    facet_log_set(facet_log_lines_write, &w->lines, FACET_LOG_INFO);
}

static void end(struct world *w)
{
    facet_log_set(NULL, NULL, FACET_LOG_ERROR);
    facet_log_lines_fini(&w->lines);
    close(w->out);
    ssize_t n;
    while ((n = read(w->in, w->text + w->len, sizeof(w->text) - 1 - w->len)) > 0)
        w->len += (size_t)n;
    close(w->in);
}

static void test_lines__json_has_a_member_for_what_it_is_about(void **state)
{
    struct world w;
    struct facet_json *j;
    begin(&w, true);
    facet_log_of(FACET_LOG_WARN, "ingest", &(struct facet_log_about){.camera = "front \"door\"", .request = "ab12"}, "camera is %s\n", "lost");
    end(&w);
    assert_int_equal(facet_json_parse(&j, w.text, w.len, "line"), FACET_OK);
    assert_string_equal(facet_json_str(facet_json_get(j, "time"), ""), "2026-01-01T00:00:00.000Z");
    assert_string_equal(facet_json_str(facet_json_get(j, "level"), ""), "warn");
    assert_string_equal(facet_json_str(facet_json_get(j, "topic"), ""), "ingest");
    assert_string_equal(facet_json_str(facet_json_get(j, "camera"), ""), "front \"door\"");
    assert_string_equal(facet_json_str(facet_json_get(j, "request_id"), ""), "ab12");
    assert_string_equal(facet_json_str(facet_json_get(j, "message"), ""), "camera is lost\n");
    assert_null(facet_json_get(j, "device"));
    assert_null(facet_json_get(j, "repeated"));
    facet_json_unref(&j);
}

static void test_lines__text_is_as_it_always_was(void **state)
{
    struct world w;
    begin(&w, false);
    facet_log(FACET_LOG_ERROR, "node", "cannot %s", "go on");
    facet_log(FACET_LOG_INFO, "node", "goes\non\033[0m");
    facet_log(FACET_LOG_DEBUG, "node", "unheard");
    end(&w);
    assert_string_equal(w.text, "facet: node: error: cannot go on\nfacet: node: goes on [0m\n");
}

static int lines_in(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += *text == '\n';
    return n;
}

static void test_lines__repeats_are_held_and_told(void **state)
{
    struct world w;
    begin(&w, false);
    for (int i = 0; i < 100; i++)
        facet_log(FACET_LOG_WARN, "ingest", "frame %d is damaged", i);
    facet_log(FACET_LOG_WARN, "ingest", "something else");
    mono += (FACET_LOG_WINDOW_MS + 1) * 1000000ull;
    facet_log(FACET_LOG_WARN, "ingest", "frame 100 is damaged");
    end(&w);
    assert_int_equal(lines_in(w.text), FACET_LOG_BURST + 2);
    assert_non_null(strstr(w.text, "frame 100 is damaged (and 95 more like this)\n"));
    assert_non_null(strstr(w.text, "something else\n"));
}

static void test_lines__what_is_held_at_the_end_is_told(void **state)
{
    struct world w;
    begin(&w, true);
    for (int i = 0; i < 8; i++)
        facet_log(FACET_LOG_WARN, "mqtt", "try %d failed", i);
    end(&w);
    assert_int_equal(lines_in(w.text), FACET_LOG_BURST + 1);
    assert_non_null(strstr(w.text, "\"message\":\"try 7 failed\",\"repeated\":3}\n"));
}

static void test_lines__many_kinds_push_out_the_oldest_and_lose_nothing(void **state)
{
    struct world w;
    char word[32];
    begin(&w, false);
    for (int i = 0; i < FACET_LOG_BURST + 2; i++)
        facet_log(FACET_LOG_WARN, "old", "first");
    for (int i = 0; i < FACET_LOG_KINDS + 5; i++) {
        mono += 1000000u;
        snprintf(word, sizeof(word), "%c%c", 'a' + i / 26, 'a' + i % 26);
        facet_log(FACET_LOG_WARN, "new", "%s", word);
    }
    end(&w);
    assert_non_null(strstr(w.text, "first (and 2 more like this)\n"));
    assert_int_equal(lines_in(w.text), FACET_LOG_BURST + 1 + FACET_LOG_KINDS + 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines__json_has_a_member_for_what_it_is_about),
        cmocka_unit_test(test_lines__text_is_as_it_always_was),
        cmocka_unit_test(test_lines__repeats_are_held_and_told),
        cmocka_unit_test(test_lines__what_is_held_at_the_end_is_told),
        cmocka_unit_test(test_lines__many_kinds_push_out_the_oldest_and_lose_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
