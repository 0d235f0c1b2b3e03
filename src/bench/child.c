#include "bench/child.h"

#include "base/clock.h"
#include "base/errors.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS (20 * 1000000)         /* how often a cancelled run is noticed */
#define GRACE_NS (5ull * 1000000000)   /* between the request to end and the kill */

int facet_child_self(char *out, unsigned cap)
{
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);
    if (n <= 0)
        return facet_fail_errno("find", "/proc/self/exe");
    out[n] = '\0';
    return FACET_OK;
}

static int start(pid_t *pid, const char *const *argv, const char *out, const char *log)
{
    posix_spawn_file_actions_t a;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (posix_spawn_file_actions_init(&a) != 0)
        return facet_fail_nomem();
    posix_spawn_file_actions_addopen(&a, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&a, STDOUT_FILENO, out, flags, 0644);
    posix_spawn_file_actions_addopen(&a, STDERR_FILENO, log, flags, 0644);
    int failed = posix_spawn(pid, argv[0], &a, NULL, (char *const *)(uintptr_t)argv, environ);
    posix_spawn_file_actions_destroy(&a);
    errno = failed;
    return failed ? facet_fail_errno("start", argv[0]) : FACET_OK;
}

/* Looks again and again, so that a cancelled run is noticed while the child works on. */
static int wait_for(pid_t pid, const atomic_int *cancel, int *status, struct rusage *usage)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    uint64_t asked_ns = 0;
    for (;;) {
        pid_t done = wait4(pid, status, WNOHANG, usage);
        if (done == pid)
            return asked_ns ? facet_fail(FACET_E_CANCELLED, "cancelled") : FACET_OK;
        if (done < 0 && errno != EINTR)
            return facet_fail_errno("wait for", "a child");
        if (cancel && *cancel && !asked_ns) {
            asked_ns = facet_now_ns();
            kill(pid, SIGTERM);
        }
        if (asked_ns && facet_now_ns() - asked_ns > GRACE_NS)
            kill(pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
}

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

int facet_child_run(const char *const *argv, const char *out, const char *log, const atomic_int *cancel, struct facet_child_cost *cost)
{
    struct rusage u = { 0 };
    pid_t pid;
    int status = 0;
    uint64_t begun = facet_now_ns();
    int err = start(&pid, argv, out, log);
    if (!err)
        err = wait_for(pid, cancel, &status, &u);
    if (err)
        return err;
    *cost = (struct facet_child_cost){
        .code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
        .seconds = (double)(facet_now_ns() - begun) * 1e-9,
        .cpu_seconds = seconds_of(u.ru_utime) + seconds_of(u.ru_stime),
        .minor_faults = u.ru_minflt, .major_faults = u.ru_majflt, .switches = u.ru_nvcsw, .preemptions = u.ru_nivcsw,
        .peak_rss_bytes = (int64_t)u.ru_maxrss * 1024,
    };
    return FACET_OK;
}
