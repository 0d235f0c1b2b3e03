/* Drawing into RGB24 and GRAY8 pictures; everything is clipped. */
#ifndef FACET_IMAGE_DRAW_H
#define FACET_IMAGE_DRAW_H

#include "image/geom.h"
#include "image/image.h"

struct facet_color { uint8_t r, g, b; };
void facet_draw_rect(struct facet_image *img, struct facet_box box, int thickness, struct facet_color c);
void facet_draw_dot(struct facet_image *img, struct facet_point p, int radius, struct facet_color c);
/* A built-in 8x16 font of our own (ASCII; other characters are drawn as '?'), `scale` times as large,
 * on a filled background when `back` is not NULL. Returns the width in pixels. */
int facet_draw_text(struct facet_image *img, int x, int y, int scale, const char *text,
                    struct facet_color c, const struct facet_color *back);

#endif
