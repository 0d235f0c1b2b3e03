#include "test.h"

#include "deploy/hybrid.h"
#include "deploy/hybrid_tracks.h"

#include <stdio.h>
#include <string.h>

struct acked { int n; int64_t seq[64]; };

static void ack(void *ctx, int64_t seq)
{
    struct acked *a = ctx;
    a->seq[a->n++] = seq;
}

static struct facet_wire_track track(const char *device, const char *run, int64_t number)
{
    struct facet_wire_track t = { .number = number };
    snprintf(t.device, sizeof(t.device), "%s", device);
    snprintf(t.run, sizeof(t.run), "%s", run);
    snprintf(t.camera, sizeof(t.camera), "front");
    return t;
}

static struct facet_hybrid_tracks *open_tracks(void)
{
    struct facet_hybrid_tracks *t;
    assert_int_equal(facet_hybrid_tracks_open(&t), 0);
    return t;
}

static void test_hybrid_tracks__are_told_apart_by_device_run_and_number(void **state)
{
    struct facet_hybrid_tracks *t = open_tracks();
    struct acked a = { .n = 0 };
    struct facet_wire_track w[] = { track("a", "r", 1), track("b", "r", 1), track("a", "s", 1), track("a", "r", 2) };
    struct facet_hybrid_track *k[4];
    (void)state;
    for (int i = 0; i < 4; i++)
        k[i] = facet_hybrid_tracks_find(t, &w[i], 1, ack, &a);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_ptr_not_equal(k[i], k[j]);
    assert_ptr_equal(facet_hybrid_tracks_find(t, &w[2], 2, ack, &a), k[2]);
    assert_int_equal(a.n, 0);
    facet_hybrid_tracks_close(&t);
    assert_null(t);
}

static void test_hybrid_tracks__give_their_items_back_when_they_end(void **state)
{
    struct facet_hybrid_tracks *t = open_tracks();
    struct acked a = { .n = 0 };
    struct facet_wire_track w = track("a", "r", 1);
    struct facet_hybrid_track *k = facet_hybrid_tracks_find(t, &w, 1, ack, &a);
    (void)state;
    for (int64_t i = 1; i <= 20; i++)
        assert_int_equal(facet_hybrid_track_note(k, i), 0);
    facet_hybrid_track_ack(k, ack, &a);
    assert_int_equal(a.n, 20);
    assert_int_equal(a.seq[19], 20);
    facet_hybrid_track_ack(k, ack, &a);
    assert_int_equal(a.n, 20);
    facet_hybrid_tracks_close(&t);
}

static void test_hybrid_tracks__that_nobody_hears_of_are_let_go(void **state)
{
    struct facet_hybrid_tracks *t = open_tracks();
    struct acked a = { .n = 0 };
    struct facet_wire_track silent = track("a", "r", 1), over = track("a", "r", 2);
    (void)state;
    assert_int_equal(facet_hybrid_track_note(facet_hybrid_tracks_find(t, &silent, 10, ack, &a), 7), 0);
    facet_hybrid_tracks_find(t, &over, 10, ack, &a)->is_over = true;
    facet_hybrid_tracks_tidy(t, 20, 100, 100, ack, &a);
    assert_int_equal(a.n, 0);
    facet_hybrid_tracks_tidy(t, 50, 5, 100, ack, &a);
    assert_false(facet_hybrid_tracks_find(t, &over, 50, ack, &a)->is_over);
    facet_hybrid_tracks_tidy(t, 200, 500, 100, ack, &a);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.seq[0], 7);
    facet_hybrid_tracks_close(&t);
}

static void test_hybrid_tracks__have_a_ceiling(void **state)
{
    struct facet_hybrid_tracks *t = open_tracks();
    struct acked a = { .n = 0 };
    struct facet_wire_track w = track("a", "r", 1);
    (void)state;
    assert_int_equal(facet_hybrid_track_note(facet_hybrid_tracks_find(t, &w, 1, ack, &a), 9), 0);
    for (int64_t i = 2; i <= FACET_HYBRID_TRACKS + 1; i++) {
        w = track("a", "r", i);
        (void)facet_hybrid_tracks_find(t, &w, (uint64_t)i, ack, &a);
    }
    assert_int_equal(a.n, 1); /* the one not heard of for longest made room */
    assert_int_equal(a.seq[0], 9);
    facet_hybrid_tracks_close(&t);
}

static void test_hybrid_tracks__announce_once_within_the_cooldown(void **state)
{
    struct facet_hybrid_tracks *t = open_tracks();
    struct facet_wire_track w = track("a", "r", 1), other_run = track("a", "s", 1), other_device = track("b", "r", 1);
    (void)state;
    assert_true(facet_hybrid_tracks_announce(t, &w, 5, 1000, 500));
    assert_false(facet_hybrid_tracks_announce(t, &w, 5, 1400, 500));
    assert_true(facet_hybrid_tracks_announce(t, &w, 6, 1400, 500));
    assert_true(facet_hybrid_tracks_announce(t, &other_run, 5, 1400, 500));
    assert_true(facet_hybrid_tracks_announce(t, &other_device, 5, 1400, 500));
    assert_true(facet_hybrid_tracks_announce(t, &w, 5, 1500, 500));
    assert_true(facet_hybrid_tracks_announce(t, &w, 5, 100, 500)); /* time went back: a new beginning */
    facet_hybrid_tracks_close(&t);
}

static void test_hybrid_ids__are_the_same_again_and_differ_otherwise(void **state)
{
    char a[FACET_EVENT_ID], b[FACET_EVENT_ID];
    (void)state;
    facet_hybrid_id(a, "door", "2026-01-31T12:00:00.000Z", FACET_HYBRID_IDENTITY, 7, 2, 3);
    facet_hybrid_id(b, "door", "2026-01-31T12:00:00.000Z", FACET_HYBRID_IDENTITY, 7, 2, 3);
    assert_string_equal(a, b);
    facet_hybrid_id(b, "door", "2026-01-31T12:00:00.000Z", FACET_HYBRID_CHIP, 7, 2, 3);
    assert_string_not_equal(a, b);
    facet_hybrid_id(b, "gate", "2026-01-31T12:00:00.000Z", FACET_HYBRID_IDENTITY, 7, 2, 3);
    assert_string_not_equal(a, b);
    facet_hybrid_id(b, "door", "2026-01-31T12:00:00.001Z", FACET_HYBRID_IDENTITY, 7, 2, 3);
    assert_string_not_equal(a, b);
    facet_hybrid_id(b, "door", "2026-01-31T12:00:00.000Z", FACET_HYBRID_IDENTITY, 7, 2, 4);
    assert_string_not_equal(a, b);
    facet_hybrid_id(a, "door", "r", FACET_HYBRID_IDENTITY, INT64_MAX, INT64_MAX, INT64_MAX);
    assert_true(strlen(a) < FACET_EVENT_ID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hybrid_tracks__are_told_apart_by_device_run_and_number),
        cmocka_unit_test(test_hybrid_tracks__give_their_items_back_when_they_end),
        cmocka_unit_test(test_hybrid_tracks__that_nobody_hears_of_are_let_go),
        cmocka_unit_test(test_hybrid_tracks__have_a_ceiling),
        cmocka_unit_test(test_hybrid_tracks__announce_once_within_the_cooldown),
        cmocka_unit_test(test_hybrid_ids__are_the_same_again_and_differ_otherwise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
