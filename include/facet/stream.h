/* Pictures that follow each other: faces found, followed from picture to picture, and named.
 *
 * The whole path of `facet run`, one picture a call, on the caller's thread (and helpers of its own where
 * `threads` allows). A stream is for one thread at a time and one camera; several may run side by side.
 * The models must have been pulled (`facet models pull NAME`). */
#ifndef FACET_STREAM_H
#define FACET_STREAM_H

#include <facet/export.h>
#include <facet/people.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct facet_stream;

struct facet_stream_options {
    size_t struct_size;         /* set by the macro */
    const char *detector;       /* model names; NULL: the default one */
    const char *recogniser;     /* NULL: the gallery's, or the default one */
    const char *antispoof;      /* NULL: nobody asks whether faces are real */
    const char *gallery;        /* a file; NULL: the default gallery where there is one, and else nobody is known */
    float threshold;            /* cosine, same person at or above; 0: by far_rate, or the model's own */
    double far_rate;            /* threshold by wanted false-accept rate, from the model's measured table; 0: not asked */
    int32_t min_face;           /* pixels; 0: the detector's default */
    int32_t confirm;            /* answers that must agree before a track is named; 0: 2 */
    int32_t scan_every;         /* look over the whole picture each n-th time, and around known faces in between; 0: always */
    uint32_t threads;           /* 0: as many as the process may use; 1: none but yours */
};
#define FACET_STREAM_OPTIONS_INIT { sizeof(struct facet_stream_options), NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0 }

/* One face of one picture, in its pixels. `points` as in struct facet_found. */
struct facet_stream_face {
    float x1, y1, x2, y2;
    float points[5][2];
    int32_t has_points;
    float score;                /* detector's, 0..1 */
    float quality;              /* 0..1 */
    int64_t track;              /* unique in the stream; 0: not followed yet */
    int32_t is_new;             /* its track begins here */
    int32_t is_decided;         /* `who` is the track's answer; 0: not looked at well enough yet */
    int32_t is_news;            /* the answer became so in this picture */
    int32_t is_judged;          /* by antispoof: 1 real, -1 a picture of a face, 0 not judged */
    struct facet_who who;
};

/* FACET_E_NOT_FOUND says which model is to be pulled, or that the gallery is not there; FACET_E_CONTRACT that its
 * templates were made by another model. `o` may be NULL. */
FACET_API int facet_stream_open(struct facet_stream **out, const struct facet_stream_options *o);
FACET_API void facet_stream_close(struct facet_stream **s);

/* One picture: three bytes a pixel, red first, rows `stride` bytes apart; borrowed until the call returns. `pts_ms`
 * is its time within the stream and grows. Up to `max` faces; returns how many, or a negative error. */
FACET_API int facet_stream_picture(struct facet_stream *s, const uint8_t *pixels, int width, int height, size_t stride, double pts_ms,
                                   struct facet_stream_face *out, int max);
/* Tracks that ended with the last call of facet_stream_picture or facet_stream_flush. Returns how many were written. */
FACET_API int facet_stream_ended(const struct facet_stream *s, int64_t *tracks, int max);
/* What comes next has nothing to do with what was: all tracks end. */
FACET_API int facet_stream_flush(struct facet_stream *s);

#ifdef __cplusplus
}
#endif

#endif
