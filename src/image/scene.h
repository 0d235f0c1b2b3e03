/* Scene cuts: a small picture of brightness, compared with the one before. */
#ifndef FACET_IMAGE_SCENE_H
#define FACET_IMAGE_SCENE_H

#include "image/image.h"

#include <stdbool.h>

#define FACET_SCENE_THUMB 16

/* What is remembered of the picture before; all zero: nothing. */
struct facet_scene { float thumb[FACET_SCENE_THUMB * FACET_SCENE_THUMB]; bool has_thumb; };

void facet_scene_forget(struct facet_scene *c);
/* True when `img` shows another scene than the picture before. `alike`: correlation below which it
 * does, 0 for the default. */
bool facet_scene_step(struct facet_scene *c, const struct facet_image *img, float alike);

#endif
