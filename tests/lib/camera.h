/* A camera for tests: tests/live/rtsp_server.c as a child, on free ports, told what to do by words. */
#ifndef FACET_TESTS_CAMERA_H
#define FACET_TESTS_CAMERA_H

#include "lib/proc.h"
#include "lib/scratch.h"

struct camera {
    struct proc proc;
    char words[512];         /* FIFO */
    int port, http;          /* 0 at start: free ones are found; kept over a second start */
};

/* `more`: further arguments of the server (--mounts, --user ...), ends with NULL; may be NULL. Waits until it listens. */
void camera_start(struct camera *c, const struct scratch *s, const char *const *more);
#define CAMERA(c, s, ...) camera_start(c, s, (const char *const[]){ __VA_ARGS__, NULL })
/* "stall", "resume", "slow", "garbage", "drop" */
void camera_say(struct camera *c, const char *word);
/* "rtsp://127.0.0.1:PORT/cam<mount>", in a ring of eight buffers. */
const char *camera_url(const struct camera *c, int mount);

#endif
