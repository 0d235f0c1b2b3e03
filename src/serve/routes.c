/* What the server offers, one file each. Order matters not: the most literal route is taken. */
#include "serve/routes.h"

#include <stddef.h>

const struct facet__resource *const facet__resources[] = {
    &facet__resource_health,
    &facet__resource_session,
    &facet__resource_access,
    &facet__resource_models,
    &facet__resource_faces,
    &facet__resource_people,
    &facet__resource_cameras,
    &facet__resource_upload,
    &facet__resource_device_view,
    &facet__resource_events,
    &facet__resource_stats,
    &facet__resource_experiments,
    &facet__resource_metrics,
    &facet__resource_compreface,
    &facet__resource_oip,
    &facet__resource_tfserving,
    NULL,
};
