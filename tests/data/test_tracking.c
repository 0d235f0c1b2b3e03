/* Tracks on a clip in which people hide each other, against truth made by hand (the .tsv beside
 * this file says how). Two numbers are counted at the frames of the truth, for faces 40 pixels wide
 * or more: switches    a number that was on one person is now on another fragments   a person has a
 * number that is not the last one, and was nobody else's */
#include "data/real.h"

#include "base/errors.h"
#include "base/file.h"
#include "flow/runner.h"
#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/ingest/ingest.h"
#include "stages/track/track.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIP "timesler_multi_1080p"
#define MAX_TRUTH 256
#define MIN_WIDTH 40
#define SAME 0.3f /* overlap of a face with its truth: detectors draw boxes of different habit */

struct truth {
    int frame;
    char person;
    struct facet_box box;
};

struct judge {
    struct truth truth[MAX_TRUTH];
    int n;
    int64_t last[26]; /* number of each person */
    char owner[1024]; /* person of each number */
    int faces, found, switches, fragments;
};

static void read_truth(struct judge *j)
{
    const char *root = getenv("FACET_TEST_SOURCE");
    char path[PATH_MAX], *line, *rest;
    uint8_t *text;
    size_t len;
    snprintf(path, sizeof(path), "%s/tests/data/truth_" CLIP ".tsv", root ? root : ".");
    assert_ok(facet_file_read(path, 1 << 20, &text, &len));
    for (line = strtok_r((char *)text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        struct truth *t = &j->truth[j->n];
        if (line[0] == '#')
            continue;
        assert_true(j->n < MAX_TRUTH);
        assert_int_equal(sscanf(line, "%d %c %f %f %f %f", &t->frame, &t->person, &t->box.x1,
                                &t->box.y1, &t->box.x2, &t->box.y2),
                         6);
        assert_in_range(t->person, 'A', 'Z');
        j->n++;
    }
    free(text);
    assert_true(j->n > 100);
}

/* The number of the face that covers the truth best; 0: none does. */
static int64_t number_at(const struct facet_packet *p, struct facet_box box)
{
    float best = SAME;
    int64_t number = 0;
    for (int i = 0; i < p->n_faces; i++) {
        float iou = facet_box_iou(p->faces[i].box, box);
        if (p->faces[i].track && iou > best) {
            best = iou;
            number = p->faces[i].track;
        }
    }
    return number;
}

static void judge_face(struct judge *j, const struct truth *t, int64_t number)
{
    int64_t *last = &j->last[t->person - 'A'];
    char *owner = &j->owner[number];
    if (*owner && *owner != t->person) {
        j->switches++;
        print_message("frame %d: number %d was on %c and is on %c\n", t->frame, (int)number, *owner,
                      t->person);
    } else if (*last && *last != number) {
        j->fragments++;
        print_message("frame %d: %c had number %d and has %d\n", t->frame, t->person, (int)*last,
                      (int)number);
    }
    *owner = t->person;
    *last = number;
}

static void judge_frame(void *ctx, const struct facet_packet *p)
{
    struct judge *j = ctx;
    for (int i = 0; p->frame && i < j->n; i++) {
        const struct truth *t = &j->truth[i];
        if (t->frame != p->frame->index || facet_box_width(t->box) < MIN_WIDTH)
            continue;
        int64_t number = number_at(p, t->box);
        assert_true(number < (int64_t)sizeof(j->owner));
        j->faces++;
        j->found += number > 0;
        if (number > 0)
            judge_face(j, t, number);
    }
}

/* Stages in the order of the path; a recogniser adds the second half of tracking. */
struct path {
    struct facet_stage *stages[6];
    size_t n;
};

static int add_stage(struct path *p, const struct facet_stage_ops *ops, const void *opts)
{
    int err = facet_stage_open(&p->stages[p->n], ops, opts);
    p->n += !err;
    return err;
}

static int open_path(struct path *p, const struct facet_model_spec *detector,
                     const struct facet_model_spec *recogniser)
{
    const char *sources[] = {real_data("video/" CLIP ".mp4")};
    struct facet_ingest_opts in = {.sources = sources, .n_sources = 1};
    struct facet_detector_opts detect = {.model = detector, .min_face = 30};
    struct facet_track_opts track = {0};
    int err = add_stage(p, &facet_stage_ingest, &in);
    if (!err)
        err = add_stage(p, &facet_stage_detect, &detect);
    if (!err)
        err = add_stage(p, &facet_stage_track, &track);
    if (err || !recogniser)
        return err;
    struct facet_align_opts align = {.chip = recogniser->chip};
    struct facet_embedder_opts embed = {.model = recogniser};
    struct facet_rejoin_opts rejoin = {.dim = recogniser->dim};
    err = add_stage(p, &facet_stage_align, &align);
    if (!err)
        err = add_stage(p, &facet_stage_embed, &embed);
    return err ? err : add_stage(p, &facet_stage_rejoin, &rejoin);
}

static void run_path(struct judge *j, const struct facet_model_spec *detector,
                     const struct facet_model_spec *recogniser)
{
    struct facet_runner_opts o = {
        .done = judge_frame, .ctx = j, .dim = recogniser ? recogniser->dim : 0};
    struct facet_runner *r = NULL;
    struct path p = {.n = 0};
    int err = open_path(&p, detector, recogniser);
    if (!err)
        err = facet_runner_open(&r, p.stages, p.n, &o);
    if (!err)
        err = facet_runner_run(r);
    if (err)
        fail_msg("%s", facet_error_text());
    facet_runner_close(&r);
    while (p.n > 0)
        facet_stage_close(&p.stages[--p.n]);
}

static void judge_models(const char *detector, const char *recogniser, int most_fragments)
{
    static struct judge j;
    memset(&j, 0, sizeof(j));
    read_truth(&j);
    run_path(&j, real_model(detector), recogniser ? real_model(recogniser) : NULL);
    print_message("%s, %s: %d of %d faces found, %d switches, %d fragments\n", detector,
                  recogniser ? recogniser : "boxes only", j.found, j.faces, j.switches,
                  j.fragments);
    assert_true(j.found * 10 >= j.faces * 8);
    assert_int_equal(j.switches, 0);
    assert_true(j.fragments <= most_fragments);
}

static void test_tracks__of_boxes_alone_stay_with_their_people(void **state)
{
    judge_models("mtcnn", NULL, 2);
}

static void test_tracks__rejoined_by_looks_stay_with_their_people(void **state)
{
    judge_models("mtcnn", "mobilefacenet-photo-analyze", 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tracks__of_boxes_alone_stay_with_their_people),
        cmocka_unit_test(test_tracks__rejoined_by_looks_stay_with_their_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
