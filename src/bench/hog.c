#include "bench/hog.h"

#include "base/errors.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOTICE_NS 5000000

struct facet_hog { pid_t child; bool running; };

static void spin(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(0);
    for (volatile unsigned n = 0;; n++)
        ;
}

int facet_hog_open(struct facet_hog **out)
{
    struct facet_hog *h = calloc(1, sizeof(*h));
    pid_t self = getpid();
    *out = h;
    if (!h)
        return facet_fail_nomem();
    h->child = fork();
    if (h->child == 0)
        spin(self);
    if (h->child > 0 && kill(h->child, SIGSTOP) == 0)
        return FACET_OK;
    facet_hog_close(out);
    return facet_fail(FACET_E_INTERNAL, "cannot start a process that takes a core");
}

void facet_hog_close(struct facet_hog **h)
{
    if (*h && (*h)->child > 0) {
        kill((*h)->child, SIGKILL);
        waitpid((*h)->child, NULL, 0);
    }
    free(*h);
    *h = NULL;
}

int facet_hog_set(struct facet_hog *h, bool running)
{
    if (h->running == running)
        return FACET_OK;
    if (kill(h->child, running ? SIGCONT : SIGSTOP))
        return facet_fail(FACET_E_INTERNAL, "the process that takes a core is gone");
    h->running = running;
    nanosleep(&(struct timespec){ .tv_nsec = NOTICE_NS }, NULL);
    return FACET_OK;
}
