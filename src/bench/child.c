#include "bench/child.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_NS (20 * 1000000)         /* how often an end, or a wish to end, is noticed */
#define MAX_LOG (4u << 20)
#define GRACE_MS 5000                  /* between the request to end and the kill */

int facet_child_self(char *out, unsigned cap)
{
    ssize_t n = readlink("/proc/self/exe", out, cap - 1);
    if (n <= 0)
        return facet_fail_errno("find", "/proc/self/exe");
    out[n] = '\0';
    return FACET_OK;
}

int facet_child_find(char *out, unsigned cap, const char *name)
{
    char places[4096];
    const char *path = getenv("PATH");
    snprintf(places, sizeof(places), "%.3900s:/usr/local/sbin:/usr/sbin:/sbin", path ? path : "");
    for (const char *at = places; *at; at += strcspn(at, ":"), at += *at == ':') {
        int len = (int)strcspn(at, ":");
        if (len > 0 && (unsigned)snprintf(out, cap, "%.*s/%s", len, at, name) < cap && access(out, X_OK) == 0)
            return FACET_OK;
    }
    return facet_fail(FACET_E_NOT_FOUND, "the program '%s' is not in PATH", name);
}

/* ---- start ---- */

static size_t count(const char *const *texts)
{
    size_t n = 0;
    while (texts && texts[n])
        n++;
    return n;
}

static bool is_same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");
    return strncmp(a, b, len + 1) == 0;
}

/* Ours, but for what `more` says. Borrows both; the caller frees the list. */
static const char **make_env(const char *const *more)
{
    const char *const *own = (const char *const *)environ;
    size_t n_own = count(own), n_more = count(more), n = 0;
    const char **env = calloc(n_own + n_more + 1, sizeof(*env));
    for (size_t i = 0; env && i < n_own; i++) {
        bool is_replaced = false;
        for (size_t j = 0; j < n_more; j++)
            is_replaced |= is_same_name(more[j], own[i]);
        if (!is_replaced)
            env[n++] = own[i];
    }
    for (size_t j = 0; env && j < n_more; j++)
        env[n++] = more[j];
    return env;
}

struct files { int in, out, log; };

static void close_files(struct files *f)
{
    const int all[] = { f->in, f->out, f->log };
    for (int i = 0; i < 3; i++)
        if (all[i] >= 0)
            close(all[i]);
}

static int open_files(struct files *f, const struct facet_child_opts *o)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
    bool is_one = strcmp(o->out, o->log) == 0;
    *f = (struct files){ open("/dev/null", O_RDONLY | O_CLOEXEC), open(o->out, flags, 0644), -1 };
    if (f->out >= 0)
        f->log = is_one ? fcntl(f->out, F_DUPFD_CLOEXEC, 3) : open(o->log, flags, 0644);
    if (f->in >= 0 && f->out >= 0 && f->log >= 0)
        return FACET_OK;
    int err = facet_fail_errno("write", f->out < 0 ? o->out : o->log);
    close_files(f);
    return err;
}

/* Between fork and exec: nothing here may allocate or lock. */
static _Noreturn void become(const struct facet_child_opts *o, const struct files *f, const char **env, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    bool is_fine = getppid() == parent && (o->net_fd == 0 || setns(o->net_fd, CLONE_NEWNET) == 0) &&
                   dup2(f->in, STDIN_FILENO) >= 0 && dup2(f->out, STDOUT_FILENO) >= 0 && dup2(f->log, STDERR_FILENO) >= 0;
    if (is_fine)
        execve(o->argv[0], (char *const *)(uintptr_t)o->argv, (char *const *)(uintptr_t)env);
    _exit(127);
}

int facet_child_start(struct facet_child *c, const struct facet_child_opts *o)
{
    struct files f;
    *c = (struct facet_child){ .name = o->argv[0], .begun_ns = facet_now_ns() };
    if (access(o->argv[0], X_OK) != 0)
        return facet_fail_errno("start", o->argv[0]);
    int err = open_files(&f, o);
    if (err)
        return err;
    const char **env = make_env(o->env);
    const pid_t parent = getpid();
    c->pid = env ? fork() : -1;
    if (c->pid == 0)
        become(o, &f, env, parent);
    err = !env ? facet_fail_nomem() : c->pid < 0 ? facet_fail_errno("start", o->argv[0]) : FACET_OK;
    if (c->pid < 0)
        c->pid = 0;
    free(env);
    close_files(&f);
    return err;
}

/* ---- end ---- */

static double seconds_of(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

bool facet_child_is_running(struct facet_child *c)
{
    struct rusage u = { 0 };
    int status = 0;
    if (!c->pid)
        return false;
    pid_t done = wait4(c->pid, &status, WNOHANG, &u);
    if (done == 0 || (done < 0 && errno == EINTR))
        return true;
    c->pid = 0;
    c->cost = (struct facet_child_cost){
        .code = done < 0 ? 127 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
        .seconds = (double)(facet_now_ns() - c->begun_ns) * 1e-9,
        .cpu_seconds = seconds_of(u.ru_utime) + seconds_of(u.ru_stime),
        .minor_faults = u.ru_minflt, .major_faults = u.ru_majflt, .switches = u.ru_nvcsw, .preemptions = u.ru_nivcsw,
        .peak_rss_bytes = (int64_t)u.ru_maxrss * 1024,
    };
    return false;
}

void facet_child_stop(struct facet_child *c, unsigned grace_ms)
{
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    uint64_t asked_ns = facet_now_ns();
    if (c->pid)
        kill(c->pid, SIGTERM);
    while (facet_child_is_running(c)) {
        if (facet_now_ns() - asked_ns > (uint64_t)grace_ms * 1000000u)
            kill(c->pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
}

double facet_child_cpu_seconds(const struct facet_child *c)
{
    clockid_t clock;
    struct timespec t;
    if (!c->pid)
        return c->cost.cpu_seconds;
    if (clock_getcpuclockid(c->pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
        return 0;
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int facet_child_fail(const struct facet_child *c, const char *what, const char *log)
{
    uint8_t *text = NULL;
    size_t len = 0;
    if (facet_file_read(log, MAX_LOG, &text, &len) != FACET_OK)
        len = 0;
    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        text[--len] = '\0';
    const char *line = len ? strrchr((const char *)text, '\n') : NULL;
    int err = facet_fail(FACET_E_INTERNAL, "%s: exit code %d%s%.400s", what, c->cost.code, len ? ": " : "",
                         line ? line + 1 : len ? (const char *)text : "");
    free(text);
    return err;
}

int facet_child_run(const char *const *argv, const char *out, const char *log, const atomic_int *cancel, struct facet_child_cost *cost)
{
    const struct facet_child_opts o = { .argv = argv, .out = out, .log = log };
    const struct timespec pause = { .tv_nsec = LOOK_NS };
    struct facet_child c;
    bool is_cancelled = false;
    int err = facet_child_start(&c, &o);
    while (!err && !is_cancelled && facet_child_is_running(&c)) {
        is_cancelled = cancel && *cancel;
        if (!is_cancelled)
            nanosleep(&pause, NULL);
    }
    if (is_cancelled)
        facet_child_stop(&c, GRACE_MS);
    *cost = c.cost;
    return err ? err : is_cancelled ? facet_fail(FACET_E_CANCELLED, "cancelled") : FACET_OK;
}
