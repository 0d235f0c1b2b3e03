/* Pictures that are looked at together, of one camera or of several, and faces that are embedded together: the answers are
 * those of one after the other, bit for bit. */
#include "data/real.h"

#include "base/errors.h"
#include "base/pool.h"
#include "deploy/pipeline.h"

#include <stdlib.h>
#include <string.h>

#define MOST 24
#define PICTURES 5

static const char *const names[PICTURES] = {"group/t1.jpg", "group/bbt1.jpg", "group/t1.jpg",
                                            "group/multiface.jpg", "group/t1.jpg"};

struct found { struct facet_detection at[PICTURES][MOST]; int n[PICTURES]; };

/* The third is only looked at around two of its faces, the last is all grey. */
static void make_looks(struct facet_look *l, const struct facet_image *img, const struct facet_box *seeds, struct found *out)
{
    for (int i = 0; i < PICTURES; i++)
        l[i] = (struct facet_look){.img = &img[i], .seeds = seeds, .n_seeds = i == 2 ? 2 : -1, .out = out->at[i], .max = MOST};
}

static void look_both_ways(const char *model, const struct facet_image *img, unsigned threads, bool follows)
{
    struct facet_detector_opts o = {.model = real_model(model), .min_face = 24};
    struct facet_detector *d;
    struct facet_look l[PICTURES];
    struct found *alone = calloc(1, sizeof(*alone)), *together = calloc(1, sizeof(*together));
    struct facet_box seeds[2] = {{0}};
    assert_ok(facet_pool_open(&o.pool, threads));
    assert_ok(facet_detector_open(&d, &o));
    assert_true(facet_detector_run(d, &img[0], alone->at[0], MOST) > 3);
    for (int i = 0; i < 2; i++)
        seeds[i] = alone->at[0][i].box;
    make_looks(l, img, seeds, alone);
    l[2].n_seeds = follows ? 2 : -1;
    for (int i = 0; i < PICTURES; i++) {
        assert_ok(facet_detector_look(d, &l[i], 1));
        alone->n[i] = l[i].n;
    }
    make_looks(l, img, seeds, together);
    l[2].n_seeds = follows ? 2 : -1;
    for (int twice = 0; twice < 2; twice++)
        assert_ok(facet_detector_look(d, l, PICTURES));
    for (int i = 0; i < PICTURES; i++) {
        assert_int_equal(l[i].n, alone->n[i]);
        assert_memory_equal(together->at[i], alone->at[i], sizeof(alone->at[i][0]) * (size_t)l[i].n);
    }
    assert_int_equal(alone->n[2] >= 2, true);
    assert_int_equal(alone->n[4], 0);
    facet_detector_close(&d);
    facet_pool_close(&o.pool);
    free(together);
    free(alone);
}

static void test_look__at_several_gives_what_each_gives_alone(void **state)
{
    struct facet_image img[PICTURES];
    for (int i = 0; i < PICTURES; i++)
        img[i] = real_picture(names[i]);
    facet_image_fill(&img[4], 99, 99, 99);
    for (unsigned threads = 1; threads <= 3; threads++)
        look_both_ways("mtcnn", img, threads, true);
    look_both_ways("yunet-n-dynamic", img, 2, false);
    for (int i = 0; i < PICTURES; i++)
        facet_image_fini(&img[i]);
}

static void test_look__at_what_cannot_be_is_refused(void **state)
{
    static struct facet_detection found[MOST];
    struct facet_detector_opts o = {.model = real_model("mtcnn")};
    struct facet_detector *d;
    struct facet_image img = real_picture("group/t1.jpg"), grey;
    struct facet_look l[FACET_FLOW_TOGETHER + 1];
    for (int i = 0; i <= FACET_FLOW_TOGETHER; i++)
        l[i] = (struct facet_look){.img = &img, .n_seeds = -1, .out = found, .max = MOST};
    assert_ok(facet_image_init(&grey, FACET_PIXEL_GRAY8, 64, 64));
    assert_ok(facet_detector_open(&d, &o));
    assert_int_equal(facet_detector_look(d, l, 0), FACET_E_INVALID);
    assert_int_equal(facet_detector_look(d, l, FACET_FLOW_TOGETHER + 1), FACET_E_INVALID);
    l[1].img = &grey;
    assert_int_equal(facet_detector_look(d, l, 2), FACET_E_INVALID);
    l[1] = l[0];
    l[1].n_seeds = FACET_MAX_FACES + 1;
    assert_int_equal(facet_detector_look(d, l, 2), FACET_E_LIMIT);
    facet_detector_close(&d);
    o.model = real_model("yunet-n-dynamic");
    assert_ok(facet_detector_open(&d, &o));
    l[1].n_seeds = 0;
    assert_int_equal(facet_detector_look(d, l, 2), FACET_E_UNSUPPORTED);
    facet_detector_close(&d);
    facet_image_fini(&grey);
    facet_image_fini(&img);
}

/* ---- two cameras through a pipeline ---- */

#define CAMERAS 2
#define FRAMES 12
#define DIM 128

struct seen { struct facet_box box[MOST]; int64_t track[MOST]; float embedding[MOST][DIM]; bool has[MOST]; int n; };
struct cameras { struct facet_stage *at[CAMERAS]; bool is_over[CAMERAS]; int turn; };

static int cameras_step(void *state, struct facet_packet *p)
{
    struct cameras *c = state;
    for (int k = 0; k < CAMERAS; k++) {
        int i = c->turn++ % CAMERAS;
        int err = c->is_over[i] ? FACET_E_END : facet_stage_step(c->at[i], p);
        p->source = i;
        if (p->frame)
            p->frame->source = i;
        if (err != FACET_E_END)
            return err;
        c->is_over[i] = true;
    }
    return FACET_E_END;
}

static const struct facet_stage_ops two_cameras = {.name = "ingest", .state_size = sizeof(struct cameras), .step = cameras_step};

static void see(void *ctx, const struct facet_packet *p)
{
    struct seen *s = (struct seen *)ctx + p->source * FRAMES;
    if (!p->frame)
        return;
    assert_in_range(p->frame->index, 0, FRAMES - 1);
    s += p->frame->index;
    s->n = p->n_faces < MOST ? p->n_faces : MOST;
    for (int i = 0; i < s->n; i++) {
        const struct facet_face *f = &p->faces[i];
        s->box[i] = f->box;
        s->track[i] = f->track;
        s->has[i] = f->has_embedding;
        if (f->has_embedding)
            memcpy(s->embedding[i], f->embedding, sizeof(s->embedding[i]));
    }
}

static struct seen *watch(unsigned together, int scan_every)
{
    static const char *const clips[CAMERAS] = {"video/timesler_multi_1080p.mp4", "video/short_hamilton_clip.mp4"};
    struct seen *s = calloc(CAMERAS * FRAMES, sizeof(*s));
    struct cameras *c;
    struct facet_pipeline *p;
    struct facet_pipeline_opts o = {
        .threads = 2, .together = together, .together_ms = 20,
        .detect = {.model = real_model("mtcnn"), .min_face = 60, .scan_every = scan_every},
        .align = {.every_frame = true},
        .embed = {.model = real_model("mobilefacenet-photo-analyze")},
        .done = see, .ctx = s};
    assert_int_equal(o.embed.model->dim, DIM);
    assert_ok(facet_stage_open(&o.source, &two_cameras, NULL));
    c = facet_stage_state(o.source);
    for (int i = 0; i < CAMERAS; i++) {
        const char *path = real_data(clips[i]);
        struct facet_ingest_opts in = {.sources = &path, .n_sources = 1, .max_frames = FRAMES};
        assert_ok(facet_stage_open(&c->at[i], &facet_stage_ingest, &in));
    }
    assert_ok(facet_pipeline_open(&p, &o));
    assert_ok(facet_pipeline_run(p));
    assert_int_equal(facet_pipeline_summary(p)->frames, CAMERAS * FRAMES);
    assert_true(facet_pipeline_summary(p)->embedded > FRAMES);
    facet_pipeline_close(&p);
    for (int i = 0; i < CAMERAS; i++)
        facet_stage_close(&c->at[i]);
    facet_stage_close(&o.source);
    return s;
}

static void test_cameras__looked_at_together_show_what_they_show_alone(void **state)
{
    for (int scan_every = 0; scan_every <= 3; scan_every += 3) {
        struct seen *alone = watch(1, scan_every), *together = watch(4, scan_every);
        for (int i = 0; i < CAMERAS * FRAMES; i++) {
            assert_int_equal(together[i].n, alone[i].n);
            assert_memory_equal(together[i].box, alone[i].box, sizeof(alone[i].box));
            assert_memory_equal(together[i].track, alone[i].track, sizeof(alone[i].track));
            assert_memory_equal(together[i].has, alone[i].has, sizeof(alone[i].has));
            assert_memory_equal(together[i].embedding, alone[i].embedding, sizeof(alone[i].embedding));
        }
        free(together);
        free(alone);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_look__at_several_gives_what_each_gives_alone),
        cmocka_unit_test(test_look__at_what_cannot_be_is_refused),
        cmocka_unit_test(test_cameras__looked_at_together_show_what_they_show_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
