/* Starts tests/net/server.py on a free port of this machine, and ends it. For tests. */
#ifndef FACET_TESTS_NET_SERVER_H
#define FACET_TESTS_NET_SERVER_H

#include "test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct web_server { pid_t pid; int keep; int port; };

static inline int web_server_start(struct web_server *s)
{
    int to[2], from[2];
    char script[4096];
    snprintf(script, sizeof(script), "%s/tests/net/server.py", getenv("FACET_TEST_SOURCE"));
    if (pipe(to) || pipe(from) || (s->pid = fork()) < 0)
        return -1;
    if (s->pid == 0) {
        dup2(to[0], 0);
        dup2(from[1], 1);
        close(to[1]);
        close(from[0]);
        execl("/usr/bin/python3", "python3", script, (char *)NULL);
        _exit(127);
    }
    close(to[0]);
    close(from[1]);
    s->keep = to[1];
    FILE *f = fdopen(from[0], "r");
    int n = f ? fscanf(f, "%d", &s->port) : 0;
    if (f)
        fclose(f);
    if (n != 1)
        print_error("tests/net/server.py does not start: is /usr/bin/python3 (package python3) installed?\n");
    return n == 1 ? 0 : -1;
}

static inline void web_server_stop(struct web_server *s)
{
    close(s->keep); /* its standard input ends */
    waitpid(s->pid, NULL, 0);
}

#endif
