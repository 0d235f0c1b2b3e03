/* A detector and an embedder together: the faces of one picture, with quality and embedding. What
 * commands and the library use where there is no stream. One thread at a time. */
#ifndef FACET_DEPLOY_RECOGNISER_H
#define FACET_DEPLOY_RECOGNISER_H

#include "base/limits.h"
#include "flow/packet.h"
#include "image/geom.h"
#include "image/image.h"

#include <stdbool.h>

struct facet_model_spec;
struct facet_recogniser;
struct facet_tuning;

struct facet_recogniser_opts {
    const char *detector, *recogniser;     /* names in the manifest; NULL: the defaults */
    const char *contract;                  /* refuse a recogniser of another contract; NULL: any */
    int min_face;                          /* pixels; 0: the detector's default */
    unsigned threads;                      /* 0: as the tuning says, or as many as the process may use */
    const struct facet_tuning *tuning;     /* where no option says more; NULL: none */
    const char *backend;
    bool strict;
    /* Who embeds instead (deploy/engine_room.h): no network of the recogniser's is opened then. As facet_embedder_run. */
    int (*embed)(void *ctx, const struct facet_image *const *chips, int n, float *out);
    void *embed_ctx;
    void (*mark)(void *ctx, const char *what);  /* told when each part is open; NULL: not asked */
    void *mark_ctx;
};
#define FACET_RECOGNISER_OPTS_INIT { 0 }

struct facet_recognised {
    struct facet_box box;                  /* in pixels of the picture that was given */
    struct facet_landmarks points;
    bool has_points;
    float score;                           /* detector's */
    struct facet_quality quality;
    float *embedding;                      /* dim numbers after facet_recogniser_embed; NULL before */
};

int facet_recogniser_open(struct facet_recogniser **out, const struct facet_recogniser_opts *o);
void facet_recogniser_close(struct facet_recogniser **r);
const struct facet_model_spec *facet_recogniser_model(const struct facet_recogniser *r);   /* the embedder's */
const char *facet_recogniser_detector(const struct facet_recogniser *r);                    /* the detector's model */
const char *facet_recogniser_contract(const struct facet_recogniser *r);
int facet_recogniser_dim(const struct facet_recogniser *r);

/* Finds faces in RGB24 or GRAY8, largest first; returns the count. *faces is the recogniser's until the
 * next find. When there is none and `pad` is positive, tries again with a border of so many pixels of
 * repeated edge: faces that fill the picture are found then. *was_padded (may be NULL) says so. */
int facet_recogniser_find(struct facet_recogniser *r, const struct facet_image *img, int pad,
                          struct facet_recognised **faces, bool *was_padded);
/* Embeds the first `n` of the faces found last. */
int facet_recogniser_embed(struct facet_recogniser *r, int n);
/* Embeds one face of a picture, wherever it was found: dim numbers into `out`. `points` may be NULL where
 * the model's chip needs none. */
int facet_recogniser_embed_face(struct facet_recogniser *r, const struct facet_image *img, struct facet_box box,
                                const struct facet_landmarks *points, float *out);
/* Cuts the chip of face `i` of those found last into `out`, RGB24 and of the model's size. */
int facet_recogniser_chip(const struct facet_recogniser *r, int i, struct facet_image *out);
/* Finding and embedding of all of them, in one call: returns the count. */
int facet_recogniser_faces(struct facet_recogniser *r, const struct facet_image *img, int pad,
                           struct facet_recognised **faces, bool *was_padded);

#define FACET_PAD 40       /* pixels; what enrolment tries */

#endif
