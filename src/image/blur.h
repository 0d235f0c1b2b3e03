/* Making a part of a picture unrecognisable, for good. */
#ifndef FACET_IMAGE_BLUR_H
#define FACET_IMAGE_BLUR_H

#include "image/geom.h"
#include "image/image.h"

/* The box and a third of its size around become four blocks in each direction, each of one colour: what is left of a face
 * is 16 colours, however large it was. Clipped to the picture; RGB24 and GRAY8. */
void facet_image_hide(struct facet_image *img, struct facet_box box);

#endif
