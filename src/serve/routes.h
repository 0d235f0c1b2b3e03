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

#endif
