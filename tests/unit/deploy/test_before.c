#include "test.h"

#include "deploy/before.h"

#include <stdio.h>
#include <string.h>

static struct facet_event make(const char *id, enum facet_event_type type, int64_t track, const char *name)
{
    struct facet_event e = { .type = type, .track = track, .run = "night", .device = "door" };
    snprintf(e.id, sizeof(e.id), "%s", id);
    snprintf(e.identity.name, sizeof(e.identity.name), "%s", name);
    return e;
}

static bool step(struct facet_before *b, struct facet_event e, struct facet_event *out)
{
    return facet_before_step(b, &e, out);
}

static void test_before__is_the_last_event_of_the_track_until_it_ends(void **state)
{
    struct facet_before b = { .n = 0 };
    struct facet_event was;
    (void)state;
    assert_false(step(&b, make("a", FACET_EVENT_NEW, 1, ""), &was));
    assert_false(step(&b, make("b", FACET_EVENT_NEW, 2, ""), &was));
    assert_true(step(&b, make("c", FACET_EVENT_IDENTITY, 1, "Ada"), &was));
    assert_string_equal(was.id, "a");
    assert_true(step(&b, make("d", FACET_EVENT_END, 1, "Ada"), &was));
    assert_string_equal(was.id, "c");
    assert_string_equal(was.identity.name, "Ada");
    assert_false(step(&b, make("e", FACET_EVENT_NEW, 1, ""), &was));
    facet_before_fini(&b);
}

static void test_before__names_nobody_but_whom_the_event_names(void **state)
{
    struct facet_before b = { .n = 0 };
    struct facet_event was;
    (void)state;
    (void)step(&b, make("a", FACET_EVENT_IDENTITY, 1, "Ada"), &was);
    assert_true(step(&b, make("b", FACET_EVENT_IDENTITY, 1, ""), &was));
    assert_string_equal(was.identity.name, "Ada");
    (void)step(&b, make("c", FACET_EVENT_IDENTITY, 1, "Ada"), &was);
    assert_true(step(&b, make("d", FACET_EVENT_IDENTITY, 1, "Bob"), &was));
    assert_string_equal(was.identity.name, "");
    facet_before_fini(&b);
}

static void test_before__is_nothing_for_other_runs_devices_and_still_pictures(void **state)
{
    struct facet_before b = { .n = 0 };
    struct facet_event was, other = make("b", FACET_EVENT_IDENTITY, 1, "");
    (void)state;
    (void)step(&b, make("a", FACET_EVENT_NEW, 1, ""), &was);
    snprintf(other.run, sizeof(other.run), "day");
    assert_false(step(&b, other, &was));
    other = make("c", FACET_EVENT_IDENTITY, 1, "");
    snprintf(other.device, sizeof(other.device), "gate");
    assert_false(step(&b, other, &was));
    assert_false(step(&b, make("d", FACET_EVENT_FACE, 0, ""), &was));
    assert_false(step(&b, make("e", FACET_EVENT_FACE, 0, ""), &was));
    assert_false(step(&b, make("f", FACET_EVENT_END, 9, ""), &was));
    facet_before_fini(&b);
}

static void test_before__of_too_many_tracks_forgets_the_one_unheard_of_for_longest(void **state)
{
    struct facet_before b = { .n = 0 };
    struct facet_event was;
    (void)state;
    for (int i = 1; i <= FACET_BEFORE_TRACKS; i++)
        assert_false(step(&b, make("a", FACET_EVENT_NEW, i, ""), &was));
    assert_true(step(&b, make("b", FACET_EVENT_IDENTITY, 1, ""), &was));
    assert_false(step(&b, make("c", FACET_EVENT_NEW, 100000, ""), &was));
    assert_false(step(&b, make("d", FACET_EVENT_END, 2, ""), &was));
    assert_true(step(&b, make("e", FACET_EVENT_END, 1, ""), &was));
    assert_true(step(&b, make("f", FACET_EVENT_END, 100000, ""), &was));
    assert_int_equal(b.n, FACET_BEFORE_TRACKS - 2);
    facet_before_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_before__is_the_last_event_of_the_track_until_it_ends),
        cmocka_unit_test(test_before__names_nobody_but_whom_the_event_names),
        cmocka_unit_test(test_before__is_nothing_for_other_runs_devices_and_still_pictures),
        cmocka_unit_test(test_before__of_too_many_tracks_forgets_the_one_unheard_of_for_longest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
