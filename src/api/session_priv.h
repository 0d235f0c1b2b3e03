#ifndef FACET_API_SESSION_PRIV_H
#define FACET_API_SESSION_PRIV_H

#include "deploy/recogniser.h"

#include <facet/session.h>

struct facet_session {
    struct facet_recogniser *recogniser;
    const struct facet_model_spec *model;      /* the recogniser's */
    double threshold;
};

#endif
