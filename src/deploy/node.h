/* A running part of a site: cameras, the pipeline, gallery, events, outbox and broker, put together by the strategy in the
 * site's file. `facet run --config` runs a device's, `facet serve` a server's; the HTTP server looks through these calls.
 * Thread-safe but for open and close. */
#ifndef FACET_DEPLOY_NODE_H
#define FACET_DEPLOY_NODE_H

#include "deploy/site.h"
#include "measure/measure.h"

#include <stdatomic.h>

struct facet_engine_room;
struct facet_gallery;
struct facet_mqtt_stats;
struct facet_node;
struct facet_str;
struct facet_upload;
struct facet_vault;

enum facet_node_role { FACET_NODE_DEVICE, FACET_NODE_SERVER };

struct facet_node_opts {
    const struct facet_site *site;             /* borrowed until close */
    enum facet_node_role role;
    const char *csv, *events, *video;          /* further sinks of the run; NULL: none */
    atomic_int *cancel;
};

int facet_node_open(struct facet_node **out, const struct facet_node_opts *o);
void facet_node_close(struct facet_node **n);
/* Until cancelled, or until every camera is a file that ended (devices). */
int facet_node_run(struct facet_node *n);
/* The same from another thread: run returns soon. */
void facet_node_stop(struct facet_node *n);
/* Takes over what may change while running (cameras, thresholds, retention, mqtt prefix not); says in `changed` what it did,
 * refuses what needs a restart with FACET_E_UNSUPPORTED and changes nothing then. */
int facet_node_reload(struct facet_node *n, const struct facet_site *site, struct facet_str *changed);

struct facet_gallery *facet_node_gallery(struct facet_node *n);
struct facet_events *facet_node_events(struct facet_node *n);          /* NULL on devices without a store */
struct facet_vault *facet_node_vault(struct facet_node *n);
struct facet_cameras *facet_node_cameras(struct facet_node *n);        /* NULL: it has none of its own */
/* A server's networks, one set for requests, its cameras and its devices' chips, so that what is there at the same time goes
 * through the recogniser together. Opened when it is first asked for, closed with the node. FACET_E_UNSUPPORTED: a device. */
int facet_node_engine(struct facet_node *n, struct facet_engine_room **out);
/* Cameras while it runs. One with the url FACET_UPLOAD_URL has no address: its pictures are sent to us, as bytes of a
 * container, into its ring (deploy/upload.h). FACET_E_UNSUPPORTED: this node has no cameras of its own. */
#define FACET_UPLOAD_URL "upload:"
bool facet_node_is_upload(const char *url);
/* As facet_cameras_add. `keep`: it is there again after a restart, until it is removed (where the node has a store). */
int facet_node_camera_add(struct facet_node *n, const struct facet_camera_conf *conf, bool keep);
int facet_node_camera_remove(struct facet_node *n, const char *name);                       /* FACET_E_NOT_FOUND */
int facet_node_camera_enable(struct facet_node *n, const char *name, bool enabled);         /* of one that is kept, for good */
/* As facet_cameras_set_areas. *is_kept: it holds after a restart, too; a camera of the site's file has that file's then. */
int facet_node_camera_set_areas(struct facet_node *n, const struct facet_camera_conf *areas, bool *is_kept);
/* A reference to its ring; FACET_E_NOT_FOUND. */
int facet_node_upload(struct facet_node *n, const char *camera, struct facet_upload **out);
/* Forgets a person in all that this node keeps: gallery, events, what waits to be sent (store/erase.h; nothing is searched). */
struct facet_erase_report;
int facet_node_erase(struct facet_node *n, const char *name, struct facet_erase_report *out);
const struct facet_site *facet_node_site(const struct facet_node *n);

/* Each event as it happens here or arrives, after it is on disk; on the node's threads. Up to 64 listeners. */
typedef void facet_node_listener(void *ctx, const struct facet_event *e);
int facet_node_listen(struct facet_node *n, facet_node_listener *fn, void *ctx, int *handle);
void facet_node_unlisten(struct facet_node *n, int handle);

/* The faces last seen by a camera of this node, for drawing over its newest picture. Returns the count. */
int facet_node_faces(struct facet_node *n, const char *camera, struct facet_face *out, int max, int64_t *captured_ms);

struct facet_node_stats {
    double seconds;                            /* since start */
    int64_t first_ms;                          /* Unix time when the first frame was here (cloud: was sent); 0: none yet */
    int64_t frames, faces, tracks, embedded, named, dropped;
    struct facet_histogram step[FACET_STEPS], queue, total, delay;     /* ns; delay: capture to event */
    int64_t bytes_sent, bytes_received, live_bytes;                     /* live view is counted apart */
    int64_t outbox_items, outbox_bytes, outbox_dropped;
    int mqtt_state;                            /* enum facet_mqtt_state; -1: no broker */
    double clock_offset_ms;                    /* server's clock minus ours; 0 until measured */
    double cpu_seconds, joules; int64_t resident_bytes;                 /* joules negative: unknown */
};
void facet_node_stats(struct facet_node *n, struct facet_node_stats *out);
/* The same times, ns, of each camera of the node that was looked at: up to `max`; returns how many there are. */
struct facet_camera_times { char camera[FACET_MAX_NAME]; struct facet_histogram step[FACET_STEPS], queue, total; };
int facet_node_camera_times(struct facet_node *n, struct facet_camera_times *out, int max);

/* Devices that have been heard of (servers). */
struct facet_device { char name[64]; char strategy[16]; bool is_online; int64_t seen_ms; int64_t gallery_version; int cameras; double clock_offset_ms; };
int facet_node_devices(struct facet_node *n, struct facet_device *out, int max);

#endif
