/* MTCNN in three files: pyramid.c finds windows over a pyramid with P-Net, mtcnn_refine.c judges windows
 * with R-Net and O-Net, mtcnn.c is the whole. */
#ifndef FACET_STAGES_DETECT_MTCNN_PRIV_H
#define FACET_STAGES_DETECT_MTCNN_PRIV_H

#include "image/resize.h"
#include "stages/detect/candidates.h"
#include "stages/detect/detect_priv.h"

#define FACET__MTCNN_BUCKETS 5

/* What a thread needs to judge windows: batches are powers of two, each bound once, so that nothing is
 * bound again from frame to frame. */
struct facet__refiner_lane {
    struct facet_exec *exec[FACET__MTCNN_BUCKETS];     /* of 1, 2, 4 ... rows */
    struct facet_image window;
    int err;
};

/* Windows of a picture. */
struct facet__windows {
    const struct facet_image *picture;
    struct facet__candidates *list;
};

/* A network that judges windows, any number in a call, in batches that threads share. */
struct facet__refiner {
    const struct facet_detector_opts *o;               /* the detector's own */
    const char *part;
    struct facet_pool *pool;
    struct facet_plan *plan;
    struct facet__refiner_lane *lanes;                 /* one for each thread */
    unsigned n_lanes;
    int buckets;
    int side;                                          /* of its input */
    const struct facet__windows *of;                   /* during a run, with all below */
    size_t todo;
    int bucket;                                        /* of whole batches */
};

/* `max` is a power of two; `o` and `part` live as long as the refiner. */
int facet__refiner_open(struct facet__refiner *r, const struct facet_detector_opts *o, const char *part, int side, int max);
void facet__refiner_close(struct facet__refiner *r);

/* Judges every box of the lists by what it shows: keeps those whose score is above `least`, with the
 * network's score, calibration and, when it gives them, points. Boxes are whole pixels, the last one
 * included; what lies outside the picture is black. Windows of several pictures fill batches together. */
int facet__refiner_run(struct facet__refiner *r, const struct facet__windows *of, int n_pictures, float least);

/* Moves each box by its calibration; `plus` is what its sides are measured with. */
void facet__mtcnn_calibrate(struct facet__candidates *c, float plus);
/* Boxes to squares around their middles, in whole pixels towards zero; what is no box any more goes. */
void facet__mtcnn_square(struct facet__candidates *c);

#endif
