#ifndef FACET_STAGES_IDENTIFY_WEIGHT_H
#define FACET_STAGES_IDENTIFY_WEIGHT_H

/* What a face of a quality counts; one of no measured quality still says something. */
static inline float facet__weight_of(float quality)
{
    return quality > 0.05f ? quality : 0.05f;
}

#endif
