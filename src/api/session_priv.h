#ifndef FACET_API_SESSION_PRIV_H
#define FACET_API_SESSION_PRIV_H

#include "image/image.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"

#include <facet/session.h>

struct facet_manifest;
struct facet_model_spec;
struct facet_pool;

struct facet_session {
    struct facet_manifest *manifest;
    const struct facet_model_spec *recogniser;     /* of the manifest */
    struct facet_pool *pool;
    struct facet_detector *detector;
    struct facet_embedder *embedder;
    struct facet_image chip;
    size_t chip_cap;
    double threshold;
    struct facet_detection seen[FACET_MAX_FACES];
};

#endif
