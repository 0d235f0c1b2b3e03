/* Our detectors beside others running the same weights.
 *
 * MTCNN: reference_mtcnn.tsv of the data, made in Python with OpenCV 4.6's DNN; tests/reference/
 * mtcnn_reference.py makes the same numbers and says how. YuNet: OpenCV's own FaceDetectorYN; SCRFD:
 * ONNX Runtime; both by tests/reference/grid_reference.py. A face scoring 0.9 or more and 40 pixels
 * wide must be found by both at IoU 0.9, with points within 2 % of its width; others at 0.7 and 5 %.
 * Faces that one has and the other has not, within 0.02 of the last threshold, are listed. */
#include "data/real.h"

#include "stages/detect/detect.h"

#include <facet/error.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 0.02f

struct tally { int faces, faults, listed; float worst_px; };

static struct facet_detector *open_detector(const char *model, int min_face)
{
    struct facet_detector_opts o = FACET_DETECTOR_OPTS_INIT;
    struct facet_detector *d;
    o.model = real_model(model);
    o.min_face = min_face;
    assert_ok(facet_detector_open(&d, &o));
    return d;
}

static struct facet_box box_of(const struct real_face *f)
{
    return (struct facet_box){f->v[0], f->v[1], f->v[2], f->v[3]};
}

static int best_match(const struct real_face *f, const struct facet_detection *found, int n, float *iou)
{
    int best = -1;
    *iou = 0;
    for (int i = 0; i < n; i++)
        if (facet_box_iou(box_of(f), found[i].box) > *iou) {
            best = i;
            *iou = facet_box_iou(box_of(f), found[i].box);
        }
    return best;
}

/* Largest distance between points, in pixels. */
static float points_apart(const struct real_face *f, const struct facet_detection *d)
{
    float most = 0;
    for (int i = 0; i < FACET_LANDMARKS; i++)
        most = fmaxf(most, hypotf(f->v[5 + 2 * i] - d->points.p[i].x, f->v[6 + 2 * i] - d->points.p[i].y));
    return most;
}

static void judge_face(struct tally *t, const struct real_face *f, const struct facet_detection *found, int n, bool *used,
                       float threshold)
{
    float iou, width = f->v[2] - f->v[0];
    int i = best_match(f, found, n, &iou);
    bool is_large = f->v[4] >= 0.9f && width >= 40;
    t->faces++;
    if (i >= 0 && iou >= 0.5f)
        used[i] = true;
    float apart = i >= 0 ? points_apart(f, &found[i]) : INFINITY;
    if (iou >= (is_large ? 0.9f : 0.7f) && apart <= (is_large ? 0.02f : 0.05f) * width) {
        t->worst_px = fmaxf(t->worst_px, apart);
        return;
    }
    bool is_near = f->v[4] < threshold + NEAR;
    print_message("%s: %s at %.0f,%.0f, %.0f wide, score %.3f: IoU %.3f, points %.2f px apart\n", is_near ? "listed" : "FAULT",
                  f->picture, (double)f->v[0], (double)f->v[1], (double)width, (double)f->v[4], (double)iou, (double)apart);
    (is_near ? &t->listed : &t->faults)[0]++;
}

static void judge_rest(struct tally *t, const char *picture, const struct facet_detection *found, int n, const bool *used,
                       float threshold)
{
    for (int i = 0; i < n; i++) {
        if (used[i])
            continue;
        bool is_near = found[i].score < threshold + NEAR;
        print_message("%s: %s has one more at %.0f,%.0f, score %.3f\n", is_near ? "listed" : "FAULT", picture,
                      (double)found[i].box.x1, (double)found[i].box.y1, (double)found[i].score);
        (is_near ? &t->listed : &t->faults)[0]++;
    }
}

static int judge_picture(struct tally *t, struct facet_detector *d, const char *folder, const char *picture,
                         const struct real_face *rows, size_t n_rows, float threshold)
{
    static struct facet_detection found[FACET_MAX_FACES];
    bool used[FACET_MAX_FACES] = {false};
    char name[256];
    snprintf(name, sizeof(name), "%s/%s", folder, picture);
    struct facet_image img = real_picture(name);
    int n = facet_detector_run(d, &img, found, FACET_MAX_FACES);
    assert_ok(n);
    for (size_t i = 0; i < n_rows; i++)
        if (!strcmp(rows[i].picture, picture))
            judge_face(t, &rows[i], found, n, used, threshold);
    judge_rest(t, picture, found, n, used, threshold);
    facet_image_fini(&img);
    return n;
}

static const struct { const char *name; int large_faces; } group[] = {
    {"bbt1.jpg", 4}, {"bbt2.jpg", 3}, {"bbt3.jpg", 5}, {"bbt4.jpg", 6}, {"bbt5.jpg", 5}, {"ivan.jpg", 1},
    {"multiface.jpg", 6}, {"no-faces.jpg", 0}, {"selfie-many-people.jpg", 5}, {"t1.jpg", 6},
    {"wider_12_Group_24.jpg", 23}, {"wider_12_Group_459.jpg", 26}, {"wider_12_Group_51.jpg", 8},
};
#define GROUP (sizeof(group) / sizeof(group[0]))

static const char *own_table(const char *name)
{
    static char path[1024];
    const char *source = getenv("FACET_TEST_SOURCE");
    snprintf(path, sizeof(path), "%s/tests/reference/%s", source ? source : ".", name);
    return path;
}

static void judge_group(const char *model, const char *table, float threshold)
{
    size_t n;
    struct tally t = {0};
    struct real_face *rows = real_table(table, &n);
    struct facet_detector *d = open_detector(model, 0);
    for (size_t i = 0; i < GROUP; i++) {
        int found = judge_picture(&t, d, "group", group[i].name, rows, n, threshold);
        assert_true(found >= group[i].large_faces && (group[i].large_faces || !found));
    }
    print_message("%s: %d faces, %d faults, %d near the threshold, points at most %.2f px apart\n", model, t.faces, t.faults,
                  t.listed, (double)t.worst_px);
    assert_int_equal(t.faces, n);
    assert_int_equal(t.faults, 0);
    facet_detector_close(&d);
    free(rows);
}

static void test_mtcnn__agrees_on_photographs_of_groups(void **state)
{
    judge_group("mtcnn", real_data("group/reference_mtcnn.tsv"), 0.7f);
}

static void test_yunet__agrees_with_opencv(void **state)
{
    judge_group("yunet-n-dynamic", own_table("group_yunet.tsv"), 0.7f);
}

static void test_scrfd__agrees_with_onnxruntime(void **state)
{
    judge_group("scrfd-500m", own_table("group_scrfd.tsv"), 0.5f);
}

/* Its table has only the central face of each picture. */
static void test_mtcnn__agrees_on_portraits(void **state)
{
    size_t n;
    struct tally t = {0};
    static struct facet_detection found[FACET_MAX_FACES];
    struct real_face *rows = real_table(real_data("lfw/reference_mtcnn.tsv"), &n);
    struct facet_detector *d = open_detector("mtcnn", 40);
    assert_int_equal(n, 3811);
    for (size_t i = 0; i < n; i += 38) {
        bool used[FACET_MAX_FACES];
        char name[256];
        snprintf(name, sizeof(name), "lfw/images/%s", rows[i].picture);
        struct facet_image img = real_picture(name);
        int faces = facet_detector_run(d, &img, found, FACET_MAX_FACES);
        assert_ok(faces);
        judge_face(&t, &rows[i], found, faces, used, 0.7f);
        facet_image_fini(&img);
    }
    print_message("mtcnn on LFW: %d faces, %d faults, points at most %.2f px apart\n", t.faces, t.faults, (double)t.worst_px);
    assert_int_equal(t.faults, 0);
    facet_detector_close(&d);
    free(rows);
}

/* README of ipazc/mtcnn: box x 277 y 90 w 48 h 63, five points. Its own procedure is a little different. */
static void test_mtcnn__finds_ivan_where_his_readme_says(void **state)
{
    static const float points[10] = {291, 117, 314, 114, 303, 131, 296, 143, 313, 141};
    struct facet_detection found[4];
    struct facet_image img = real_picture("group/ivan.jpg");
    struct facet_detector *d = open_detector("mtcnn", 0);
    assert_true(facet_detector_run(d, &img, found, 4) >= 1);
    assert_true(facet_box_iou(found[0].box, (struct facet_box){277, 90, 325, 153}) > 0.85f);
    for (int i = 0; i < FACET_LANDMARKS; i++)
        assert_true(hypotf(found[0].points.p[i].x - points[2 * i], found[0].points.p[i].y - points[2 * i + 1]) < 2.5f);
    facet_image_fini(&img);
    facet_detector_close(&d);
}

static void test_detector__sizes_may_change_from_picture_to_picture(void **state)
{
    struct facet_detection first[8], again[8];
    struct facet_image a = real_picture("group/bbt2.jpg"), b = real_picture("group/no-faces.jpg");
    const char *const models[] = {"mtcnn", "yunet-n-dynamic", "scrfd-500m"};
    for (int i = 0; i < 3; i++) {
        struct facet_detector *d = open_detector(models[i], 0);
        int n = facet_detector_run(d, &a, first, 8);
        assert_int_equal(facet_detector_run(d, &b, again, 8), 0);
        assert_int_equal(facet_detector_run(d, &a, again, 8), n);
        for (int k = 0; k < n; k++)
            assert_memory_equal(&first[k].box, &again[k].box, sizeof(first[k].box));
        assert_int_equal(facet_detector_run(d, &a, again, 1), 1);
        facet_detector_close(&d);
    }
    facet_image_fini(&a);
    facet_image_fini(&b);
}

static void test_detector__pictures_smaller_than_a_face_have_none(void **state)
{
    struct facet_detection found[4];
    struct facet_detector *d = open_detector("mtcnn", 0);
    const int sizes[][2] = {{1, 1}, {19, 400}, {400, 19}, {1, 2000}, {20, 20}};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct facet_image img;
        assert_ok(facet_image_init(&img, FACET_PIXEL_RGB24, sizes[i][0], sizes[i][1]));
        facet_image_fill(&img, 90, 120, 60);
        assert_int_equal(facet_detector_run(d, &img, found, 4), 0);
        facet_image_fini(&img);
    }
    facet_detector_close(&d);
}

static void refuse(struct facet_detector_opts o, int err, const char *says)
{
    struct facet_detector *d;
    assert_int_equal(facet_detector_open(&d, &o), err);
    assert_null(d);
    if (!strstr(facet_error_text(), says))
        fail_msg("'%s' does not say '%s'", facet_error_text(), says);
}

static void test_detector__senseless_options_are_refused(void **state)
{
    const struct facet_model_spec *m = real_model("mtcnn"), *y = real_model("yunet-n-dynamic");
    refuse((struct facet_detector_opts){0}, FACET_E_INVALID, "without a model");
    refuse((struct facet_detector_opts){.model = m, .min_face = 5}, FACET_E_INVALID, "5 pixels");
    refuse((struct facet_detector_opts){.model = m, .factor = 1}, FACET_E_INVALID, "factor 1");
    refuse((struct facet_detector_opts){.model = m, .factor = NAN}, FACET_E_INVALID, "factor");
    refuse((struct facet_detector_opts){.model = m, .threshold = {2}}, FACET_E_INVALID, "threshold of 2");
    refuse((struct facet_detector_opts){.model = m, .nms = -1}, FACET_E_INVALID, "overlaps");
    refuse((struct facet_detector_opts){.model = m, .max_faces = 100000}, FACET_E_INVALID, "100000 faces");
    refuse((struct facet_detector_opts){.model = y, .max_side = 9}, FACET_E_INVALID, "9 pixels");
}

static void test_detector__a_grey_picture_is_refused(void **state)
{
    struct facet_detection found[4];
    struct facet_image img;
    struct facet_detector *d = open_detector("mtcnn", 0);
    assert_ok(facet_image_init(&img, FACET_PIXEL_GRAY8, 50, 50));
    assert_int_equal(facet_detector_run(d, &img, found, 4), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_detector_close(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mtcnn__agrees_on_photographs_of_groups),
        cmocka_unit_test(test_mtcnn__agrees_on_portraits),
        cmocka_unit_test(test_mtcnn__finds_ivan_where_his_readme_says),
        cmocka_unit_test(test_yunet__agrees_with_opencv),
        cmocka_unit_test(test_scrfd__agrees_with_onnxruntime),
        cmocka_unit_test(test_detector__sizes_may_change_from_picture_to_picture),
        cmocka_unit_test(test_detector__pictures_smaller_than_a_face_have_none),
        cmocka_unit_test(test_detector__senseless_options_are_refused),
        cmocka_unit_test(test_detector__a_grey_picture_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
