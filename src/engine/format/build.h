/* Architectures made in code, with seeded random weights, so that speed and numerics can be tested
 * where the weights cannot be had. */
#ifndef FACET_ENGINE_FORMAT_BUILD_H
#define FACET_ENGINE_FORMAT_BUILD_H

#include "engine/graph.h"

struct facet_builder { const char *name; const char *help; int (*build)(struct facet_graph **out, uint64_t seed); };
/* "facenet" (Inception-ResNet-v1, 512-d, 160 px), "mobilefacenet" (y1's layers, per-channel PReLU,
 * 112 px), "pnet", "rnet", "onet" ... NULL-ended. */
extern const struct facet_builder *const facet_builders[];
const struct facet_builder *facet_builder_find(const char *name);

#endif
