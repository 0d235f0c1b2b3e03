/* The server itself, between serve.c, auth.c and the resources that need more than serve_priv.h. */
#ifndef FACET_SERVE_CORE_H
#define FACET_SERVE_CORE_H

#include "serve/keys.h"
#include "serve/serve_priv.h"
#include "serve/session.h"

#define FACET__MAX_RESOURCES 48

struct facet_serve {
    struct facet_serve_opts o;
    const struct facet_site *_Atomic site;     /* another after a reload */
    struct facet_engine_room *engine;   /* borrowed; NULL: none is offered */
    struct facet_keys *keys;
    struct facet_sessions *sessions;
    struct facet_first_secrets first;
    struct facet_http_server *http;
    struct facet_http_route *routes; size_t n_routes;
    struct facet__page *page;
    unsigned char *owner;              /* of each route: number of its resource */
    void *state[FACET__MAX_RESOURCES]; int n_open;
    int64_t begun_ms;
};

/* auth.c */
int facet__authorise(void *serve, struct facet_http_request *q, const struct facet_http_route *r);
/* Who is this, whatever the route wants? */
void facet__recognise_asker(struct facet_serve *s, struct facet_http_request *q, struct facet__asker *out, struct facet_session *session);
#define FACET__COOKIE "facet_session"

/* page.c: the page's files become routes of their own. */
struct facet__page;
int facet__page_open(struct facet__page **out, const char *dir);
void facet__page_close(struct facet__page **p);
size_t facet__page_count(const struct facet__page *p);
/* Fills `count` routes; they borrow from the page. */
void facet__page_routes(const struct facet__page *p, struct facet_http_route *out);

#endif
