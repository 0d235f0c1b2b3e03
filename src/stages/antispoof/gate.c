/* The second half: no name passes but that of a face judged real. A name that was held back while its track was
 * not judged real is told when it is. */
#include "stages/antispoof/antispoof.h"

#include "base/errors.h"
#include "stages/antispoof/tracks.h"

static void hold_back(struct facet_live_track *t, struct facet_face *f)
{
    const bool is_spoof = f->live == FACET_LIVE_SPOOF;
    t->is_owed |= f->identity_changed && f->identity.decision == FACET_KNOWN;
    f->identity = (struct facet_identity){ .decision = is_spoof ? FACET_UNKNOWN : FACET_UNDECIDED, .cosine = -1 };
    f->now = f->identity;
    f->identity_changed = is_spoof && !t->is_told;
    t->is_told |= is_spoof;
}

static void let_pass(struct facet_live_track *t, struct facet_face *f)
{
    f->identity_changed |= t->is_owed && f->identity.decision == FACET_KNOWN;
    t->is_owed = false;
}

static int gate_step(void *state, struct facet_packet *p)
{
    struct facet__live_tracks *tracks = state;
    facet__live_begin(tracks);
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct facet_face *f = &p->faces[i];
        struct facet_live_track alone = { 0 };
        struct facet_live_track *t = f->track ? facet__live_find(tracks, f->track) : &alone;
        if (f->live == FACET_LIVE_REAL)
            let_pass(t, f);
        else
            hold_back(t, f);
    }
    facet__live_forget(tracks, p);
    return FACET_OK;
}

const struct facet_stage_ops facet_stage_antispoof_gate = {
    .name = "identify",
    .state_size = sizeof(struct facet__live_tracks),
    .step = gate_step,
};
