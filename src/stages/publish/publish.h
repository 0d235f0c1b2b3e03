/* Results to sinks: per-frame CSV (docs/csv.md), event lines (docs/events.md), annotated video. A
 * sink is one file and one line in publish.c's list. Lines are written whole, one by one, and the
 * video is finished by close: what is there is valid however a run ends. */
#ifndef FACET_STAGES_PUBLISH_H
#define FACET_STAGES_PUBLISH_H

#include "flow/stage.h"

struct facet_energy;
struct facet_event;

struct facet_publish_opts {
    const char *csv, *events, *video;      /* paths, NULL: none; "-" is stdout for csv and events */
    const char *run, *strategy, *device, *detector, *recogniser;    /* CSV columns */
    const char *antispoof;                 /* another; NULL: faces are not judged */
    const char *(*source_name)(void *ctx, int source); double (*source_fps)(void *ctx, int source); void *source_ctx;    /* fps 0: a picture */
    /* Bytes over the network since it was asked last, for a row; NULL: what the packet says. */
    void (*network)(void *ctx, int64_t *sent, int64_t *received); void *network_ctx;
    struct facet_energy *energy;           /* borrowed, NULL: the column stays empty */
    /* Each event as it is made, besides the file; on the last stage's thread, borrowed until it returns. */
    void (*event)(void *ctx, const struct facet_event *e);
    void *event_ctx;
    /* Before that, for events of a face that is in a frame: may keep a picture and set e->snapshot. NULL: none. */
    void (*picture)(void *event_ctx, struct facet_event *e, const struct facet_packet *p, const struct facet_face *f);
    const char *site;                      /* in events; NULL: none */
    double event_expires_ms;               /* events are over so long after the frame; 0: never */
    bool live;                             /* sources are cameras: none is a picture, whatever source_fps says */
};
extern const struct facet_stage_ops facet_stage_publish;     /* opts: struct facet_publish_opts */

#endif
