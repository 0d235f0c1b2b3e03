/* Scene cuts: a small picture of brightness, compared with the one before. */
#ifndef FACET_STAGES_TRACK_CUT_H
#define FACET_STAGES_TRACK_CUT_H

#include "image/image.h"

#include <stdbool.h>

#define FACET__THUMB 16

struct facet__cut { float thumb[FACET__THUMB * FACET__THUMB]; bool has_thumb; };

void facet__cut_forget(struct facet__cut *c);
/* True when `img` shows another scene than the picture before. `alike`: correlation below which it
 * does, 0 for the default. */
bool facet__cut_step(struct facet__cut *c, const struct facet_image *img, float alike);

#endif
