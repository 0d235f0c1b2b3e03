/* Search with cursors, one event, the stream that goes on where it was, kept pictures. */
#include "lib/served.h"

#include "base/errors.h"
#include "store/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct served server;
static int made;

static void make_event(const char *camera, const char *name, int64_t captured_ms)
{
    struct facet_event e = {.type = FACET_EVENT_IDENTITY, .captured_ms = captured_ms, .published_ms = captured_ms + 5, .track = made};
    bool is_new;
    snprintf(e.id, sizeof(e.id), "id-%d", made++);
    snprintf(e.run, sizeof(e.run), "run");
    snprintf(e.device, sizeof(e.device), "door");
    snprintf(e.strategy, sizeof(e.strategy), "edge");
    snprintf(e.camera, sizeof(e.camera), "%s", camera);
    e.identity.decision = name ? FACET_KNOWN : FACET_UNKNOWN;
    snprintf(e.identity.name, sizeof(e.identity.name), "%s", name ? name : "");
    assert_int_equal(facet_events_put(facet_node_events(server.node), &e, &is_new), FACET_OK);
    assert_true(is_new);
}

static int start(void **state)
{
    served_open(&server, false);
    for (int i = 0; i < 10; i++)
        make_event(i % 2 ? "front" : "back", i % 3 ? "Anna" : NULL, 1767225600000 + i * 1000);
    return 0;
}

static int stop(void **state)
{
    served_close(&server);
    return 0;
}

static void test_events__are_found_in_pages_newest_first(void **state)
{
    char path[160] = "/v1/events?limit=4", next[64];
    int seen = 10;
    for (int page = 0; page < 3; page++) {
        struct http_answer a = served_get(&server, path, 200);
        struct facet_json *j = served_json(&a);
        const struct facet_json *items = facet_json_get(j, "items");
        assert_int_equal(facet_json_size(items), page < 2 ? 4 : 2);
        for (size_t i = 0; i < facet_json_size(items); i++) {
            char id[32];
            snprintf(id, sizeof(id), "id-%d", --seen);
            assert_string_equal(facet_json_str(facet_json_get(facet_json_at(items, i), "id"), ""), id);
        }
        assert_int_equal(facet_json_is_null(facet_json_get(j, "next")), page == 2);
        snprintf(next, sizeof(next), "%s", facet_json_str(facet_json_get(j, "next"), ""));
        snprintf(path, sizeof(path), "/v1/events?limit=4&cursor=%s", next);
        facet_json_unref(&j);
    }
    assert_int_equal(seen, 0);
}

static size_t count(const char *query)
{
    char path[200];
    snprintf(path, sizeof(path), "/v1/events?%s", query);
    struct http_answer a = served_get(&server, path, 200);
    struct facet_json *j = served_json(&a);
    size_t n = facet_json_size(facet_json_get(j, "items"));
    facet_json_unref(&j);
    return n;
}

static void test_events__filters_narrow(void **state)
{
    assert_int_equal(count("camera=front"), 5);
    assert_int_equal(count("decision=unknown"), 4);
    assert_int_equal(count("name=Anna"), 6);
    assert_int_equal(count("name=Anna&camera=front"), 3);
    assert_int_equal(count("type=identity"), 10);
    assert_int_equal(count("type=camera"), 0);
    assert_int_equal(count("device=window"), 0);
    assert_int_equal(count("from=1767225608000"), 2);
    assert_int_equal(count("from=2026-01-01T00:00:08Z"), 2);
    assert_int_equal(count("to=2026-01-01T00:00:01.000Z"), 1);
}

static void test_events__one_is_told_by_its_id(void **state)
{
    struct http_answer a = served_get(&server, "/v1/events/id-3", 200);
    served_has(&a, "\"id\":\"id-3\"");
    a = served_get(&server, "/v1/events/nothing", 404);
    served_has(&a, "\"code\":\"not_found\"");
}

static void test_events__bad_questions_are_refused(void **state)
{
    static const char *const bad[] = {"limit=0", "limit=501", "limit=x", "type=party", "decision=maybe", "from=yesterday", "to=2026-01-01",
                                      "cursor=zzz", "cursor=1-00000000", "cursor=0-00000000"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char path[128];
        snprintf(path, sizeof(path), "/v1/events?%s", bad[i]);
        struct http_answer a = served_get(&server, path, 400);
        served_has(&a, "\"error\":{\"code\":\"invalid\"");
    }
}

static void test_events__a_cursor_belongs_to_its_question(void **state)
{
    char path[160];
    struct http_answer a = served_get(&server, "/v1/events?limit=1&camera=front", 200);
    struct facet_json *j = served_json(&a);
    snprintf(path, sizeof(path), "/v1/events?limit=1&camera=back&cursor=%s", facet_json_str(facet_json_get(j, "next"), ""));
    facet_json_unref(&j);
    a = served_get(&server, path, 400);
    http_answer_fini(&a);
}

static void test_stream__goes_on_where_it_was(void **state)
{
    struct http_watch w;
    http_watch_open(&w, &(struct http_ask){.port = server.port, .path = "/v1/events/stream?camera=front", .headers = "Last-Event-ID: 4\r\n"});
    assert_int_equal(w.status, 200);
    http_watch_for(&w, "content-type: text/event-stream", 5000);
    http_watch_for(&w, "\"id\":\"id-9\"", 5000);
    assert_null(strstr(w.text.data, "\"id\":\"id-3\""));
    assert_null(strstr(w.text.data, "\"id\":\"id-8\""));       /* another camera's */
    assert_non_null(strstr(w.text.data, "\"id\":\"id-5\""));
    assert_non_null(strstr(w.text.data, "retry: "));
    http_watch_close(&w);
}

static void test_stream__without_an_id_begins_now(void **state)
{
    struct http_watch w;
    http_watch_open(&w, &(struct http_ask){.port = server.port, .path = "/v1/events/stream"});
    http_watch_for(&w, "retry: ", 5000);
    make_event("front", "Zoe", 1767225700000);
    /* Whoever stores an event tells the node's listeners; here another stream's beginning wakes the feeder. */
    struct http_watch other;
    http_watch_open(&other, &(struct http_ask){.port = server.port, .path = "/v1/events/stream"});
    http_watch_for(&w, "Zoe", 5000);
    assert_null(strstr(w.text.data, "Anna"));
    http_watch_close(&other);
    http_watch_close(&w);
}

static void test_stream__bad_ids_are_refused(void **state)
{
    struct http_answer a;
    http_ask(&a, &(struct http_ask){.port = server.port, .path = "/v1/events/stream", .headers = "Last-Event-ID: x\r\n"});
    assert_int_equal(a.status, 400);
    http_answer_fini(&a);
    http_ask(&a, &(struct http_ask){.port = server.port, .path = "/v1/events/stream?type=party"});
    assert_int_equal(a.status, 400);
    http_answer_fini(&a);
}

static void test_snapshots__are_sent_as_they_were_kept(void **state)
{
    static const char jpeg[] = "\xff\xd8\xff a picture";
    assert_int_equal(facet_events_snapshot_put(facet_node_events(server.node), "snap-1", 0, jpeg, sizeof(jpeg), 1), FACET_OK);
    struct http_answer a = served_get(&server, "/v1/snapshots/snap-1", 200);
    assert_string_equal(http_header(&a, "content-type"), "image/jpeg");
    assert_string_equal(http_header(&a, "x-content-type-options"), "nosniff");
    assert_int_equal(a.len, sizeof(jpeg));
    assert_memory_equal(a.body, jpeg, sizeof(jpeg));
    http_answer_fini(&a);
    a = served_get(&server, "/v1/snapshots/nothing", 404);
    http_answer_fini(&a);
}

/* An event of a track, with a picture. */
static void make_named(const char *id, int64_t track, enum facet_event_type type, const char *snapshot)
{
    struct facet_event e = {.type = type, .captured_ms = 1767300000000, .published_ms = 1767300000005, .track = track};
    bool is_new;
    snprintf(e.id, sizeof(e.id), "%s", id);
    snprintf(e.run, sizeof(e.run), "run");
    snprintf(e.device, sizeof(e.device), "door");
    snprintf(e.strategy, sizeof(e.strategy), "edge");
    snprintf(e.camera, sizeof(e.camera), "hall");
    snprintf(e.snapshot, sizeof(e.snapshot), "%s", snapshot);
    e.frames = type == FACET_EVENT_END ? 5 : 0;
    e.identity = (struct facet_identity){ .decision = FACET_KNOWN, .cosine = 0.5f };
    snprintf(e.identity.name, sizeof(e.identity.name), "Bert");
    assert_int_equal(facet_events_put(facet_node_events(server.node), &e, &is_new), FACET_OK);
}

static void correct(const char *id, int status, const char *says)
{
    char path[128];
    snprintf(path, sizeof(path), "/v1/events/%s/correct", id);
    struct http_answer a = served_ask(&server, "POST", path, NULL, NULL, 0, status);
    served_has(&a, says);
}

static void test_correct__takes_the_name_from_a_whole_track_alone(void **state)
{
    struct facet_events *events = facet_node_events(server.node);
    make_named("bert-1", 901, FACET_EVENT_IDENTITY, "picture-of-bert");
    make_named("bert-2", 901, FACET_EVENT_END, "");
    make_named("bert-3", 902, FACET_EVENT_IDENTITY, "");
    assert_int_equal(facet_events_snapshot_put(events, "picture-of-bert", 7, "not a picture", 13, 1767300000000), FACET_OK);
    correct("bert-1", 200, "{\"corrected\":2}");
    struct http_answer a = served_get(&server, "/v1/events?name=Bert", 200);
    struct facet_json *j = served_json(&a);
    assert_int_equal(facet_json_size(facet_json_get(j, "items")), 1);
    assert_string_equal(facet_json_str(facet_json_get(facet_json_at(facet_json_get(j, "items"), 0), "id"), ""), "bert-3");
    facet_json_unref(&j);
    a = served_get(&server, "/v1/events/bert-1", 200);
    served_has(&a, "\"decision\":\"unknown\"");
    a = served_get(&server, "/v1/snapshots/picture-of-bert", 200);
    http_answer_fini(&a);
    int64_t gone = 0, pictures = 0;
    assert_int_equal(facet_events_erase(events, 7, "Bert", &gone, &pictures), FACET_OK);
    assert_int_equal(gone, 1);
    assert_int_equal(pictures, 0);         /* it is nobody's now */
}

static void test_correct__refuses_what_names_nobody(void **state)
{
    correct("no-such-event", 404, "there is no event");
    correct("id-0", 422, "names nobody");
    make_named("bert-4", 903, FACET_EVENT_IDENTITY, "picture-that-was-let-go");
    correct("bert-4", 200, "{\"corrected\":1}");
    correct("bert-4", 422, "names nobody");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__are_found_in_pages_newest_first),
        cmocka_unit_test(test_events__filters_narrow),
        cmocka_unit_test(test_events__one_is_told_by_its_id),
        cmocka_unit_test(test_events__bad_questions_are_refused),
        cmocka_unit_test(test_events__a_cursor_belongs_to_its_question),
        cmocka_unit_test(test_stream__goes_on_where_it_was),
        cmocka_unit_test(test_stream__without_an_id_begins_now),
        cmocka_unit_test(test_stream__bad_ids_are_refused),
        cmocka_unit_test(test_snapshots__are_sent_as_they_were_kept),
        cmocka_unit_test(test_correct__takes_the_name_from_a_whole_track_alone),
        cmocka_unit_test(test_correct__refuses_what_names_nobody),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
