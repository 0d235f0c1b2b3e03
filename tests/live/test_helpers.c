/* The helpers that the other live tests stand on. */
#include "lib/broker.h"

#include "lib/certs.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_child__tells_its_lines_and_code(void **state)
{
    struct scratch s;
    struct proc p;
    scratch_open(&s);
    PROC(&p, scratch_path(&s, "log"), "/bin/sh", "-c", "echo one; echo two >&2; exit 7");
    proc_wait_line(&p, "one", 5000);
    proc_wait_line(&p, "two", 5000);
    assert_int_equal(proc_wait(&p, 5000), 7);
    assert_false(proc_is_running(&p));
    scratch_close(&s);
    assert_int_not_equal(access(s.dir[0] ? s.dir : "/nowhere", F_OK), 0);
}

static void test_child__that_cannot_be_run_ends_with_127(void **state)
{
    struct scratch s;
    scratch_open(&s);
    assert_int_equal(RUN(scratch_path(&s, "log"), "/nowhere/program"), 127);
    scratch_close(&s);
}

static void test_child__is_killed(void **state)
{
    struct scratch s;
    struct proc p;
    scratch_open(&s);
    PROC(&p, scratch_path(&s, "log"), "/bin/sh", "-c", "echo up; exec tail -f /dev/null");
    proc_wait_line(&p, "up", 5000);
    proc_signal(&p, SIGKILL);
    assert_int_equal(proc_wait(&p, 5000), 128 + SIGKILL);
    scratch_close(&s);
}

static void test_ports__are_different(void **state)
{
    int a = free_port(), b = free_port();
    assert_int_not_equal(a, b);
}

static void test_broker__keeps_what_is_retained_over_a_restart(void **state)
{
    struct broker b;
    struct proc listener;
    broker_open(&b, NULL);
    broker_publish(&b, "a/b", "kept", (const char *const[]){ "-r", NULL });
    broker_listen(&b, &listener, "a/#");
    proc_wait_line(&listener, "a/b 1 kept", 5000);
    proc_kill(&listener);
    broker_stop(&b);
    broker_start(&b);
    broker_listen(&b, &listener, "a/#");
    proc_wait_line(&listener, "a/b 1 kept", 5000);
    broker_close(&b);
}

static int tls_code(struct broker *b, int port, const char *ca, const char *name)
{
    char text[16], cert[64], key[64];
    snprintf(text, sizeof(text), "%d", port);
    snprintf(cert, sizeof(cert), "%s.crt", name);
    snprintf(key, sizeof(key), "%s.key", name);
    return RUN(broker_file(b, "tls.log"), "mosquitto_pub", "-h", "localhost", "-p", text, "-q", "1", "-t", "x", "-m", "y", "--cafile",
               broker_file(b, ca), "--cert", broker_file(b, cert), "--key", broker_file(b, key));
}

static void test_broker__asks_for_certificates(void **state)
{
    struct broker b;
    broker_open(&b, &(struct broker_opts){ .tls = true });
    assert_int_equal(tls_code(&b, b.tls_port, "ca.crt", "client"), 0);
    assert_int_equal(tls_code(&b, b.mutual_port, "ca.crt", "client"), 0);
    assert_int_not_equal(tls_code(&b, b.mutual_port, "ca.crt", "other"), 0);
    assert_int_not_equal(tls_code(&b, b.tls_port, "other-ca.crt", "client"), 0);
    broker_close(&b);
}

static void test_broker__asks_for_a_password(void **state)
{
    struct broker b;
    char port[16];
    broker_open(&b, &(struct broker_opts){ .user = "ada", .password = "secret" });
    snprintf(port, sizeof(port), "%d", b.port);
    assert_int_not_equal(RUN(broker_file(&b, "pub.log"), "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-t", "x", "-m", "y"), 0);
    broker_publish(&b, "x", "y", (const char *const[]){ "-u", "ada", "-P", "secret", NULL });
    broker_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_child__tells_its_lines_and_code, proc_teardown),
        cmocka_unit_test_teardown(test_child__that_cannot_be_run_ends_with_127, proc_teardown),
        cmocka_unit_test_teardown(test_child__is_killed, proc_teardown),
        cmocka_unit_test_teardown(test_ports__are_different, proc_teardown),
        cmocka_unit_test_teardown(test_broker__keeps_what_is_retained_over_a_restart, proc_teardown),
        cmocka_unit_test_teardown(test_broker__asks_for_certificates, proc_teardown),
        cmocka_unit_test_teardown(test_broker__asks_for_a_password, proc_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
