#include "unit/store/events_cases.h"

#include "base/clock.h"
#include "base/errors.h"
#include "store/events.h"
#include "store/vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int (*events_place_open)(void **state);
int (*events_place_close)(void **state);

static int open_place(void **state)
{
    return events_place_open(state);
}

static int close_place(void **state)
{
    return events_place_close(state);
}

static struct facet_events *open_store(void **state, struct facet_vault *v)
{
    struct store_place *p = *state;
    struct facet_events *e;
    struct facet_events_opts o = { .where = p->where, .vault = v };
    if (facet_events_open(&e, &o))
        fail_msg("%s", facet_error_text());
    return e;
}

static struct facet_vault *open_vault(void **state, const char *name)
{
    struct store_place *p = *state;
    struct facet_vault *v;
    char path[400];
    snprintf(path, sizeof(path), "%s/%s", p->dir, name);
    struct facet_vault_opts o = { .key = path, .create = true };
    if (facet_vault_open(&v, &o))
        fail_msg("%s", facet_error_text());
    return v;
}

static struct facet_event make_event(int i)
{
    struct facet_event ev = { .type = FACET_EVENT_NEW, .track = i, .captured_ms = 1000 + i, .published_ms = 2000 + i };
    snprintf(ev.id, sizeof(ev.id), "run-1-%d", i);
    snprintf(ev.run, sizeof(ev.run), "run");
    snprintf(ev.camera, sizeof(ev.camera), i % 2 ? "door" : "yard");
    snprintf(ev.device, sizeof(ev.device), "pi-%d", i % 3);
    return ev;
}

static struct facet_event make_known(int i, int64_t person, const char *name)
{
    struct facet_event ev = make_event(i);
    ev.type = FACET_EVENT_IDENTITY;
    ev.identity = (struct facet_identity){ .decision = FACET_KNOWN, .person = person, .cosine = 0.5f, .score = 0.75f };
    snprintf(ev.identity.name, sizeof(ev.identity.name), "%s", name);
    return ev;
}

static void put(struct facet_events *e, const struct facet_event *ev)
{
    bool is_new = false;
    if (facet_events_put(e, ev, &is_new))
        fail_msg("%s", facet_error_text());
    assert_true(is_new);
}

static void put_many(struct facet_events *e, int n)
{
    for (int i = 1; i <= n; i++) {
        struct facet_event ev = make_event(i);
        put(e, &ev);
    }
}

struct seen { int n; int64_t seq[512]; char id[512][FACET_EVENT_ID]; struct facet_event last; };

static int see(void *ctx, int64_t seq, const struct facet_event *ev)
{
    struct seen *s = ctx;
    assert_true(s->n < 512);
    s->seq[s->n] = seq;
    memcpy(s->id[s->n++], ev->id, sizeof(ev->id));
    s->last = *ev;
    return FACET_OK;
}

static int query(struct facet_events *e, const struct facet_events_filter *f, struct seen *s)
{
    s->n = 0;
    if (facet_events_query(e, f, see, s))
        fail_msg("%s", facet_error_text());
    return s->n;
}

static int64_t count(struct facet_events *e, const struct facet_events_filter *f)
{
    int64_t n = -1;
    assert_int_equal(facet_events_count(e, f, &n), FACET_OK);
    return n;
}

static void test_event__comes_back_whole(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_event got, ev = make_known(7, 3, "Ada");
    ev.has_box = true;
    ev.box = (struct facet_box){ 1, 2, 30, 40 };
    snprintf(ev.snapshot, sizeof(ev.snapshot), "s-7");
    put(e, &ev);
    assert_int_equal(facet_events_get(e, ev.id, &got), FACET_OK);
    assert_string_equal(got.identity.name, "Ada");
    assert_int_equal(got.identity.person, 3);
    assert_int_equal(got.captured_ms, ev.captured_ms);
    assert_string_equal(got.camera, "door");
    assert_string_equal(got.snapshot, "s-7");
    assert_true(got.has_box && got.box.x2 == 30);
    assert_int_equal(facet_events_get(e, "nothing", &got), FACET_E_NOT_FOUND);
    assert_string_equal(got.id, "");
    facet_events_close(&e);
}

static void test_event__of_the_same_id_is_kept_once(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    struct facet_event ev = make_event(1);
    bool is_new = true;
    put(e, &ev);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(facet_events_put(e, &ev, &is_new), FACET_OK);
        assert_false(is_new);
    }
    facet_events_close(&e);
    e = open_store(state, NULL);
    assert_int_equal(facet_events_put(e, &ev, &is_new), FACET_OK);
    assert_false(is_new);
    assert_int_equal(count(e, &all), 1);
    facet_events_close(&e);
}

static void test_event__without_sense_is_refused(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    struct facet_event ev = make_event(1);
    bool is_new = true;
    ev.id[0] = '\0';
    assert_int_equal(facet_events_put(e, &ev, &is_new), FACET_E_INVALID);
    assert_false(is_new);
    ev = make_event(1);
    ev.type = FACET_EVENT_TYPES;
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_E_INVALID);
    ev = make_event(1);
    memset(ev.id, 'x', sizeof(ev.id));
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_E_INVALID);
    assert_int_equal(count(e, &all), 0);
    facet_events_close(&e);
}

static void test_query__pages_by_cursor_without_gap_or_double(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    static struct seen s;
    put_many(e, 150);
    f.limit = 64;
    assert_int_equal(query(e, &f, &s), 64);
    assert_string_equal(s.id[0], "run-1-150");
    int total = 0;
    f = (struct facet_events_filter)FACET_EVENTS_FILTER_INIT;
    for (f.limit = 40; query(e, &f, &s) > 0; f.before_seq = s.seq[s.n - 1]) {
        for (int i = 1; i < s.n; i++)
            assert_true(s.seq[i] < s.seq[i - 1]);
        total += s.n;
    }
    assert_int_equal(total, 150);
    f = (struct facet_events_filter)FACET_EVENTS_FILTER_INIT;
    f.after_seq = 1;
    f.limit = 1000;
    assert_int_equal(query(e, &f, &s), 149);
    assert_string_equal(s.id[0], "run-1-2");
    assert_string_equal(s.id[148], "run-1-150");
    int64_t last = 0;
    assert_int_equal(facet_events_last(e, &last), FACET_OK);
    assert_int_equal(last, s.seq[148]);
    facet_events_close(&e);
}

static void test_query__each_filter_leaves_out_the_others(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    static struct seen s;
    put_many(e, 30);
    struct facet_event ada = make_known(31, 5, "Ada"), bob = make_known(32, 6, "Bob");
    put(e, &ada);
    put(e, &bob);
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    f.camera = "door";
    assert_int_equal(count(e, &f), 16);
    f.device = "pi-1";
    assert_int_equal(query(e, &f, &s), 6);
    f = (struct facet_events_filter)FACET_EVENTS_FILTER_INIT;
    f.name = "Ada";
    assert_int_equal(query(e, &f, &s), 1);
    assert_string_equal(s.last.identity.name, "Ada");
    f.name = "Nobody";
    assert_int_equal(query(e, &f, &s), 0);
    f = (struct facet_events_filter)FACET_EVENTS_FILTER_INIT;
    f.type = FACET_EVENT_IDENTITY;
    f.decision = FACET_KNOWN;
    assert_int_equal(query(e, &f, &s), 2);
    f = (struct facet_events_filter)FACET_EVENTS_FILTER_INIT;
    f.from_ms = 1010;
    f.to_ms = 1020;
    assert_int_equal(query(e, &f, &s), 10);
    assert_string_equal(s.id[9], "run-1-10");
    f.camera = "'; DROP TABLE events; --";
    assert_int_equal(query(e, &f, &s), 0);
    facet_events_close(&e);
}

static int stop(void *ctx, int64_t seq, const struct facet_event *ev)
{
    return ++*(int *)ctx == 3 ? FACET_E_CANCELLED : FACET_OK;
}

static void test_query__ends_where_the_callback_says_so(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    int n = 0;
    put_many(e, 10);
    assert_int_equal(facet_events_query(e, &f, stop, &n), FACET_E_CANCELLED);
    assert_int_equal(n, 3);
    facet_events_close(&e);
}

static void test_snapshot__comes_back_and_is_replaced(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    void *data;
    size_t len;
    assert_int_equal(facet_events_snapshot_put(e, "a", 0, "\xff\xd8picture\0x", 11, 5), FACET_OK);
    assert_int_equal(facet_events_snapshot_get(e, "a", &data, &len), FACET_OK);
    assert_int_equal(len, 11);
    assert_memory_equal(data, "\xff\xd8picture\0x", 11);
    free(data);
    assert_int_equal(facet_events_snapshot_put(e, "a", 0, "b", 1, 6), FACET_OK);
    assert_int_equal(facet_events_snapshot_get(e, "a", &data, &len), FACET_OK);
    assert_int_equal(len, 1);
    free(data);
    assert_int_equal(facet_events_snapshot_get(e, "b", &data, &len), FACET_E_NOT_FOUND);
    assert_null(data);
    assert_int_equal(facet_events_snapshot_put(e, "", 0, "b", 1, 6), FACET_E_INVALID);
    assert_int_equal(facet_events_snapshot_put(e, "c", 0, "b", FACET_MAX_SNAPSHOT + 1, 6), FACET_E_LIMIT);
    facet_events_close(&e);
}

static int add_key(void *ctx, const char *key, const void *data, size_t len)
{
    char *all = ctx;
    size_t n = strlen(all);
    snprintf(all + n, 256 - n, "%s", key);
    return FACET_OK;
}

static void test_state__is_kept_by_key_over_a_restart(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    char keys[256] = "";
    void *data;
    size_t len;
    assert_int_equal(facet_events_state_put(e, "track:1;", "one", 3), FACET_OK);
    assert_int_equal(facet_events_state_put(e, "track:2;", "two", 3), FACET_OK);
    assert_int_equal(facet_events_state_put(e, "zebra", "z", 1), FACET_OK);
    assert_int_equal(facet_events_state_put(e, "track:1;", "uno", 3), FACET_OK);
    facet_events_close(&e);
    e = open_store(state, NULL);
    assert_int_equal(facet_events_state_get(e, "track:1;", &data, &len), FACET_OK);
    assert_memory_equal(data, "uno", 3);
    free(data);
    assert_int_equal(facet_events_states(e, "track:", add_key, keys), FACET_OK);
    assert_string_equal(keys, "track:1;track:2;");
    assert_int_equal(facet_events_state_delete(e, "track:1;"), FACET_OK);
    assert_int_equal(facet_events_state_delete(e, "track:1;"), FACET_OK);
    assert_int_equal(facet_events_state_get(e, "track:1;", &data, &len), FACET_E_NOT_FOUND);
    assert_int_equal(facet_events_state_put(e, "", "x", 1), FACET_E_INVALID);
    facet_events_close(&e);
}

static void test_retention__each_class_goes_by_its_own_age(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    int64_t now = facet_clock_system.wall_ms(facet_clock_system.ctx), hour = 3600 * 1000;
    void *data;
    size_t len;
    for (int i = 0; i < 10; i++) {
        struct facet_event ev = make_event(i);
        ev.captured_ms = now - i * hour - 60000;
        put(e, &ev);
        char id[16];
        snprintf(id, sizeof(id), "s%d", i);
        assert_int_equal(facet_events_snapshot_put(e, id, i % 2 ? 4 : 0, "12345", 5, ev.captured_ms), FACET_OK);
    }
    struct facet_retention r = { .events_ms = 8 * hour, .snapshots_ms = 6 * hour, .unknown_ms = 2 * hour };
    struct facet_retention_report report;
    assert_int_equal(facet_events_retain(e, &r, &report), FACET_OK);
    assert_int_equal(report.events, 2);
    assert_int_equal(report.snapshots, 2);
    assert_int_equal(report.unknown, 4);
    assert_int_equal(report.bytes, 30);
    assert_int_equal(count(e, &all), 8);
    assert_int_equal(facet_events_snapshot_get(e, "s5", &data, &len), FACET_OK);
    free(data);
    assert_int_equal(facet_events_snapshot_get(e, "s2", &data, &len), FACET_E_NOT_FOUND);
    assert_int_equal(facet_events_retain(e, &r, &report), FACET_OK);
    assert_int_equal(report.events + report.snapshots + report.unknown, 0);
    r.events_ms = -1;
    assert_int_equal(facet_events_retain(e, &r, &report), FACET_E_INVALID);
    r = (struct facet_retention){ 0 };
    assert_int_equal(facet_events_retain(e, &r, &report), FACET_OK);
    assert_int_equal(count(e, &all), 8);
    facet_events_close(&e);
}

static void check_erased(struct facet_events *e)
{
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    struct facet_event got;
    int64_t events = 0, snapshots = 0;
    void *data;
    size_t len;
    assert_int_equal(facet_events_erase(e, 5, "Ada", &events, &snapshots), FACET_OK);
    assert_int_equal(events, 2);
    assert_int_equal(snapshots, 2);
    f.name = "Ada";
    assert_int_equal(count(e, &f), 0);
    f.name = "Bob";
    assert_int_equal(count(e, &f), 1);
    assert_int_equal(facet_events_get(e, "run-1-1", &got), FACET_OK);
    assert_int_equal(got.identity.decision, FACET_UNKNOWN);
    assert_int_equal(got.identity.person, 0);
    assert_string_equal(got.identity.name, "");
    assert_string_equal(got.camera, "door");
    assert_int_equal(got.track, 1);
    assert_string_equal(got.snapshot, "");
    assert_int_equal(facet_events_snapshot_get(e, "pic-1", &data, &len), FACET_E_NOT_FOUND);
    assert_int_equal(facet_events_snapshot_get(e, "pic-5", &data, &len), FACET_E_NOT_FOUND);
    assert_int_equal(facet_events_snapshot_get(e, "pic-b", &data, &len), FACET_OK);
    free(data);
    assert_int_equal(facet_events_erase(e, 5, "Ada", &events, NULL), FACET_OK);
    assert_int_equal(events, 0);
    assert_int_equal(facet_events_check(e), FACET_OK);
}

/* One event names her by the id of another gallery: the name finds it. */
static void put_people(struct facet_events *e)
{
    struct facet_event ada = make_known(1, 5, "Ada"), elsewhere = make_known(2, 77, "Ada"), bob = make_known(3, 6, "Bob");
    snprintf(ada.snapshot, sizeof(ada.snapshot), "pic-1");
    put(e, &ada);
    put(e, &elsewhere);
    put(e, &bob);
    assert_int_equal(facet_events_snapshot_put(e, "pic-1", 0, "x", 1, 1), FACET_OK);
    assert_int_equal(facet_events_snapshot_put(e, "pic-5", 5, "x", 1, 1), FACET_OK);
    assert_int_equal(facet_events_snapshot_put(e, "pic-b", 6, "x", 1, 1), FACET_OK);
}

static void test_erase__leaves_events_without_the_person(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    put_people(e);
    check_erased(e);
    facet_events_close(&e);
}

static void test_erase__works_on_sealed_events(void **state)
{
    struct facet_vault *v = open_vault(state, "key");
    struct facet_events *e = open_store(state, v);
    put_people(e);
    check_erased(e);
    facet_events_close(&e);
    facet_vault_close(&v);
}

static void test_sealed__opens_with_its_key_alone(void **state)
{
    struct store_place *p = *state;
    struct facet_vault *v = open_vault(state, "key"), *other = open_vault(state, "other");
    struct facet_events *e = open_store(state, v);
    struct facet_event ada = make_known(1, 5, "Ada"), got;
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    put(e, &ada);
    assert_int_equal(facet_events_get(e, ada.id, &got), FACET_OK);
    assert_string_equal(got.identity.name, "Ada");
    f.name = "Ada";
    assert_int_equal(count(e, &f), 1);
    facet_events_close(&e);
    struct facet_events_opts o = { .where = p->where, .vault = other };
    assert_int_equal(facet_events_open(&e, &o), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "another site key"));
    assert_null(e);
    o.vault = NULL;
    assert_int_equal(facet_events_open(&e, &o), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "FACET_SITE_KEY"));
    facet_vault_close(&v);
    facet_vault_close(&other);
}

static void test_plain__is_sealed_once_there_is_a_key(void **state)
{
    struct facet_events *e = open_store(state, NULL);
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    static struct seen s;
    void *data;
    size_t len;
    put_people(e);
    assert_int_equal(facet_events_state_put(e, "k", "state", 5), FACET_OK);
    facet_events_close(&e);
    struct facet_vault *v = open_vault(state, "key");
    e = open_store(state, v);
    f.name = "Ada";
    assert_int_equal(query(e, &f, &s), 2);
    assert_string_equal(s.last.identity.name, "Ada");
    assert_int_equal(facet_events_snapshot_get(e, "pic-b", &data, &len), FACET_OK);
    assert_int_equal(len, 1);
    free(data);
    assert_int_equal(facet_events_state_get(e, "k", &data, &len), FACET_OK);
    assert_memory_equal(data, "state", 5);
    free(data);
    assert_int_equal(facet_events_check(e), FACET_OK);
    facet_events_close(&e);
    facet_vault_close(&v);
}

#define CASE(t) cmocka_unit_test_setup_teardown(t, open_place, close_place)
const struct CMUnitTest events_cases[] = {
    CASE(test_event__comes_back_whole),
    CASE(test_event__of_the_same_id_is_kept_once),
    CASE(test_event__without_sense_is_refused),
    CASE(test_query__pages_by_cursor_without_gap_or_double),
    CASE(test_query__each_filter_leaves_out_the_others),
    CASE(test_query__ends_where_the_callback_says_so),
    CASE(test_snapshot__comes_back_and_is_replaced),
    CASE(test_state__is_kept_by_key_over_a_restart),
    CASE(test_retention__each_class_goes_by_its_own_age),
    CASE(test_erase__leaves_events_without_the_person),
    CASE(test_erase__works_on_sealed_events),
    CASE(test_sealed__opens_with_its_key_alone),
    CASE(test_plain__is_sealed_once_there_is_a_key),
};
const size_t n_events_cases = sizeof(events_cases) / sizeof(events_cases[0]);
