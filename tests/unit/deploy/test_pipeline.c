/* The pipeline with stages of our own: what it counts, how it ends, what it refuses. */
#include "test.h"

#include "base/errors.h"
#include "deploy/pipeline.h"
#include "deploy/strategy.h"
#include "models/spec.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

struct script { int frames, fail_at, opened, closed, cancel_at; atomic_int *cancel; };
static struct script script; /* what the fakes do in this test; reset by each */

struct fake { struct facet_frame_pool *pool; int made; };

static int source_open(void *state, const void *opts)
{
    struct fake *f = state;
    script.opened++;
    return facet_frame_pool_open(&f->pool, 8);
}

static int source_step(void *state, struct facet_packet *p)
{
    struct fake *f = state;
    if (f->made == script.frames)
        return FACET_E_END;
    int err = facet_frame_get(&p->frame, f->pool, FACET_PIXEL_RGB24, 8, 8);
    if (err)
        return err;
    p->frame->pts_ms = f->made * 40.0;
    if (script.cancel && f->made + 1 == script.cancel_at)
        *script.cancel = 1;
    f->made++;
    return FACET_OK;
}

static void source_close(void *state)
{
    struct fake *f = state;
    facet_frame_pool_close(&f->pool);
    script.closed++;
}

static int pass_open(void *state, const void *opts)
{
    script.opened++;
    return FACET_OK;
}

static int pass_step(void *state, struct facet_packet *p)
{
    return FACET_OK;
}

static void pass_close(void *state)
{
    script.closed++;
}

/* Two faces a frame: person 7, named, and a stranger. */
static int name_step(void *state, struct facet_packet *p)
{
    if (!p->frame)
        return FACET_OK;
    if (script.fail_at && p->frame->pts_ms == 40.0 * script.fail_at)
        return facet_fail(FACET_E_STORE, "the fake fails");
    p->n_faces = 2;
    memset(p->faces[0].identity.name, 0, FACET_MAX_NAME);
    p->faces[0].identity = (struct facet_identity){ .decision = FACET_KNOWN, .person = 7, .name = "Seven" };
    p->faces[1].identity = (struct facet_identity){ .decision = FACET_UNKNOWN };
    p->faces[0].is_new_track = p->faces[1].is_new_track = p->frame->pts_ms == 0;
    p->embedded = 1;
    return FACET_OK;
}

#define FAKE(step_name, o, s, c) { .name = step_name, .state_size = sizeof(struct fake), .open = o, .step = s, .close = c }
static const struct facet_stage_ops fakes[FACET_STEPS] = {
    FAKE("ingest", source_open, source_step, source_close),
    FAKE("detect", pass_open, pass_step, pass_close),
    FAKE("track", pass_open, pass_step, pass_close),
    FAKE("align", pass_open, pass_step, pass_close),
    FAKE("embed", pass_open, pass_step, pass_close),
    FAKE("identify", pass_open, name_step, pass_close),
    FAKE("publish", pass_open, pass_step, pass_close),
};
static const struct facet_strategy placement = {
    .name = "fake",
    .stage = { &fakes[0], &fakes[1], &fakes[2], &fakes[3], &fakes[4], &fakes[5], &fakes[6] },
};
static const struct facet_model_spec model = { .name = "none", .dim = 4, .chip = { .width = 8, .height = 8 } };

static int seen_by_done;

static void done(void *ctx, const struct facet_packet *p)
{
    seen_by_done++;
}

static struct facet_pipeline_opts options(unsigned threads)
{
    seen_by_done = 0;
    return (struct facet_pipeline_opts){
        .placement = &placement, .threads = threads, .detect = { .model = &model }, .embed = { .model = &model }, .done = done,
    };
}

static void check_counts(unsigned threads)
{
    struct facet_pipeline *p = NULL;
    struct facet_pipeline_opts o = options(threads);
    script = (struct script){ .frames = 50 };
    assert_int_equal(facet_pipeline_open(&p, &o), FACET_OK);
    assert_int_equal(facet_pipeline_run(p), FACET_OK);
    const struct facet_pipeline_summary *s = facet_pipeline_summary(p);
    assert_int_equal(s->frames, 50);
    assert_int_equal(s->faces, 100);
    assert_int_equal(s->tracks, 2);
    assert_int_equal(s->embedded, 50);
    assert_int_equal(s->named, 50);
    assert_int_equal(s->n_people, 1);
    assert_string_equal(s->people[0].name, "Seven");
    assert_int_equal(s->people[0].frames, 50);
    assert_int_equal(s->step[FACET_STEP_DETECT].count, 50);
    assert_false(s->is_cancelled);
    assert_int_equal(seen_by_done, 50);
    facet_pipeline_close(&p);
    assert_null(p);
    assert_int_equal(script.opened, FACET_STEPS);
    assert_int_equal(script.closed, FACET_STEPS);
}

static void test_pipeline__counts_the_same_with_and_without_threads(void **state)
{
    check_counts(1);
    check_counts(2);
}

static void test_pipeline__no_frame_is_no_failure(void **state)
{
    struct facet_pipeline *p = NULL;
    struct facet_pipeline_opts o = options(1);
    script = (struct script){ .frames = 0 };
    assert_int_equal(facet_pipeline_open(&p, &o), FACET_OK);
    assert_int_equal(facet_pipeline_run(p), FACET_OK);
    assert_int_equal(facet_pipeline_summary(p)->frames, 0);
    assert_true(facet_pipeline_summary(p)->seconds == 0);
    facet_pipeline_close(&p);
}

static void test_pipeline__failing_stage_ends_the_run_with_its_text(void **state)
{
    for (unsigned threads = 1; threads <= 2; threads++) {
        struct facet_pipeline *p = NULL;
        struct facet_pipeline_opts o = options(threads);
        script = (struct script){ .frames = 50, .fail_at = 10 };
        assert_int_equal(facet_pipeline_open(&p, &o), FACET_OK);
        assert_int_equal(facet_pipeline_run(p), FACET_E_STORE);
        assert_non_null(strstr(facet_error_text(), "the fake fails"));
        facet_pipeline_close(&p);
        assert_int_equal(script.closed, FACET_STEPS);
    }
}

static void test_pipeline__cancelled_run_finishes_what_is_inside(void **state)
{
    atomic_int cancel = 0;
    struct facet_pipeline *p = NULL;
    struct facet_pipeline_opts o = options(2);
    script = (struct script){ .frames = 1000000, .cancel = &cancel, .cancel_at = 20 };
    o.cancel = &cancel;
    assert_int_equal(facet_pipeline_open(&p, &o), FACET_OK);
    assert_int_equal(facet_pipeline_run(p), FACET_OK);
    assert_true(facet_pipeline_summary(p)->is_cancelled);
    assert_true(facet_pipeline_summary(p)->frames >= 20);
    assert_true(facet_pipeline_summary(p)->frames < 100);
    facet_pipeline_close(&p);
}

static void test_pipeline__unknown_strategy_is_refused(void **state)
{
    struct facet_pipeline *p = NULL;
    struct facet_pipeline_opts o = options(1);
    o.placement = NULL;
    o.strategy = "moon";
    assert_int_equal(facet_pipeline_open(&p, &o), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "there is no strategy 'moon'; there is edge"));
    assert_null(p);
}

static void test_pipeline__closing_nothing_is_fine(void **state)
{
    struct facet_pipeline *p = NULL;
    facet_pipeline_close(&p);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipeline__counts_the_same_with_and_without_threads),
        cmocka_unit_test(test_pipeline__no_frame_is_no_failure),
        cmocka_unit_test(test_pipeline__failing_stage_ends_the_run_with_its_text),
        cmocka_unit_test(test_pipeline__cancelled_run_finishes_what_is_inside),
        cmocka_unit_test(test_pipeline__unknown_strategy_is_refused),
        cmocka_unit_test(test_pipeline__closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
