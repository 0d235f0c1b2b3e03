/* A models folder with two small seeded networks: a detector of YuNet's shape that finds "faces" in noise, and an
 * embedder of 16x16 chips to 32 numbers. For tests of what is around networks, where accuracy does not matter. */
#ifndef FACET_TESTS_SMALL_MODELS_H
#define FACET_TESTS_SMALL_MODELS_H

#include "lib/scratch.h"

#include "image/image.h"

#define SMALL_DETECTOR "small-detector"
#define SMALL_EMBEDDER "small-embedder"
#define SMALL_DIM 32
#define SMALL_CHIP 16

/* Makes and pulls both, and points $FACET_MANIFEST, $FACET_MODELS and $FACET_CACHE below the folder. Both are defaults. */
void small_models(const struct scratch *s);
/* Seeded noise, RGB24: facet_image_fini it. */
struct facet_image small_noise(int width, int height, uint64_t seed);

#endif
