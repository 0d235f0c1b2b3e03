/* The matrix: what a file stands for, and what is refused; folders that say what never was. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "bench/experiment.h"
#include "bench/experiment_check.h"
#include "bench/experiment_run.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct room { char dir[64], file[128]; };

static int setup(void **state)
{
    struct room *r = calloc(1, sizeof(*r));
    snprintf(r->dir, sizeof(r->dir), "/tmp/facet-test-XXXXXX");
    if (!mkdtemp(r->dir))
        return -1;
    snprintf(r->file, sizeof(r->file), "%s/x.yaml", r->dir);
    char clip[128];
    snprintf(clip, sizeof(clip), "%s/a.mp4", r->dir);
    *state = r;
    return facet_file_write_atomic(clip, "x", 1);
}

static int teardown(void **state)
{
    struct room *r = *state;
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", r->dir);
    free(r);
    return system(command);
}

static int load(struct room *r, struct facet_experiments *x, const char *text, bool quick)
{
    assert_int_equal(facet_file_write_atomic(r->file, text, strlen(text)), FACET_OK);
    return facet_experiments_load(x, r->file, NULL, quick);
}

static void test_experiments__are_all_combinations_repeated(void **state)
{
    struct room *r = *state;
    struct facet_experiments x;
    assert_int_equal(load(r, &x, "name: t\nvideos: a.mp4\nheights: [480, 720]\ndetectors: [mtcnn@onednn, yunet-n-640]\n"
                                 "modes: [every, guided]\nrepeats: 3\nwarmups: 1\nmax_frames: 50\n", false), FACET_OK);
    assert_int_equal(x.n, 2 * 2 * 2 * 4);
    assert_int_equal(x.items[0].repeat, 0);
    assert_int_equal(x.items[8].repeat, 1);
    assert_int_equal(x.items[31].repeat, 3);
    assert_string_equal(x.items[8].detector.model, "mtcnn");
    assert_string_equal(x.items[8].detector.backend, "onednn");
    assert_string_equal(x.items[10].detector.backend, "cpu");
    assert_int_equal(x.items[9].mode, FACET_EXPERIMENT_GUIDED);
    assert_string_equal(x.items[8].strategy, "edge");
    assert_int_equal(x.items[8].height, 480);
    assert_int_equal(x.max_frames, 50);
    facet_experiments_fini(&x);
}

static void test_experiments__ids_tell_what_is_run_and_nothing_else(void **state)
{
    struct room *r = *state;
    struct facet_experiments x, y;
    assert_int_equal(load(r, &x, "name: one\nvideos: [a.mp4]\nheights: [480, 720]\nrepeats: 2\n", false), FACET_OK);
    assert_int_equal(load(r, &y, "name: two\nvideos: [a.mp4]\nheights: 720\n", false), FACET_OK);
    assert_string_equal(x.items[1].id, y.items[0].id);
    assert_int_equal(strncmp(x.items[1].id, x.items[3].id, 12), 0);
    assert_string_not_equal(x.items[1].id, x.items[3].id);
    assert_string_not_equal(x.items[0].id, x.items[1].id);
    facet_experiments_fini(&y);
    assert_int_equal(load(r, &y, "name: two\nvideos: [a.mp4]\nheights: 720\n", true), FACET_OK);
    assert_string_not_equal(x.items[1].id, y.items[0].id);       /* fewer frames are another experiment */
    facet_experiments_fini(&x);
    facet_experiments_fini(&y);
}

static void test_experiments__batches_are_an_axis(void **state)
{
    struct room *r = *state;
    struct facet_experiments x, plain;
    char text[256];
    assert_int_equal(load(r, &x, "videos: a.mp4\nbatches: [0, 1, 4]\n", false), FACET_OK);
    assert_int_equal(load(r, &plain, "videos: a.mp4\n", false), FACET_OK);
    assert_int_equal(x.n, 3);
    assert_int_equal(x.items[2].batch, 4);
    assert_string_equal(x.items[0].id, plain.items[0].id);
    assert_string_not_equal(x.items[1].id, plain.items[0].id);
    assert_string_not_equal(x.items[1].id, x.items[2].id);
    facet_experiment_describe(&x.items[2], text, sizeof(text));
    assert_non_null(strstr(text, ", 4 at once"));
    facet_experiments_fini(&x);
    facet_experiments_fini(&plain);
}

static void test_experiments__strategies_and_networks_make_sites(void **state)
{
    struct room *r = *state;
    struct facet_experiments x, y;
    assert_int_equal(load(r, &x, "videos: a.mp4\nstrategies: [edge, cloud]\nnetworks: [none, 3g, mine]\nframe_rates: [0, 10]\n"
                                 "profiles: {mine: {delay: 12, jitter: 3, loss: 0.01, rate_up: 500, rate_down: 900}}\n", false), FACET_OK);
    assert_int_equal(x.n, 2 * 3 * 2);
    assert_true(x.items[0].is_site);
    assert_string_equal(x.items[0].network, "none");
    assert_true(x.items[0].way[0].delay_ms == 0 && x.items[0].way[0].rate_kbps == 0);
    assert_true(x.items[1].way[FACET_NETSIM_UP].rate_kbps == 750);
    assert_true(x.items[2].way[FACET_NETSIM_DOWN].rate_kbps == 900 && x.items[2].way[FACET_NETSIM_UP].rate_kbps == 500);
    assert_string_equal(x.items[3].strategy, "cloud");
    assert_int_equal(x.items[11].frame_rate, 10);
    for (size_t i = 0; i < x.n; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(x.items[i].id, x.items[j].id);
    assert_int_equal(load(r, &y, "videos: a.mp4\n", false), FACET_OK);
    assert_false(y.items[0].is_site);
    assert_string_not_equal(x.items[0].id, y.items[0].id);
    facet_experiments_fini(&y);
    /* the same name, another network: another experiment */
    assert_int_equal(load(r, &y, "videos: a.mp4\nstrategies: edge\nnetworks: mine\nprofiles: {mine: {delay: 13}}\n", false), FACET_OK);
    assert_string_not_equal(x.items[2].id, y.items[0].id);
    facet_experiments_fini(&x);
    facet_experiments_fini(&y);
}

static void refuses(struct room *r, const char *text, int code, const char *why)
{
    struct facet_experiments x;
    assert_int_equal(load(r, &x, text, false), code);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
    assert_null(x.items);
}

static void test_experiments__refuse_what_they_do_not_understand(void **state)
{
    struct room *r = *state;
    refuses(r, "name: t\n", FACET_E_FORMAT, "names no 'videos'");
    refuses(r, "videos: b.mp4\n", FACET_E_NOT_FOUND, "line 1: there is no video 'b.mp4'");
    refuses(r, "videos: a.mp4\nvidoes: a.mp4\n", FACET_E_FORMAT, "did you mean 'videos'?");
    refuses(r, "videos: a.mp4\nmodes: [sometimes]\n", FACET_E_FORMAT, "line 2: a mode is");
    refuses(r, "videos: a.mp4\nheights: [481]\n", FACET_E_FORMAT, "even number");
    refuses(r, "videos: a.mp4\nheights: lots\n", FACET_E_FORMAT, "'lots' is no whole number");
    refuses(r, "videos: a.mp4\ndetectors: [\"@cpu\"]\n", FACET_E_FORMAT, "a model and a back end");
    refuses(r, "videos: []\n", FACET_E_FORMAT, "a list of values");
    refuses(r, "videos: [[a.mp4]]\n", FACET_E_FORMAT, "a plain value");
    refuses(r, "videos: a.mp4\nrepeats: 0\n", FACET_E_FORMAT, "'repeats' must be");
    refuses(r, "- a\n", FACET_E_FORMAT, "key: value");
}

static void test_experiments__refuse_sites_that_cannot_be(void **state)
{
    struct room *r = *state;
    refuses(r, "videos: a.mp4\nstrategies: [edge, fog]\n", FACET_E_FORMAT, "line 2: there is no strategy 'fog'; there is edge, cloud, hybrid");
    refuses(r, "videos: a.mp4\nnetworks: 6g\n", FACET_E_FORMAT, "line 2: there is no profile '6g'");
    refuses(r, "videos: a.mp4\nnetworks: a\nprofiles: {a: {delya: 3}}\n", FACET_E_FORMAT, "did you mean 'delay'?");
    refuses(r, "videos: a.mp4\nnetworks: a\nprofiles: {a: {loss: 2}}\n", FACET_E_FORMAT, "loss 2");
    refuses(r, "videos: a.mp4\nnetworks: a\nprofiles: {a: {delay: -1}}\n", FACET_E_FORMAT, "delay -1");
    refuses(r, "videos: a.mp4\nnetworks: a\nprofiles: {a: 3g}\n", FACET_E_FORMAT, "a profile is like");
    refuses(r, "videos: a.mp4\nprofiles: [3g]\n", FACET_E_FORMAT, "profiles are");
    refuses(r, "videos: a.mp4\nframe_rates: 2000\n", FACET_E_FORMAT, "'2000' is no whole number");
    refuses(r, "videos: a.mp4\nbatches: [1, 9]\n", FACET_E_FORMAT, "'9' is no whole number");
    refuses(r, "videos: a.mp4\npeople: nobody\n", FACET_E_NOT_FOUND, "there is no folder 'nobody'");
    refuses(r, "videos: a.mp4\npeople: .\ngallery: g.db\n", FACET_E_FORMAT, "give one");
}

static void test_experiments__refuse_more_than_can_be_run(void **state)
{
    struct room *r = *state;
    refuses(r, "videos: a.mp4\nthreads: [0,1,2,3,4,5,6,7,8,9]\nmin_face: [1,2,3,4,5,6,7,8,9,10]\nevery: [1,2,3,4,5,6,7,8,9,10]\nrepeats: 100\n",
            FACET_E_LIMIT, "more than 20000");
}

static void put(struct room *r, const char *name, const char *text)
{
    char path[256], dir[256];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    snprintf(dir, sizeof(dir), "%.*s", (int)(facet_path_base(path) - path), path);
    assert_int_equal(facet_mkdirs(dir), FACET_OK);
    assert_int_equal(facet_file_write_atomic(path, text, strlen(text)), FACET_OK);
}

#define FRAMES "frame,pts_ms,width,height,faces,decode_ms,detect_ms,track_ms,align_ms,embed_ms,identify_ms,publish_ms,queue_ms,total_ms,cpu_ms," \
               "tracks,embedded,recognised\n"

static void test_check__finds_what_does_not_fit(void **state)
{
    struct room *r = *state;
    struct facet_checked c;
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_E_NOT_FOUND);
    put(r, "experiments.json", "{\"items\": [{\"id\": \"aa-1\"}, {\"id\": \"bb-1\"}, {\"id\": \"cc-1\"}]}");
    put(r, "environment.json", "{\"processor\": \"x\"}");
    put(r, "summary.csv", "id,frames\naa-1,2\nbb-1,\n");
    put(r, "runs/aa-1/frames.csv", FRAMES "0,0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n1,40,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n");
    put(r, "runs/aa-1/run.json", "{\"id\": \"aa-1\"}");
    put(r, "runs/bb-1/failed.txt", "no\n");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 0);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.failed, 1);
    assert_int_equal(c.missing, 1);
    put(r, "runs/aa-1/frames.csv", FRAMES "1,0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n1,40,1,1,1,x,1,1,1,1,1,1,1,1,1,1,1,1\n");
    put(r, "runs/aa-1/run.json", "{\"id\": \"zz-1\"}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 3);
    assert_non_null(strstr(c.first, "'decode_ms' of row 2 is 'x'"));
}

static void test_check__finds_engines_without_a_version(void **state)
{
    struct room *r = *state;
    struct facet_checked c;
    put(r, "experiments.json", "{\"items\": [{\"id\": \"aa-1\", \"detect_backend\": \"openvino\", \"recognise_backend\": \"cpu\"}]}");
    put(r, "summary.csv", "id,frames\naa-1,\n");
    put(r, "runs/aa-1/failed.txt", "no\n");
    put(r, "environment.json", "{\"processor\": \"x\", \"libraries\": {\"openvino\": \"2026.4.1\", \"ffmpeg\": null}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 0);
    put(r, "environment.json", "{\"processor\": \"x\", \"libraries\": {\"openvino\": null}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 0);
    put(r, "environment.json", "{\"processor\": \"x\", \"libraries\": {\"ffmpeg\": \"5.1\"}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_non_null(strstr(c.first, "does not tell the version of 'openvino'"));
    put(r, "environment.json", "{\"processor\": \"x\", \"libraries\": {\"openvino\": 2026}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_non_null(strstr(c.first, "'openvino' neither as text nor as null"));
    put(r, "environment.json", "{\"processor\": \"x\", \"libraries\": 7}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_non_null(strstr(c.first, "no list of libraries"));
}

#define SITE "\"video_seconds\": 1, \"events\": 1, \"tracks\": 1, \"decisions\": 1, \"device_cpu_seconds\": 1, \"server_cpu_seconds\": 1, " \
             "\"device_peak_bytes\": 1, \"server_peak_bytes\": 1, \"bytes_up\": 1"

static void test_check__finds_sites_that_tell_half(void **state)
{
    struct room *r = *state;
    struct facet_checked c;
    put(r, "experiments.json", "{\"items\": [{\"id\": \"aa-1\"}]}");
    put(r, "environment.json", "{\"processor\": \"x\"}");
    put(r, "summary.csv", "id,frames\naa-1,1\n");
    put(r, "runs/aa-1/frames.csv", FRAMES "0,0,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n");
    put(r, "runs/aa-1/run.json", "{\"id\": \"aa-1\", \"setup\": \"site\", \"site\": {" SITE ", \"bytes_down\": 0}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 0);
    put(r, "runs/aa-1/run.json", "{\"id\": \"aa-1\", \"setup\": \"site\", \"site\": {" SITE "}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_non_null(strstr(c.first, "its site has no 'bytes_down'"));
    put(r, "runs/aa-1/run.json", "{\"id\": \"aa-1\", \"setup\": \"site\", \"site\": {" SITE ", \"bytes_down\": 0, \"delay_p50_ms\": 9, \"delay_p99_ms\": 3}}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_non_null(strstr(c.first, "half of the delays are over 9 ms"));
    put(r, "runs/aa-1/run.json", "{\"id\": \"aa-1\", \"setup\": \"site\"}");
    assert_int_equal(facet_experiments_check(&c, r->dir), FACET_OK);
    assert_int_equal(c.faults, 1);
}

static void test_compare__tells_noise_from_change(void **state)
{
    struct room *r = *state;
    struct facet_report report;
    size_t changed = 0;
    char a[128], b[128];
    snprintf(a, sizeof(a), "%s/A", r->dir);
    snprintf(b, sizeof(b), "%s/B", r->dir);
    put(r, "A/summary.csv", "id,repeat,status,frames,fps,faces,video\nq-1,1,done,9,50,7,v\nq-2,2,done,9,51,7,v\nq-3,3,done,9,52,7,v\n");
    put(r, "B/summary.csv", "id,repeat,status,frames,fps,faces,video\nq-1,1,done,9,80,7,v\nq-2,2,done,9,81,7,v\nq-3,3,done,9,82,7,v\n");
    facet_report_init(&report, "compare", 0);
    assert_int_equal(facet_experiments_compare(&report, a, b, &changed), FACET_OK);
    assert_int_equal(changed, 1);        /* fps; the faces are the same */
    facet_report_fini(&report);
    put(r, "B/summary.csv", "id,repeat,status,frames,fps,faces,video\nw-1,1,done,9,80,7,v\n");
    facet_report_init(&report, "compare", 0);
    assert_int_equal(facet_experiments_compare(&report, a, b, &changed), FACET_E_NOT_FOUND);
    facet_report_fini(&report);
    facet_report_init(&report, "compare", 0);
    assert_int_equal(facet_experiments_compare(&report, a, "/no/such", &changed), FACET_E_NOT_FOUND);
    facet_report_fini(&report);
}

static void count_faults(void *ctx, const struct facet_experiment_told *t)
{
    *(int *)ctx += t->fault != NULL;
}

static void test_run__a_failing_experiment_is_recorded_and_the_rest_go_on(void **state)
{
    struct room *r = *state;
    struct facet_experiments x;
    struct facet_experiment_count count;
    struct facet_checked c;
    char out[128];
    int faults = 0;
    snprintf(out, sizeof(out), "%s/out", r->dir);
    assert_int_equal(load(r, &x, "name: t\nvideos: a.mp4\nmin_face: [20, 30]\n", false), FACET_OK);
    struct facet_experiment_run_opts o = { .out = out, .program = "/bin/false", .progress = count_faults, .ctx = &faults };
    assert_int_equal(facet_experiments_run(&x, &o, &count), FACET_OK);
    assert_int_equal(count.failed, 2);
    assert_int_equal(faults, 2);
    assert_int_equal(facet_experiments_check(&c, out), FACET_OK);
    assert_int_equal(c.failed, 2);
    assert_int_equal(c.faults, 0);
    assert_int_equal(facet_experiments_run(&x, &o, &count), FACET_OK);       /* not again by itself */
    assert_int_equal(count.failed, 0);
    o.retry = true;
    assert_int_equal(facet_experiments_run(&x, &o, &count), FACET_OK);
    assert_int_equal(count.failed, 2);
    x.limit_s = 1e-9;              /* time is over before anything begins: told, and not a failure */
    assert_int_equal(facet_experiments_run(&x, &o, &count), FACET_OK);
    assert_int_equal(count.left, 2);
    assert_int_equal(count.failed, 0);
    x.limit_s = 0;
    atomic_int stop = 1;
    o.cancel = &stop;
    assert_int_equal(facet_experiments_run(&x, &o, &count), FACET_E_CANCELLED);
    facet_experiments_fini(&x);
}

#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_experiments__are_all_combinations_repeated),
        IN_ROOM(test_experiments__ids_tell_what_is_run_and_nothing_else),
        IN_ROOM(test_experiments__batches_are_an_axis),
        IN_ROOM(test_experiments__strategies_and_networks_make_sites),
        IN_ROOM(test_experiments__refuse_sites_that_cannot_be),
        IN_ROOM(test_experiments__refuse_what_they_do_not_understand),
        IN_ROOM(test_experiments__refuse_more_than_can_be_run),
        IN_ROOM(test_check__finds_what_does_not_fit),
        IN_ROOM(test_check__finds_sites_that_tell_half),
        IN_ROOM(test_check__finds_engines_without_a_version),
        IN_ROOM(test_compare__tells_noise_from_change),
        IN_ROOM(test_run__a_failing_experiment_is_recorded_and_the_rest_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
