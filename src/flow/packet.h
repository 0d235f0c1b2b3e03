/* One frame on its way, with its faces. Made once per slot, reused for ever. */
#ifndef FACET_FLOW_PACKET_H
#define FACET_FLOW_PACKET_H

#include "base/limits.h"
#include "image/chip.h"
#include "image/frame.h"

#include <stdbool.h>
#include <stdint.h>

/* Steps of the path, in order; placement and CSV columns use these. */
enum facet_step {
    FACET_STEP_INGEST, FACET_STEP_DETECT, FACET_STEP_TRACK, FACET_STEP_ALIGN, FACET_STEP_EMBED,
    FACET_STEP_IDENTIFY, FACET_STEP_PUBLISH, FACET_STEPS
};
extern const char *const facet_step_names[FACET_STEPS];      /* "ingest" ... */

struct facet_quality {             /* each 0..1, 1 best; `score` is what is compared */
    float sharpness, pose, size, exposure, score;
    float yaw_deg, pitch_deg, roll_deg;
};

enum facet_decision { FACET_UNDECIDED, FACET_UNKNOWN, FACET_KNOWN };

/* Whether a face is one, or a picture of one; UNJUDGED throughout where nobody judges (stages/antispoof). */
enum facet_live { FACET_LIVE_UNJUDGED, FACET_LIVE_REAL, FACET_LIVE_SPOOF };

struct facet_identity {
    enum facet_decision decision;
    int64_t person;                /* gallery id; 0 unless KNOWN */
    char name[FACET_MAX_NAME];     /* "" unless KNOWN */
    float cosine;                  /* best match's, whoever it was; -1 when there was none */
    float score;                   /* calibrated, 0..1 */
};

struct facet_face {
    struct facet_box box;
    struct facet_landmarks points;
    bool has_points;
    float score;                   /* detector's */
    int64_t track;                 /* 0: none yet; otherwise from 1, unique in a run */
    bool is_new_track;
    struct facet_quality quality;
    bool wants_embedding;          /* set by track/align: this face is worth the recogniser */
    bool has_chip, has_embedding;
    struct facet_image chip;       /* RGB24, memory owned by the packet */
    size_t chip_cap;
    float *embedding;              /* dim numbers, L2-normalised, memory owned by the packet */
    struct facet_identity now;     /* this frame's own answer; UNDECIDED when it was not embedded */
    struct facet_identity identity;/* the track's */
    enum facet_live live;
    float live_score;              /* how likely it is real, 0..1; 0 where UNJUDGED */
    bool identity_changed;         /* the track's answer became this in this frame: an event */
};

struct facet_chip_memory { struct facet_image image; size_t cap; int rested; };
#define FACET_SPARE_CHIPS 16       /* of a packet: more new faces at once than that are rare */

struct facet_packet {
    struct facet_frame *frame;     /* reference; NULL at the end-of-track flush of a source */
    int source;
    struct facet_face *faces;      /* FACET_MAX_FACES of them */
    int n_faces;
    int64_t ended[FACET_MAX_FACES];/* tracks that ended at this frame */
    int n_ended;
    bool cut;                      /* another scene than in the packet before; set by track */
    bool flush;                    /* last packet of a source: all its tracks end */
    uint64_t step_ns[FACET_STEPS]; /* compute time */
    uint64_t queue_ns;             /* waited between stages */
    uint64_t idle_ns;              /* a source stage waited so long for the picture to come: nobody's work */
    uint64_t born_ns, enqueued_ns;
    uint64_t cpu_ns;               /* CPU time of the threads that worked on it */
    int dropped;                   /* frames dropped since the last packet of this source */
    int embedded;                  /* faces embedded in this frame */
    int64_t bytes_sent, bytes_received;
    int faces_cut;                 /* faces over FACET_MAX_FACES, left out and counted */
    struct facet_chip_memory spare[FACET_SPARE_CHIPS];         /* memory of chips that no face has now */
};

/* dim: numbers in an embedding (0: none kept). */
int facet_packet_open(struct facet_packet **out, int dim);
void facet_packet_close(struct facet_packet **p);
/* Drops the frame and clears every face but for its embedding's memory. Chip and embedding belong to the face they
 * are in: stages that sort or drop faces swap whole structs, they never copy one over another. Some chips' memory is
 * kept for the next, whichever face wants it, as long as it is wanted: kept face by face it would grow for hours. */
void facet_packet_reset(struct facet_packet *p);
/* Room for the chip of one of its faces, which then owns it. */
int facet_packet_chip(struct facet_packet *p, struct facet_face *f, enum facet_pixel format, int width, int height);

#endif
