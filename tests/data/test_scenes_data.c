/* The eight people of gallery-bbt in five scenes: seven appear, and one, stuart, never does. The names
 * are two networks' agreeing answers (data/SOURCES.md), left to right. */
#include "data/real.h"

#include "bench/eval_faces.h"
#include "stages/align/align.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PEOPLE 8
#define PICTURES 5
#define DIM_MAX 512

static const char *const people[PEOPLE] = {"amy", "bernadette", "howard", "leonard", "penny", "raj", "sheldon", "stuart"};
static const struct { const char *picture, *names[8]; } scenes[] = {
    {"bbt1", {"raj", "leonard", "howard", "sheldon"}},
    {"bbt2", {"raj", "leonard", "sheldon"}},
    {"bbt3", {"sheldon", "howard", "penny", "raj", "leonard"}},
    {"bbt4", {"leonard", "amy", "raj", "penny", "sheldon", "bernadette"}},
    {"bbt5", {"raj", "penny", "sheldon", "leonard", "howard"}},
};

struct gallery { float rows[PEOPLE][PICTURES][DIM_MAX]; int dim, padded; double least; };

static void open_worker(struct facet_face_worker *w, const char *recogniser)
{
    struct facet_detector_opts o = FACET_DETECTOR_OPTS_INIT;
    o.model = real_model("mtcnn");
    assert_ok(facet_face_worker_open(w, &o, real_model(recogniser), NULL, false));
}

/* As enrolment does: where no face is found, once more with a border of 40 pixels. */
static void enrol(struct gallery *g, struct facet_face_worker *w)
{
    for (int p = 0; p < PEOPLE; p++)
        for (int i = 0; i < PICTURES; i++) {
            char name[64];
            bool second;
            snprintf(name, sizeof(name), "gallery-bbt/%s/%s%d.png", people[p], people[p], i + 1);
            struct facet_image img = real_picture(name), wide;
            int err = facet_face_embed(w, &img, g->rows[p][i], &second);
            if (err == FACET_E_NO_FACE) {
                assert_ok(facet_image_pad(&wide, &img, 40));
                err = facet_face_embed(w, &wide, g->rows[p][i], &second);
                facet_image_fini(&wide);
                g->padded++;
            }
            if (err)
                fail_msg("%s: %s", name, facet_error_text());
            facet_image_fini(&img);
        }
}

/* Cosine with the person's mean picture, but for one left out (-1: none). */
static double likeness(const struct gallery *g, int person, int left_out, const float *v)
{
    double dot = 0, length = 0;
    for (int k = 0; k < g->dim; k++) {
        double sum = 0;
        for (int i = 0; i < PICTURES; i++)
            sum += i == left_out ? 0 : (double)g->rows[person][i][k];
        dot += sum * (double)v[k];
        length += sum * sum;
    }
    return dot / (length > 0 ? __builtin_sqrt(length) : 1);
}

static int nearest(const struct gallery *g, const float *v, int own, int left_out, double *how)
{
    int best = 0;
    *how = -1;
    for (int p = 0; p < PEOPLE; p++) {
        double l = likeness(g, p, p == own ? left_out : -1, v);
        if (l > *how) {
            *how = l;
            best = p;
        }
    }
    return best;
}

static int by_left_side(const void *a, const void *b)
{
    float x = ((const struct facet_detection *)a)->box.x1, y = ((const struct facet_detection *)b)->box.x1;
    return (x > y) - (x < y);
}

/* Faces scoring 0.9 or more, left to right. */
static int see(struct facet_face_worker *w, const struct facet_image *img, struct facet_detection *found)
{
    int n = facet_detector_run(w->detector, img, found, FACET_MAX_FACES), kept = 0;
    assert_ok(n);
    for (int i = 0; i < n; i++)
        if (found[i].score >= 0.9f)
            found[kept++] = found[i];
    qsort(found, (size_t)kept, sizeof(*found), by_left_side);
    return kept;
}

static int name_scene(struct gallery *g, struct facet_face_worker *w, size_t scene)
{
    static struct facet_detection found[FACET_MAX_FACES];
    char path[64];
    float v[DIM_MAX];
    snprintf(path, sizeof(path), "group/%s.jpg", scenes[scene].picture);
    struct facet_image img = real_picture(path);
    int n = see(w, &img, found);
    for (int i = 0; i < n; i++) {
        double how;
        const struct facet_image *chip = &w->chip;
        assert_ok(facet_align_chip(&w->chip, &img, &w->recogniser->chip, found[i].box, &found[i].points));
        assert_ok(facet_embedder_run(w->embedder, &chip, 1, v));
        const char *name = people[nearest(g, v, -1, -1, &how)];
        if (!scenes[scene].names[i] || strcmp(name, scenes[scene].names[i]))
            fail_msg("%s, face %d from the left: %s (%.3f), not %s", path, i + 1, name, how, scenes[scene].names[i]);
        g->least = how < g->least ? how : g->least;
    }
    assert_null(scenes[scene].names[n]);
    facet_image_fini(&img);
    return n;
}

static void check_network(const char *recogniser)
{
    struct facet_face_worker w;
    struct gallery *g = calloc(1, sizeof(*g));
    int faces = 0, right = 0;
    double how;
    open_worker(&w, recogniser);
    g->dim = facet_embedder_dim(w.embedder);
    g->least = 1;
    enrol(g, &w);
    for (int p = 0; p < PEOPLE; p++)
        for (int i = 0; i < PICTURES; i++)
            right += nearest(g, g->rows[p][i], p, i, &how) == p;
    for (size_t s = 0; s < 5; s++)
        faces += name_scene(g, &w, s);
    print_message("%s: %d of 40 with one left out, %d of 23 in the scenes (least cosine %.3f); %d pictures needed a border\n",
                  recogniser, right, faces, g->least, g->padded);
    assert_int_equal(faces, 23);
    assert_true(right >= 39);
    facet_face_worker_close(&w);
    free(g);
}

static void test_scenes__facenet_names_all_and_stuart_never(void **state)
{
    check_network("facenet-20180402");
}

static void test_scenes__mobilefacenet_names_all_and_stuart_never(void **state)
{
    check_network("mobilefacenet-photo-analyze");
}

static void test_scenes__a_picture_without_a_face_gives_none(void **state)
{
    struct facet_face_worker w;
    float v[DIM_MAX];
    bool second;
    open_worker(&w, "mobilefacenet-photo-analyze");
    struct facet_image img = real_picture("group/no-faces.jpg");
    assert_int_equal(facet_face_embed(&w, &img, v, &second), FACET_E_NO_FACE);
    facet_image_fini(&img);
    facet_face_worker_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scenes__facenet_names_all_and_stuart_never),
        cmocka_unit_test(test_scenes__mobilefacenet_names_all_and_stuart_never),
        cmocka_unit_test(test_scenes__a_picture_without_a_face_gives_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
