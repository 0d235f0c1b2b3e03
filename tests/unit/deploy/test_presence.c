#include "test.h"

#include "deploy/presence.h"

#include <facet/error.h>
#include <stdio.h>
#include <string.h>

#define ABSENCE 30000

static int setup(void **state)
{
    struct facet_presence *p;
    int err = facet_presence_open(&p, ABSENCE);
    *state = p;
    return err;
}

static int teardown(void **state)
{
    struct facet_presence *p = *state;
    facet_presence_close(&p);
    return 0;
}

static struct facet_event event(enum facet_event_type type, int64_t track, const char *camera, int64_t person, const char *name)
{
    struct facet_event e = { .type = type, .run = "r", .device = "d", .track = track, .captured_ms = 1000 };
    snprintf(e.camera, sizeof(e.camera), "%s", camera);
    snprintf(e.identity.name, sizeof(e.identity.name), "%s", name);
    e.identity.person = person;
    e.identity.decision = person ? FACET_KNOWN : FACET_UNKNOWN;
    return e;
}

static void see(struct facet_presence *p, int64_t track, const char *camera, int64_t person, int64_t now)
{
    struct facet_event e = event(FACET_EVENT_IDENTITY, track, camera, person, person ? "Ada" : "");
    facet_presence_event(p, &e, 100, now);
}

static void leave(struct facet_presence *p, int64_t track, int64_t now)
{
    struct facet_event e = event(FACET_EVENT_END, track, "", 0, "");
    facet_presence_event(p, &e, 100, now);
}

/* "front", "" for absent, "-" for no change. */
static const char *change(struct facet_presence *p, int64_t now)
{
    static struct facet_present out;
    facet_presence_tick(p, now);
    if (!facet_presence_changed(p, &out))
        return "-";
    assert_int_equal(out.is_present, out.camera[0] != '\0');
    return out.camera;
}

static void test_presence__lasts_as_long_as_the_track_and_a_while(void **state)
{
    struct facet_presence *p = *state;
    see(p, 7, "front", 3, 0);
    assert_string_equal(change(p, 0), "front");
    assert_string_equal(change(p, 10 * ABSENCE), "-");
    leave(p, 7, 10 * ABSENCE);
    assert_string_equal(change(p, 11 * ABSENCE - 1), "-");
    assert_string_equal(change(p, 11 * ABSENCE), "");
    assert_string_equal(change(p, 12 * ABSENCE), "-");
}

static void test_presence__moves_with_the_person(void **state)
{
    struct facet_presence *p = *state;
    see(p, 7, "front", 3, 0);
    assert_string_equal(change(p, 0), "front");
    see(p, 8, "garden", 3, 10);
    assert_string_equal(change(p, 10), "garden");
    leave(p, 8, 20);
    assert_string_equal(change(p, 20 + ABSENCE), "-"); /* the other track lives */
    leave(p, 7, 20 + ABSENCE);
    assert_string_equal(change(p, 20 + 2 * ABSENCE), "");
}

static void test_presence__strangers_move_nobody(void **state)
{
    struct facet_presence *p = *state;
    see(p, 7, "front", 0, 0);
    leave(p, 9, 0);
    assert_string_equal(change(p, 0), "-");
}

static void test_presence__a_name_that_is_taken_back_lets_go(void **state)
{
    struct facet_presence *p = *state;
    see(p, 7, "front", 3, 0);
    assert_string_equal(change(p, 0), "front");
    see(p, 7, "front", 0, 10);
    assert_string_equal(change(p, 10 + ABSENCE), "");
}

static void test_presence__late_events_bring_nobody_back(void **state)
{
    struct facet_presence *p = *state;
    struct facet_event e = event(FACET_EVENT_IDENTITY, 7, "front", 3, "Ada");
    facet_presence_event(p, &e, ABSENCE + 1, 0);
    assert_string_equal(change(p, 0), "-");
}

static void test_presence__tracks_without_an_end_are_given_up(void **state)
{
    struct facet_presence *p = *state;
    see(p, 7, "front", 3, 0);
    assert_string_equal(change(p, 0), "front");
    assert_string_equal(change(p, FACET_PRESENCE_LIFE_MS), "-");
    assert_string_equal(change(p, FACET_PRESENCE_LIFE_MS + 1), "");
}

static void test_presence__floods_stay_within_the_tables(void **state)
{
    struct facet_presence *p = *state;
    for (int64_t i = 1; i <= 3 * FACET_PRESENCE_TRACKS; i++)
        see(p, i, "front", i, i);
    int64_t ids[FACET_PRESENCE_PEOPLE];
    assert_int_equal(facet_presence_people(p, ids), FACET_PRESENCE_PEOPLE);
    facet_presence_forget(p, ids[0]);
    assert_int_equal(facet_presence_people(p, ids), FACET_PRESENCE_PEOPLE - 1);
    facet_presence_forget(p, -5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_presence__lasts_as_long_as_the_track_and_a_while, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__moves_with_the_person, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__strangers_move_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__a_name_that_is_taken_back_lets_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__late_events_bring_nobody_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__tracks_without_an_end_are_given_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_presence__floods_stay_within_the_tables, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
