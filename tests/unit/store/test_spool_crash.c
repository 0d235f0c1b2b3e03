/* A process that puts, reads and acknowledges is killed at 100 random moments. Whatever put had said yes to and ack had not been
 * asked for is there afterwards, nothing is there twice, and the counters fit what is there.
 *
 * This is the death of a process, not of the machine: what the kernel was given counts as kept. */
#include "test.h"

#include "base/rng.h"
#include "store/spool.h"

#include <facet/error.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILLS 100
#define MAX_ITEMS 200000

enum { GONE = 0, PUT = 1, ACKED = 2, ASKED = 3 }; /* ASKED: an acknowledgement was begun, its end is not known */

struct report { int number; int what; };

static void put_one(struct facet_spool *s, int out, int i)
{
    char payload[64];
    struct facet_spool_item item = {.class = FACET_SPOOL_EVENT, .topic = "t", .payload = payload};
    snprintf(item.id, sizeof(item.id), "%d", i);
    item.len = (size_t)snprintf(payload, sizeof(payload), "payload %d", i);
    int err = facet_spool_put(s, &item);
    if (err && err != FACET_E_EXISTS)
        _exit(3);
    if (write(out, &(struct report){i, PUT}, sizeof(struct report)) != sizeof(struct report))
        _exit(4);
}

static void ack_one(struct facet_spool *s, int out)
{
    struct facet_spool_item item;
    if (facet_spool_next(s, 0, &item) != FACET_OK)
        _exit(5);
    struct report r = {(int)strtol(item.id, NULL, 10), ASKED};
    if (write(out, &r, sizeof(r)) != sizeof(r))
        _exit(4);
    if (facet_spool_ack(s, item.seq) != FACET_OK)
        _exit(6);
    r.what = ACKED;
    if (write(out, &r, sizeof(r)) != sizeof(r))
        _exit(4);
    free(item.payload);
}

static void work_for_ever(const char *path, int out, int first)
{
    struct facet_spool *s;
    struct facet_spool_opts o = {.path = path};
    if (facet_spool_open(&s, &o))
        _exit(2);
    for (int i = first;; i++) {
        put_one(s, out, i);
        if (i % 3 == 0)
            ack_one(s, out);
    }
}

static void wait_some(struct facet_rng *rng)
{
    struct timespec t = {.tv_nsec = (long)facet_rng_below(rng, 60u * 1000 * 1000)};
    ppoll(NULL, 0, &t, NULL); /* the random moment is the test */
}

/* Returns the first number that was not reported as put. */
static int work_and_kill(const char *path, int first, unsigned char *known, struct facet_rng *rng)
{
    int ends[2], next = first, status = 0;
    struct report r;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid)
        work_for_ever(path, ends[1], first);
    close(ends[1]);
    wait_some(rng);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (!WIFSIGNALED(status))
        fail_msg("the working process failed with %d", WEXITSTATUS(status));
    while (read(ends[0], &r, sizeof(r)) == sizeof(r)) {
        assert_true(r.number >= 0 && r.number < MAX_ITEMS);
        known[r.number] = (unsigned char)r.what;
        next = r.what == PUT ? r.number + 1 : next;
    }
    close(ends[0]);
    return next;
}

/* What is there is what should be; one more may be, whose report was cut off. */
static int64_t check(const char *path, const unsigned char *known, int next)
{
    struct facet_spool *s;
    struct facet_spool_opts o = {.path = path};
    struct facet_spool_item item;
    struct facet_spool_stats st;
    unsigned char *there = calloc(MAX_ITEMS, 1);
    int64_t count = 0, after = 0;
    assert_non_null(there);
    if (facet_spool_open(&s, &o) != FACET_OK)
        fail_msg("%s", facet_error_text());
    for (; facet_spool_next(s, after, &item) == FACET_OK; count++, free(item.payload)) {
        char wanted[64];
        int i = (int)strtol(item.id, NULL, 10);
        snprintf(wanted, sizeof(wanted), "payload %d", i);
        assert_string_equal(item.payload, wanted);
        assert_int_equal(there[i]++, 0);
        assert_int_not_equal(known[i], ACKED);
        after = item.seq;
    }
    for (int i = 0; i < next; i++)
        if (known[i] == PUT && !there[i])
            fail_msg("%d was put and is lost", i);
    facet_spool_stats(s, &st);
    assert_int_equal(st.items, count);
    assert_int_equal(st.put - st.acked, count);
    facet_spool_close(&s);
    free(there);
    return count;
}

static void test_spool__survives_100_deaths(void **state)
{
    char dir[] = "/tmp/facet-spool-XXXXXX", path[64], command[64];
    unsigned char *known = calloc(MAX_ITEMS, 1);
    struct facet_rng rng;
    int next = 0;
    int64_t left = 0;
    assert_non_null(known);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/out.db", dir);
    facet_rng_seed(&rng, (uint64_t)time(NULL));
    for (int i = 0; i < KILLS; i++) {
        next = work_and_kill(path, next, known, &rng);
        left = check(path, known, next);
    }
    print_message("%d deaths, %d items put, %lld left, none lost and none twice\n", KILLS, next, (long long)left);
    assert_true(next > KILLS); /* it died at work, not on the doorstep */
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
    free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spool__survives_100_deaths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
