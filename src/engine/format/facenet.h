/* FaceNet: Inception-ResNet-v1 for 160x160 faces, 512 numbers. */
#ifndef FACET_ENGINE_FORMAT_FACENET_H
#define FACET_ENGINE_FORMAT_FACENET_H

#include "engine/format/arch.h"
#include "engine/format/import.h"

/* `source` is asked for tensors by the layer names of the published network: "Conv2d_1a_3x3" for a
 * kernel or bias, "Conv2d_1a_3x3_BatchNorm" for what belongs to its normalisation. */
int facet__facenet_build(struct facet_graph **out, const char *name, struct facet__source source);

extern const struct facet_importer facet_import_facenet_npy;

#endif
