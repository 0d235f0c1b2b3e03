#include "test.h"

#include "base/errors.h"
#include "base/notify.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct manager { int fd; char dir[64], path[108]; };

static int open_manager(void **state)
{
    static struct manager m;
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    snprintf(m.dir, sizeof(m.dir), "/tmp/facet-notify-XXXXXX");
    if (!mkdtemp(m.dir))
        return -1;
    snprintf(m.path, sizeof(m.path), "%s/s", m.dir);
    memcpy(a.sun_path, m.path, strlen(m.path) + 1);
    m.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    *state = &m;
    return bind(m.fd, (struct sockaddr *)&a, sizeof(a));
}

static int close_manager(void **state)
{
    struct manager *m = *state;
    close(m->fd);
    unlink(m->path);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    return rmdir(m->dir);
}

static void test_notify__is_heard_at_the_socket(void **state)
{
    struct manager *m = *state;
    char got[128] = "";
    setenv("NOTIFY_SOCKET", m->path, 1);
    assert_int_equal(facet_notify("READY=1\nSTATUS=x"), FACET_OK);
    assert_true(recv(m->fd, got, sizeof(got) - 1, 0) > 0);
    assert_string_equal(got, "READY=1\nSTATUS=x");
    memset(got, 0, sizeof(got));
    assert_int_equal(facet_notify_reloading(), FACET_OK);
    assert_true(recv(m->fd, got, sizeof(got) - 1, 0) > 0);
    assert_memory_equal(got, "RELOADING=1\nMONOTONIC_USEC=", 27);
}

static void test_notify__without_a_manager_nothing_happens(void **state)
{
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(facet_notify("READY=1"), FACET_OK);
    assert_int_equal(facet_notify_watchdog_ms(), 0);
}

static void test_notify__a_manager_that_is_gone_is_told(void **state)
{
    setenv("NOTIFY_SOCKET", "/nothing/here", 1);
    assert_int_equal(facet_notify("READY=1"), FACET_E_NET);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(facet_notify("READY=1"), FACET_E_INVALID);
}

static void test_notify__the_watchdog_is_another_processs_business(void **state)
{
    struct manager *m = *state;
    char pid[24];
    setenv("NOTIFY_SOCKET", m->path, 1);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(facet_notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(facet_notify_watchdog_ms(), 0);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(facet_notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_USEC", "soon", 1);
    assert_int_equal(facet_notify_watchdog_ms(), 0);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, open_manager, close_manager)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_notify__is_heard_at_the_socket),
        CASE(test_notify__without_a_manager_nothing_happens),
        CASE(test_notify__a_manager_that_is_gone_is_told),
        CASE(test_notify__the_watchdog_is_another_processs_business),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
