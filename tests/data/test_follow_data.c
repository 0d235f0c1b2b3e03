/* Looking at less of the picture: what is found when faces are followed between scans, or levels are shrunk in steps,
 * beside what full scans find; and that threads change nothing. docs/detection.md has the figures. */
#include "data/real.h"

#include "base/pool.h"
#include "stages/detect/detect.h"
#include "stages/ingest/ingest.h"
#include "stages/track/track.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 60
#define MOST 32

struct seen { struct facet_box box[FRAMES][MOST]; int n[FRAMES], frames, faces; int64_t tracks; };

static void take(struct seen *s, const struct facet_packet *p)
{
    int n = p->n_faces < MOST ? p->n_faces : MOST;
    for (int i = 0; i < n; i++) {
        s->box[s->frames][i] = p->faces[i].box;
        s->tracks = p->faces[i].track > s->tracks ? p->faces[i].track : s->tracks;
    }
    s->n[s->frames++] = n;
    s->faces += n;
}

static const char *const clips[] = {"video/timesler_multi_1080p.mp4", "video/short_hamilton_clip.mp4"};

static struct seen *look(int clip, int scan_every, bool quick, unsigned threads)
{
    const char *sources[] = {real_data(clips[clip])};
    struct facet_ingest_opts in = {.sources = sources, .n_sources = 1, .max_frames = FRAMES};
    struct facet_detector_opts o = {.model = real_model("mtcnn"), .min_face = 60, .scan_every = scan_every, .quick_pyramid = quick};
    struct facet_track_opts track = {0};
    struct facet_stage *stage[3];
    struct facet_packet *p;
    struct seen *s = calloc(1, sizeof(*s));
    if (threads > 1)
        assert_ok(facet_pool_open(&o.pool, threads));
    assert_ok(facet_stage_open(&stage[0], &facet_stage_ingest, &in));
    assert_ok(facet_stage_open(&stage[1], &facet_stage_detect, &o));
    assert_ok(facet_stage_open(&stage[2], &facet_stage_track, &track));
    assert_ok(facet_packet_open(&p, 0));
    while (facet_stage_step(stage[0], p) == 0) {
        assert_ok(facet_stage_step(stage[1], p));
        assert_ok(facet_stage_step(stage[2], p));
        if (p->frame)
            take(s, p);
        facet_packet_reset(p);
    }
    facet_packet_close(&p);
    for (int i = 0; i < 3; i++)
        facet_stage_close(&stage[i]);
    facet_pool_close(&o.pool);
    assert_int_equal(s->frames, FRAMES);
    return s;
}

/* Faces of a that b has at that overlap, in thousandths. */
static int found_again(const struct seen *a, const struct seen *b, float overlap)
{
    int again = 0;
    for (int f = 0; f < FRAMES; f++)
        for (int i = 0; i < a->n[f]; i++) {
            float most = 0;
            for (int k = 0; k < b->n[f]; k++) {
                float iou = facet_box_iou(a->box[f][i], b->box[f][k]);
                most = iou > most ? iou : most;
            }
            again += most >= overlap;
        }
    return again * 1000 / (a->faces ? a->faces : 1);
}

struct wish { int found, same, real; };     /* in 1000: of the full scans' faces; at IoU 0.9; of the faces found, in the full scans */

static void judge(const char *what, const struct seen *full, struct seen *less, struct wish w)
{
    int again = found_again(full, less, 0.5f), same = found_again(full, less, 0.9f), real = found_again(less, full, w.same > 950 ? 0.9f : 0.5f);
    print_message("%s: %d faces, %d by full scans; %d in 1000 found again at IoU 0.5 (%d at 0.9), %d the other way; %d tracks, %d by full scans\n",
                  what, less->faces, full->faces, again, same, real, (int)less->tracks, (int)full->tracks);
    assert_true(again >= w.found);
    assert_true(same >= w.same);
    assert_true(real >= w.real);
    free(less);
}

/* What is found between scans is what a scan would have found, box for box. What is not found came between scans. */
static void test_detection__of_less_finds_the_same_faces(void **state)
{
    struct seen *full = look(0, 1, false, 1);
    assert_true(full->faces > FRAMES);
    judge("scan every 3", full, look(0, 3, false, 1), (struct wish){970, 970, 990});
    judge("scan every 5", full, look(0, 5, false, 1), (struct wish){960, 960, 990});
    judge("scan every 10", full, look(0, 10, false, 1), (struct wish){960, 960, 990});
    judge("quick pyramid", full, look(0, 1, true, 1), (struct wish){960, 880, 960});
    free(full);
    full = look(1, 1, false, 1);
    judge("another clip, scan every 5", full, look(1, 5, false, 1), (struct wish){900, 900, 990});
    free(full);
}

static void test_detection__does_not_depend_on_threads(void **state)
{
    struct seen *one = look(0, 4, false, 1), *three = look(0, 4, false, 3);
    assert_memory_equal(one, three, sizeof(*one));
    free(one);
    free(three);
}

/* Around faces of a still picture, however wrong their places are told, a scan's boxes come to the last bit or nearly. */
static void test_follow__finds_what_a_scan_finds(void **state)
{
    static struct facet_detection all[64], again[64];
    struct facet_box seeds[64];
    struct facet_detector_opts o = {.model = real_model("mtcnn"), .min_face = 24};
    struct facet_detector *d;
    struct facet_image img = real_picture("group/t1.jpg");
    assert_ok(facet_detector_open(&d, &o));
    int n = facet_detector_run(d, &img, all, 64), same = 0;
    assert_true(n > 3);
    for (int i = 0; i < n; i++) {
        struct facet_box b = all[i].box;
        float off = (b.x2 - b.x1) * (i % 2 ? 0.2f : -0.2f);
        seeds[i] = (struct facet_box){b.x1 + off, b.y1 - off, b.x2 + off, b.y2 - off};
    }
    int found = facet_detector_follow(d, &img, seeds, n, again, 64);
    assert_int_equal(found, n);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < found; k++)
            same += facet_box_iou(all[i].box, again[k].box) > 0.999f;
    assert_int_equal(same, n);
    assert_int_equal(facet_detector_follow(d, &img, seeds, 0, again, 64), 0);
    facet_detector_close(&d);
    facet_image_fini(&img);
}

/* No place at all, places outside, faces as large as the picture and larger. */
static void test_follow__senseless_places_hold_no_faces(void **state)
{
    const struct facet_box seeds[] = {{-900, -900, -800, -800}, {9e5f, 9e5f, 9.1e5f, 9.1e5f}, {10, 10, 10, 10}, {50, 50, 20, 20},
                                      {-5000, -5000, 5000, 5000}};
    struct facet_detector_opts o = {.model = real_model("mtcnn")};
    struct facet_detection found[4];
    struct facet_detector *d;
    struct facet_image img = real_picture("group/no-faces.jpg");
    assert_ok(facet_detector_open(&d, &o));
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++)
        assert_int_equal(facet_detector_follow(d, &img, &seeds[i], 1, found, 4), 0);
    facet_detector_close(&d);
    facet_image_fini(&img);
}

static void test_follow__is_refused_by_detectors_of_whole_pictures(void **state)
{
    struct facet_detector_opts o = {.model = real_model("yunet-n-dynamic"), .scan_every = 5};
    const struct facet_box seed = {10, 10, 60, 60};
    struct facet_detection found[4];
    struct facet_detector *d;
    struct facet_image img = real_picture("group/t1.jpg");
    assert_true(facet_detector_open(&d, &o) < 0);
    assert_null(d);
    o.scan_every = 0;
    assert_ok(facet_detector_open(&d, &o));
    assert_true(facet_detector_follow(d, &img, &seed, 1, found, 4) < 0);
    facet_detector_close(&d);
    facet_image_fini(&img);
}

static void test_follow__senseless_options_are_refused(void **state)
{
    const struct facet_detector_opts wrong[] = {
        {.model = real_model("mtcnn"), .scan_every = -1},
        {.model = real_model("mtcnn"), .max_face = -1},
        {.model = real_model("mtcnn"), .min_face = 40, .max_face = 39},
    };
    struct facet_detector *d;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_true(facet_detector_open(&d, &wrong[i]) < 0);
        assert_null(d);
    }
}

/* The faces of t1.jpg are 70 to 140 pixels wide. */
static void test_max_face__leaves_the_faces_it_allows(void **state)
{
    struct facet_detection all[64], few[64], none[64];
    struct facet_image img = real_picture("group/t1.jpg");
    int n[3];
    const int most[3] = {0, 300, 25};
    struct facet_detection *const out[3] = {all, few, none};
    for (int i = 0; i < 3; i++) {
        struct facet_detector_opts o = {.model = real_model("mtcnn"), .min_face = 20, .max_face = most[i]};
        struct facet_detector *d;
        assert_ok(facet_detector_open(&d, &o));
        n[i] = facet_detector_run(d, &img, out[i], 64);
        assert_ok(n[i]);
        facet_detector_close(&d);
    }
    assert_true(n[0] > 3);
    assert_int_equal(n[1], n[0]);
    assert_true(n[2] < n[0]);
    facet_image_fini(&img);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_detection__of_less_finds_the_same_faces),
        cmocka_unit_test(test_detection__does_not_depend_on_threads),
        cmocka_unit_test(test_follow__finds_what_a_scan_finds),
        cmocka_unit_test(test_follow__senseless_places_hold_no_faces),
        cmocka_unit_test(test_follow__is_refused_by_detectors_of_whole_pictures),
        cmocka_unit_test(test_follow__senseless_options_are_refused),
        cmocka_unit_test(test_max_face__leaves_the_faces_it_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
