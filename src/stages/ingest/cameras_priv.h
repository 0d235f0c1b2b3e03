/* A camera and the stage that takes its pictures.
 *
 * `lock` of the stage guards all that both sides see; a camera's thread holds it for moments only. A picture is handed over
 * by being held in the video (media/video.h): the stage grabs it under `lock`, and converts it under the camera's `converting`
 * alone, which is taken while `lock` is held and kept when it is given. Who closes the video takes it out of sight under
 * `lock`, and then waits for `converting`. */
#ifndef FACET_STAGES_INGEST_CAMERAS_PRIV_H
#define FACET_STAGES_INGEST_CAMERAS_PRIV_H

#include "stages/ingest/cameras.h"

#include "base/lock.h"
#include "base/rng.h"
#include "base/thread.h"
#include "media/video.h"

/* Pictures' times, made to go on over losses and loops. */
struct facet__timeline {
    bool has_begun;                /* since the last opening */
    double first_ms, offset_ms, last_ms;
};

struct facet__camera {
    struct facet_cameras *owner;
    struct facet_camera_conf conf;
    int source;
    struct facet_thread thread;
    bool has_thread;
    bool is_stopping, is_enabled, is_wanted;   /* atomic; is_wanted: enabled and on schedule */
    struct facet_lock converting;

    /* under the owner's lock */
    struct facet_camera_status status;
    struct facet_video *video;     /* open and in sight of the stage */
    bool has_picture;              /* held in the video, to be taken */
    struct facet_video_moment moment;
    int64_t index;                 /* of the next picture */
    bool was_taken;                /* a picture, since the last flush */
    bool owes_flush, is_leaving;
    int64_t told_drops;
    uint64_t cpu_ns;               /* of decoding, since the last picture taken */
    struct facet_frame *newest;    /* a reference */

    /* the thread's own */
    struct facet_rng rng;
    struct facet__timeline time;
    double due_ms;                 /* of the next picture that `fps` lets through */
    uint64_t paced_ns;             /* when the first picture of a file at its own rate came */
    uint64_t looked_ns;            /* at the schedule */
    uint64_t counted_ns;           /* since when `counted` pictures came */
    int counted;
    int failures;                  /* to open, in a row */
    int64_t past_bytes, seen_damaged;
    bool is_file, waits;           /* for each picture to be taken */
};

struct facet__name { struct facet__name *next; char text[FACET_MAX_NAME]; };

struct facet_cameras {
    struct facet_cameras_opts o;
    struct facet_frame_pool *pool;
    struct facet_lock lock;
    struct facet_cond changed;     /* a picture to take, one taken, somebody to stop */
    bool has_lock, has_cond;
    struct facet__camera *slot[FACET_MAX_CAMERAS];     /* NULL: free */
    uint64_t freed[FACET_MAX_CAMERAS];                 /* so that a slot rests before it is used again */
    uint64_t n_freed;
    const char *name_of[FACET_MAX_CAMERAS];            /* the last camera there; never freed before close */
    struct facet__name *names;
    int last;                      /* the slot taken last */
    uint64_t begun_ns;
};

/* ctx: struct facet__camera. Until is_stopping. */
void facet__camera_main(void *ctx);
/* A picture's place in time; `elapsed_ms` since the stage began, negative for what is not live. */
double facet__timeline_place(struct facet__timeline *t, double pts_ms, double elapsed_ms, double step_ms);
int64_t facet__cameras_wall_ms(const struct facet_cameras *c);

/* Whether the schedule lets the camera be on at this Unix time, in local time. */
bool facet__schedule_is_on(const struct facet_camera_conf *conf, int64_t wall_ms);
int facet__camera_areas_check(const struct facet_camera_conf *c);
bool facet__area_holds(const struct facet_area *a, float x, float y);
/* Everything inside is black afterwards. */
void facet__area_blacken(const struct facet_area *a, struct facet_image *img);
bool facet__camera_is_file(const struct facet_camera_conf *conf);

#endif
