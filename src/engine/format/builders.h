/* The entries of build.c's list. */
#ifndef FACET_ENGINE_FORMAT_BUILDERS_H
#define FACET_ENGINE_FORMAT_BUILDERS_H

#include "engine/format/build.h"

extern const struct facet_builder facet_build_facenet, facet_build_mobilefacenet, facet_build_pnet, facet_build_rnet,
    facet_build_onet, facet_build_mobilenetv2;

#endif
