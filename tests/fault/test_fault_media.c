/* Pictures, sources and sinks when memory is short, and the promise that frames cost no memory. */
#include "test.h"

#include "fault.h"

#include "base/file.h"
#include "media/picture.h"
#include "media/video.h"
#include "stages/ingest/ingest.h"
#include "stages/publish/publish.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/facet-fault-media-XXXXXX";
static char clip[64], written[64], csv[64], events[64], video[64];

static void corpus_path(char *out, size_t cap, const char *name)
{
    snprintf(out, cap, "%s/fuzz/corpus/image/%s", getenv("FACET_TEST_SOURCE"), name);
}

static int read_picture(void *ctx)
{
    struct facet_image img;
    int err = facet_picture_read(&img, ctx);
    assert_true(!err == !!img.data);
    facet_image_fini(&img);
    return err;
}

static void test_pictures__each_request_may_fail(void **state)
{
    static const char *const names[] = {"turned.jpg", "cmyk.jpg", "alpha.png", "rgb.png",
                                        "palette.gif", "rgb.bmp", "raw.ppm"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char path[1024];
        corpus_path(path, sizeof(path), names[i]);
        assert_int_equal(fault_loop(read_picture, path), 0);
    }
}

static int write_picture(void *ctx)
{
    struct facet_image img;
    int err = facet_image_init(&img, FACET_PIXEL_RGB24, 20, 10);
    if (!err) {
        facet_image_fill(&img, 1, 2, 3);
        err = facet_picture_write(&img, ctx, 90);
    }
    facet_image_fini(&img);
    return err;
}

static void test_pictures__writing_may_fail(void **state)
{
    static const char *const names[] = {"x.jpg", "x.png", "x.ppm"};
    for (size_t i = 0; i < 3; i++) {
        snprintf(written, sizeof(written), "%s/%s", dir, names[i]);
        assert_int_equal(fault_loop(write_picture, written), 0);
        unlink(written);
    }
}

/* Reads a source to its end. */
static int read_source(void *ctx)
{
    const char *const sources[] = {ctx};
    struct facet_ingest_opts o = {.sources = sources, .n_sources = 1};
    struct facet_stage *s = NULL;
    struct facet_packet *p = NULL;
    int err = facet_packet_open(&p, 0);
    if (!err)
        err = facet_stage_open(&s, &facet_stage_ingest, &o);
    while (!err) {
        facet_packet_reset(p);
        err = facet_stage_step(s, p);
    }
    facet_packet_close(&p);
    facet_stage_close(&s);
    return err == FACET_E_END ? FACET_OK : err;
}

static void test_ingest__each_request_may_fail(void **state)
{
    char path[1024];
    corpus_path(path, sizeof(path), "turned.jpg");
    assert_int_equal(fault_loop(read_source, path), 0);
    assert_int_equal(read_source(clip), FACET_OK); /* the module is open from here on */
    /* Frames are counted beforehand where that works; a run goes on without. */
    assert_in_range(fault_loop(read_source, clip), 0, 1);
}

static double fps_of(void *ctx, int source)
{
    return 25;
}

static const char *name_of(void *ctx, int source)
{
    return "clip.mp4";
}

static const struct facet_publish_opts *all_sinks(void)
{
    static struct facet_publish_opts o;
    o = (struct facet_publish_opts){.csv = csv, .events = events, .video = video,
                                    .source_fps = fps_of, .source_name = name_of};
    return &o;
}

static int open_publish(void *ctx)
{
    struct facet_stage *s;
    int err = facet_stage_open(&s, &facet_stage_publish, ctx);
    facet_stage_close(&s);
    return err;
}

static void test_publish__each_request_may_fail(void **state)
{
    assert_int_equal(fault_loop(open_publish, (void *)(uintptr_t)all_sinks()), 0);
}

static void add_faces(struct facet_packet *p, int round)
{
    p->n_faces = 5;
    for (int i = 0; i < 5; i++) {
        struct facet_face *f = &p->faces[i];
        f->box = (struct facet_box){(float)(10 * i), 5, (float)(10 * i + 9), 20};
        f->has_points = true;
        f->track = 1 + i + round / 10 * 5;
        f->is_new_track = round % 10 == 0;
        f->identity_changed = round % 10 == 3;
        f->identity.decision = FACET_UNKNOWN;
    }
}

static void test_frames__cost_no_memory_of_ours(void **state)
{
    const char *const sources[] = {clip, clip};
    struct facet_ingest_opts o = {.sources = sources, .n_sources = 2};
    struct facet_stage *in, *out;
    struct facet_packet *p;
    unsigned long before = 0;
    int err = FACET_OK, frames = 0;
    assert_int_equal(facet_packet_open(&p, 0), FACET_OK);
    assert_int_equal(facet_stage_open(&in, &facet_stage_ingest, &o), FACET_OK);
    assert_int_equal(facet_stage_open(&out, &facet_stage_publish, all_sinks()), FACET_OK);
    for (; !err && frames < 60; frames += p->frame != NULL) {
        facet_packet_reset(p);
        err = facet_stage_step(in, p);
        if (!err && p->frame)
            add_faces(p, frames);
        if (!err)
            err = facet_stage_step(out, p);
        if (frames == 15)
            before = fault_requests();
        if (p->flush) /* the next source is opened in the next step */
            break;
    }
    assert_int_equal(err, FACET_OK);
    assert_int_equal(frames, 40);
    assert_int_equal(fault_requests(), before);
    facet_stage_close(&out);
    facet_stage_close(&in);
    facet_packet_close(&p);
}

static int setup(void **state)
{
    struct facet_video_writer *w;
    struct facet_image img;
    assert_non_null(mkdtemp(dir));
    snprintf(clip, sizeof(clip), "%s/clip.mp4", dir);
    snprintf(csv, sizeof(csv), "%s/f.csv", dir);
    snprintf(events, sizeof(events), "%s/e.jsonl", dir);
    snprintf(video, sizeof(video), "%s/v.mp4", dir);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, 64, 48), FACET_OK);
    facet_image_fill(&img, 7, 7, 7);
    if (facet_video_writer_open(&w, clip, 64, 48, 25) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < 40; i++)
        assert_int_equal(facet_video_writer_put(w, &img, i * 40), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&img);
    return 0;
}

static int teardown(void **state)
{
    const char *const made[] = {clip, csv, events, video};
    for (size_t i = 0; i < 4; i++)
        unlink(made[i]);
    rmdir(dir);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pictures__each_request_may_fail),
        cmocka_unit_test(test_pictures__writing_may_fail),
        cmocka_unit_test(test_ingest__each_request_may_fail),
        cmocka_unit_test(test_publish__each_request_may_fail),
        cmocka_unit_test(test_frames__cost_no_memory_of_ours),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
