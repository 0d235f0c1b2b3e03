/* Is it a face, or a picture of one? An optional stage in two halves (docs/antispoof.md).
 *
 * The first half stands behind align: a network judges the faces that are worth the recogniser, and only those
 * of tracks judged real go on to it. The second half, the gate, stands behind identify, whoever identifies and
 * wherever: a face that is judged a spoof, or not judged, is never KNOWN. */
#ifndef FACET_STAGES_ANTISPOOF_H
#define FACET_STAGES_ANTISPOOF_H

#include "flow/stage.h"

struct facet_model_spec;

struct facet_antispoof_opts {
    const struct facet_model_spec *model;      /* kind "antispoof"; borrowed until close; NULL: the stage is off */
    float threshold;               /* real at or above, 0..1; 0: 0.5 */
    float min_face;                /* pixels; smaller faces are not judged; 0: 40; negative: all are */
    const char *backend;
    bool strict;
};
extern const struct facet_stage_ops facet_stage_antispoof;         /* opts: struct facet_antispoof_opts */
/* Needs no options. A track that is found to be a spoof is told once, as unknown. */
extern const struct facet_stage_ops facet_stage_antispoof_gate;

struct facet_antispoof;
int facet_antispoof_open(struct facet_antispoof **out, const struct facet_antispoof_opts *o);
void facet_antispoof_close(struct facet_antispoof **a);
/* How likely the face in `box` is real, 0..1, by this one look. FACET_E_INVALID for an empty box. */
int facet_antispoof_look(struct facet_antispoof *a, const struct facet_image *img, struct facet_box box, float *real);

#endif
