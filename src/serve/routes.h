/* The resources; one line each, as in routes.c. */
#ifndef FACET_SERVE_ROUTES_H
#define FACET_SERVE_ROUTES_H

#include "serve/serve_priv.h"

extern const struct facet__resource facet__resource_health;        /* health, system */
extern const struct facet__resource facet__resource_session;       /* session, login, logout */
extern const struct facet__resource facet__resource_access;        /* keys, users */
extern const struct facet__resource facet__resource_models;
extern const struct facet__resource facet__resource_faces;         /* detect, embed, verify, identify */
extern const struct facet__resource facet__resource_people;        /* people, templates */
extern const struct facet__resource facet__resource_compreface;    /* /api/v1: CompreFace's clients */
extern const struct facet__resource facet__resource_oip;           /* /v2: Open Inference Protocol */
extern const struct facet__resource facet__resource_tfserving;     /* /v1/models/...:predict */
extern const struct facet__resource facet__resource_metrics;       /* /metrics */
extern const struct facet__resource facet__resource_events;        /* events, snapshots */
extern const struct facet__resource facet__resource_stats;         /* stats, strategies, devices */
extern const struct facet__resource facet__resource_experiments;   /* what `facet bench run` measured */
extern const struct facet__resource facet__resource_cameras;
extern const struct facet__resource facet__resource_upload;        /* video that devices send */
extern const struct facet__resource facet__resource_device_view;   /* cameras of devices, through us */

#endif
