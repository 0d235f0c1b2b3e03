/* Embeddings to people or strangers, decided per track. docs/gallery.md says how each method decides. */
#ifndef FACET_STAGES_IDENTIFY_H
#define FACET_STAGES_IDENTIFY_H

#include "flow/stage.h"

struct facet_gallery;
struct facet_classifier;

/* NEAREST: the person with the nearest template. VOTE: the k nearest templates, those that pass the
 * threshold voting with quality times cosine; more than half of the votes wins. CLASSIFIER: the
 * trained classifier's choice. Whoever is chosen, his nearest template must pass the threshold. */
enum facet_identify_method { FACET_IDENTIFY_NEAREST, FACET_IDENTIFY_VOTE, FACET_IDENTIFY_CLASSIFIER };

struct facet_identify_opts {
    struct facet_gallery *gallery;          /* borrowed until close; NULL: everyone is unknown */
    enum facet_identify_method method;
    double threshold;                       /* cosine */
    double calib_a, calib_b;                /* of the model; calib_a 0: the score is 0.5 at the threshold */
    int confirm_frames;                     /* 0: 2 embeddings that agree before a track is named */
    double cooldown_ms;                     /* 0: 10000; the same person is not announced again sooner */
    float margin;                           /* best person must beat the second by this cosine; 0: 0.02; negative: none */
    const struct facet_classifier *classifier;   /* CLASSIFIER; borrowed */
};

/* One embedding (of the gallery's dim) against the gallery, by the method. Allocates nothing. */
int facet_identify_one(const struct facet_identify_opts *o, const float *embedding, struct facet_identity *out);

/* What a track's answers add up to. Fed with one answer for each embedding of the track. */
#define FACET_CANDIDATES 4                  /* people a track may waver between; the weakest makes room */
struct facet_candidate { int64_t person; char name[FACET_MAX_NAME]; int answers; float weight, cosine, score; };
struct facet_evidence {
    struct facet_candidate known[FACET_CANDIDATES];
    int n_known, answers;                   /* answers: of all kinds */
    float weight, unknown_weight;           /* sums of quality */
    float best_cosine, best_score;
};
void facet_evidence_add(struct facet_evidence *e, const struct facet_identity *answer, float quality);
/* KNOWN once `confirm` answers name a person who has more than half of all weight. UNKNOWN after
 * `confirm` + 1 answers without such a person, or when half of at least `confirm` answers' weight says
 * so. Otherwise UNDECIDED. */
void facet_evidence_decide(const struct facet_evidence *e, int confirm, struct facet_identity *out);

/* A face of a track gets the track's identity; identity_changed marks the frame in which it became
 * so, once a person and cooldown. A packet that is the last of its source (a still picture is its own
 * last) decides by what there is, and a face without a track there has its own answer. */
extern const struct facet_stage_ops facet_stage_identify;    /* opts: struct facet_identify_opts */

#endif
