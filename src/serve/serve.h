/* The HTTP API over a node: who may ask what (keys, roles, sessions), and one file per resource (routes.c lists them).
 * docs/api.md, openapi.yaml. A resource is one file and one line in routes.c. */
#ifndef FACET_SERVE_H
#define FACET_SERVE_H

#include "deploy/node.h"
#include "net/http/server.h"

#include <stdatomic.h>

struct facet_serve;
struct facet_engine_room;          /* recognisers and models behind a queue (deploy/engine_room.h) */
struct facet_first_secrets;

enum facet_role { FACET_ROLE_PUBLIC, FACET_ROLE_VIEWER, FACET_ROLE_DEVICE, FACET_ROLE_OPERATOR, FACET_ROLE_ADMIN };

struct facet_serve_opts {
    const struct facet_site *site; /* borrowed until close */
    struct facet_node *node;       /* borrowed until close; what it has decides what is offered. NULL: what needs one says 503 */
    struct facet_engine_room *engine;          /* borrowed; NULL: the node's */
    bool look_only;                /* none is made: what wants one says 503 (devices, which recognise in their path) */
    const char *page;              /* folder of the built page; NULL: the installed one; "": none */
    bool allow_open;               /* nobody is asked who he is; off this machine only with site.serve.insecure besides */
    atomic_int *cancel;            /* handlers of long work look at it; NULL: never */
};

/* FACET_E_PERMISSION: it would listen to other machines without TLS (serve.insecure), or to anybody. */
int facet_serve_open(struct facet_serve **out, const struct facet_serve_opts *o);
void facet_serve_close(struct facet_serve **s, unsigned wait_ms);
int facet_serve_port(const struct facet_serve *s);
/* Certificates and keys are read again, and the node takes over the site's changes. Refused as a whole where one of them is
 * bad or needs a restart; `changed` (may be NULL) says what is new. `site` stays borrowed on success. */
int facet_serve_reload(struct facet_serve *s, const struct facet_site *site, struct facet_str *changed);
/* The admin's key and password that the first start made, to be told once; NULL: this was not the first. */
const struct facet_first_secrets *facet_serve_first(const struct facet_serve *s);

#endif
