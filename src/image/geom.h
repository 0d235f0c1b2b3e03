/* Points, boxes, landmarks. Pixels; x to the right, y down; the centre of the first pixel is at
 * (0.5, 0.5) for boxes and warps, and a box covers [x1, x2) x [y1, y2). */
#ifndef FACET_IMAGE_GEOM_H
#define FACET_IMAGE_GEOM_H

#include <stdbool.h>

struct facet_point { float x, y; };
struct facet_box { float x1, y1, x2, y2; };

#define FACET_LANDMARKS 5
/* Left eye, right eye, nose, left mouth corner, right mouth corner; left as seen in the picture. */
struct facet_landmarks { struct facet_point p[FACET_LANDMARKS]; };

static inline float facet_box_width(struct facet_box b) { return b.x2 - b.x1; }
static inline float facet_box_height(struct facet_box b) { return b.y2 - b.y1; }
float facet_box_area(struct facet_box b);                               /* 0 for an empty box */
float facet_box_iou(struct facet_box a, struct facet_box b);            /* intersection over union */
float facet_box_iom(struct facet_box a, struct facet_box b);            /* ... over the smaller area */

/* x' = m[0] x + m[1] y + m[2];  y' = m[3] x + m[4] y + m[5] */
struct facet_affine { float m[6]; };
bool facet_affine_invert(struct facet_affine *out, const struct facet_affine *a);
struct facet_point facet_affine_apply(const struct facet_affine *a, struct facet_point p);

#endif
