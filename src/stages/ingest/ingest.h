/* Sources to frames: picture files, video files, folders of both, lists. Source stage.
 * Each file is a source of its own, numbered from 0 in the order in which they come; what a file is
 * is told by its content. In folders (byte order, 8 deep) only what looks like a picture or a video
 * is taken. A source ends with `flush`, so that its tracks end: a picture in its own packet, a video
 * in one without a frame after its last. Damaged packets of a video are counted in `dropped`. */
#ifndef FACET_STAGES_INGEST_H
#define FACET_STAGES_INGEST_H

#include "flow/stage.h"

#include <stdatomic.h>

struct facet_ingest_opts {
    const char *const *sources; int n_sources;      /* borrowed until close; "-" reads a list from stdin */
    int64_t max_frames;                             /* of each source; 0: all */
    int every;                                      /* every n-th frame; 0: 1 */
    unsigned decode_threads;
    bool keep_going;                                /* a broken source is counted and skipped */
    atomic_int *cancel;
};
/* What is known about the whole work, for progress: frames 0 when it cannot be told. */
struct facet_ingest_total { int64_t frames; int sources, done_sources, failed_sources; };
struct facet_ingest;                                /* the stage's state */
void facet_ingest_progress(const struct facet_ingest *in, struct facet_ingest_total *out);   /* thread-safe */
/* Path of source number i, for CSV and events; a folder counts one source a file. */
const char *facet_ingest_source_name(const struct facet_ingest *in, int source);
bool facet_ingest_is_video(const struct facet_ingest *in, int source);
/* 0: a picture (or not opened yet); a video whose rate nobody knows counts as 25. */
double facet_ingest_fps(const struct facet_ingest *in, int source);

extern const struct facet_stage_ops facet_stage_ingest;     /* opts: struct facet_ingest_opts */

#endif
