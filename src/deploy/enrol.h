/* A picture becomes a template, or is refused with the reason. */
#ifndef FACET_DEPLOY_ENROL_H
#define FACET_DEPLOY_ENROL_H

#include "deploy/recogniser.h"
#include "store/gallery.h"

struct facet_enrol_opts {
    double threshold;          /* cosine from which a face is another person's; 0: the model's */
    float min_quality;         /* 0: FACET_ENROL_QUALITY; negative: any */
    float clear;               /* detector's score below which a further face does not count as one; 0:
                                * FACET_ENROL_CLEAR; negative: all count */
    int pad;                   /* pixels of border with which a face is looked for that is not found without;
                                * 0: FACET_PAD; negative: none */
    bool largest;              /* of several faces take the largest */
    bool force;                /* although the face is another person's */
    const char *file;          /* what a refusal names; NULL: `about->source` */
};
#define FACET_ENROL_QUALITY 0.2f
#define FACET_ENROL_CLEAR 0.8f

struct facet_enrolled {
    int64_t template_id;
    int faces;                 /* found */
    bool was_padded;           /* only found with a border around the picture */
    struct facet_box box;
    struct facet_quality quality;
    struct facet_match other;  /* the most alike other person; "" when there is none */
};

/* `about`: source and source_sha256; quality is filled in. FACET_E_NO_FACE, _MANY_FACES, _QUALITY,
 * _EXISTS (another person's face, told in out->other, or the very same picture again), _CONTRACT: the text names
 * `about->source`; where that is "", "the photo". Which option helps is said by who has it. */
int facet_enrol(struct facet_recogniser *r, struct facet_gallery *g, const char *name, const struct facet_image *img,
                const struct facet_template *about, const struct facet_enrol_opts *o, struct facet_enrolled *out);

/* What is the worst about a face, in words: "it is blurred (sharpness 0.08)". */
void facet_quality_describe(char *out, size_t cap, const struct facet_quality *q);

#endif
