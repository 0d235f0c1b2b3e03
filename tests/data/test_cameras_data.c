/* Cameras whose pictures come mixed through one path: each gives what it gives alone - faces, tracks, answers. */
#include "data/real.h"

#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/identify/identify.h"
#include "stages/ingest/cameras.h"
#include "stages/track/track.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 128
#define MOST 8
#define STAGES 7
#define FPS 5

struct sight { struct facet_box box; float quality; int64_t track; enum facet_decision decision; bool is_new; };
struct film {
    struct sight sight[FRAMES][MOST];
    int n[FRAMES], ended[FRAMES], frames, faces;
    int64_t first[64]; /* tracks in order of appearance */
    int tracks;
};

static const char *const clips[] = {"video/short_hamilton_clip.mp4", "video/head-pose-female-and-male.gif"};

/* Numbers of a run are unique over all sources: what counts is which faces share one. */
static int64_t order_of(struct film *f, int64_t track)
{
    int i = 0;
    if (!track)
        return 0;
    while (i < f->tracks && f->first[i] != track)
        i++;
    if (i == f->tracks) {
        assert_true(f->tracks < 64);
        f->first[f->tracks++] = track;
    }
    return i + 1;
}

static void take(struct film *f, const struct facet_packet *p)
{
    if (!p->frame)
        return;
    assert_true(f->frames < FRAMES);
    int at = f->frames++;
    f->n[at] = p->n_faces < MOST ? p->n_faces : MOST;
    f->ended[at] = p->n_ended;
    f->faces += f->n[at];
    for (int i = 0; i < f->n[at]; i++) {
        const struct facet_face *face = &p->faces[i];
        struct sight *s = &f->sight[at][i]; /* set one by one: what is between members stays zero, for memcmp */
        s->box = face->box;
        s->quality = face->quality.score;
        s->track = order_of(f, face->track);
        s->decision = face->identity.decision;
        s->is_new = face->is_new_track;
    }
}

static void open_path(struct facet_stage **s, const struct facet_camera_conf *confs, int n)
{
    const struct facet_model_spec *net = real_model("mobilefacenet-photo-analyze");
    struct facet_cameras_opts cameras = {.cameras = confs, .n_cameras = n, .end_when_all_end = true};
    struct facet_detector_opts detect = {.model = real_model("mtcnn"), .min_face = 60, .scan_every = 4};
    struct facet_track_opts track = {0};
    struct facet_align_opts align = {.chip = net->chip};
    struct facet_embedder_opts embed = {.model = net};
    struct facet_rejoin_opts rejoin = {.dim = net->dim};
    struct facet_identify_opts identify = {.threshold = 0.5};
    assert_ok(facet_stage_open(&s[0], &facet_stage_cameras, &cameras));
    detect.keep = facet_cameras_keep;
    detect.keep_ctx = facet_stage_state(s[0]);
    assert_ok(facet_stage_open(&s[1], &facet_stage_detect, &detect));
    assert_ok(facet_stage_open(&s[2], &facet_stage_track, &track));
    assert_ok(facet_stage_open(&s[3], &facet_stage_align, &align));
    assert_ok(facet_stage_open(&s[4], &facet_stage_embed, &embed));
    assert_ok(facet_stage_open(&s[5], &facet_stage_rejoin, &rejoin));
    assert_ok(facet_stage_open(&s[6], &facet_stage_identify, &identify));
}

/* films[i]: what camera i gave. */
static void look(struct film *films, const struct facet_camera_conf *confs, int n)
{
    struct facet_stage *s[STAGES];
    struct facet_packet *p;
    int err, switches = 0, last = -1;
    open_path(s, confs, n);
    assert_ok(facet_packet_open(&p, real_model("mobilefacenet-photo-analyze")->dim));
    while ((err = facet_stage_step(s[0], p)) == FACET_OK || err == FACET_E_AGAIN) {
        if (err == FACET_E_AGAIN)
            continue;
        for (int i = 1; i < STAGES; i++)
            assert_ok(facet_stage_step(s[i], p));
        switches += p->source != last;
        last = p->source;
        take(&films[p->source], p);
        facet_packet_reset(p);
    }
    assert_int_equal(err, FACET_E_END);
    assert_true(n == 1 || switches > 10); /* they were mixed indeed */
    facet_packet_close(&p);
    for (int i = 0; i < STAGES; i++)
        facet_stage_close(&s[i]);
}

static void test_cameras__mixed_give_what_each_gives_alone(void **state)
{
    struct facet_camera_conf confs[2] = {0};
    struct film *mixed = calloc(2, sizeof(*mixed)), *alone = calloc(2, sizeof(*alone));
    for (int i = 0; i < 2; i++) {
        snprintf(confs[i].name, sizeof(confs[i].name), "c%d", i);
        snprintf(confs[i].url, sizeof(confs[i].url), "%s", real_data(clips[i]));
        confs[i].every_frame = true;
        confs[i].fps = FPS;
        look(&alone[i], &confs[i], 1);
    }
    look(mixed, confs, 2);
    for (int i = 0; i < 2; i++) {
        print_message("%s: %d pictures, %d faces, %d tracks\n", clips[i], mixed[i].frames, mixed[i].faces, mixed[i].tracks);
        assert_true(mixed[i].frames > 10 && mixed[i].faces > 5 && mixed[i].tracks > 0);
        assert_int_equal(mixed[i].frames, alone[i].frames);
        assert_int_equal(mixed[i].tracks, alone[i].tracks);
        assert_memory_equal(mixed[i].n, alone[i].n, sizeof(mixed[i].n));
        assert_memory_equal(mixed[i].ended, alone[i].ended, sizeof(mixed[i].ended));
        assert_memory_equal(mixed[i].sight, alone[i].sight, sizeof(mixed[i].sight));
    }
    free(mixed);
    free(alone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cameras__mixed_give_what_each_gives_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
