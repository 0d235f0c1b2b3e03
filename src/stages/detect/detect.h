/* Faces in a picture. A detector is one file and one line in detect.c's list. */
#ifndef FACET_STAGES_DETECT_H
#define FACET_STAGES_DETECT_H

#include "flow/stage.h"

struct facet_exec;
struct facet_model_spec;
struct facet_pool;

/* Sees what a part of the model ("pnet") is about to be run on; a failure ends the detection. */
typedef int facet_detector_tap_fn(void *ctx, const char *part, struct facet_exec *e);

struct facet_detector_opts {
    const struct facet_model_spec *model;    /* borrowed until close */
    int min_face;                  /* pixels; 0: the detector's default (20 for MTCNN) */
    int max_face;                  /* pixels; 0: any. MTCNN leaves out the levels that find larger ones only */
    bool quick_pyramid;            /* MTCNN: small levels are shrunk from halved pictures; boxes move a little */
    int scan_every;                /* the stage looks over the whole picture each n-th time and at changes of scene,
                                    * and around the faces it follows in between; 0 or 1: always. docs/detection.md */
    float threshold[3];            /* 0: default. MTCNN: P, R, O. Others use [0] */
    float factor;                  /* MTCNN pyramid, 0: 0.709 */
    float nms;                     /* 0: the detector's default */
    int max_side;                  /* SCRFD, YuNet: pictures are shrunk to this; 0: 640 */
    int max_faces;                 /* 0: FACET_MAX_FACES; the best are kept */
    const char *backend;           /* engine; NULL: cpu */
    bool strict;
    struct facet_pool *pool;       /* borrowed until close, may be NULL */
    /* The stage leaves out faces for which this says no: zones of a camera, sizes. NULL: none. */
    bool (*keep)(void *ctx, int source, const struct facet_image *img, const struct facet_box *box);
    void *keep_ctx;
    facet_detector_tap_fn *tap;    /* NULL: nobody looks; for calibration (bench/calibrate.h) */
    void *tap_ctx;
};
#define FACET_DETECTOR_OPTS_INIT { 0 }

struct facet_detection { struct facet_box box; struct facet_landmarks points; bool has_points; float score; };
struct facet_detector;
int facet_detector_open(struct facet_detector **out, const struct facet_detector_opts *o);
void facet_detector_close(struct facet_detector **d);
/* RGB24 in; up to `max` faces out, best first, boxes and points in the picture's pixels. Returns the
 * count, or a negative error. Not thread-safe: one detector a thread. */
int facet_detector_run(struct facet_detector *d, const struct facet_image *img, struct facet_detection *out, int max);
/* The same, but looks only around `seeds`, where faces are thought to be. FACET_E_UNSUPPORTED where the detector
 * looks at whole pictures only. */
int facet_detector_follow(struct facet_detector *d, const struct facet_image *img, const struct facet_box *seeds, int n,
                          struct facet_detection *out, int max);
/* Several pictures at once, up to FACET_FLOW_TOGETHER: each gets what facet_detector_run gives, or facet_detector_follow where
 * `n_seeds` is not negative. */
struct facet_look {
    const struct facet_image *img;
    const struct facet_box *seeds; int n_seeds;
    struct facet_detection *out; int max;
    int n;                         /* of those found */
};
int facet_detector_look(struct facet_detector *d, struct facet_look *looks, int n);
const char *facet_detector_name(const struct facet_detector *d);

extern const struct facet_stage_ops facet_stage_detect;      /* opts: struct facet_detector_opts */

#endif
