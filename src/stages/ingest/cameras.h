/* Live cameras as a source stage: 1 to FACET_MAX_CAMERAS at once, the newest frame of each wins.
 *
 * Each camera has a thread that connects, decodes and puts the newest picture into its slot; the stage takes slots in turn, so
 * that a slow pipeline drops frames of every camera alike. What is dropped is counted by reason. A camera that goes away is
 * tried again for ever, with backoff and jitter; its tracks end (`flush`) when it is lost or removed. Cameras can be added,
 * removed, switched off and on while the stage runs. Source numbers are slots: of a removed camera they are used again.
 *
 * A frame's pts_ms is the stream's own time, from 0 at a file's first picture (going on when it loops), and from the start of
 * the stage for what is live; wall_ms is when its packet came, or as sender_time says. docs/cameras.md. */
#ifndef FACET_STAGES_INGEST_CAMERAS_H
#define FACET_STAGES_INGEST_CAMERAS_H

#include "base/clock.h"
#include "base/url.h"
#include "flow/stage.h"

#include <stdatomic.h>

enum facet_camera_state {
    FACET_CAMERA_CONNECTING, FACET_CAMERA_WAITING_KEYFRAME, FACET_CAMERA_LIVE, FACET_CAMERA_STALLED,
    FACET_CAMERA_LOST,             /* tried again from time to time */
    FACET_CAMERA_DISABLED,         /* by command or schedule */
    FACET_CAMERA_ENDED,            /* a file came to its end */
    FACET_CAMERA_STATES
};
extern const char *const facet_camera_state_words[FACET_CAMERA_STATES];

enum facet_drop_reason {
    FACET_DROP_NEWER,              /* a newer frame came before this was taken */
    FACET_DROP_RATE,               /* over the camera's `fps` */
    FACET_DROP_DAMAGED,            /* could not be decoded */
    FACET_DROP_LATE,               /* older than max_latency_ms when its turn came */
    FACET_DROP_REASONS
};
extern const char *const facet_drop_words[FACET_DROP_REASONS];

#define FACET_MAX_CAMERAS FACET_MAX_LIVE_SOURCES    /* of a node; a device is meant for 16 */
#define FACET_CAMERA_AREAS 16      /* zones, masks */
#define FACET_AREA_POINTS 32

struct facet_area { char name[64]; int n; struct facet_point p[FACET_AREA_POINTS]; };    /* 0..1 of width and height */
struct facet_span { int from_min, to_min; uint8_t days; };         /* minutes of the local day; bit 0: Monday */

struct facet_camera_conf {
    char name[FACET_MAX_NAME];     /* unique; letters, digits, '-', '_' */
    char url[1024];                /* rtsp:// rtsps:// http(s):// (MJPEG) /dev/videoN or v4l2: file path; may hold user:password, never told on */
    char username[128], password[128];         /* instead of in the url */
    char ca[512], fingerprint[128]; bool insecure;     /* whom rtsps: and https: believe: media/video.h */
    char transport[8];             /* "tcp" (default), "udp" */
    double fps;                    /* at most so many frames a second are taken; 0: all */
    bool every_frame;              /* nothing is dropped, the source waits: files in tests and experiments */
    bool native_rate;              /* files: at their own rate; otherwise as fast as they are taken */
    bool loop;                     /* files: from the start again */
    bool hardware;                 /* decode by hardware where FFmpeg offers it */
    bool sender_time;              /* RTSP: frames are of when the camera's clock says (RTCP), not of when they came */
    int timeout_ms;                /* 0: 5000; no data for so long: lost */
    double max_latency_ms;         /* 0: any */
    bool disabled;
    int min_face, max_face;        /* pixels; 0: the detector's */
    struct facet_area zones[FACET_CAMERA_AREAS], masks[FACET_CAMERA_AREAS]; int n_zones, n_masks;
    struct facet_span schedule[8]; int n_schedule;     /* none: always */
    /* For streams that come through us (cloud upload): bytes of a container from here instead of `url`. Blocks for a
     * while (0.1 s), then FACET_E_AGAIN, so that the camera can be stopped. 0: the end of this stream; another may begin. */
    int (*read)(void *ctx, uint8_t *buf, size_t cap); void *read_ctx;
};

struct facet_camera_status {
    int source;                    /* slot */
    char name[FACET_MAX_NAME], url[256];       /* without credentials */
    enum facet_camera_state state;
    int64_t since_ms;              /* Unix time */
    char error[256];               /* of the last loss; "" */
    int width, height; double fps; /* measured over the last seconds */
    char codec[32], decoder[32];   /* "h264", "software" or the hardware's name */
    int64_t frames, taken, dropped[FACET_DROP_REASONS], reconnects, bytes;
};

struct facet_cameras_opts {
    const struct facet_camera_conf *cameras; int n_cameras;        /* copied */
    unsigned decode_threads;       /* of each camera; 0: 1 */
    bool end_when_all_end;         /* the stage ends when every camera is a file that ended */
    atomic_int *cancel;
    const struct facet_clock *clock;       /* for schedules and latency; NULL: the system's */
    void (*on_state)(void *ctx, const struct facet_camera_status *s);      /* on the camera's thread; adds and removes none */
    void *ctx;
};

struct facet_cameras;              /* the stage's state */
int facet_cameras_add(struct facet_cameras *c, const struct facet_camera_conf *conf);       /* FACET_E_EXISTS, _LIMIT, _INVALID */
int facet_cameras_remove(struct facet_cameras *c, const char *name);                        /* FACET_E_NOT_FOUND */
int facet_cameras_enable(struct facet_cameras *c, const char *name, bool enabled);
/* Zones and masks of a camera alone: the rest of `areas` is its name, and defaults. Set, they hold from the next picture on. */
int facet_cameras_areas(struct facet_cameras *c, const char *name, struct facet_camera_conf *areas);
int facet_cameras_set_areas(struct facet_cameras *c, const struct facet_camera_conf *areas);
/* Up to `max`; returns how many there are. Thread-safe, as all here. */
int facet_cameras_status(struct facet_cameras *c, struct facet_camera_status *out, int max);
/* The newest picture of a camera, as a reference; FACET_E_AGAIN when there was none yet. */
int facet_cameras_picture(struct facet_cameras *c, const char *name, struct facet_frame **out);
const char *facet_cameras_name(const struct facet_cameras *c, int source);
double facet_cameras_fps(const struct facet_cameras *c, int source);
/* Whether a face found in a picture of that source counts: within the camera's zones and sizes (masks are black in the
 * picture itself). For facet_detector_opts.keep. */
bool facet_cameras_keep(void *cameras, int source, const struct facet_image *img, const struct facet_box *box);
/* FACET_E_INVALID with what is wrong, before anything is opened. */
int facet_camera_conf_check(const struct facet_camera_conf *conf);

/* What a camera is, found out by looking at it for some seconds. */
struct facet_camera_probe {
    char url[256];                 /* without credentials */
    char codec[32], decoder[32];
    int width, height;
    double opened_ms, first_ms;    /* until it was open, until its first picture */
    double seconds, fps;           /* from the first picture on; fps as measured, 0 when there were fewer than two */
    int64_t frames, damaged, bytes;
};
int facet_camera_probe(struct facet_camera_probe *out, const struct facet_camera_conf *conf, double seconds, atomic_int *cancel);

extern const struct facet_stage_ops facet_stage_cameras;   /* opts: struct facet_cameras_opts */

#endif
