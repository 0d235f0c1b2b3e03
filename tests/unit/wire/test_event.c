/* Events as JSON: what is written is read again, and what is wrong is refused. */
#include "test.h"

#include "base/str.h"
#include "wire/event.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct facet_event sample(enum facet_event_type type)
{
    struct facet_event e = {.id = "19bf2c51a00-00d3a1-2", .type = type, .run = "night", .site = "home", .device = "door-pi",
                            .strategy = "hybrid", .camera = "front", .track = 7, .frame = 12, .pts_ms = 400.4,
                            .captured_ms = 1769860801204, .published_ms = 1769860801300, .expires_ms = 1769861401204,
                            .has_box = true, .box = {212, 80.5f, 291.3f, 188.1f}, .score = 0.9987f, .width = 1280, .height = 720,
                            .identity = {.cosine = -1}, .snapshot = "19bf2c51a00-s1"};
    if (type == FACET_EVENT_END) {
        e.frames = 31;
        e.first_ms = 40;
        e.last_ms = 1240.5;
    } else if (type != FACET_EVENT_CAMERA) {
        e.has_points = true;
        e.quality = 0.812f;
        for (int i = 0; i < FACET_LANDMARKS; i++)
            e.points.p[i] = (struct facet_point){230.5f + (float)i, 121};
    }
    if (type == FACET_EVENT_IDENTITY || type == FACET_EVENT_END)
        e.identity = (struct facet_identity){FACET_KNOWN, 3, "Zo\xc3\xab \"Z\"", 0.7431f, 0.9762f};
    if (type == FACET_EVENT_CAMERA) {
        e.has_box = false;
        e.track = 0;
        snprintf(e.state, sizeof(e.state), "live");
    }
    return e;
}

static char *json_of(const struct facet_event *e)
{
    struct facet_str s = FACET_STR_INIT;
    assert_int_equal(facet_event_to_json(e, &s), FACET_OK);
    return facet_str_take(&s);
}

static void test_event__every_kind_is_read_as_it_was_written(void **state)
{
    for (int type = 0; type < FACET_EVENT_TYPES; type++) {
        struct facet_event e = sample((enum facet_event_type)type), back;
        char *once = json_of(&e);
        if (facet_event_from_json(&back, once, strlen(once)) != FACET_OK)
            fail_msg("%s: %s", facet_error_text(), once);
        char *twice = json_of(&back);
        assert_string_equal(once, twice);
        assert_int_equal(back.type, type);
        assert_string_equal(back.camera, "front");
        assert_int_equal(back.captured_ms, e.captured_ms);
        assert_int_equal(back.expires_ms, e.expires_ms);
        assert_int_equal(back.track, e.track);
        assert_string_equal(back.identity.name, e.identity.name);
        assert_string_equal(back.state, e.state);
        free(once);
        free(twice);
    }
}

static void test_event__json_is_the_documented_one(void **state)
{
    struct facet_event e = sample(FACET_EVENT_IDENTITY);
    char *text = json_of(&e);
    assert_string_equal(text, "{\"id\":\"19bf2c51a00-00d3a1-2\",\"type\":\"identity\",\"run\":\"night\",\"site\":\"home\","
        "\"device\":\"door-pi\",\"strategy\":\"hybrid\",\"source\":\"front\",\"camera\":\"front\",\"frame\":12,\"pts_ms\":400.400,"
        "\"time\":\"2026-01-31T12:00:01.204Z\",\"published_at\":\"2026-01-31T12:00:01.300Z\","
        "\"expires_at\":\"2026-01-31T12:10:01.204Z\",\"track\":7,\"box\":[212.0,80.5,291.3,188.1],\"score\":0.9987,"
        "\"landmarks\":[[230.5,121.0],[231.5,121.0],[232.5,121.0],[233.5,121.0],[234.5,121.0]],\"quality\":0.812,"
        "\"decision\":\"known\",\"person\":3,\"name\":\"Zo\xc3\xab \\\"Z\\\"\",\"cosine\":0.7431,\"calibrated\":0.9762,"
        "\"width\":1280,\"height\":720,\"snapshot\":\"19bf2c51a00-s1\"}");
    free(text);
}

static void test_event__members_of_newer_peers_are_ignored(void **state)
{
    static const char text[] = "{\"id\":\"a\",\"type\":\"face_new\",\"new\":{\"deep\":[1,2]},\"track\":null}";
    struct facet_event e;
    assert_int_equal(facet_event_from_json(&e, text, strlen(text)), FACET_OK);
    assert_int_equal(e.type, FACET_EVENT_NEW);
    assert_false(e.has_box);
}

static void test_event__old_lines_have_the_camera_in_source(void **state)
{
    static const char text[] = "{\"id\":\"a\",\"type\":\"face_new\",\"source\":\"clip.mp4\"}";
    struct facet_event e;
    assert_int_equal(facet_event_from_json(&e, text, strlen(text)), FACET_OK);
    assert_string_equal(e.camera, "clip.mp4");
}

static void refuse(const char *text, const char *why)
{
    struct facet_event e;
    memset(&e, 1, sizeof(e));
    int err = facet_event_from_json(&e, text, strlen(text));
    if (err != FACET_E_FORMAT || !strstr(facet_error_text(), why))
        fail_msg("%s: %d, %s", text, err, facet_error_text());
    assert_string_equal(e.id, "");
}

static void test_event__wrong_values_are_refused_by_name(void **state)
{
    refuse("", "line 1");
    refuse("[]", "no JSON object");
    refuse("{\"type\":\"face\"}", "'id' is missing");
    refuse("{\"id\":\"\",\"type\":\"face\"}", "'id' is missing");
    refuse("{\"id\":5,\"type\":\"face\"}", "'id' is no text");
    refuse("{\"id\":\"a\\nb\",\"type\":\"face\"}", "'id' is no plain text");
    refuse("{\"id\":\"a\"}", "'type' is no word");
    refuse("{\"id\":\"a\",\"type\":\"explosion\"}", "'type' is no word");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"track\":-1}", "'track'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"track\":1.5}", "'track'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"score\":1.5}", "'score'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"score\":\"high\"}", "'score'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"pts_ms\":1e300}", "'pts_ms'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"box\":[1,2,3]}", "'box'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"box\":[1,2,3,\"x\"]}", "'box'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"box\":[5,2,3,9]}", "'box' is turned inside out");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"landmarks\":[[1,2]]}", "'landmarks'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"landmarks\":[[1,2],[1,2],[1,2],[1,2],[1]]}", "'landmarks'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"decision\":\"maybe\"}", "'decision'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"decision\":\"known\",\"person\":3}", "'name' is missing");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"decision\":\"known\",\"person\":3,\"name\":\"a\\u202eb\"}", "'name' is no plain");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"width\":99999999}", "'width'");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"time\":\"yesterday\"}", "is no time");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"time\":\"2026-02-31T12:00:00.000Z\"}", "is no time");
    refuse("{\"id\":\"a\",\"type\":\"face\",\"expires_at\":5}", "is no time");
    refuse("{\"id\":\"a\",\"id\":\"b\",\"type\":\"face\"}", "duplicate");
}

static void test_event__long_texts_are_refused_not_cut(void **state)
{
    char text[512], name[200];
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    snprintf(text, sizeof(text), "{\"id\":\"%.64s\",\"type\":\"face\"}", name);
    refuse(text, "'id' is too long");
    snprintf(text, sizeof(text), "{\"id\":\"a\",\"type\":\"face\",\"decision\":\"known\",\"name\":\"%.128s\"}", name);
    refuse(text, "'name' is too long");
}

static void test_event__huge_text_is_refused_before_it_is_read(void **state)
{
    struct facet_event e;
    char *text = malloc(FACET_MAX_EVENT_JSON + 1);
    assert_non_null(text);
    memset(text, ' ', FACET_MAX_EVENT_JSON + 1);
    assert_int_equal(facet_event_from_json(&e, text, FACET_MAX_EVENT_JSON + 1), FACET_E_LIMIT);
    free(text);
}

static void test_event__says_whether_a_face_is_real_only_where_it_was_judged(void **state)
{
    struct facet_event e = sample(FACET_EVENT_IDENTITY), back;
    char *json = json_of(&e);
    assert_null(strstr(json, "live"));
    free(json);
    e.live = FACET_LIVE_SPOOF;
    e.live_score = 0.125f;
    json = json_of(&e);
    assert_non_null(strstr(json, "\"live\":\"spoof\",\"live_score\":0.125,"));
    assert_int_equal(facet_event_from_json(&back, json, strlen(json)), FACET_OK);
    assert_int_equal(back.live, FACET_LIVE_SPOOF);
    char *word = strstr(json, "spoof");
    memcpy(word, "ghost", 5);
    assert_int_equal(facet_event_from_json(&back, json, strlen(json)), FACET_E_FORMAT);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event__every_kind_is_read_as_it_was_written),
        cmocka_unit_test(test_event__says_whether_a_face_is_real_only_where_it_was_judged),
        cmocka_unit_test(test_event__json_is_the_documented_one),
        cmocka_unit_test(test_event__members_of_newer_peers_are_ignored),
        cmocka_unit_test(test_event__old_lines_have_the_camera_in_source),
        cmocka_unit_test(test_event__wrong_values_are_refused_by_name),
        cmocka_unit_test(test_event__long_texts_are_refused_not_cut),
        cmocka_unit_test(test_event__huge_text_is_refused_before_it_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
