/* Sessions and tries, by a clock that is turned by hand. */
#include "test.h"

#include "base/errors.h"
#include "serve/session.h"

#include <stdio.h>
#include <string.h>

static uint64_t now_ns;

static uint64_t mono(void *ctx)
{
    return now_ns;
}

static const struct facet_clock clock_by_hand = { .mono_ns = mono };

static void pass(int64_t ms)
{
    now_ns += (uint64_t)ms * 1000000u;
}

static int start(void **state)
{
    static struct facet_sessions *s;
    now_ns = 1000000000u;
    assert_int_equal(facet_sessions_open(&s, &clock_by_hand), FACET_OK);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    struct facet_sessions *s = *state;
    facet_sessions_close(&s);
    return 0;
}

static void test_session__is_found_by_its_token_alone(void **state)
{
    struct facet_session one, two, found;
    char a[FACET_TOKEN_TEXT(32)], b[FACET_TOKEN_TEXT(32)];
    facet_sessions_begin(*state, "ana", a, &one);
    facet_sessions_begin(*state, "bob", b, &two);
    assert_string_not_equal(a, b);
    assert_string_not_equal(one.csrf, two.csrf);
    assert_true(facet_sessions_find(*state, a, &found));
    assert_string_equal(found.user, "ana");
    assert_string_equal(found.csrf, one.csrf);
    a[3] = a[3] == 'x' ? 'y' : 'x';
    assert_false(facet_sessions_find(*state, a, &found));
    assert_false(facet_sessions_find(*state, "", &found));
    facet_sessions_end(*state, b);
    assert_false(facet_sessions_find(*state, b, &found));
}

static void test_session__ends_when_nobody_comes_and_at_last(void **state)
{
    struct facet_session s;
    char token[FACET_TOKEN_TEXT(32)];
    facet_sessions_begin(*state, "ana", token, &s);
    pass(FACET_SESSION_IDLE_MS - 1000);
    assert_true(facet_sessions_find(*state, token, &s));
    pass(FACET_SESSION_IDLE_MS + 1000);
    assert_false(facet_sessions_find(*state, token, &s));
    facet_sessions_begin(*state, "ana", token, &s);
    for (int64_t t = 0; t + FACET_SESSION_IDLE_MS / 2 < FACET_SESSION_LIFE_MS; t += FACET_SESSION_IDLE_MS / 2) {
        assert_true(facet_sessions_find(*state, token, &s));
        pass(FACET_SESSION_IDLE_MS / 2);
    }
    pass(FACET_SESSION_IDLE_MS / 2 + 1000);
    assert_false(facet_sessions_find(*state, token, &s)); /* however busy it was */
}

static void test_session__a_removed_users_end(void **state)
{
    struct facet_session s;
    char a[FACET_TOKEN_TEXT(32)], b[FACET_TOKEN_TEXT(32)];
    facet_sessions_begin(*state, "ana", a, &s);
    facet_sessions_begin(*state, "bob", b, &s);
    facet_sessions_end_user(*state, "ana");
    assert_false(facet_sessions_find(*state, a, &s));
    assert_true(facet_sessions_find(*state, b, &s));
}

static void test_session__the_one_unused_for_longest_makes_room(void **state)
{
    struct facet_session s;
    char first[FACET_TOKEN_TEXT(32)], second[FACET_TOKEN_TEXT(32)], more[FACET_TOKEN_TEXT(32)];
    facet_sessions_begin(*state, "ana", first, &s);
    pass(10);
    facet_sessions_begin(*state, "bob", second, &s);
    pass(10);
    for (int i = 2; i < FACET_SESSIONS; i++)
        facet_sessions_begin(*state, "crowd", more, &s);
    assert_true(facet_sessions_find(*state, first, &s));
    pass(10);
    facet_sessions_begin(*state, "last", more, &s);
    assert_true(facet_sessions_find(*state, first, &s));
    assert_false(facet_sessions_find(*state, second, &s));
}

static void test_tries__are_few_for_a_peer_and_for_a_user(void **state)
{
    char user[16];
    for (int i = 0; i < FACET_LOGIN_TRIES; i++) {
        assert_int_equal(facet_sessions_wait(*state, "10.0.0.1", "ana"), 0);
        facet_sessions_failed(*state, "10.0.0.1", "ana");
    }
    assert_true(facet_sessions_wait(*state, "10.0.0.1", "bob") > 0); /* the peer */
    assert_true(facet_sessions_wait(*state, "10.0.0.2", "ana") > 0); /* the user */
    assert_int_equal(facet_sessions_wait(*state, "10.0.0.2", "bob"), 0);
    pass(FACET_LOGIN_SPAN_MS + 1);
    assert_int_equal(facet_sessions_wait(*state, "10.0.0.1", "ana"), 0);
    for (int i = 0; i < 5000; i++) { /* a flood of names is not remembered for ever, and does no harm */
        snprintf(user, sizeof(user), "u%d", i);
        facet_sessions_failed(*state, "10.0.0.9", user);
    }
    assert_true(facet_sessions_wait(*state, "10.0.0.9", "x") > 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_session__is_found_by_its_token_alone),
        CASE(test_session__ends_when_nobody_comes_and_at_last),
        CASE(test_session__a_removed_users_end),
        CASE(test_session__the_one_unused_for_longest_makes_room),
        CASE(test_tries__are_few_for_a_peer_and_for_a_user),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
