/* Where results go: one file and one line in publish.c's list. */
#ifndef FACET_STAGES_PUBLISH_SINK_PRIV_H
#define FACET_STAGES_PUBLISH_SINK_PRIV_H

#include "stages/publish/publish.h"

#include "base/str.h"

/* What sinks share, made by publish.c at open. The options are a copy with no text missing. */
struct facet__publish {
    struct facet_publish_opts o;
    int64_t started_ms; /* wall clock */
    uint64_t begun_ns;  /* of this packet's step: what earlier sinks needed is now - begun */
    char run[64], device[64];
};

struct facet__sink {
    const char *name;
    size_t state_size;
    /* NULL: not asked for. */
    const char *(*path)(const struct facet_publish_opts *o);
    int (*open)(void *state, const struct facet__publish *pub, const char *path);
    /* Frames and flushes, in order. Allocates nothing after warm-up. */
    int (*put)(void *state, const struct facet__publish *pub, const struct facet_packet *p);
    /* Finishes the file; accepts any prefix of open. */
    int (*close)(void *state);
};

extern const struct facet__sink facet__sink_events;
extern const struct facet__sink facet__sink_video;
extern const struct facet__sink facet__sink_csv;

/* A file that is written in whole lines, so that it is valid whenever the program ends. */
struct facet__lines {
    int fd; /* -1: not open */
    bool is_stdout;
    const char *path;      /* borrowed */
    struct facet_str text; /* lines not yet written; memory is kept */
};

int facet__lines_open(struct facet__lines *l, const char *path);
int facet__lines_write(struct facet__lines *l); /* what is in text, then empties it */
int facet__lines_close(struct facet__lines *l);

/* The face's answer: the track's once there is one, otherwise this frame's own. */
const struct facet_identity *facet__identity_of(const struct facet_face *f);

static inline const char *facet__source_name(const struct facet__publish *pub, int source)
{
    return pub->o.source_name ? pub->o.source_name(pub->o.source_ctx, source) : "";
}

/* 0: a picture */
static inline double facet__source_fps(const struct facet__publish *pub, int source)
{
    return pub->o.source_fps ? pub->o.source_fps(pub->o.source_ctx, source) : 0;
}

#endif
