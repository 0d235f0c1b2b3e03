/* Progress writes to standard error; the test points that at a file. Time is the real clock's, so
 * the marks of the last line drawn are turned back by hand. */
#include "test.h"

#include "cli/out.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static char said[1024];

static void capture(void (*talk)(void))
{
    FILE *f = tmpfile();
    int kept = dup(STDERR_FILENO);
    assert_non_null(f);
    fflush(stderr);
    dup2(fileno(f), STDERR_FILENO);
    talk();
    fflush(stderr);
    dup2(kept, STDERR_FILENO);
    close(kept);
    rewind(f);
    said[fread(said, 1, sizeof(said) - 1, f)] = '\0';
    fclose(f);
}

static struct facet_progress begun(bool terminal, bool quiet, const char *unit)
{
    struct facet_cli cli = { .terminal = terminal, .quiet = quiet };
    struct facet_progress p;
    facet_progress_init(&p, &cli, "run", unit);
    p.begun_ns -= 20000000000ull; /* twenty seconds ago */
    p.drawn_ns -= 20000000000ull;
    return p;
}

static void on_terminal(void)
{
    struct facet_progress p = begun(true, false, "frames");
    facet_progress_step(&p, 200, 400);
    facet_progress_step(&p, 201, 400); /* too soon */
    facet_progress_fini(&p);
}

static void test_progress__terminal_rewrites_one_line(void **state)
{
    capture(on_terminal);
    assert_non_null(strstr(said, "\r\033[Krun: 200 frames (50 %), 10 frames/s, 0:20 left"));
    assert_null(strstr(said, "201"));
    assert_null(strchr(said, '\n'));
}

static void on_log(void)
{
    struct facet_progress p = begun(false, false, "frames");
    facet_progress_step(&p, 200, 0);
    facet_progress_step(&p, 300, 0);
    facet_progress_fini(&p);
}

static void test_progress__elsewhere_plain_lines_now_and_then(void **state)
{
    capture(on_log);
    assert_string_equal(said, "facet: run: 200 frames, 10 frames/s\n");
}

static void when_quiet(void)
{
    struct facet_progress p = begun(true, true, "frames");
    facet_progress_step(&p, 200, 400);
    facet_progress_fini(&p);
}

static void test_progress__quiet_says_nothing(void **state)
{
    capture(when_quiet);
    assert_string_equal(said, "");
}

static void of_bytes(void)
{
    struct facet_progress p = begun(false, false, "B");
    snprintf(p.what, sizeof(p.what), "model");
    facet_progress_pull(&p, "model", 50000000, 100000000);
}

static void test_progress__bytes_are_scaled(void **state)
{
    capture(of_bytes);
    assert_string_equal(said, "facet: model: 50.0 MB (50 %), 2.5 MB/s, 0:20 left\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress__terminal_rewrites_one_line),
        cmocka_unit_test(test_progress__elsewhere_plain_lines_now_and_then),
        cmocka_unit_test(test_progress__quiet_says_nothing),
        cmocka_unit_test(test_progress__bytes_are_scaled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
