/* The face that a picture is about, as an embedding: for evaluations over many pictures, one worker a
 * thread. */
#ifndef FACET_BENCH_EVAL_FACES_H
#define FACET_BENCH_EVAL_FACES_H

#include "stages/detect/detect.h"
#include "stages/embed/embed.h"

struct facet_face_worker {
    struct facet_detector *detector, *second;      /* second: lower thresholds, opened when first needed */
    struct facet_embedder *embedder;
    struct facet_detector_opts o;
    const struct facet_model_spec *recogniser;
    struct facet_image chip;
    struct facet_detection found[FACET_MAX_FACES];
};

int facet_face_worker_open(struct facet_face_worker *w, const struct facet_detector_opts *o,
                           const struct facet_model_spec *recogniser, const char *backend, bool strict);
void facet_face_worker_close(struct facet_face_worker *w);

/* The face of `n` that counts in pictures made around one face: the largest, less twice the square of
 * its distance from the middle (Sandberg's rule for LFW). -1 for none. */
int facet_face_central(const struct facet_detection *found, int n, int width, int height);

/* Writes the embedding of the picture's central face. FACET_E_NO_FACE when there is none, even at
 * thresholds of 0.5; *second tells that they were needed. */
int facet_face_embed(struct facet_face_worker *w, const struct facet_image *img, float *out, bool *second);

#endif
