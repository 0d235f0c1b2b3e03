/* The picture that is kept with an event: the frame with all other faces made unrecognisable, or a crop of one face. */
#ifndef FACET_DEPLOY_SNAPSHOT_H
#define FACET_DEPLOY_SNAPSHOT_H

#include "flow/packet.h"

struct facet_str;

struct facet_snapshot_opts {
    bool shows_others;             /* other faces stay as they are */
    bool is_crop;                  /* the face with half of its size around, instead of the whole frame */
    int quality;                   /* of the JPEG, 1..100; 0: 85 */
    int max_side;                  /* larger frames are made smaller; 0: 1280 */
};

/* Appends a JPEG. `whom` is the number of the face that is meant; -1: all are hidden. */
int facet_snapshot_make(const struct facet_frame *frame, const struct facet_face *faces, int n_faces, int whom,
                        const struct facet_snapshot_opts *o, struct facet_str *out);

#endif
