#include "lib/proc.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_CHILDREN 64
#define FIRST_PORT 12000
#define PORTS 18000

static pid_t children[MAX_CHILDREN];

/* ---- waiting ---- */

struct wait wait_begin(unsigned timeout_ms)
{
    return (struct wait){ facet_now_ns() + (uint64_t)timeout_ms * 1000000 };
}

bool wait_more(struct wait *w)
{
    if (facet_now_ns() >= w->until_ns)
        return false;
    poll(NULL, 0, 5);
    return true;
}

/* ---- ports ---- */

static struct sockaddr_in local(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static bool can_bind(int port)
{
    struct sockaddr_in a = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    assert_true(fd >= 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool ok = bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return ok;
}

/* Tests that run at once begin at different places. */
int free_port(void)
{
    static unsigned next;
    if (!next)
        next = (unsigned)getpid() * 37u;
    for (int i = 0; i < PORTS; i++) {
        int port = FIRST_PORT + (int)(next++ % PORTS);
        if (can_bind(port))
            return port;
    }
    fail_msg("no port of %d to %d is free", FIRST_PORT, FIRST_PORT + PORTS - 1);
    return -1;
}

static bool accepts(int port)
{
    struct sockaddr_in a = local(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    close(fd);
    return ok;
}

static void show(const struct proc *p)
{
    char *text = proc_text(p);
    print_error("%s said:\n%s\n", p->name, text);
    free(text);
}

void wait_port(struct proc *p, int port, unsigned timeout_ms)
{
    struct wait w = wait_begin(timeout_ms);
    while (!accepts(port)) {
        bool is_gone = p && !proc_is_running(p);
        if (!is_gone && wait_more(&w))
            continue;
        if (p)
            show(p);
        fail_msg("nobody listens at port %d%s", port, is_gone ? ": the program ended" : "");
    }
}

/* ---- children ---- */

static void note_child(pid_t pid)
{
    for (int i = 0; i < MAX_CHILDREN; i++)
        if (!children[i]) {
            children[i] = pid;
            return;
        }
    kill(pid, SIGKILL);
    fail_msg("more than %d children at once", MAX_CHILDREN);
}

static void forget_child(pid_t pid)
{
    for (int i = 0; i < MAX_CHILDREN; i++)
        if (children[i] == pid)
            children[i] = 0;
}

static _Noreturn void become(pid_t parent, int out, const char *const *argv, const char *const *env)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    int in = open("/dev/null", O_RDONLY);
    dup2(in, 0);
    dup2(out, 1);
    dup2(out, 2);
    for (; env && *env; env++)
        putenv((char *)*env);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(argv[0], (char **)argv);
    dprintf(2, "cannot run '%s': %s\n", argv[0], strerror(errno));
    _exit(127);
}

void proc_start(struct proc *p, const char *log, const char *const *argv, const char *const *env)
{
    const char *slash = strrchr(argv[0], '/');
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", slash ? slash + 1 : argv[0]);
    snprintf(p->log, sizeof(p->log), "%s", log);
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    assert_true(out >= 0);
    p->seen = (long)lseek(out, 0, SEEK_END);
    fflush(NULL);
    pid_t parent = getpid(), pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become(parent, out, argv, env);
    close(out);
    p->pid = pid;
    note_child(pid);
}

static int code_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int proc_run(const char *log, const char *const *argv)
{
    struct proc p;
    proc_start(&p, log, argv, NULL);
    return proc_wait(&p, 60000);
}

/* A child that ended stays to be waited for. */
bool proc_is_running(struct proc *p)
{
    siginfo_t info = { 0 };
    return p->pid && waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

char *proc_text(const struct proc *p)
{
    FILE *f = fopen(p->log, "rb");
    char *text = NULL;
    size_t len = 0;
    for (char more[4096]; f;) {
        size_t n = fread(more, 1, sizeof(more), f);
        if (!n)
            break;
        text = realloc(text, len + n + 1);
        assert_non_null(text);
        memcpy(text + len, more, n);
        len += n;
    }
    if (f)
        fclose(f);
    if (!text)
        text = calloc(1, 1);
    assert_non_null(text);
    if (len)
        text[len] = '\0';
    return text;
}

/* Passes the line that is looked for; only whole lines count. */
static bool find_line(struct proc *p, const char *part)
{
    char *text = proc_text(p), *at = text;
    bool found = false;
    if ((size_t)p->seen <= strlen(text))
        at += p->seen;
    for (char *end; !found && (end = strchr(at, '\n')); at = end + 1) {
        *end = '\0';
        found = strstr(at, part) != NULL;
        if (found)
            p->seen = (long)(end + 1 - text);
    }
    free(text);
    return found;
}

void proc_wait_line(struct proc *p, const char *part, unsigned timeout_ms)
{
    struct wait w = wait_begin(timeout_ms);
    while (!find_line(p, part)) {
        bool is_gone = !proc_is_running(p);
        if (is_gone && find_line(p, part))
            return;
        if (!is_gone && wait_more(&w))
            continue;
        show(p);
        fail_msg("%s did not say \"%s\"%s", p->name, part, is_gone ? " before its end" : "");
    }
}

void proc_signal(struct proc *p, int sig)
{
    assert_true(p->pid > 0);
    assert_int_equal(kill(p->pid, sig), 0);
}

static int reap(struct proc *p)
{
    int status = 0;
    assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
    forget_child(p->pid);
    p->pid = 0;
    return code_of(status);
}

int proc_wait(struct proc *p, unsigned timeout_ms)
{
    struct wait w = wait_begin(timeout_ms);
    assert_true(p->pid > 0);
    while (proc_is_running(p))
        if (!wait_more(&w)) {
            show(p);
            proc_kill(p);
            fail_msg("%s did not end within %u ms", p->name, timeout_ms);
        }
    return reap(p);
}

int proc_stop(struct proc *p, unsigned timeout_ms)
{
    proc_signal(p, SIGTERM);
    return proc_wait(p, timeout_ms);
}

void proc_kill(struct proc *p)
{
    if (!p->pid)
        return;
    kill(p->pid, SIGKILL);
    reap(p);
}

void proc_stop_all(void)
{
    for (int i = 0; i < MAX_CHILDREN; i++) {
        if (!children[i])
            continue;
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
        children[i] = 0;
    }
}

int proc_teardown(void **state)
{
    proc_stop_all();
    return 0;
}
