/* The report: folders side by side, what follows from columns, prices, figures of others; and what is refused. The figures here are
 * invented for the test. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/json.h"
#include "report/beside.h"
#include "report/cost.h"
#include "report/page.h"
#include "report/runs.h"
#include "lib/scratch.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    struct scratch *s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    scratch_open(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scratch *s = *state;
    scratch_close(s);
    free(s);
    return 0;
}

static void assert_refused(int err, int wanted, const char *why)
{
    assert_int_equal(err, wanted);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
}

static const char *put(const struct scratch *s, const char *name, const char *text)
{
    const char *path = scratch_path(s, name);
    char dir[512];
    snprintf(dir, sizeof(dir), "%.*s", (int)(facet_path_base(path) - path), path);
    assert_int_equal(facet_mkdirs(dir), FACET_OK);
    scratch_write(s, name, text);
    return path;
}

#define HEAD "id,video,lines,detector,detect_backend,recogniser,recognise_backend,mode,strategy,network,status,reason,frames,seconds,fps,faces," \
             "faces_a_frame,recognised,decode_ms,detect_ms,embed_ms,cpu_ms_a_frame,peak_rss_mb,energy_j,energy_source,j_a_frame,bytes_sent\n"
#define DONE(id, backend, lines, fps, cpu) \
    id ",a.mp4," lines ",mtcnn," backend ",net,cpu,track,edge,none,done,,100,10," fps ",200,2,50,1,4,8," cpu ",300,20,model,0.2,1000\n"

static void put_folder(const struct scratch *s, const char *name, const char *rows)
{
    char file[64];
    snprintf(file, sizeof(file), "%s/experiments.json", name);
    put(s, file, "{\"name\": \"study\", \"items\": []}");
    snprintf(file, sizeof(file), "%s/environment.json", name);
    put(s, file, "{\"processor\": \"X | 1\", \"cores\": 4, \"os\": \"Debian\"}");
    snprintf(file, sizeof(file), "%s/summary.csv", name);
    put(s, file, rows);
}

static struct facet_report_page_opts opts_of(const struct scratch *s, const char *const *names, int n, const char **dirs, char paths[][320])
{
    for (int i = 0; i < n; i++) {
        snprintf(paths[i], 320, "%s/%s", s->dir, names[i]);
        dirs[i] = paths[i];
    }
    return (struct facet_report_page_opts){ .dirs = dirs, .n_dirs = n };
}

#define OPTS(...) \
    const char *const names[] = { __VA_ARGS__ }; \
    const char *dirs[8]; \
    char paths[8][320]; \
    struct facet_report_page_opts o = opts_of(s, names, (int)(sizeof(names) / sizeof(names[0])), dirs, paths)

static void test_report__folders_of_one_name_stay_apart(void **state)
{
    const struct scratch *s = *state;
    struct facet_report_runs runs;
    put_folder(s, "a/results", HEAD DONE("aa-1", "cpu", "480", "50", "20"));
    put_folder(s, "b/results", HEAD DONE("aa-1", "cpu", "480", "25", "40"));
    OPTS("a/results/", "b/results");
    assert_int_equal(facet_report_runs_load(&runs, o.dirs, o.n_dirs), FACET_OK);
    assert_string_equal(runs.run[0].label, "results: X | 1, 4 cores");
    assert_string_equal(runs.run[1].label, "results 2: X | 1, 4 cores");
    assert_string_equal(facet_report_word(&runs.run[1], 0, "platform"), runs.run[1].label);
    assert_string_equal(facet_report_word(&runs.run[1], 0, "no_such_column"), "");
    facet_report_runs_fini(&runs);
    assert_int_equal(facet_report_runs_load(&runs, o.dirs, 1), FACET_OK);
    assert_string_equal(runs.run[0].label, "X | 1, 4 cores");
    facet_report_runs_fini(&runs);
}

static void test_report__says_what_follows_from_columns(void **state)
{
    const struct scratch *s = *state;
    struct facet_report_runs runs;
    put_folder(s, "a", HEAD DONE("aa-1", "cpu", "480", "50", "20")
                       "bb-1,a.mp4,480,mtcnn,cpu,net,cpu,track,cloud,lan,done,,100,10,10,200,2,50,1,4,8,20,300,,,,50000\n"
                       "cc-1,a.mp4,480,mtcnn,cpu,net,cpu,track,edge,none,failed,no,,,,,,,,,,,,,,,\n");
    OPTS("a");
    assert_int_equal(facet_report_runs_load(&runs, o.dirs, o.n_dirs), FACET_OK);
    const struct facet_report_run *run = &runs.run[0];
    assert_float_equal(facet_report_value(run, 0, "watts"), 2, 1e-9);
    assert_float_equal(facet_report_value(run, 0, "device_cpu_ms"), 20, 1e-9);
    assert_float_equal(facet_report_value(run, 0, "cameras_a_device"), 20, 1e-9);    /* 4 cores of 1000 ms, 10 frames of 20 ms */
    assert_float_equal(facet_report_value(run, 0, "up_a_frame"), 10, 1e-9);
    assert_float_equal(facet_report_value(run, 0, "named_part"), 25, 1e-9);
    assert_true(isnan(facet_report_value(run, 1, "device_cpu_ms")));               /* cloud: not told apart, so not guessed */
    assert_true(isnan(facet_report_value(run, 1, "watts")));
    assert_float_equal(facet_report_value(run, 1, "up_a_frame"), 500, 1e-9);
    assert_false(facet_report_is_done(run, 2));
    facet_report_runs_fini(&runs);
}

static const char prices_text[] =
    "- {name: board, at: device, euro: 120, months: 24, note: bought}\n- {name: rented, at: server, euro_a_month: 20}\n"
    "- {name: power, euro_a_kwh: 0.5}\n- {name: line, euro_a_gb: 2}\n";

static void test_costs__share_a_machine_among_its_cameras(void **state)
{
    const struct scratch *s = *state;
    struct facet_report_runs runs;
    struct facet_price prices[FACET_MAX_PRICES];
    struct facet_report_costs costs;
    size_t n;
    put_folder(s, "a", HEAD DONE("aa-1", "cpu", "480", "50", "20")
                       "bb-1,a.mp4,480,mtcnn,cpu,net,cpu,track,hybrid,lan,done,,100,10,10,200,2,50,1,4,8,20,300,,,,50000\n");
    OPTS("a");
    assert_int_equal(facet_report_runs_load(&runs, o.dirs, o.n_dirs), FACET_OK);
    assert_int_equal(facet_prices_load(prices, &n, put(s, "prices.yaml", prices_text)), FACET_OK);
    assert_int_equal(n, 4);
    assert_int_equal(facet_report_costs(&costs, &runs, prices, n), FACET_OK);
    assert_int_equal(costs.n, 2);
    assert_string_equal(costs.item[0].machines, "board");
    assert_float_equal(costs.item[0].machine, 5.0 / 20, 1e-9);
    double frames = 10 * 3600 * 24 * 365.25 / 12;
    assert_float_equal(costs.item[0].electricity, frames * 0.2 / 3.6e6 * 0.5, 1e-6);
    assert_float_equal(costs.item[0].traffic, frames * 10 / 1e9 * 2, 1e-6);
    assert_float_equal(costs.item[0].sum, costs.item[0].machine + costs.item[0].electricity + costs.item[0].traffic, 1e-9);
    assert_string_equal(costs.item[1].machines, "board + rented");
    assert_true(isnan(costs.item[1].sum));     /* nobody knows how many cameras either carries */
    facet_report_costs_fini(&costs);
    facet_report_runs_fini(&runs);
}

static void refuse_prices(const struct scratch *s, const char *text, const char *why)
{
    struct facet_price prices[FACET_MAX_PRICES];
    size_t n;
    assert_refused(facet_prices_load(prices, &n, put(s, "bad.yaml", text)), FACET_E_FORMAT, why);
}

static void test_prices__refuse_what_they_do_not_understand(void **state)
{
    const struct scratch *s = *state;
    struct facet_price prices[FACET_MAX_PRICES];
    size_t n;
    refuse_prices(s, "name: board\n", "list of prices");
    refuse_prices(s, "- {name: board}\n", "line 1: a price has one of");
    refuse_prices(s, "- {name: board, euro: 5}\n", "go together");
    refuse_prices(s, "- {name: board, euro: 5, months: 0}\n", "more than 0 months");
    refuse_prices(s, "- {name: board, euro_a_month: -1}\n", "0 or more");
    refuse_prices(s, "- {name: board, euro_a_month: 1, euro_a_gb: 1}\n", "one of");
    refuse_prices(s, "- {euro_a_month: 1}\n", "has a name");
    refuse_prices(s, "- {name: board, at: home, euro_a_month: 1}\n", "device or server");
    refuse_prices(s, "- {name: board, euros: 1}\n", "euros");
    assert_int_equal(facet_prices_load(prices, &n, "/no/such/prices.yaml"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_prices_load(prices, &n, NULL), FACET_OK);
    assert_int_equal(n, 0);
}

static void test_prices__of_the_repository_are_examples(void **state)
{
    struct facet_price prices[FACET_MAX_PRICES];
    char path[512];
    size_t n;
    (void)state;
    snprintf(path, sizeof(path), "%s/bench/prices.yaml", getenv("FACET_TEST_SOURCE"));
    assert_int_equal(facet_prices_load(prices, &n, path), FACET_OK);
    assert_true(n > 0);
    for (size_t i = 0; i < n; i++)
        assert_non_null(strstr(prices[i].name, "(example)"));
}

#define PUBLISHED "# source: invented for a test\n# title: Frames a second of nobody\n# beside: frameworks\nframework,frames/s\nalpha,12.5\n"

static void test_published__stand_in_their_section_and_are_marked(void **state)
{
    const struct scratch *s = *state;
    struct facet_str text = FACET_STR_INIT;
    put_folder(s, "a", HEAD DONE("aa-1", "cpu", "480", "50", "20"));
    put(s, "published/one.csv", PUBLISHED);
    put(s, "published/README.md", "no table");
    OPTS("a");
    o.published = scratch_path(s, "published");
    assert_int_equal(facet_report_digest(&text, &o), FACET_OK);
    const char *ours = strstr(text.data, "## Detection and recognition frameworks"), *theirs = strstr(text.data, "invented for a test");
    assert_non_null(ours);
    assert_non_null(theirs);
    assert_true(theirs > ours && theirs < strstr(text.data, "## Frames a second by resolution"));
    assert_non_null(strstr(theirs, "Not comparable: other videos, other hardware."));
    assert_non_null(strstr(theirs, "| alpha | 12.5 |"));
    facet_str_fini(&text);
}

static void refuse_published(const struct scratch *s, const char *csv, const char *why)
{
    struct facet_publisheds p;
    put(s, "bad/x.csv", csv);
    assert_refused(facet_publisheds_load(&p, scratch_path(s, "bad")), FACET_E_FORMAT, why);
    assert_int_equal(p.n, 0);
}

static void test_published__refuse_what_has_no_source_or_place(void **state)
{
    const struct scratch *s = *state;
    struct facet_publisheds p;
    refuse_published(s, "framework,frames/s\nalpha,1\n", "# source: ...");
    refuse_published(s, "a,b\n# source: said too late\n1,2\n", "# source: ...");
    refuse_published(s, "# source: s\n# beside: nowhere\na,b\n1,2\n", "nowhere");
    refuse_published(s, "# source: s\na,b\n1\n", "line 3");
    assert_int_equal(facet_publisheds_load(&p, NULL), FACET_OK);
    assert_int_equal(p.n, 0);
    assert_int_not_equal(facet_publisheds_load(&p, "/no/such/folder"), FACET_OK);
}

static void test_digest__has_the_tables_of_several_machines(void **state)
{
    const struct scratch *s = *state;
    struct facet_str text = FACET_STR_INIT;
    put_folder(s, "a", HEAD DONE("aa-1", "cpu", "480", "50", "20") DONE("ab-1", "ref", "480", "10", "90"));
    put_folder(s, "b", HEAD DONE("aa-1", "cpu", "480", "30", "40")
                       "cc-1,a.mp4,480,mtcnn,cpu,net,cpu,track,edge,none,failed,it | broke,,,,,,,,,,,,,,,\n");
    OPTS("a", "b");
    assert_int_equal(facet_report_digest(&text, &o), FACET_OK);
    static const char *const wanted[] = {
        "4 runs, 1 of them failed", "| a: X \\| 1, 4 cores | 1.00 | 4.00 | 8.00 | 2 |",
        "| mtcnn | cpu | net | cpu | track | 1.00 | 4.00 | 8.00 | - | 40.0 | 200 | 2.00 | 30.0 | 2 |",
        "| b: X \\| 1, 4 cores | 480 | 30.0 | 30.0 | 30.0 | 30.0 | 30.0 | 1 |",
        "## Memory", "## Power and energy", "## Strategies", "## Accuracy and speed", "## Cost",
        "No prices were given", "it \\| broke",
    };
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
        if (!strstr(text.data, wanted[i]))
            fail_msg("the digest lacks '%s':\n%s", wanted[i], text.data);
    facet_str_fini(&text);
}

static void test_report__refuses_what_is_no_folder_of_experiments(void **state)
{
    const struct scratch *s = *state;
    struct facet_str text = FACET_STR_INIT;
    const char *many[FACET_REPORT_MAX_DIRS + 1] = { NULL };
    put_folder(s, "a", HEAD);
    put_folder(s, "b", "id,frames\nonly one cell\n");
    OPTS("a", "nothing");
    assert_refused(facet_report_data(&text, &o), FACET_E_NOT_FOUND, "experiments.json");
    snprintf(paths[1], sizeof(paths[1]), "%s/b", s->dir);
    assert_refused(facet_report_data(&text, &o), FACET_E_FORMAT, "summary.csv");
    for (int i = 0; i <= FACET_REPORT_MAX_DIRS; i++)
        many[i] = o.dirs[0];
    o.dirs = many;
    o.n_dirs = FACET_REPORT_MAX_DIRS + 1;
    assert_refused(facet_report_data(&text, &o), FACET_E_LIMIT, "64 folders");
    facet_str_fini(&text);
}

/* No text of a folder ends the script that the page keeps it in. */
static void test_page__holds_hostile_names_as_text(void **state)
{
    const struct scratch *s = *state;
    struct facet_str html = FACET_STR_INIT;
    put_folder(s, "a", HEAD "</script><b>,a.mp4,480,mtcnn,cpu,net,cpu,track,edge,none,failed,<!--<script>,,,,,,,,,,,,,,,\n");
    OPTS("a");
    o.template_file = put(s, "page.html", "<script>@FACET_REPORT_DATA@</script>");
    assert_int_equal(facet_report_page(&html, &o), FACET_OK);
    assert_null(strstr(html.data, "</script><b>"));
    assert_null(strstr(html.data, "<!--"));
    assert_non_null(strstr(html.data, "\\u003c/script>\\u003cb>"));
    facet_str_fini(&html);
    o.template_file = put(s, "page.html", "<script></script>");
    assert_refused(facet_report_page(&html, &o), FACET_E_FORMAT, "no place for data");
    facet_str_fini(&html);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_report__folders_of_one_name_stay_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_report__says_what_follows_from_columns, setup, teardown),
        cmocka_unit_test_setup_teardown(test_costs__share_a_machine_among_its_cameras, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prices__refuse_what_they_do_not_understand, setup, teardown),
        cmocka_unit_test(test_prices__of_the_repository_are_examples),
        cmocka_unit_test_setup_teardown(test_published__stand_in_their_section_and_are_marked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_published__refuse_what_has_no_source_or_place, setup, teardown),
        cmocka_unit_test_setup_teardown(test_digest__has_the_tables_of_several_machines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_report__refuses_what_is_no_folder_of_experiments, setup, teardown),
        cmocka_unit_test_setup_teardown(test_page__holds_hostile_names_as_text, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
