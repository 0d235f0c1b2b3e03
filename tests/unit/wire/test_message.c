/* Messages between parts: what is packed is unpacked again, and what is wrong is refused on both sides. */
#include "test.h"

#include "base/rng.h"
#include "base/str.h"
#include "wire/message.h"

#include <facet/error.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t picture[] = {0x89, 'P', 'N', 'G', 1, 2, 3, 0, 255};

static const struct facet_wire_track track = {.site = "home", .device = "door-pi", .run = "night", .camera = "front", .number = 7};

static struct facet_message sample(enum facet_message_kind kind)
{
    struct facet_message m = {.kind = kind};
    switch (kind) {
    case FACET_MESSAGE_CHIP:
        m.chip = (struct facet_wire_chip){.id = "night-7-1", .track = track, .number = 1, .contract = "facenet-512", .frame = 12,
            .pts_ms = 400.4, .captured_ms = 1769860801204, .expires_ms = 1769861401204, .width = 1280, .height = 720,
            .box = {212, 80.5f, 291.3f, 188.1f}, .has_points = true, .score = 0.99f, .quality = 0.8f, .format = FACET_CHIP_JPEG,
            .data = picture, .len = sizeof(picture)};
        for (int i = 0; i < FACET_LANDMARKS; i++)
            m.chip.points.p[i] = (struct facet_point){230.5f + (float)i, 121};
        break;
    case FACET_MESSAGE_TRACK_END:
        m.track_end = (struct facet_wire_track_end){"night-7-end", track, 31, 40, 1240.5, 1769860802204};
        break;
    case FACET_MESSAGE_ANSWER:
        m.answer = (struct facet_wire_answer){.id = "night-7-known-3", .chip = "night-7-1", .track = track,
            .identity = {FACET_KNOWN, 3, "Zo\xc3\xab", 0.7431f, 0.9762f}, .gallery_version = 12};
        break;
    case FACET_MESSAGE_CLOCK: m.clock = (struct facet_wire_clock){"door-pi", 5, 1769860801204000, 1769860801205000, 1769860801206000}; break;
    case FACET_MESSAGE_GALLERY_NOTICE: m.gallery_notice.version = 12; break;
    case FACET_MESSAGE_GALLERY_REQUEST: m.gallery_request = (struct facet_wire_gallery_request){"door-pi", 11}; break;
    case FACET_MESSAGE_GALLERY_CHUNK:
        m.gallery_chunk = (struct facet_wire_gallery_chunk){.version = 12, .number = 1, .count = 2, .size = 18, .data = picture,
            .len = sizeof(picture), .sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"};
        break;
    case FACET_MESSAGE_DEVICE_STATUS:
        m.device_status = (struct facet_wire_device_status){"door-pi", "hybrid", "0.1.0", true, 1769860801204, 12, 4, 3, 4096, 1, -250};
        break;
    case FACET_MESSAGE_STORED:
        m.stored.n = 2;
        snprintf(m.stored.ids[0], FACET_EVENT_ID, "a");
        snprintf(m.stored.ids[1], FACET_EVENT_ID, "b");
        break;
    case FACET_MESSAGE_KINDS: break;
    }
    return m;
}

static struct facet_str packed(const struct facet_message *m)
{
    struct facet_str s = FACET_STR_INIT;
    if (facet_message_pack(m, &s) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return s;
}

static void test_message__every_kind_comes_back(void **state)
{
    for (int kind = 0; kind < FACET_MESSAGE_KINDS; kind++) {
        struct facet_message m = sample((enum facet_message_kind)kind), back;
        struct facet_str once = packed(&m), twice = FACET_STR_INIT;
        if (facet_message_unpack(&back, once.data, once.len) != FACET_OK)
            fail_msg("%s: %s", facet_message_words[kind], facet_error_text());
        assert_int_equal(back.kind, kind);
        assert_int_equal(facet_message_pack(&back, &twice), FACET_OK);
        assert_int_equal(once.len, twice.len);
        assert_memory_equal(once.data, twice.data, once.len);
        facet_message_fini(&back);
        facet_str_fini(&once);
        facet_str_fini(&twice);
    }
}

static void test_chip__has_all_that_was_sent(void **state)
{
    struct facet_message m = sample(FACET_MESSAGE_CHIP), back;
    struct facet_str s = packed(&m);
    assert_int_equal(facet_message_unpack(&back, s.data, s.len), FACET_OK);
    const struct facet_wire_chip *c = &back.chip;
    assert_string_equal(c->track.camera, "front");
    assert_int_equal(c->track.number, 7);
    assert_int_equal(c->format, FACET_CHIP_JPEG);
    assert_int_equal(c->len, sizeof(picture));
    assert_memory_equal(c->data, picture, sizeof(picture));
    assert_true(c->has_points);
    assert_true(c->points.p[4].x == 234.5f);
    assert_true(c->box.x2 == 291.3f);
    facet_message_fini(&back);
    facet_str_fini(&s);
}

static void refuse_packing(const struct facet_message *m, const char *why)
{
    struct facet_str s = FACET_STR_INIT;
    int err = facet_message_pack(m, &s);
    if (err != FACET_E_INVALID || !strstr(facet_error_text(), why))
        fail_msg("wanted \"%s\", got %d, %s", why, err, facet_error_text());
    assert_int_equal(s.len, 0);
}

static void test_message__what_peers_would_refuse_is_not_sent(void **state)
{
    struct facet_message m = sample(FACET_MESSAGE_CHIP);
    m.chip.id[0] = '\0';
    refuse_packing(&m, "wrong id");
    m = sample(FACET_MESSAGE_CHIP);
    m.chip.len = 0;
    refuse_packing(&m, "wrong picture");
    m = sample(FACET_MESSAGE_CHIP);
    m.chip.score = NAN;
    refuse_packing(&m, "wrong score");
    m = sample(FACET_MESSAGE_CHIP);
    m.chip.track.number = 0;
    refuse_packing(&m, "wrong track");
    m = sample(FACET_MESSAGE_ANSWER);
    m.answer.identity.name[0] = '\0';
    refuse_packing(&m, "wrong name");
    m = sample(FACET_MESSAGE_ANSWER);
    m.answer.identity.name[0] = '\n';
    refuse_packing(&m, "wrong name");
    m = sample(FACET_MESSAGE_GALLERY_CHUNK);
    m.gallery_chunk.number = 2;
    refuse_packing(&m, "wrong number");
    m = sample(FACET_MESSAGE_GALLERY_CHUNK);
    m.gallery_chunk.sha256[3] = 'x';
    refuse_packing(&m, "wrong sha256");
    m = sample(FACET_MESSAGE_STORED);
    m.stored.n = 0;
    refuse_packing(&m, "number of ids");
    m.kind = FACET_MESSAGE_KINDS;
    refuse_packing(&m, "no kind");
}

static void test_message__too_large_a_picture_is_not_sent(void **state)
{
    struct facet_message m = sample(FACET_MESSAGE_CHIP);
    struct facet_str s = FACET_STR_INIT;
    m.chip.len = FACET_MAX_WIRE_MESSAGE;
    uint8_t *large = calloc(1, m.chip.len);
    assert_non_null(large);
    m.chip.data = large;
    assert_int_equal(facet_message_pack(&m, &s), FACET_E_LIMIT);
    struct facet_message back;
    assert_int_equal(facet_message_unpack(&back, large, FACET_MAX_WIRE_MESSAGE + 1u), FACET_E_LIMIT);
    free(large);
}

static void test_message__bytes_of_nobody_are_refused(void **state)
{
    static const char *const bad[] = {"", "x", "{\"id\":1}", "\x08\x02", "\x08\x01", "\x08\x01\x52\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"};
    struct facet_message m;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(facet_message_unpack(&m, bad[i], strlen(bad[i])), FACET_E_FORMAT);
}

static void test_message__every_cut_is_refused_or_whole(void **state)
{
    for (int kind = 0; kind < FACET_MESSAGE_KINDS; kind++) {
        struct facet_message m = sample((enum facet_message_kind)kind), back;
        struct facet_str s = packed(&m);
        for (size_t n = 0; n < s.len; n++) {
            char *cut = malloc(n + 1); /* exactly so long, so that a sanitizer sees a read behind it */
            memcpy(cut, s.data, n);
            if (facet_message_unpack(&back, cut, n) == FACET_OK)
                facet_message_fini(&back);
            free(cut);
        }
        facet_str_fini(&s);
    }
}

static void test_message__changed_bytes_do_no_harm(void **state)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 4);
    for (int round = 0; round < 20000; round++) {
        struct facet_message m = sample((enum facet_message_kind)(round % FACET_MESSAGE_KINDS)), back;
        struct facet_str s = packed(&m);
        for (int i = 0; i < 3; i++)
            s.data[facet_rng_below(&rng, (uint32_t)s.len)] = (char)facet_rng_below(&rng, 256);
        if (facet_message_unpack(&back, s.data, s.len) == FACET_OK) {
            struct facet_str again = packed(&back);
            facet_str_fini(&again);
            facet_message_fini(&back);
        }
        facet_str_fini(&s);
    }
}

static void append_many(struct facet_str *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        facet_str_append(s, "\xf8\x7f\x00", 3); /* field 2047, a number: unknown */
}

static void test_message__floods_of_fields_are_refused(void **state)
{
    struct facet_str flat = FACET_STR_INIT;
    struct facet_message m;
    facet_str_append(&flat, "\x08\x01", 2);
    append_many(&flat, 100);
    assert_int_equal(facet_message_unpack(&m, flat.data, flat.len), FACET_E_FORMAT); /* no body, but not too many */
    append_many(&flat, 1000);
    assert_int_equal(facet_message_unpack(&m, flat.data, flat.len), FACET_E_LIMIT);
    facet_str_fini(&flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message__every_kind_comes_back),
        cmocka_unit_test(test_chip__has_all_that_was_sent),
        cmocka_unit_test(test_message__what_peers_would_refuse_is_not_sent),
        cmocka_unit_test(test_message__too_large_a_picture_is_not_sent),
        cmocka_unit_test(test_message__bytes_of_nobody_are_refused),
        cmocka_unit_test(test_message__every_cut_is_refused_or_whole),
        cmocka_unit_test(test_message__changed_bytes_do_no_harm),
        cmocka_unit_test(test_message__floods_of_fields_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
