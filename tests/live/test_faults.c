/* A device, a broker and a server, and what may happen to them. However it goes: what the device keeps arrives at the
 * server, nothing twice, and nobody crashes. FACET_TEST_KILLS asks for more kills at random moments than the few of a
 * usual run (docs/reliability.md was written with 100). */
#include "lib/site.h"

#include "base/clock.h"
#include "base/rng.h"
#include "data/real.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS_MS 60000

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct site));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    site_close(*state);
    free(*state);
    return 0;
}

static void start(struct site *s)
{
    site_open(s);
    site_start_device(s);
    site_await_events(s, 1, EVENTS_MS);
}

/* Until the clock of the test has gone so far: what happens meanwhile happens at no chosen moment. */
static void let_pass(unsigned ms)
{
    struct wait w = wait_begin(ms);
    while (wait_more(&w))
        continue;
}

static int kills(int usual)
{
    const char *asked = getenv("FACET_TEST_KILLS");
    return asked ? (int)strtol(asked, NULL, 10) : usual;
}

static void test_faults__a_broker_or_server_that_is_killed_costs_no_event(void **state)
{
    struct site *s = *state;
    start(s);
    for (int i = 0; i < 2; i++) {
        broker_kill(&s->broker);
        long made = site_made(s);
        WAIT_FOR(site_made(s) > made + 2, EVENTS_MS);      /* the device goes on */
        broker_start(&s->broker);
        site_await_events(s, 2, EVENTS_MS);
        proc_kill(&s->server);
        made = site_made(s);
        WAIT_FOR(site_made(s) > made + 2, EVENTS_MS);
        site_start_server(s);
        site_await_events(s, 2, EVENTS_MS);
    }
    site_settle(s, EVENTS_MS);
}

/* Where there is no server nothing is kept for one. Where one was there lately and is away, events reach the world all the
 * same, and are kept until it has them. */
static void test_faults__a_site_without_a_server_waits_for_none(void **state)
{
    struct site *s = *state;
    char there[128], time[25];
    struct proc world;
    site_open(s);
    assert_int_equal(proc_stop(&s->server, 30000), 0);
    broker_publish(&s->broker, "facet/server", "", (const char *const[]){ "-r", NULL });
    site_start_device(s);
    WAIT_FOR(site_made(s) > 2 && site_waiting(s) == 0, EVENTS_MS);
    facet_format_time(time, facet_clock_system.wall_ms(NULL));
    snprintf(there, sizeof(there), "{\"name\":\"server\",\"time\":\"%s\"}", time);
    broker_publish(&s->broker, "facet/server", there, (const char *const[]){ "-r", NULL });
    WAIT_FOR(site_waiting(s) > 2, EVENTS_MS);
    broker_listen(&s->broker, &world, "facet/events");
    proc_wait_line(&world, "facet/events", EVENTS_MS);
    const long kept = site_waiting(s);
    proc_kill(&s->device);
    site_start_device(s);          /* it remembers, with nobody there */
    WAIT_FOR(site_waiting(s) > kept + 1, EVENTS_MS);
    site_start_server(s);
    WAIT_FOR(site_arrived(s) >= kept && site_waiting(s) < 3, EVENTS_MS);
}

/* Told to, a hybrid device says who it sees while there is no server, and leaves it to the server when that is there. */
static void test_faults__a_hybrid_device_recognises_itself_while_the_server_is_away(void **state)
{
    struct site *s = *state;
    s->strategy = "hybrid";
    s->more = "hybrid: {fallback: true, fallback_after: 1s}\n";
    site_open(s);
    assert_int_equal(proc_stop(&s->server, 30000), 0);
    site_start_device(s);
    proc_wait_line(&s->device, "recognising here", EVENTS_MS);
    WAIT_FOR(site_named_by_device(s) > 0, EVENTS_MS);
    site_start_server(s);
    proc_wait_line(&s->device, "chips go out again", EVENTS_MS);
    WAIT_FOR(site_named_by_server(s) > 0, EVENTS_MS);
    proc_kill(&s->server);
    proc_wait_line(&s->device, "recognising here", EVENTS_MS);
    const long named = site_named_by_device(s);
    WAIT_FOR(site_named_by_device(s) > named, EVENTS_MS);
    site_start_server(s);
    site_settle(s, EVENTS_MS);
}

static void kill_device_often(struct site *s, int times, unsigned longest_ms)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 20261121);
    for (int i = 0; i < times; i++) {
        let_pass(facet_rng_below(&rng, longest_ms));
        proc_kill(&s->device);
        site_start_device(s);
    }
    site_await_events(s, 1, EVENTS_MS);
    site_settle(s, EVENTS_MS);
}

static void test_faults__a_device_killed_at_random_moments_loses_nothing_it_kept(void **state)
{
    start(*state);
    kill_device_often(*state, kills(3), 2000);
}

/* A relay between device and broker, told what to do by a port. */
struct cable { struct proc proc; int control; };

/* Returns the port at which the device reaches `to` through it. */
static int cable_open(struct cable *c, struct site *s, int to_port)
{
    char program[512], target[64], listen[64], control[64];
    const int port = free_port(), words = free_port();
    snprintf(program, sizeof(program), "%s/src/cli/facet", getenv("FACET_TEST_BUILD"));
    snprintf(target, sizeof(target), "127.0.0.1:%d", to_port);
    snprintf(listen, sizeof(listen), "%d", port);
    snprintf(control, sizeof(control), "%d", words);
    PROC(&c->proc, site_file(s, "cable.log"), program, "netsim", "--listen", listen, "--control", control, target);
    wait_port(&c->proc, words, 10000);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)words) };
    c->control = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->control, (struct sockaddr *)&to, sizeof(to)), 0);
    return port;
}

static void cable_say(struct cable *c, const char *line)
{
    char answer[512] = "";
    assert_true(write(c->control, line, strlen(line)) > 0 && write(c->control, "\n", 1) == 1);
    assert_true(read(c->control, answer, sizeof(answer) - 1) > 0);
    assert_int_equal(strncmp(answer, "ok", 2), 0);
}

static void test_faults__a_cable_that_is_cut_delays_events_and_loses_none(void **state)
{
    struct site *s = *state;
    struct cable c;
    static const char *const faults[] = { "cut", "refuse", "reset" };
    site_open(s);
    s->device_broker = cable_open(&c, s, s->broker.port);
    site_start_device(s);
    site_await_events(s, 1, EVENTS_MS);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        cable_say(&c, faults[i]);
        const long made = site_made(s);
        WAIT_FOR(site_made(s) > made + 2, EVENTS_MS);
        cable_say(&c, "mend");
        site_await_events(s, 2, EVENTS_MS);
    }
    cable_say(&c, "profile 3g");
    site_await_events(s, 1, EVENTS_MS);
    site_settle(s, EVENTS_MS);
    close(c.control);
}

static void test_faults__a_hybrid_device_killed_or_left_alone_loses_nothing_it_kept(void **state)
{
    struct site *s = *state;
    struct cable c;
    s->strategy = "hybrid";
    site_open(s);
    s->device_broker = cable_open(&c, s, s->broker.port);
    site_start_device(s);
    site_await_events(s, 1, EVENTS_MS);
    cable_say(&c, "cut");
    const long made = site_made(s);
    WAIT_FOR(site_made(s) > made + 2, EVENTS_MS);
    cable_say(&c, "mend");
    site_await_events(s, 2, EVENTS_MS);
    proc_kill(&s->server);
    broker_kill(&s->broker);
    WAIT_FOR(site_made(s) > made + 6, EVENTS_MS);
    broker_start(&s->broker);
    site_start_server(s);
    site_await_events(s, 2, EVENTS_MS);
    kill_device_often(s, kills(1), 2000);
    close(c.control);
}

/* A cloud device keeps nothing: what it sees while the server is away is gone. It comes back by itself, what the server has
 * written stays, and nothing begins or ends twice. */
static void test_faults__a_cloud_device_comes_back_after_cable_and_server(void **state)
{
    struct site *s = *state;
    struct cable c;
    s->strategy = "cloud";
    site_open(s);
    s->device_server = cable_open(&c, s, s->http);
    site_start_device(s);
    site_await_events(s, 2, EVENTS_MS);
    static const char *const faults[] = { "cut", "reset" };
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        cable_say(&c, faults[i]);
        let_pass(1500);
        cable_say(&c, "mend");
        site_await_events(s, 2, EVENTS_MS);
    }
    proc_kill(&s->server);             /* in the middle of what is sent to it */
    const long kept = site_arrived(s);
    let_pass(500);
    site_start_server(s);
    assert_true(site_arrived(s) >= kept);
    site_await_events(s, 2, EVENTS_MS);
    proc_kill(&s->device);
    site_start_device(s);
    site_await_events(s, 2, EVENTS_MS);
    site_end(s);
    close(c.control);
}

static void write_offset(const struct site *s, const char *offset)
{
    FILE *f = fopen(site_file(s, "clock.new"), "w");
    assert_non_null(f);
    fprintf(f, "%s\n", offset);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(rename(site_file(s, "clock.new"), site_file(s, "clock")), 0);
}

static const char *faketime_library(void)
{
    static const char *const places[] = { "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
                                          "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1" };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (!access(places[i], R_OK))
            return places[i];
    fail_msg("libfaketime is not there: install the package faketime");
    return NULL;
}

/* The wall clock of the device jumps by hours, there and back; time that only goes on does not. */
static void test_faults__a_clock_that_jumps_loses_no_event(void **state)
{
    struct site *s = *state;
    static char preload[512], file[512];
    static const char *const jumps[] = { "+7200", "-7200", "+0" };
    if (test_is_sanitized())
        skip(); /* a sanitizer's library must come before any that is preloaded */
    site_open(s);
    write_offset(s, "+0");
    snprintf(preload, sizeof(preload), "LD_PRELOAD=%s", faketime_library());
    snprintf(file, sizeof(file), "FAKETIME_TIMESTAMP_FILE=%s", site_file(s, "clock"));
    s->env[0] = file;
    s->env[1] = preload;
    s->env[2] = "FAKETIME_DONT_FAKE_MONOTONIC=1";
    s->env[3] = "FAKETIME_CACHE_DURATION=1";
    site_start_device(s);
    site_await_events(s, 1, EVENTS_MS);
    for (size_t i = 0; i < sizeof(jumps) / sizeof(jumps[0]); i++) {
        write_offset(s, jumps[i]);
        let_pass(1200);            /* the file is looked at each second */
        site_await_events(s, 1, EVENTS_MS);
    }
    site_settle(s, EVENTS_MS);
}

static void fill(const char *path)
{
    static const char zeros[4096];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        continue;
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

/* A small disk, with the broker away: it fills up. Then there is room and the broker is back. What was kept arrives; what
 * there was no room for was never kept, and is told in the log. */
static void test_faults__a_full_disk_is_told_and_survived(void **state)
{
    struct site *s = *state;
    static char disk[512];
    site_open(s);
    snprintf(disk, sizeof(disk), "%s", site_file(s, "disk"));
    assert_int_equal(mkdir(disk, 0700), 0);
    if (mount("none", disk, "tmpfs", 0, "size=1m")) {
        print_message("no small disk can be made here: %s\n", strerror(errno));
        skip();
    }
    s->device_data = disk;
    site_start_device(s);
    site_await_events(s, 1, EVENTS_MS);
    char ballast[600];
    snprintf(ballast, sizeof(ballast), "%s/ballast", disk);
    fill(ballast);
    proc_wait_line(&s->device, "could not be", EVENTS_MS);
    assert_true(proc_is_running(&s->device));
    unlink(ballast);
    site_await_events(s, 3, EVENTS_MS);
    site_settle(s, EVENTS_MS);
    umount2(disk, MNT_DETACH);
}

/* A camera that talks garbage, and whoever may publish saying what he likes. */
static void test_faults__garbage_and_hostile_words_end_nothing(void **state)
{
    struct site *s = *state;
    static const char *const topics[] = { "facet/events", "facet/wire/porch/chip", "facet/wire/porch/answer", "facet/wire/.all/gallery",
                                          "facet/wire//" };
    static const char *const texts[] = { "", "{\"type\":\"new\",\"after\":{\"id\":\"\"}}", "[[[[[[[[[[[[[[[[[[[[",
                                         "\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
                                         "{\"type\":\"new\",\"after\":{\"id\":\"x\",\"track\":1e999}}" };
    start(s);
    camera_say(&s->camera, "garbage");
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
        for (size_t k = 0; k < sizeof(texts) / sizeof(texts[0]); k++)
            broker_publish(&s->broker, topics[i], texts[k], (const char *const[]){ "-q", "1", NULL });
    camera_say(&s->camera, "drop");
    camera_say(&s->camera, "resume");
    site_await_events(s, 3, EVENTS_MS);        /* all still listen, and take what is right */
    site_settle(s, EVENTS_MS);
    assert_int_equal(site_arrived(s), site_made(s));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_faults__a_broker_or_server_that_is_killed_costs_no_event),
        TEST(test_faults__a_site_without_a_server_waits_for_none),
        TEST(test_faults__a_hybrid_device_recognises_itself_while_the_server_is_away),
        TEST(test_faults__a_device_killed_at_random_moments_loses_nothing_it_kept),
        TEST(test_faults__a_hybrid_device_killed_or_left_alone_loses_nothing_it_kept),
        TEST(test_faults__a_cloud_device_comes_back_after_cable_and_server),
        TEST(test_faults__a_cable_that_is_cut_delays_events_and_loses_none),
        TEST(test_faults__garbage_and_hostile_words_end_nothing),
        TEST(test_faults__a_clock_that_jumps_loses_no_event),
        TEST(test_faults__a_full_disk_is_told_and_survived),
    };
    const char *only = getenv("FACET_TEST_ONLY");
    if (only)
        cmocka_set_test_filter(only);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
