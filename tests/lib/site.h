/* A whole site for tests: broker, server, a device with one RTSP camera that shows people, and their stores to be compared. */
#ifndef FACET_TESTS_SITE_H
#define FACET_TESTS_SITE_H

#include "lib/broker.h"
#include "lib/camera.h"

struct site {
    struct broker broker;
    struct camera camera;
    struct proc server, device;
    int http, device_broker, device_server;        /* the last two: ports by which the device reaches broker and server */
    const char *strategy;          /* NULL: "edge". "cloud": the device sends a file for ever, and keeps nothing */
    const char *device_data;       /* folder of the device's store and outbox; NULL: the scratch folder */
    const char *more;              /* lines for the device's file; NULL: none */
    const char *env[8];            /* of the device, besides the test's own; NULL-ended */
};

/* Everything but the device. Fails the test with what to install or to do. */
void site_open(struct site *s);
void site_close(struct site *s);
void site_start_server(struct site *s);
void site_start_device(struct site *s);
/* A file in the scratch folder. */
const char *site_file(const struct site *s, const char *name);

/* Events that tell of faces, in the device's and in the server's store; 0 while there is no store. */
long site_made(const struct site *s);
long site_arrived(const struct site *s);
/* Events of names in the device's own store, and those that the server made (hybrid). */
long site_named_by_device(const struct site *s);
long site_named_by_server(const struct site *s);
/* What waits in the device's outbox; -1 while there is none. */
long site_waiting(const struct site *s);
/* Those of the device that the server has not. */
long site_missing(const struct site *s);
/* How often one thing is told by two events at the server: a track that begins or ends twice. */
long site_doubles(const struct site *s);

/* Until the server has so many more than now. */
void site_await_events(struct site *s, long more, unsigned timeout_ms);
/* Both programs must still run, and end as told; nothing was told twice. */
void site_end(struct site *s);
/* The camera ends; then everything that was made must arrive; then site_end. */
void site_settle(struct site *s, unsigned timeout_ms);

#endif
