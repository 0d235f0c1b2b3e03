/* The HTTP API over a node: who may ask what (keys, roles, sessions), and one file per resource (routes.c lists them).
 * docs/api.md, openapi.yaml. A resource is one file and one line in routes.c. */
#ifndef FACET_SERVE_H
#define FACET_SERVE_H

#include "deploy/node.h"
#include "net/http/server.h"

struct facet_serve;
struct facet_engine_room;          /* recognisers and models behind a queue (deploy/engine_room.h) */

enum facet_role { FACET_ROLE_PUBLIC, FACET_ROLE_VIEWER, FACET_ROLE_DEVICE, FACET_ROLE_OPERATOR, FACET_ROLE_ADMIN };

struct facet_serve_opts {
    const struct facet_site *site; /* borrowed until close */
    struct facet_node *node;       /* borrowed until close; what it has decides what is offered */
    const char *page;              /* folder of the built page; NULL: the installed one; "": none */
    bool allow_open;               /* off-host without TLS or keys, said twice by the user */
};

int facet_serve_open(struct facet_serve **out, const struct facet_serve_opts *o);
void facet_serve_close(struct facet_serve **s, unsigned wait_ms);
int facet_serve_port(const struct facet_serve *s);
int facet_serve_reload(struct facet_serve *s, const struct facet_site *site);

#endif
