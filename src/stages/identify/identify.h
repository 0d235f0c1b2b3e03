/* Embeddings to people or strangers, decided per track. */
#ifndef FACET_STAGES_IDENTIFY_H
#define FACET_STAGES_IDENTIFY_H

#include "flow/stage.h"

struct facet_gallery;
struct facet_classifier;

enum facet_identify_method { FACET_IDENTIFY_NEAREST, FACET_IDENTIFY_VOTE, FACET_IDENTIFY_CLASSIFIER };
struct facet_identify_opts {
    struct facet_gallery *gallery;          /* borrowed until close; NULL: everyone is unknown */
    enum facet_identify_method method;
    double threshold;                       /* cosine */
    double calib_a, calib_b;                /* of the model */
    int confirm_frames;                     /* 0: 2 embeddings that agree before a track is named */
    double cooldown_ms;                     /* 0: 10000; the same person is not announced again sooner */
    float margin;                           /* best person must beat the second by this cosine; 0: 0.02 */
    const struct facet_classifier *classifier;   /* CLASSIFIER; borrowed */
};
/* One embedding against the gallery, by the method. */
int facet_identify_one(const struct facet_identify_opts *o, const float *embedding, struct facet_identity *out);

extern const struct facet_stage_ops facet_stage_identify;    /* opts: struct facet_identify_opts */

#endif
