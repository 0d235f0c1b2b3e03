/* One experiment of a strategy: a broker, a server and a device as processes of this machine, the way between device and server
 * shaped and counted, the video played as a camera would show it. Everything is stopped at the end, however it ends. */
#ifndef FACET_BENCH_SITE_RUN_H
#define FACET_BENCH_SITE_RUN_H

#include "bench/child.h"
#include "bench/experiment.h"
#include "bench/shaped.h"
#include "bench/watcher.h"

struct facet_site_run_opts {
    const struct facet_experiments *x;
    const struct facet_experiment *e;
    const char *program;           /* facet */
    const char *video;             /* what the camera shows */
    const char *gallery;           /* "": nobody is known */
    const char *dir;               /* of the experiment: configurations and logs stay there, what they kept does not */
    const char *csv, *answer, *log;            /* files: a row for each frame; what the device told; what it said */
    const atomic_int *cancel;
};

struct facet_site_result {
    struct facet_child_cost device, server;    /* whole lives */
    double video_s;
    double device_cpu_s, server_cpu_s;         /* while the video was shown: reading models is not in it */
    struct facet_watched heard;
    struct facet_netsim_stats line;            /* bytes of the socket: up is to the server */
    enum facet_shaper shaped_by;
    double joules, device_j, server_j;         /* of the machine; of each end by the model. NAN: not known */
    char energy_source[16];
    int cores;
};

/* FACET_E_CANCELLED, or what went wrong: the broker is not installed, a part ended or did not. */
int facet_site_run(struct facet_site_result *out, const struct facet_site_run_opts *o);

#endif
