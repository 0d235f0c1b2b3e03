#include "lib/camera.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_MS 10000
#define MAX_ARGUMENTS 32

static const char *program(void)
{
    static char path[512];
    const char *build = getenv("FACET_TEST_BUILD");
    snprintf(path, sizeof(path), "%s/tests/live/rtsp_server", build ? build : "build");
    if (access(path, X_OK) != 0)
        fail_msg("'%s' is not there: install libgstrtspserver-1.0-dev and build again", path);
    return path;
}

void camera_start(struct camera *c, const struct scratch *s, const char *const *more)
{
    char port[16], http[16], name[64];
    const char *argv[MAX_ARGUMENTS] = {program(), "--port", port, "--http", http, "--words", c->words};
    int n = 7;
    c->port = c->port ? c->port : free_port();
    c->http = c->http ? c->http : free_port();
    snprintf(port, sizeof(port), "%d", c->port);
    snprintf(http, sizeof(http), "%d", c->http);
    snprintf(name, sizeof(name), "words-%d", c->port);
    snprintf(c->words, sizeof(c->words), "%s", scratch_path(s, name));
    if (access(c->words, F_OK) != 0)
        assert_int_equal(mkfifo(c->words, 0600), 0);
    for (; more && *more; more++) {
        assert_true(n + 1 < MAX_ARGUMENTS);
        argv[n++] = *more;
    }
    snprintf(name, sizeof(name), "camera-%d.log", c->port);
    proc_start(&c->proc, scratch_path(s, name), argv, NULL);
    proc_wait_line(&c->proc, "ready", START_MS);
}

void camera_say(struct camera *c, const char *word)
{
    int fd = open(c->words, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, word, strlen(word)), (ssize_t)strlen(word));
    assert_int_equal(write(fd, "\n", 1), 1);
    close(fd);
}

const char *camera_url(const struct camera *c, int mount)
{
    static char ring[8][64];
    static unsigned next;
    char *out = ring[next++ % 8];
    snprintf(out, sizeof(ring[0]), "rtsp://127.0.0.1:%d/cam%d", c->port, mount);
    return out;
}
