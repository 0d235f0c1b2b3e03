#include "test.h"

#include "deploy/board.h"

#include <facet/error.h>
#include <stdio.h>
#include <string.h>

struct heard { char text[1024]; int room; };

static int hear(void *ctx, const char *topic, const char *payload, bool retain)
{
    struct heard *h = ctx;
    if (h->room == 0)
        return FACET_E_AGAIN;
    h->room--;
    snprintf(h->text + strlen(h->text), sizeof(h->text) - strlen(h->text), "%s%s=%s;", retain ? "*" : "", topic, payload);
    return FACET_OK;
}

static const char *flush(struct facet_board *b, struct heard *h, int room)
{
    h->text[0] = '\0';
    h->room = room;
    int err = facet_board_flush(b, hear, h);
    assert_int_equal(err, h->room ? FACET_OK : room < 100 ? FACET_E_AGAIN : err);
    return h->text;
}

static int setup(void **state)
{
    static struct facet_board b;
    facet_board_init(&b);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    facet_board_fini(*state);
    return 0;
}

static void test_board__says_what_changed_once(void **state)
{
    struct facet_board *b = *state;
    struct heard h;
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 1, "b", "2", false), FACET_OK);
    assert_string_equal(flush(b, &h, 100), "*a=1;b=2;");
    assert_string_equal(flush(b, &h, 100), "");
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_string_equal(flush(b, &h, 100), "");
    assert_int_equal(facet_board_set(b, 1, "a", "3", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 1, "a", "4", true), FACET_OK);
    assert_string_equal(flush(b, &h, 100), "*a=4;");
    facet_board_resend(b);
    assert_string_equal(flush(b, &h, 100), "*a=4;b=2;");
}

static void test_board__what_was_refused_waits(void **state)
{
    struct facet_board *b = *state;
    struct heard h;
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 1, "b", "2", true), FACET_OK);
    assert_string_equal(flush(b, &h, 1), "*a=1;");
    assert_string_equal(flush(b, &h, 100), "*b=2;");
}

static void test_board__takes_back_what_was_retained(void **state)
{
    struct facet_board *b = *state;
    struct heard h;
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 1, "b", "2", false), FACET_OK);
    flush(b, &h, 100);
    facet_board_remove(b, "a");
    facet_board_remove(b, "b");
    facet_board_remove(b, "never was");
    assert_false(facet_board_has(b, "a"));
    assert_string_equal(flush(b, &h, 100), "*a=;");
    assert_int_equal(b->n, 0);
    assert_int_equal(facet_board_set(b, 1, "c", "5", true), FACET_OK);
    assert_string_equal(flush(b, &h, 100), "*c=5;");
}

static void test_board__sweeps_what_a_round_left_out(void **state)
{
    struct facet_board *b = *state;
    struct heard h;
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 1, "b", "1", true), FACET_OK);
    assert_int_equal(facet_board_set(b, 2, "other", "1", true), FACET_OK);
    flush(b, &h, 100);
    facet_board_begin(b);
    assert_true(facet_board_touch(b, "b"));
    assert_false(facet_board_touch(b, "c"));
    facet_board_sweep(b, 1);
    assert_string_equal(flush(b, &h, 100), "*a=;");
}

static void test_board__comes_back_before_it_was_taken_back(void **state)
{
    struct facet_board *b = *state;
    struct heard h;
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    flush(b, &h, 100);
    facet_board_remove(b, "a");
    assert_int_equal(facet_board_set(b, 1, "a", "1", true), FACET_OK);
    assert_string_equal(flush(b, &h, 100), "*a=1;");
}

static void test_board__has_a_ceiling(void **state)
{
    struct facet_board *b = *state;
    char topic[32];
    for (int i = 0; i < 3; i++) {
        snprintf(topic, sizeof(topic), "%d", i);
        assert_int_equal(facet_board_set(b, 1, topic, "x", true), FACET_OK);
    }
    b->n = FACET_BOARD_TOPICS;
    assert_int_equal(facet_board_set(b, 1, "more", "x", true), FACET_E_LIMIT);
    assert_int_equal(facet_board_set(b, 1, "1", "y", true), FACET_OK);
    b->n = 3;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_board__says_what_changed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_board__what_was_refused_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_board__takes_back_what_was_retained, setup, teardown),
        cmocka_unit_test_setup_teardown(test_board__sweeps_what_a_round_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_board__comes_back_before_it_was_taken_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_board__has_a_ceiling, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
