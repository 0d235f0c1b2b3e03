/* What a network wants to be fed with: how a face is cut from a picture. Data, read from the
 * model manifest; no code path belongs to one model. */
#ifndef FACET_IMAGE_CHIP_H
#define FACET_IMAGE_CHIP_H

#include "image/geom.h"
#include "image/resize.h"

enum facet_crop {
    FACET_CROP_SIMILARITY,   /* five points by least squares (Umeyama 1991) onto `points` */
    FACET_CROP_BOX,          /* the detector's box grown by as many pixels on each side, stretched */
    FACET_CROP_SQUARE,       /* the square around the box, grown by `margin`, kept in proportion */
};

struct facet_chip_spec {
    enum facet_crop crop;
    int width, height;
    struct facet_landmarks points;     /* SIMILARITY: in pixels of the chip */
    float margin;                      /* added on each side. BOX: fraction of the mean of width and height; SQUARE: of the side */
    float margin_px;                   /* BOX: pixels added on each side, in the source picture, on top */
    int outside;                       /* value outside the picture, -1 repeats the edge */
};

#endif
