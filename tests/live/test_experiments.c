/* Experiments of strategies from YAML to HTML: a broker, servers and devices really run. Their networks are small and seeded, their video
 * is noise. */
#include "lib/proc.h"
#include "lib/small_models.h"

#include "base/errors.h"
#include "base/file.h"
#include "report/table.h"
#include "media/video.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 96
#define HEIGHT 64
#define FPS 25
#define FRAMES 12

static struct scratch folder;

static const char *facet(void)
{
    static char path[1024];
    snprintf(path, sizeof(path), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    return path;
}

/* One picture of noise for a while, then another: faces stay where they are, then are gone. */
static void make_clip(void)
{
    struct facet_video_writer *w;
    struct facet_image picture[2] = { small_noise(WIDTH, HEIGHT, 7), small_noise(WIDTH, HEIGHT, 8) };
    if (facet_video_writer_open(&w, scratch_path(&folder, "clip.mp4"), WIDTH, HEIGHT, FPS))
        fail_msg("%s", facet_error_text());
    for (int i = 0; i < FRAMES; i++)
        assert_int_equal(facet_video_writer_put(w, &picture[i > FRAMES / 2], i * 1000.0 / FPS), FACET_OK);
    assert_int_equal(facet_video_writer_finish(w), FACET_OK);
    facet_video_writer_close(&w);
    facet_image_fini(&picture[0]);
    facet_image_fini(&picture[1]);
}

static int setup(void **state)
{
    (void)state;
    scratch_open(&folder);
    small_models(&folder);
    setenv("FACET_DATA", scratch_path(&folder, "data"), 1);
    make_clip();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    proc_stop_all();
    scratch_close(&folder);
    return 0;
}

static void matrix(const char *name, const char *more)
{
    char text[2048];
    snprintf(text, sizeof(text), "videos: clip.mp4\nmin_face: 1\nrecognisers: " SMALL_EMBEDDER "\nidle_watts: 3\ncore_watts: 2\n%s", more);
    scratch_write(&folder, name, text);
}

/* What it said lies in run.log. */
static int bench(const char *verb, const char *what, const char *out)
{
    char file[512];
    snprintf(file, sizeof(file), "%s", scratch_path(&folder, what));
    if (!out)
        return RUN(scratch_path(&folder, "run.log"), facet(), "bench", verb, file);
    return RUN(scratch_path(&folder, "run.log"), facet(), "bench", verb, file, "--out", out);
}

static char *text_of(const char *path)
{
    uint8_t *text;
    size_t len;
    if (facet_file_read(path, 64u << 20, &text, &len))
        fail_msg("%s", facet_error_text());
    return (char *)text;
}

static void assert_says(const char *path, const char *part)
{
    char *text = text_of(path);
    if (!strstr(text, part))
        fail_msg("'%s' does not say '%s':\n%.4000s", path, part, text);
    free(text);
}

static double cell(const struct facet_table *t, size_t row, const char *column)
{
    return facet_table_number(t, row, facet_table_column(t, column));
}

static const char *word(const struct facet_table *t, size_t row, const char *column)
{
    return facet_table_text(t, row, facet_table_column(t, column));
}

/* Every cell says what its strategy must show: who sends what, and who works. */
static void check_row(const struct facet_table *t, size_t row)
{
    const char *strategy = word(t, row, "strategy");
    if (strcmp(word(t, row, "status"), "done"))
        fail_msg("%s on %s: %s", strategy, word(t, row, "detect_backend"), word(t, row, "reason"));
    assert_string_equal(word(t, row, "setup"), "site");
    assert_true(cell(t, row, "frames") == FRAMES);         /* mode every: none is dropped */
    assert_true(cell(t, row, "tracks") > 0);
    assert_true(cell(t, row, "bytes_up") > 0);
    if (cell(t, row, "decisions") > 0)             /* a device without a gallery decides nothing */
        assert_true(cell(t, row, "delay_p99_ms") >= cell(t, row, "delay_p50_ms"));
    assert_true(cell(t, row, "device_peak_mb") > 1 && cell(t, row, "server_peak_mb") > 1);
    assert_true(cell(t, row, "device_j") > 0);
    assert_string_not_equal(word(t, row, "leaves"), "");
    if (!strcmp(strategy, "edge"))
        assert_true(cell(t, row, "pictures_sent") == 0);
    if (!strcmp(strategy, "hybrid"))
        assert_true(cell(t, row, "decisions") > 0 && cell(t, row, "pictures_sent") > 0 && cell(t, row, "embedded") == cell(t, row, "pictures_sent"));
    if (!strcmp(strategy, "cloud"))
        assert_true(cell(t, row, "pictures_sent") == FRAMES);
    assert_string_equal(word(t, row, "network_by"), strcmp(word(t, row, "network"), "none") ? "relay" : "");
}

static void test_experiments__of_strategies_become_a_page(void **state)
{
    struct facet_table t;
    char out[512], path[600];
    (void)state;
    snprintf(out, sizeof(out), "%s", scratch_path(&folder, "results"));
    matrix("tiny.yaml", "name: tiny\nheights: [48, 64]\ndetectors: [" SMALL_DETECTOR ", " SMALL_DETECTOR "@ref]\n"
                        "strategies: [edge, hybrid, cloud]\nmodes: every\n");
    if (bench("run", "tiny.yaml", out))
        fail_msg("%s", text_of(scratch_path(&folder, "run.log")));
    assert_says(scratch_path(&folder, "run.log"), "12 done, 0 failed");
    assert_int_equal(bench("check", "results", NULL), 0);
    snprintf(path, sizeof(path), "%s/summary.csv", out);
    assert_int_equal(facet_table_load(&t, path), FACET_OK);
    assert_int_equal(t.n_rows, 12);
    for (size_t i = 0; i < t.n_rows; i++)
        check_row(&t, i);
    facet_table_fini(&t);
    snprintf(path, sizeof(path), "%s/galleries", out);
    assert_false(facet_path_exists(path));
    assert_int_equal(RUN(scratch_path(&folder, "run.log"), facet(), "report", out), 0);
    snprintf(path, sizeof(path), "%s/report.html", out);
    assert_says(path, "\"strategy\":\"hybrid\"");
    snprintf(path, sizeof(path), "%s/report.md", out);
    assert_says(path, "| cloud ");
    assert_int_equal(bench("run", "tiny.yaml", out), 0);       /* nothing is done twice */
    assert_says(scratch_path(&folder, "run.log"), "0 done, 0 failed, 12 were done before");
}

/* What cannot be run is told with its reason, and the rest go on. */
static void test_experiments__that_fail_say_why(void **state)
{
    char out[512];
    (void)state;
    snprintf(out, sizeof(out), "%s", scratch_path(&folder, "failing"));
    matrix("failing.yaml", "name: failing\ndetectors: [" SMALL_DETECTOR "@nosuch, " SMALL_DETECTOR "]\nstrategies: [edge]\nnetworks: [mine]\n"
                           "profiles: {mine: {delay: 5, rate_up: 5000, rate_down: 5000}}\n");
    assert_int_not_equal(bench("run", "failing.yaml", out), 0);
    assert_says(scratch_path(&folder, "run.log"), "1 done, 1 failed");
    assert_says(scratch_path(&folder, "failing/summary.csv"), "nosuch");
    assert_says(scratch_path(&folder, "failing/summary.csv"), ",site,0,");
    setenv("FACET_MOSQUITTO", "/nowhere/mosquitto", 1);
    snprintf(out, sizeof(out), "%s", scratch_path(&folder, "brokerless"));
    assert_int_not_equal(bench("run", "failing.yaml", out), 0);
    unsetenv("FACET_MOSQUITTO");
    assert_says(scratch_path(&folder, "brokerless/summary.csv"), "install the package mosquitto");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_experiments__of_strategies_become_a_page),
        cmocka_unit_test(test_experiments__that_fail_say_why),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
