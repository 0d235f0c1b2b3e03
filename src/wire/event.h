/* What happened: the one shape in which events are published, kept, sent and shown (docs/events.md).
 *
 * A node that runs the stage `publish` makes events; the side that identifies makes the IDENTITY ones. An event
 * has an id that is the same however often it is sent: whoever keeps events keeps each id once. */
#ifndef FACET_WIRE_EVENT_H
#define FACET_WIRE_EVENT_H

#include "flow/packet.h"

struct facet_str;

enum facet_event_type {
    FACET_EVENT_FACE,              /* a face in a still picture: "face" */
    FACET_EVENT_NEW,               /* a track begins: "face_new" */
    FACET_EVENT_IDENTITY,          /* its answer became this: "identity" */
    FACET_EVENT_END,               /* it ended: "track_end" */
    FACET_EVENT_CAMERA,            /* a camera's state changed: "camera" */
    FACET_EVENT_TYPES
};
extern const char *const facet_event_words[FACET_EVENT_TYPES];
extern const char *const facet_decision_words[3];      /* by enum facet_decision */

#define FACET_EVENT_ID 64          /* bytes of an id, with NUL */

struct facet_event {
    char id[FACET_EVENT_ID];
    enum facet_event_type type;
    char run[64], site[64], device[64], strategy[16];
    char camera[1024];             /* the camera's name; a file's path for files, cut where it is longer */
    int64_t track, frame;          /* track numbers are unique in a run */
    double pts_ms;
    int64_t captured_ms;           /* Unix time of the frame, by the clock of who captured it */
    int64_t published_ms;          /* Unix time when the event was made */
    int64_t expires_ms;            /* after this nobody acts on it; 0: never */
    bool has_box, has_points;
    struct facet_box box;
    struct facet_landmarks points;
    float score, quality;
    enum facet_live live;          /* UNJUDGED: nobody asked, or nobody could tell */
    float live_score;
    struct facet_identity identity;
    int64_t frames;                /* END: of the track */
    double first_ms, last_ms;      /* END: pts of its first and last frame */
    int width, height;             /* of the frame, so that boxes can be drawn elsewhere; 0: not known */
    char state[32];                /* CAMERA: its new state */
    char snapshot[FACET_EVENT_ID]; /* id of a kept picture; "": none */
};

/* One JSON object, without line feed, appended. Members and their order: docs/events.md. */
int facet_event_to_json(const struct facet_event *e, struct facet_str *out);
/* FACET_E_FORMAT with what is wrong, FACET_E_LIMIT over FACET_MAX_EVENT_JSON; *out is zero then. Takes
 * nothing; unknown members are ignored, so that newer peers can talk. */
int facet_event_from_json(struct facet_event *out, const char *text, size_t len);

#endif
