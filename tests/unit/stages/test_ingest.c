/* Sources of every kind, from a folder made here. */
#include "test.h"

#include "base/file.h"
#include "media/picture.h"
#include "media/video.h"
#include "stages/ingest/ingest.h"

#include <facet/error.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct room {
    char dir[64];
    char names[12][128];
    int n;
    struct facet_packet *packet;
};

static const char *path_of(struct room *r, const char *name)
{
    char *path = r->names[r->n++ % 12];
    assert_int_equal(facet_path_join(path, 128, r->dir, name), FACET_OK);
    return path;
}

static void put(struct room *r, const char *name, const char *text)
{
    assert_int_equal(facet_file_write_atomic(path_of(r, name), text, strlen(text)), FACET_OK);
}

static void put_clip(struct room *r, const char *name, int frames)
{
    struct facet_video_writer *w;
    struct facet_image img;
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 32, 24), FACET_OK);
    facet_image_fill(&img, 9, 9, 9);
    if (facet_video_writer_open(&w, path_of(r, name), 32, 24, 25) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < frames; i++)
        assert_int_equal(facet_video_writer_put(w, &img, i * 40), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
}

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    assert_non_null(r);
    snprintf(r->dir, sizeof(r->dir), "/tmp/facet-ingest-XXXXXX");
    assert_non_null(mkdtemp(r->dir));
    assert_int_equal(mkdir(path_of(r, "sub"), 0755), 0);
    put(r, "b.ppm", "P2 2 1 255 1 2 ");
    put(r, "a.png", "P2 3 1 255 1 2 3 "); /* named wrongly: the content tells */
    put(r, "notes.txt", "no picture");
    put(r, "sub/c.pgm", "P2 4 1 255 1 2 3 4 ");
    put_clip(r, "clip.mp4", 7);
    assert_int_equal(facet_packet_open(&r->packet, 0), FACET_OK);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct room *r = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -r '%s'", r->dir);
    assert_int_equal(system(command), 0);
    facet_packet_close(&r->packet);
    free(r);
    return 0;
}

static struct facet_stage *open_ingest(const struct facet_ingest_opts *o)
{
    struct facet_stage *s;
    if (facet_stage_open(&s, &facet_stage_ingest, o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return s;
}

/* What comes out: a letter a packet, the frame's width as a letter ('c' is 3), '/' for a flush,
 * '!' for an error. */
static const char *story(struct room *r, struct facet_stage *s)
{
    static char out[256];
    size_t n = 0;
    for (;;) {
        facet_packet_reset(r->packet);
        int err = facet_stage_step(s, r->packet);
        if (err == FACET_E_END || n + 2 >= sizeof(out))
            break;
        if (err) {
            out[n++] = '!';
            break;
        }
        assert_true(r->packet->frame || r->packet->flush);
        if (r->packet->frame)
            out[n++] = (char)('a' - 1 + r->packet->frame->image.width);
        if (r->packet->flush)
            out[n++] = '/';
        if (r->packet->frame)
            assert_int_equal(r->packet->frame->source, r->packet->source);
    }
    out[n] = '\0';
    facet_packet_reset(r->packet);
    return out;
}

#define SOURCES(...) .sources = (const char *const[]){__VA_ARGS__}, \
    .n_sources = sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static void test_ingest__folder_is_walked_in_byte_order(void **state)
{
    struct room *r = *state;
    struct facet_ingest_opts o = {SOURCES(r->dir)};
    struct facet_stage *s = open_ingest(&o);
    struct facet_ingest *in = facet_stage_state(s);
    struct facet_ingest_total total;
    facet_ingest_progress(in, &total);
    assert_int_equal(total.sources, 4);
    assert_int_equal(total.frames, 10);
    assert_string_equal(facet_path_base(facet_ingest_source_name(in, 0)), "a.png");
    assert_string_equal(facet_path_base(facet_ingest_source_name(in, 2)), "clip.mp4");
    assert_string_equal(facet_ingest_source_name(in, 99), "");
    assert_false(facet_ingest_is_video(in, 0));
    assert_true(facet_ingest_is_video(in, 2));
    /* a clip's frames are 32 wide: '`' + 32 */
    static const char clip[] = {'a' + 31, 0};
    char want[64];
    snprintf(want, sizeof(want), "c/b/%s%s%s%s%s%s%s/d/", clip, clip, clip, clip, clip, clip, clip);
    assert_string_equal(story(r, s), want);
    assert_float_equal(facet_ingest_fps(in, 2), 25, 0.01);
    assert_float_equal(facet_ingest_fps(in, 0), 0, 0);
    facet_ingest_progress(in, &total);
    assert_int_equal(total.done_sources, 4);
    assert_int_equal(total.failed_sources, 0);
    facet_stage_close(&s);
}

static void test_ingest__every_and_max_thin_a_video(void **state)
{
    struct room *r = *state;
    struct facet_ingest_opts o = {SOURCES(path_of(r, "clip.mp4")), .every = 3};
    struct facet_ingest_total total;
    struct facet_stage *s = open_ingest(&o);
    facet_ingest_progress(facet_stage_state(s), &total);
    assert_int_equal(total.frames, 3);
    for (int i = 0; i < 3; i++) {
        facet_packet_reset(r->packet);
        assert_int_equal(facet_stage_step(s, r->packet), FACET_OK);
        assert_int_equal(r->packet->frame->index, 3 * i);
        assert_float_equal(r->packet->frame->pts_ms, 120 * i, 0.1);
        assert_true(r->packet->frame->wall_ms > 0);
    }
    assert_string_equal(story(r, s), "/");
    facet_stage_close(&s);
    o.max_frames = 2;
    s = open_ingest(&o);
    assert_int_equal(strlen(story(r, s)), 3);
    facet_stage_close(&s);
}

static void with_stdin(struct room *r, const char *text, void (*fn)(struct room *r))
{
    int saved = dup(0);
    put(r, "list", text);
    int fd = open(path_of(r, "list"), O_RDONLY);
    assert_true(saved >= 0 && fd >= 0 && dup2(fd, 0) == 0);
    close(fd);
    fn(r);
    assert_int_equal(dup2(saved, 0), 0);
    close(saved);
}

static void list_is_read(struct room *r)
{
    struct facet_ingest_opts o = {SOURCES("-")};
    struct facet_stage *s = open_ingest(&o);
    assert_string_equal(story(r, s), "b/d/");
    facet_stage_close(&s);
}

static void list_is_refused(struct room *r)
{
    struct facet_ingest_opts o = {SOURCES("-")};
    struct facet_stage *s;
    assert_int_equal(facet_stage_open(&s, &facet_stage_ingest, &o), FACET_E_NOT_FOUND);
}

static void test_ingest__list_on_standard_input(void **state)
{
    struct room *r = *state;
    char text[300];
    snprintf(text, sizeof(text), "%s/b.ppm\r\n\n%s/sub", r->dir, r->dir);
    with_stdin(r, text, list_is_read);
    with_stdin(r, "\n\n", list_is_refused);
    with_stdin(r, "", list_is_refused);
    with_stdin(r, "/no/such/file.jpg\n", list_is_refused);
}

static void test_ingest__broken_source_ends_the_run(void **state)
{
    struct room *r = *state;
    put(r, "sub/bad.jpg", "");
    struct facet_ingest_opts o = {SOURCES(path_of(r, "b.ppm"), path_of(r, "sub/bad.jpg"),
                                          path_of(r, "sub/c.pgm"))};
    struct facet_stage *s = open_ingest(&o);
    assert_string_equal(story(r, s), "b/!");
    assert_non_null(strstr(facet_error_text(), "bad.jpg"));
    assert_non_null(strstr(facet_error_text(), "--keep-going"));
    facet_stage_close(&s);
}

static void test_ingest__keep_going_counts_broken_sources(void **state)
{
    struct room *r = *state;
    struct facet_ingest_total total;
    put(r, "sub/bad.jpg", "");
    put(r, "sub/cut.mp4", "not a video");
    struct facet_ingest_opts o = {SOURCES(path_of(r, "b.ppm"), "/no/such.jpg", path_of(r, "sub"),
                                          path_of(r, "notes.txt")), .keep_going = true};
    struct facet_stage *s = open_ingest(&o);
    assert_string_equal(story(r, s), "b/d/");
    facet_ingest_progress(facet_stage_state(s), &total);
    assert_int_equal(total.sources, 6);
    assert_int_equal(total.done_sources, 6);
    assert_int_equal(total.failed_sources, 4);
    facet_stage_close(&s);
}

static void check_refused(int err, const char *a, const char *b)
{
    struct facet_ingest_opts o = {.sources = (const char *const[]){a, b}, .n_sources = b ? 2 : 1};
    struct facet_stage *s;
    assert_int_equal(facet_stage_open(&s, &facet_stage_ingest, &o), err);
    assert_null(s);
}

static void test_ingest__nothing_to_read_is_refused(void **state)
{
    struct room *r = *state;
    struct facet_ingest_opts none = {0};
    struct facet_stage *s;
    assert_int_equal(facet_stage_open(&s, &facet_stage_ingest, &none), FACET_E_INVALID);
    check_refused(FACET_E_NOT_FOUND, "/no/such.jpg", NULL);
    check_refused(FACET_E_NOT_FOUND, path_of(r, "b.ppm"), "/no/such/folder/");
    assert_int_equal(mkdir(path_of(r, "empty"), 0755), 0);
    check_refused(FACET_E_NOT_FOUND, path_of(r, "empty"), NULL);
}

static void test_ingest__text_is_no_video(void **state)
{
    struct room *r = *state;
    struct facet_ingest_opts o = {SOURCES(path_of(r, "notes.txt"))};
    struct facet_stage *s = open_ingest(&o);
    assert_string_equal(story(r, s), "!");
    assert_non_null(strstr(facet_error_text(), "notes.txt"));
    facet_stage_close(&s);
}

static void test_ingest__cancel_stops_it(void **state)
{
    struct room *r = *state;
    atomic_int cancel = 0;
    struct facet_ingest_opts o = {SOURCES(r->dir), .cancel = &cancel};
    struct facet_stage *s = open_ingest(&o);
    facet_packet_reset(r->packet);
    assert_int_equal(facet_stage_step(s, r->packet), FACET_OK);
    cancel = 1;
    facet_packet_reset(r->packet);
    assert_int_equal(facet_stage_step(s, r->packet), FACET_E_END);
    facet_stage_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ingest__folder_is_walked_in_byte_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__every_and_max_thin_a_video, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__list_on_standard_input, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__broken_source_ends_the_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__keep_going_counts_broken_sources, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__nothing_to_read_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__text_is_no_video, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ingest__cancel_stops_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
