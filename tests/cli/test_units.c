/* The systemd units, as this build would install them. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Copies in the scratch folder that start this build's program. */
static int setup(void **state)
{
    int err = cli_setup(state);
    if (err)
        return err;
    setenv("UNITS", getenv("FACET_TEST_BUILD"), 1);
    cli_shell(*state, "command -v systemd-analyze >/dev/null || { echo 'systemd-analyze is not there: install the package systemd'; exit 1; }; "
                      "for u in facet-serve.service facet-device@.service; do sed \"s|^ExecStart=[^ ]*|ExecStart=$FACET|\" "
                      "\"$UNITS/systemd/$u\" > $u || exit 1; done");
    assert_code((struct cli *)*state, 0);
    return 0;
}

static void test_units__are_right(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "systemd-analyze verify --man=no ./facet-serve.service ./facet-device@porch.service 2>&1 | grep facet");
    assert_string_equal(c->out, "");
    cli_shell(c, "systemd-analyze verify --man=no ./facet-serve.service ./facet-device@porch.service");
    assert_code(c, 0);
}

/* systemd's own figure, 0 to 100: how much harm a service that was taken over could do. */
static void test_units__are_shut_in(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "systemd-analyze security --no-pager --offline=true --threshold=20 ./facet-serve.service && "
                 "systemd-analyze security --no-pager --offline=true --threshold=20 ./facet-device@.service");
    assert_code(c, 0);
}

static void test_units__tell_when_they_are_ready_and_alive(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "cat *.service");
    assert_says(c->out, "Type=notify");
    assert_says(c->out, "WatchdogSec=30");
    assert_says(c->out, "facet serve --config /etc/facet/site.yaml");
    assert_says(c->out, "facet run --config /etc/facet/%i.yaml");
    assert_says(c->out, "LoadCredential=site.key");
    assert_null(strstr(c->out, "@sandbox@"));
    assert_null(strstr(c->out, "@bindir@"));
}

static void test_units__a_wrong_one_would_be_found(void **state)
{
    struct cli *c = *state;
    cli_shell(c, "sed -i 's/^WatchdogSec=.*/WatchdogSec=often/' facet-serve.service; systemd-analyze verify --man=no ./facet-serve.service");
    assert_says(c->err, "Failed to parse sec value");
    cli_shell(c, "sed -i 's|^ExecStart=[^ ]*|ExecStart=/nowhere/facet|' facet-serve.service; systemd-analyze verify --man=no ./facet-serve.service");
    assert_int_not_equal(c->code, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, cli_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_units__are_right),
        TEST(test_units__are_shut_in),
        TEST(test_units__tell_when_they_are_ready_and_alive),
        TEST(test_units__a_wrong_one_would_be_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
