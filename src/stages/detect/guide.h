/* Which faces are followed from picture to picture, and when the whole picture is looked over again.
 *
 * The stage guides itself by what it found before: a face in sight moves on as it moved last, and one that was not
 * found is looked for where it should be until the next full scan. It asks nobody: tracks are made by another stage,
 * on another thread, some pictures behind, and what it told would depend on the threads' pace. This way a run gives
 * the same faces every time, and the stage may stand anywhere. Nothing is allocated. */
#ifndef FACET_STAGES_DETECT_GUIDE_H
#define FACET_STAGES_DETECT_GUIDE_H

#include "image/frame.h"
#include "image/scene.h"
#include "stages/detect/detect.h"

struct facet__guided {
    struct facet_box box;              /* where it is, or should be by now */
    float vx, vy;                      /* of its middle, pixels a millisecond */
    bool is_found;                     /* in the picture at hand */
};

struct facet__guide {
    int every;                         /* pictures from scan to scan */
    int since;                         /* pictures since the last scan, it included; 0: scan now */
    int source, width, height;
    double now_ms, step_ms;            /* step_ms: since the picture before, 0: there was none */
    struct facet_scene scene;
    struct facet__guided face[FACET_MAX_FACES], next[FACET_MAX_FACES];
    int n;
};

void facet__guide_init(struct facet__guide *g, int every);
/* The next picture: whether all of it is to be looked over. If not, the faces' boxes are where they should be now. */
bool facet__guide_wants_scan(struct facet__guide *g, int source, const struct facet_frame *f);
/* Where to look: at most FACET_MAX_FACES places. */
int facet__guide_seeds(const struct facet__guide *g, struct facet_box *out);
/* What was found there, or by the scan. Faces that a scan did not find are forgotten. */
void facet__guide_found(struct facet__guide *g, const struct facet_detection *d, int n, bool was_scan);

#endif
