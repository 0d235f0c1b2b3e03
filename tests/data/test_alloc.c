/* Once warm, the whole path asks for no memory: frames, packets, tensors and chips are used again.
 * Counted is what our own code asks for, on all threads; libraries are not (fault/fault.h). */
#include "test.h"

#include "cli/cli.h"
#include "fault.h"

#include "base/errors.h"
#include "deploy/pipeline.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>

/* The clip is shown twice. The first time warms up: largest picture, most faces, fullest queues. */
enum { CLIP = 275, FIRST = CLIP + 30, LAST = 2 * CLIP - 5 };

struct marks { int frames; unsigned long early, late; };

static void mark(void *ctx, const struct facet_packet *p)
{
    struct marks *m = ctx;
    m->frames += p->frame != NULL;
    if (m->frames == FIRST && p->frame)
        m->early = fault_requests();
    if (m->frames == LAST && p->frame)
        m->late = fault_requests();
}

static void count(struct cli *c, unsigned threads, unsigned long allowed)
{
    struct marks m = { 0 };
    struct facet_manifest *manifest = NULL;
    struct facet_pipeline *p = NULL;
    const char *clip = cli_data("video/short_hamilton_clip.mp4");
    const char *const sources[] = { clip, clip };
    char csv[300], events[300];
    snprintf(csv, sizeof(csv), "%s/frames.csv", c->home);
    snprintf(events, sizeof(events), "%s/events.jsonl", c->home);
    cli_need_model(c, "mtcnn");
    cli_need_model(c, "facenet-20180402");
    assert_int_equal(facet_manifest_open(&manifest, NULL), FACET_OK);
    struct facet_pipeline_opts o = {
        .threads = threads,
        .ingest = { .sources = sources, .n_sources = 2 },
        .detect = { .model = facet_manifest_find(manifest, "mtcnn"), .min_face = 40 },
        .embed = { .model = facet_manifest_find(manifest, "facenet-20180402") },
        .identify = { .threshold = 0.4 },
        .publish = { .csv = csv, .events = events },
        .done = mark,
        .ctx = &m,
    };
    if (facet_pipeline_open(&p, &o) || facet_pipeline_run(p))
        fail_msg("%s", facet_error_text());
    facet_pipeline_close(&p);
    facet_manifest_close(&manifest);
    assert_int_equal(m.frames, 2 * CLIP);
    if (m.late - m.early > allowed)
        fail_msg("%lu requests for memory in %d frames", m.late - m.early, LAST - FIRST);
}

static void test_path__asks_for_no_memory_once_warm(void **state)
{
    count(*state, 1, 0);
}

/* Packets go round; each makes room for a chip when it first meets that many faces, which may be late. */
static void test_path__asks_for_almost_none_with_threads(void **state)
{
    count(*state, 2, (LAST - FIRST) / 10);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, cli_setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_path__asks_for_no_memory_once_warm),
        CASE(test_path__asks_for_almost_none_with_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
