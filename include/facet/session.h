/* Models at work: faces in a photo, embeddings of faces, are two the same person?
 *
 * The models must have been pulled (`facet models pull NAME`). A session is for one thread at a time;
 * several sessions may run side by side. */
#ifndef FACET_SESSION_H
#define FACET_SESSION_H

#include <facet/export.h>
#include <facet/photo.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct facet_session;

struct facet_session_options {
    size_t struct_size;         /* set by the macro */
    const char *detector;       /* model names; NULL: the default ones */
    const char *recogniser;
    int32_t min_face;           /* pixels; 0: the detector's default */
    uint32_t threads;           /* 0: as many as the process may use; 1: none but yours */
};
#define FACET_SESSION_OPTIONS_INIT { sizeof(struct facet_session_options), NULL, NULL, 0, 0 }

/* One face of a photo, in its pixels. `points`: left eye, right eye, nose, left and right corner of
 * the mouth, left as seen, x then y; meaningful when has_points is 1. */
struct facet_found {
    float x1, y1, x2, y2;
    float points[5][2];
    int32_t has_points;
    float score;                /* detector's, 0..1 */
    float quality;              /* 0..1: sharpness, pose, size and exposure together */
};

struct facet_comparison {
    float cosine;               /* -1..1; no probability */
    float score;                /* calibrated, 0..1 */
    float threshold;            /* cosine at or above which it is the same person */
    int32_t is_same;
};

/* `o` may be NULL. FACET_E_NOT_FOUND says which model is to be pulled. */
FACET_API int facet_session_open(struct facet_session **out, const struct facet_session_options *o);
FACET_API void facet_session_close(struct facet_session **s);

/* Up to `max` faces, best first. Returns how many, or a negative error. */
FACET_API int facet_session_find(struct facet_session *s, const struct facet_photo *p, struct facet_found *out, int max);

/* Numbers in an embedding, and the contract that names model and preprocessing: embeddings of
 * different contracts do not compare. */
FACET_API int facet_session_dim(const struct facet_session *s);
FACET_API const char *facet_session_contract(const struct facet_session *s);

/* The unit-length embedding of one face: facet_session_dim numbers. */
FACET_API int facet_session_embed(struct facet_session *s, const struct facet_photo *p, const struct facet_found *face,
                                  float *out);
/* Compares two embeddings of this session by the model's own threshold. */
FACET_API int facet_session_compare(const struct facet_session *s, const float *a, const float *b,
                                    struct facet_comparison *out);
/* The best face of each photo, compared. FACET_E_NO_FACE says in which photo there is none. */
FACET_API int facet_session_verify(struct facet_session *s, const struct facet_photo *a, const struct facet_photo *b,
                                   struct facet_comparison *out);

#ifdef __cplusplus
}
#endif

#endif
