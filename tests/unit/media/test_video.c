/* Videos that the writer makes here, whole and spoilt. Needs the module facet-ffmpeg.so. */
#include "test.h"

#include "base/file.h"
#include "media/picture.h"
#include "media/video.h"

#include <facet/error.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { W = 64, H = 48, FRAMES = 30 };

struct bench {
    char dir[64], clip[96], other[96];
    struct facet_frame_pool *pool;
};

/* Left half brightens with the frame's number, right half is orange. */
static void paint(struct facet_image *img, int i)
{
    struct facet_image left = facet_image_crop(img, 0, 0, W / 2, H);
    facet_image_fill(img, 220, 120, 20);
    facet_image_fill(&left, (uint8_t)(20 + 6 * i), (uint8_t)(20 + 6 * i), (uint8_t)(20 + 6 * i));
}

static double pts_of(int i)
{
    return i * 40 + (i > 10 ? 500 : 0); /* a gap, which must stay */
}

static void write_clip(const char *path)
{
    struct facet_video_writer *w;
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, W, H), FACET_OK);
    if (facet_video_writer_open(&w, path, W, H, 25) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < FRAMES; i++) {
        paint(&img, i);
        assert_int_equal(facet_video_writer_put(w, &img, pts_of(i)), FACET_OK);
    }
    assert_int_equal(facet_video_writer_finish(w), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    assert_non_null(b);
    snprintf(b->dir, sizeof(b->dir), "/tmp/facet-video-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    snprintf(b->clip, sizeof(b->clip), "%s/clip.mp4", b->dir);
    snprintf(b->other, sizeof(b->other), "%s/other.mp4", b->dir);
    assert_int_equal(facet_frame_pool_open(&b->pool, 2), FACET_OK);
    write_clip(b->clip);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    facet_frame_pool_close(&b->pool);
    unlink(b->clip);
    unlink(b->other);
    rmdir(b->dir);
    free(b);
    return 0;
}

static void write_file(const char *path, const void *data, size_t len)
{
    assert_int_equal(facet_file_write_atomic(path, data, len), FACET_OK);
}

/* Frames read up to the end; *err is what ended it. */
static int read_all(struct bench *b, const char *path, int *err, int64_t *damaged)
{
    struct facet_video *v;
    struct facet_frame *f;
    int n = 0;
    *damaged = 0;
    *err = facet_video_open(&v, path, NULL);
    if (*err)
        return -1;
    while ((*err = facet_video_read(v, b->pool, &f)) == FACET_OK) {
        assert_int_equal(f->index, n);
        facet_frame_unref(&f);
        n++;
    }
    *damaged = facet_video_damaged(v);
    facet_video_close(&v);
    return n;
}

static void assert_colour(const struct facet_image *img, int x, int r, int g, int b)
{
    const uint8_t *p = img->data + (size_t)(H / 2) * img->stride + 3 * (size_t)x;
    if (abs(p[0] - r) > 6 || abs(p[1] - g) > 6 || abs(p[2] - b) > 6)
        fail_msg("colour %d %d %d, should be %d %d %d", p[0], p[1], p[2], r, g, b);
}

static void test_video__written_is_read_back(void **state)
{
    struct bench *b = *state;
    struct facet_video *v;
    struct facet_frame *f;
    assert_int_equal(facet_video_open(&v, b->clip, NULL), FACET_OK);
    const struct facet_video_info *info = facet_video_info(v);
    assert_int_equal(info->width, W);
    assert_int_equal(info->height, H);
    assert_int_equal(info->frames, FRAMES);
    for (int i = 0; i < FRAMES; i++) {
        assert_int_equal(facet_video_read(v, b->pool, &f), FACET_OK);
        assert_int_equal(f->index, i);
        assert_float_equal(f->pts_ms, pts_of(i), 0.1);
        assert_colour(&f->image, W / 4, 20 + 6 * i, 20 + 6 * i, 20 + 6 * i);
        assert_colour(&f->image, W * 3 / 4, 220, 120, 20);
        facet_frame_unref(&f);
    }
    assert_int_equal(facet_video_read(v, b->pool, &f), FACET_E_END);
    assert_int_equal(facet_video_read(v, b->pool, &f), FACET_E_END);
    assert_null(f);
    facet_video_close(&v);
    assert_null(v);
}

static void test_video__skipped_frames_count(void **state)
{
    struct bench *b = *state;
    struct facet_video *v;
    struct facet_frame *f;
    assert_int_equal(facet_video_open(&v, b->clip, NULL), FACET_OK);
    assert_int_equal(facet_video_skip(v), FACET_OK);
    assert_int_equal(facet_video_skip(v), FACET_OK);
    assert_int_equal(facet_video_read(v, b->pool, &f), FACET_OK);
    assert_int_equal(f->index, 2);
    assert_float_equal(f->pts_ms, 80, 0.1);
    facet_frame_unref(&f);
    facet_video_close(&v);
}

static void test_video__mkv_by_its_name(void **state)
{
    struct bench *b = *state;
    int err;
    int64_t damaged;
    char mkv[96];
    snprintf(mkv, sizeof(mkv), "%s/clip.mkv", b->dir);
    write_clip(mkv);
    assert_int_equal(read_all(b, mkv, &err, &damaged), FRAMES);
    assert_int_equal(err, FACET_E_END);
    unlink(mkv);
}

static void test_video__animated_gif_is_one(void **state)
{
    struct bench *b = *state;
    char path[1024];
    int err;
    int64_t damaged;
    snprintf(path, sizeof(path), "%s/fuzz/corpus/image/animated.gif", getenv("FACET_TEST_SOURCE"));
    assert_int_equal(read_all(b, path, &err, &damaged), 2);
    assert_int_equal(err, FACET_E_END);
}

static void test_video__odd_sides_lose_a_pixel(void **state)
{
    struct bench *b = *state;
    struct facet_video_writer *w;
    struct facet_video *v;
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 65, 49), FACET_OK);
    facet_image_fill(&img, 1, 2, 3);
    assert_int_equal(facet_video_writer_open(&w, b->other, 65, 49, 30), FACET_OK);
    assert_int_equal(facet_video_writer_put(w, &img, 0), FACET_OK);
    assert_int_equal(facet_video_writer_put(w, &img, 0), FACET_OK); /* the same time twice */
    assert_int_equal(facet_video_writer_put(w, &img, -50), FACET_OK);
    assert_int_equal(facet_video_writer_put(w, &img, NAN), FACET_OK);
    facet_video_writer_close(&w); /* finishes, too */
    assert_int_equal(facet_video_open(&v, b->other, NULL), FACET_OK);
    assert_int_equal(facet_video_info(v)->width, 64);
    assert_int_equal(facet_video_info(v)->height, 48);
    assert_int_equal(facet_video_info(v)->frames, 4);
    facet_video_close(&v);
    facet_image_fini(&img);
}

static void test_video__other_content_is_refused(void **state)
{
    struct bench *b = *state;
    static const struct { const char *data; size_t len; } bad[] = {
        {"", 0}, {"just a text, no video at all\n", 29}, {"\0\0\0\x18" "ftypisom", 12},
        {"#EXTM3U\n#EXTINF:1,\nclip.mp4\n", 28}, {"ffconcat version 1.0\nfile clip.mp4\n", 35}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct facet_video *v;
        write_file(b->other, bad[i].data, bad[i].len);
        int err = facet_video_open(&v, b->other, NULL);
        assert_int_equal(err, FACET_E_FORMAT);
        assert_non_null(strstr(facet_error_text(), "other.mp4"));
        assert_null(v);
    }
    char txt[96];
    snprintf(txt, sizeof(txt), "%s/notes.txt", b->dir);
    write_file(txt, "line one\nline two\n", 18);
    struct facet_video *v;
    assert_int_equal(facet_video_open(&v, txt, NULL), FACET_E_FORMAT);
    unlink(txt);
}

static void test_video__missing_file_or_folder_says_so(void **state)
{
    struct bench *b = *state;
    struct facet_video *v;
    assert_int_equal(facet_video_open(&v, "/no/such/clip.mp4", NULL), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/no/such/clip.mp4"));
    assert_int_not_equal(facet_video_open(&v, b->dir, NULL), FACET_OK);
    assert_null(v);
}

static void test_video__truncated_gives_what_is_there_then_an_error(void **state)
{
    struct bench *b = *state;
    uint8_t *data;
    size_t len;
    int err;
    int64_t damaged;
    assert_int_equal(facet_file_read(b->clip, 1 << 24, &data, &len), FACET_OK);
    write_file(b->other, data, len - 200);
    int n = read_all(b, b->other, &err, &damaged);
    assert_int_equal(err, FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "truncated"));
    assert_in_range(n, 1, FRAMES - 1);
    write_file(b->other, data, 300); /* inside the index */
    assert_int_equal(read_all(b, b->other, &err, &damaged), -1);
    assert_int_equal(err, FACET_E_FORMAT);
    free(data);
}

static void test_video__damaged_packets_are_counted(void **state)
{
    struct bench *b = *state;
    uint8_t *data;
    size_t len;
    int err;
    int64_t damaged;
    assert_int_equal(facet_file_read(b->clip, 1 << 24, &data, &len), FACET_OK);
    for (size_t i = len * 3 / 4; i < len * 3 / 4 + 120 && i < len; i++)
        data[i] = 0xff; /* over lengths of units in some packets */
    write_file(b->other, data, len);
    int n = read_all(b, b->other, &err, &damaged);
    assert_int_equal(err, FACET_E_END);
    assert_true(damaged > 0);
    assert_in_range(n, 1, FRAMES - 1);
    free(data);
}

static void test_video__changed_bytes_never_crash(void **state)
{
    struct bench *b = *state;
    uint8_t *data;
    size_t len;
    uint32_t seed = 4242;
    assert_int_equal(facet_file_read(b->clip, 1 << 24, &data, &len), FACET_OK);
    uint8_t *bad = malloc(len);
    assert_non_null(bad);
    for (int round = 0; round < 25; round++) {
        int err;
        int64_t damaged;
        memcpy(bad, data, len);
        for (int k = 0; k < 6; k++) {
            seed = seed * 1664525 + 1013904223;
            bad[(seed >> 8) % len] = (uint8_t)(seed >> 3);
        }
        write_file(b->other, bad, len);
        read_all(b, b->other, &err, &damaged);
        assert_int_not_equal(err, FACET_OK);
    }
    free(bad);
    free(data);
}

static void test_video__cancel_ends_it(void **state)
{
    struct bench *b = *state;
    atomic_int cancel = 0;
    struct facet_video_opts o = {.cancel = &cancel, .threads = 2};
    struct facet_video *v;
    struct facet_frame *f;
    assert_int_equal(facet_video_open(&v, b->clip, &o), FACET_OK);
    cancel = 1;
    int err = FACET_OK;
    for (int i = 0; i < FRAMES && !err; i++) {
        err = facet_video_read(v, b->pool, &f);
        facet_frame_unref(&f);
    }
    assert_int_equal(err, FACET_E_CANCELLED);
    facet_video_close(&v);
}

static void test_writer__nonsense_is_refused(void **state)
{
    struct bench *b = *state;
    struct facet_video_writer *w;
    struct facet_image img;
    assert_int_equal(facet_video_writer_open(&w, b->other, 1, 48, 25), FACET_E_INVALID);
    assert_int_equal(facet_video_writer_open(&w, b->other, 100000, 48, 25), FACET_E_INVALID);
    assert_int_not_equal(facet_video_writer_open(&w, "/no/such/dir/x.mp4", W, H, 25), FACET_OK);
    assert_int_not_equal(facet_video_writer_open(&w, "/tmp/x.nothing", W, H, 25), FACET_OK);
    assert_null(w);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, W + 2, H), FACET_OK);
    assert_int_equal(facet_video_writer_open(&w, b->other, W, H, NAN), FACET_OK);
    assert_int_equal(facet_video_writer_put(w, &img, 0), FACET_E_INVALID);
    facet_video_writer_close(&w);
    facet_video_writer_close(&w); /* NULL is fine */
    facet_image_fini(&img);
}

static void test_video__without_the_module_says_what_to_install(void **state)
{
    /* The last test: a module that was opened stays open, so a fresh process is asked. */
    struct bench *b = *state;
    char command[256];
    const char *self = getenv("FACET_TEST_SELF");
    assert_non_null(self);
    snprintf(command, sizeof(command), "FACET_MODULES=%s '%s' no-module", b->dir, self);
    assert_int_equal(system(command), 0);
}

static int open_without_module(void)
{
    struct facet_video *v;
    int err = facet_video_open(&v, "any.mp4", NULL);
    return err == FACET_E_UNSUPPORTED && !v && strstr(facet_error_text(), "facet-ffmpeg") ? 0 : 1;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_video__written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__skipped_frames_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__mkv_by_its_name, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__animated_gif_is_one, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__odd_sides_lose_a_pixel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__other_content_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__missing_file_or_folder_says_so, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__truncated_gives_what_is_there_then_an_error,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__damaged_packets_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__changed_bytes_never_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__cancel_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_writer__nonsense_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_video__without_the_module_says_what_to_install, setup,
                                        teardown),
    };
    if (argc > 1 && strcmp(argv[1], "no-module") == 0)
        return open_without_module();
    setenv("FACET_TEST_SELF", argv[0], 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
