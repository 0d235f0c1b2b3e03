/* Programs that a test starts, and conditions that it waits for.
 *
 * A child's output goes to a file, which is looked at while the child runs. Children die with the test's process, and
 * proc_stop_all (in a teardown) ends those that a failed assertion left. Refusals fail the test and show the child's output. */
#ifndef FACET_TESTS_PROC_H
#define FACET_TESTS_PROC_H

#include "test.h"

#include <stdbool.h>
#include <sys/types.h>

struct proc {
    pid_t pid;               /* 0: not running */
    char name[64];           /* of the program, for what is told */
    char log[512];           /* file with its standard output and error; appended to by each start */
    long seen;               /* bytes of it that proc_wait_line has passed */
};

/* Waits until the condition holds, looking every few milliseconds; fails the test after `timeout_ms`. */
#define WAIT_FOR(condition, timeout_ms) do { \
        struct wait wait_ = wait_begin(timeout_ms); \
        while (!(condition)) \
            if (!wait_more(&wait_)) { \
                print_error("not within %u ms: %s\n", (unsigned)(timeout_ms), #condition); \
                _fail(__FILE__, __LINE__); \
            } \
    } while (0)
struct wait { uint64_t until_ns; };
struct wait wait_begin(unsigned timeout_ms);
bool wait_more(struct wait *w);          /* pauses for 5 ms; false when time is over */

/* A port of this machine that nobody listens at, outside the range that the system hands out. */
int free_port(void);
/* Waits until somebody accepts connections there; fails when `p` (may be NULL) ends before. */
void wait_port(struct proc *p, int port, unsigned timeout_ms);

/* argv[0] is looked for in PATH. `env` (may be NULL): "NAME=value"..., besides the test's own. Both end with NULL. */
void proc_start(struct proc *p, const char *log, const char *const *argv, const char *const *env);
#define PROC(p, log, ...) proc_start(p, log, (const char *const[]){ __VA_ARGS__, NULL }, NULL)
/* Runs to its end and returns its exit code, 128 + n when signal n killed it. The output lies in `log`. */
int proc_run(const char *log, const char *const *argv);
#define RUN(log, ...) proc_run(log, (const char *const[]){ __VA_ARGS__, NULL })

bool proc_is_running(struct proc *p);
/* Waits until a line that has `part` in it is written after those that were waited for before. */
void proc_wait_line(struct proc *p, const char *part, unsigned timeout_ms);
/* What was written so far; the caller frees. */
char *proc_text(const struct proc *p);
void proc_signal(struct proc *p, int sig);
/* Waits for its end: exit code, 128 + n for signal n. */
int proc_wait(struct proc *p, unsigned timeout_ms);
/* SIGTERM, and the same as proc_wait. */
int proc_stop(struct proc *p, unsigned timeout_ms);
void proc_kill(struct proc *p);          /* SIGKILL; fine when it is not running */
void proc_stop_all(void);
int proc_teardown(void **state);         /* proc_stop_all, for cmocka */

#endif
