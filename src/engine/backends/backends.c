#include "engine/backend.h"

/* The preferred one first. */
const struct facet_backend_ops *const facet_backends[] = {
    &facet_backend_cpu,
    &facet_backend_ref,
    NULL,
};
