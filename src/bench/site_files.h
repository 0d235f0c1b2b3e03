/* What the parts of a strategy's experiment read: the broker's configuration, the server's site and the device's. */
#ifndef FACET_BENCH_SITE_FILES_H
#define FACET_BENCH_SITE_FILES_H

#include "bench/experiment.h"

struct facet_site_files {
    const struct facet_experiment *e;
    const char *gallery;           /* "": nobody is known */
    const char *video; double fps; /* what the camera shows; its own frames a second */
    int broker_port;
    const char *broker_host;       /* as the device sees it: through the relay */
    int device_broker_port;
    const char *server_url;        /* NULL: the broker is all that the device needs */
};

int facet_site_files_broker(const struct facet_site_files *f, const char *path);
int facet_site_files_server(const struct facet_site_files *f, const char *path);
int facet_site_files_device(const struct facet_site_files *f, const char *path);

#endif
