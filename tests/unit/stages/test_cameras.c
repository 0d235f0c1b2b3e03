/* Cameras that are files, or bytes handed over: what needs no server. tests/live/test_cameras.c has the others. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/str.h"
#include "stages/ingest/cameras_priv.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRAMES 10

struct fixture {
    char dir[64], clip[128], other[128];
    int64_t wall_ms;           /* of the fake clock */
    struct facet_clock clock;
    struct facet_stage *stage;
    struct facet_cameras *cameras;
    struct facet_packet *p;
};

static uint64_t mono_ns(void *ctx)
{
    return facet_now_ns();
}

static int64_t wall_ms(void *ctx)
{
    struct fixture *x = ctx;
    return __atomic_load_n(&x->wall_ms, __ATOMIC_RELAXED);
}

/* Pictures whose left half is white. */
static void put_clip(const char *path, int width)
{
    struct facet_video_writer *w;
    struct facet_image img, half;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, width, 48), FACET_OK);
    facet_image_fill(&img, 0, 0, 0);
    half = facet_image_crop(&img, 0, 0, width / 2, 48);
    facet_image_fill(&half, 255, 255, 255);
    if (facet_video_writer_open(&w, path, width, 48, 25) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(facet_video_writer_put(w, &img, i * 40), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
}

static int setup(void **state)
{
    struct fixture *x = calloc(1, sizeof(*x));
    snprintf(x->dir, sizeof(x->dir), "/tmp/facet-cameras-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->clip, sizeof(x->clip), "%s/clip.mp4", x->dir);
    snprintf(x->other, sizeof(x->other), "%s/other.mkv", x->dir);
    put_clip(x->clip, 64);
    put_clip(x->other, 96);
    x->wall_ms = 1750000000000;
    x->clock = (struct facet_clock){mono_ns, wall_ms, x};
    assert_int_equal(facet_packet_open(&x->p, 0), FACET_OK);
    *state = x;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *x = *state;
    char command[128];
    facet_packet_close(&x->p);
    snprintf(command, sizeof(command), "rm -r '%s'", x->dir);
    assert_int_equal(system(command), 0);
    free(x);
    return 0;
}

static struct facet_camera_conf conf(const char *name, const char *url)
{
    struct facet_camera_conf c = {.every_frame = true};
    assert_int_equal(facet_copy_text(c.name, sizeof(c.name), name), FACET_OK);
    assert_int_equal(facet_copy_text(c.url, sizeof(c.url), url), FACET_OK);
    return c;
}

static void begin(struct fixture *x, const struct facet_camera_conf *c, int n)
{
    struct facet_cameras_opts o = {.cameras = c, .n_cameras = n, .end_when_all_end = true, .clock = &x->clock};
    if (facet_stage_open(&x->stage, &facet_stage_cameras, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    x->cameras = facet_stage_state(x->stage);
}

static void end(struct fixture *x)
{
    facet_packet_reset(x->p);
    facet_stage_close(&x->stage);
}

/* The next packet, or what the stage says at its end. */
static int next(struct fixture *x)
{
    int err;
    facet_packet_reset(x->p);
    do
        err = facet_stage_step(x->stage, x->p);
    while (err == FACET_E_AGAIN);
    return err;
}

static struct facet_camera_status status(struct fixture *x)
{
    struct facet_camera_status s;
    assert_int_equal(facet_cameras_status(x->cameras, &s, 1), 1);
    return s;
}

/* Steps until the camera is in that state; a state that never comes ends by the test's timeout. */
static void reach(struct fixture *x, enum facet_camera_state state)
{
    while (status(x).state != state) {
        facet_packet_reset(x->p);
        int err = facet_stage_step(x->stage, x->p);
        assert_true(err == FACET_OK || err == FACET_E_AGAIN);
    }
}

static void test_cameras__file_gives_each_frame_and_ends(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    begin(x, &c, 1);
    for (int i = 0; i < FRAMES; i++) {
        assert_int_equal(next(x), FACET_OK);
        assert_int_equal(x->p->frame->index, i);
        assert_float_equal(x->p->frame->pts_ms, i * 40, 0.01);
        assert_int_equal(x->p->frame->wall_ms, x->wall_ms);
        assert_int_equal(x->p->dropped, 0);
        assert_false(x->p->flush);
        assert_true(x->p->step_ns[FACET_STEP_INGEST] < 1000000000u);
    }
    assert_int_equal(next(x), FACET_OK);
    assert_true(x->p->flush && !x->p->frame);
    assert_int_equal(next(x), FACET_E_END);
    struct facet_camera_status s = status(x);
    assert_int_equal(s.state, FACET_CAMERA_ENDED);
    assert_int_equal(s.frames, FRAMES);
    assert_int_equal(s.taken, FRAMES);
    assert_string_equal(s.url, x->clip);
    assert_float_equal(facet_cameras_fps(x->cameras, 0), 25, 0.01);
    assert_string_equal(facet_cameras_name(x->cameras, 1), "");
    end(x);
}

static void test_cameras__are_taken_in_turn(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c[3] = {conf("a", x->clip), conf("b", x->other), conf("c", x->clip)};
    int frames[3] = {0}, flushes[3] = {0}, err;
    begin(x, c, 3);
    while ((err = next(x)) == FACET_OK) {
        assert_in_range(x->p->source, 0, 2);
        frames[x->p->source] += x->p->frame != NULL;
        flushes[x->p->source] += x->p->flush;
        if (x->p->frame)
            assert_int_equal(x->p->frame->image.width, x->p->source == 1 ? 96 : 64);
    }
    assert_int_equal(err, FACET_E_END);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(frames[i], FRAMES);
        assert_int_equal(flushes[i], 1);
    }
    end(x);
}

static void test_cameras__looped_file_goes_on_in_time(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    int flushes = 0, frames = 0;
    c.loop = true;
    begin(x, &c, 1);
    while (frames < 2 * FRAMES + 3) {
        assert_int_equal(next(x), FACET_OK);
        flushes += x->p->flush;
        if (x->p->frame)
            assert_float_equal(x->p->frame->pts_ms, frames++ * 40, 0.01);
    }
    assert_int_equal(flushes, 2);
    end(x);
}

/* As a text file is: nothing to see in it, however often it begins anew. */
static void test_cameras__looped_file_without_pictures_ends(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->dir);
    assert_int_equal(facet_copy_text(c.url + strlen(c.url), 16, "/empty.h264"), FACET_OK);
    assert_int_equal(facet_file_write_atomic(c.url, "\0\0\1\x09\x10\0\0\1\x09\x10", 10), FACET_OK);
    c.loop = true;
    begin(x, &c, 1);
    assert_true(next(x) == FACET_E_END || strstr(facet_error_text(), "empty.h264"));
    assert_int_equal(status(x).frames, 0);
    end(x);
}

static void test_cameras__frames_over_the_rate_are_counted(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    int taken = 0, told = 0;
    c.fps = 12.5;
    begin(x, &c, 1);
    while (next(x) == FACET_OK) {
        taken += x->p->frame != NULL;
        told += x->p->dropped;
    }
    assert_int_equal(taken, FRAMES / 2);
    assert_int_equal(told, FRAMES / 2);
    assert_int_equal(status(x).dropped[FACET_DROP_RATE], FRAMES / 2);
    end(x);
}

static void test_cameras__own_rate_drops_what_nobody_takes(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    c.every_frame = false;
    c.native_rate = true;
    begin(x, &c, 1);
    while (next(x) == FACET_OK)
        ;
    struct facet_camera_status s = status(x);
    assert_int_equal(s.taken + s.dropped[FACET_DROP_NEWER], FRAMES);
    assert_true(s.taken > 0);
    end(x);
}

static void test_cameras__late_frames_are_left_out(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    c.max_latency_ms = 500;
    begin(x, &c, 1);
    assert_int_equal(next(x), FACET_OK);
    while (status(x).frames < 2)
        ; /* the second was taken in just now, by the clock */
    __atomic_store_n(&x->wall_ms, x->wall_ms + 1000, __ATOMIC_RELAXED);
    assert_int_equal(next(x), FACET_OK);
    assert_true(status(x).dropped[FACET_DROP_LATE] >= 1);
    assert_true(x->p->dropped >= 1);
    end(x);
}

static void test_cameras__missing_file_says_why(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", "/nowhere/clip.mp4");
    begin(x, &c, 1);
    assert_int_equal(next(x), FACET_E_IO);
    assert_non_null(strstr(facet_error_text(), "/nowhere/clip.mp4"));
    end(x);
}

static void test_cameras__cancel_ends_it(void **state)
{
    struct fixture *x = *state;
    atomic_int cancel = 0;
    struct facet_camera_conf c = conf("door", x->clip);
    struct facet_cameras_opts o = {.cameras = &c, .n_cameras = 1, .cancel = &cancel};
    assert_int_equal(facet_stage_open(&x->stage, &facet_stage_cameras, &o), FACET_OK);
    assert_int_equal(next(x), FACET_OK);
    cancel = 1;
    assert_int_equal(next(x), FACET_E_END);
    end(x);
}

/* --- masks, zones, sizes --- */

static struct facet_area box_area(float x1, float y1, float x2, float y2)
{
    return (struct facet_area){.name = "box", .n = 4, .p = {{x1, y1}, {x2, y1}, {x2, y2}, {x1, y2}}};
}

static void test_cameras__masked_part_is_black(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    c.masks[0] = box_area(0, 0, 1, 0.5f);
    c.n_masks = 1;
    begin(x, &c, 1);
    assert_int_equal(next(x), FACET_OK);
    const struct facet_image *img = &x->p->frame->image;
    for (int y = 0; y < img->height; y++) {
        const uint8_t *p = img->data + (size_t)y * img->stride + 3 * 8;
        if (y < 24)
            assert_int_equal(p[0] | p[1] | p[2], 0);
        else
            assert_true(p[0] > 200);
    }
    end(x);
}

static void test_cameras__faces_outside_zones_or_sizes_do_not_count(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    struct facet_image img = {.width = 100, .height = 100};
    c.zones[0] = box_area(0.5f, 0, 1, 1);
    c.n_zones = 1;
    c.min_face = 10;
    c.max_face = 30;
    begin(x, &c, 1);
    const struct { struct facet_box box; bool counts; } cases[] = {
        {{60, 40, 80, 60}, true}, {{20, 40, 40, 60}, false}, {{60, 40, 65, 60}, false}, {{55, 5, 95, 45}, false},
        {{45, 40, 65, 60}, true}, {{35, 40, 55, 60}, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(facet_cameras_keep(x->cameras, 0, &img, &cases[i].box), cases[i].counts);
    assert_true(facet_cameras_keep(x->cameras, 5, &img, &cases[1].box)); /* of whom nothing is known */
    assert_true(facet_cameras_keep(x->cameras, -1, &img, &cases[1].box));
    end(x);
}

static void test_area__odd_shapes_are_filled_by_even_and_odd(void **state)
{
    const struct facet_area bow = {.n = 4, .p = {{0, 0}, {1, 1}, {1, 0}, {0, 1}}};
    assert_true(facet__area_holds(&bow, 0.1f, 0.5f));
    assert_true(facet__area_holds(&bow, 0.9f, 0.5f));
    assert_false(facet__area_holds(&bow, 0.5f, 0.1f));
    assert_false(facet__area_holds(&bow, -0.1f, 0.5f));
    assert_false(facet__area_holds(&bow, 0.5f, 2));
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 16, 16), FACET_OK);
    facet_image_fill(&img, 9, 9, 9);
    facet__area_blacken(&bow, &img);
    assert_int_equal(img.data[8 * img.stride + 3], 0);
    assert_int_equal(img.data[1 * img.stride + 3 * 8], 9);
    facet_image_fini(&img);
}

/* --- bytes handed over --- */

struct tap { uint8_t *data; size_t len, at; int quiet, ends; };

static int tap_read(void *ctx, uint8_t *buf, size_t cap)
{
    struct tap *t = ctx;
    if (t->quiet-- > 0)
        return FACET_E_AGAIN;
    size_t n = t->len - t->at < cap ? t->len - t->at : cap;
    memcpy(buf, t->data + t->at, n);
    t->at = n ? t->at + n : 0; /* another stream begins */
    t->ends += !n;
    return (int)n;
}

static int silent_read(void *ctx, uint8_t *buf, size_t cap)
{
    return FACET_E_AGAIN;
}

static void test_cameras__stream_handed_over_is_read_and_another_begins(void **state)
{
    struct fixture *x = *state;
    struct tap tap = {.quiet = 3};
    struct facet_camera_conf c = conf("upload", "");
    int frames = 0, flushes = 0;
    assert_int_equal(facet_file_read(x->other, 1 << 20, &tap.data, &tap.len), FACET_OK);
    c.read = tap_read;
    c.read_ctx = &tap;
    begin(x, &c, 1);
    while (frames < 2 * FRAMES) {
        assert_int_equal(next(x), FACET_OK);
        flushes += x->p->flush;
        if (x->p->frame)
            assert_float_equal(x->p->frame->pts_ms, frames++ * 40, 1.1);
    }
    assert_int_equal(flushes, 1);
    assert_true(tap.ends >= 1);
    assert_int_equal(status(x).reconnects, 1);
    end(x);
    free(tap.data);
}

static void test_cameras__stream_that_never_comes_can_be_closed(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("upload", "");
    c.read = silent_read;
    begin(x, &c, 1);
    facet_packet_reset(x->p);
    assert_int_equal(facet_stage_step(x->stage, x->p), FACET_E_AGAIN);
    assert_int_equal(facet_cameras_remove(x->cameras, "upload"), FACET_OK);
    assert_int_equal(facet_cameras_status(x->cameras, NULL, 0), 0);
    end(x);
}

/* --- schedule --- */

static int64_t local_ms(int day, int hour, int minute)
{
    struct tm tm = {.tm_year = 125, .tm_mon = 5, .tm_mday = 2 + day, .tm_hour = hour, .tm_min = minute, .tm_isdst = -1};
    return (int64_t)mktime(&tm) * 1000; /* 2 June 2025 was a Monday */
}

static void test_schedule__days_and_nights(void **state)
{
    struct facet_camera_conf c = {.n_schedule = 2};
    c.schedule[0] = (struct facet_span){9 * 60, 17 * 60, 1};       /* Monday by day */
    c.schedule[1] = (struct facet_span){22 * 60, 6 * 60, 1 << 4};  /* Friday's night */
    assert_true(facet__schedule_is_on(&c, local_ms(0, 9, 0)));
    assert_true(facet__schedule_is_on(&c, local_ms(0, 16, 59)));
    assert_false(facet__schedule_is_on(&c, local_ms(0, 17, 0)));
    assert_false(facet__schedule_is_on(&c, local_ms(0, 8, 59)));
    assert_false(facet__schedule_is_on(&c, local_ms(1, 12, 0)));
    assert_false(facet__schedule_is_on(&c, local_ms(4, 5, 0)));
    assert_true(facet__schedule_is_on(&c, local_ms(4, 23, 0)));
    assert_true(facet__schedule_is_on(&c, local_ms(5, 5, 59)));
    assert_false(facet__schedule_is_on(&c, local_ms(5, 6, 0)));
    assert_false(facet__schedule_is_on(&c, local_ms(5, 23, 0)));
    c.n_schedule = 0;
    assert_true(facet__schedule_is_on(&c, 0));
}

static void test_cameras__follow_their_schedule(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    c.loop = true;
    c.schedule[0] = (struct facet_span){9 * 60, 17 * 60, 127};
    c.n_schedule = 1;
    __atomic_store_n(&x->wall_ms, local_ms(0, 8, 0), __ATOMIC_RELAXED);
    begin(x, &c, 1);
    reach(x, FACET_CAMERA_DISABLED);
    assert_non_null(strstr(status(x).error, "schedule"));
    __atomic_store_n(&x->wall_ms, local_ms(0, 10, 0), __ATOMIC_RELAXED);
    reach(x, FACET_CAMERA_LIVE);
    __atomic_store_n(&x->wall_ms, local_ms(0, 18, 0), __ATOMIC_RELAXED);
    reach(x, FACET_CAMERA_DISABLED);
    end(x);
}

/* --- time --- */

static void test_timeline__live_stream_goes_on_after_a_loss(void **state)
{
    struct facet__timeline t = {.last_ms = -1};
    assert_float_equal(facet__timeline_place(&t, 90000, 500, 40), 500, 0.001);
    assert_float_equal(facet__timeline_place(&t, 90040, 541, 40), 540, 0.001);
    t.has_begun = false;
    assert_float_equal(facet__timeline_place(&t, 17, 9000, 40), 9000, 0.001);
    assert_float_equal(facet__timeline_place(&t, 57, 9050, 40), 9040, 0.001);
}

static void test_timeline__clock_of_a_camera_may_jump(void **state)
{
    struct facet__timeline t = {.last_ms = -1};
    facet__timeline_place(&t, 0, 100, 40);
    assert_float_equal(facet__timeline_place(&t, 1e9, 140, 40), 140, 0.001);
    assert_float_equal(facet__timeline_place(&t, -1e9, 180, 40), 180, 0.001);
    assert_true(facet__timeline_place(&t, -1e9, 181, 40) > 180);
    assert_true(facet__timeline_place(&t, -1e9 - 5, 181, 40) > 181);
}

/* --- what is refused --- */

static void check_refused(struct facet_camera_conf c, const char *part)
{
    assert_int_equal(facet_camera_conf_check(&c), FACET_E_INVALID);
    if (!strstr(facet_error_text(), part))
        fail_msg("'%s' is not in: %s", part, facet_error_text());
}

static void test_conf__nonsense_is_refused_with_its_reason(void **state)
{
    struct facet_camera_conf good = conf("door", "rtsp://cam/x"), c;
    assert_int_equal(facet_camera_conf_check(&good), FACET_OK);
    check_refused(conf("", "rtsp://cam/x"), "name");
    check_refused(conf("a b", "rtsp://cam/x"), "name");
    check_refused(conf("../x", "rtsp://cam/x"), "name");
    check_refused(conf("door", ""), "url");
    check_refused(conf("door", "gopher://cam/x"), "gopher");
    check_refused(conf("door", "rtsp://cam/\n"), "no text");
    c = good, facet_copy_text(c.transport, sizeof(c.transport), "pigeon");
    check_refused(c, "pigeon");
    c = good, memset(c.password, 'x', sizeof(c.password));
    check_refused(c, "no text");
    c = conf("door", "clip.mp4"), facet_copy_text(c.username, sizeof(c.username), "u");
    check_refused(c, "username");
    c = good, c.fps = -1;
    check_refused(c, "frames a second");
    c = good, c.fps = NAN;
    check_refused(c, "frames a second");
    c = good, c.timeout_ms = -1;
    check_refused(c, "timeout");
    c = good, c.max_latency_ms = INFINITY;
    check_refused(c, "latency");
    c = good, c.min_face = 50, c.max_face = 40;
    check_refused(c, "faces");
}

static void test_conf__bad_areas_and_times_are_refused(void **state)
{
    struct facet_camera_conf good = conf("door", "rtsp://cam/x"), c;
    c = good, c.n_zones = 17;
    check_refused(c, "zones");
    c = good, c.n_masks = 1;
    check_refused(c, "corners");
    c = good, c.n_masks = 1, c.masks[0] = box_area(0, 0, 1, 1.5f);
    check_refused(c, "corner");
    c = good, c.n_zones = 1, c.zones[0] = box_area(0, NAN, 1, 1);
    check_refused(c, "corner");
    c = good, c.n_schedule = 9;
    check_refused(c, "schedule");
    c = good, c.n_schedule = 1, c.schedule[0] = (struct facet_span){10, 10, 1};
    check_refused(c, "schedule");
    c = good, c.n_schedule = 1, c.schedule[0] = (struct facet_span){10, 1500, 1};
    check_refused(c, "schedule");
    c = good, c.n_schedule = 1, c.schedule[0] = (struct facet_span){10, 20, 0};
    check_refused(c, "schedule");
}

static void test_cameras__two_of_one_name_are_refused(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c[2] = {conf("door", x->clip), conf("door", x->other)};
    struct facet_cameras_opts o = {.cameras = c, .n_cameras = 2};
    assert_int_equal(facet_stage_open(&x->stage, &facet_stage_cameras, &o), FACET_E_EXISTS);
    assert_null(x->stage);
    o.n_cameras = FACET_MAX_CAMERAS + 1;
    assert_int_equal(facet_stage_open(&x->stage, &facet_stage_cameras, &o), FACET_E_LIMIT);
}

static void test_cameras__hardware_that_is_not_there_means_software(void **state)
{
    struct fixture *x = *state;
    struct facet_camera_conf c = conf("door", x->clip);
    c.hardware = true;
    begin(x, &c, 1);
    assert_int_equal(next(x), FACET_OK);
    assert_true(status(x).decoder[0] != '\0'); /* where there is hardware, its name */
    end(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cameras__file_gives_each_frame_and_ends),
        cmocka_unit_test(test_cameras__are_taken_in_turn),
        cmocka_unit_test(test_cameras__looped_file_goes_on_in_time),
        cmocka_unit_test(test_cameras__looped_file_without_pictures_ends),
        cmocka_unit_test(test_cameras__frames_over_the_rate_are_counted),
        cmocka_unit_test(test_cameras__own_rate_drops_what_nobody_takes),
        cmocka_unit_test(test_cameras__late_frames_are_left_out),
        cmocka_unit_test(test_cameras__missing_file_says_why),
        cmocka_unit_test(test_cameras__cancel_ends_it),
        cmocka_unit_test(test_cameras__masked_part_is_black),
        cmocka_unit_test(test_cameras__faces_outside_zones_or_sizes_do_not_count),
        cmocka_unit_test(test_area__odd_shapes_are_filled_by_even_and_odd),
        cmocka_unit_test(test_cameras__stream_handed_over_is_read_and_another_begins),
        cmocka_unit_test(test_cameras__stream_that_never_comes_can_be_closed),
        cmocka_unit_test(test_schedule__days_and_nights),
        cmocka_unit_test(test_cameras__follow_their_schedule),
        cmocka_unit_test(test_timeline__live_stream_goes_on_after_a_loss),
        cmocka_unit_test(test_timeline__clock_of_a_camera_may_jump),
        cmocka_unit_test(test_conf__nonsense_is_refused_with_its_reason),
        cmocka_unit_test(test_conf__bad_areas_and_times_are_refused),
        cmocka_unit_test(test_cameras__two_of_one_name_are_refused),
        cmocka_unit_test(test_cameras__hardware_that_is_not_there_means_software),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
