/* facet netsim: its words. What it does to bytes is in ../unit/net. */
#include "cli/cli.h"

static void test_netsim__takes_commands_from_standard_input(void **state)
{
    struct cli *c = *state;
    static const char *const words[] = { "netsim", "--control", "-", "--profile", "4g", "--delay", "5", "127.0.0.1:9", NULL };
    cli_run_input(c, words, "stats\nrate 100\nbogus\n\nquit\n");
    assert_code(c, 0);
    assert_says(c->out, "listening 127.0.0.1:");
    assert_says(c->out, "target 127.0.0.1:9");
    assert_says(c->out, "\"delay_ms\":30,");
    assert_says(c->out, "ok\n");
    assert_says(c->out, "error: there is no command 'bogus'");
    assert_says(c->out, "\"rate_kbps\":100}");
}

static void test_netsim__the_end_of_standard_input_is_its_end(void **state)
{
    struct cli *c = *state;
    CLI(c, "netsim", "--control", "-", "--protocol", "udp", "--listen", "[::1]:0", "[::1]:9");
    assert_code(c, 0);
    assert_says(c->out, "listening ::1:");
}

static void test_netsim__refuses_words_that_do_not_fit(void **state)
{
    struct cli *c = *state;
    CLI(c, "netsim");
    assert_code(c, 2);
    CLI(c, "netsim", "1883");
    assert_code(c, 2);
    assert_says(c->err, "cannot use the address '1883': write HOST:PORT");
    CLI(c, "netsim", "127.0.0.1:what");
    assert_code(c, 2);
    CLI(c, "netsim", "--listen", "127.0.0.1:70000", "127.0.0.1:9");
    assert_code(c, 2);
    CLI(c, "netsim", "--control", "everywhere", "127.0.0.1:9");
    assert_code(c, 2);
    assert_says(c->err, "cannot take commands on 'everywhere'");
    CLI(c, "netsim", "--loss", "7", "127.0.0.1:9");
    assert_code(c, 2);
    CLI(c, "netsim", "--protocol", "sctp", "127.0.0.1:9");
    assert_code(c, 2);
    CLI(c, "netsim", "--profile", "6g", "127.0.0.1:9");
    assert_code(c, 3);
    assert_says(c->err, "there is no profile '6g'");
    CLI(c, "netsim", "--schedule", "cut", "127.0.0.1:9");
    assert_says(c->err, "write seconds, then a command");
    assert_int_not_equal(c->code, 0);
    CLI(c, "netsim", "nobody.invalid:9");
    assert_code(c, 3);
    assert_says(c->err, "cannot find host 'nobody.invalid'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_netsim__takes_commands_from_standard_input, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_netsim__the_end_of_standard_input_is_its_end, cli_setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_netsim__refuses_words_that_do_not_fit, cli_setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
