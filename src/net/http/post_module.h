/* What facet-curl.so exports besides downloads: one request with a body. */
#ifndef FACET_NET_HTTP_POST_MODULE_H
#define FACET_NET_HTTP_POST_MODULE_H

#include "net/http/post.h"

#define FACET_POST_MODULE_VERSION 3
#define FACET_POST_MODULE_SYMBOL "facet_post_module"

struct facet_post_client;

struct facet_post_module {
    int version;
    int (*open)(struct facet_post_client **out);
    void (*close)(struct facet_post_client **c);
    /* FACET_OK, or what failed, with the reason in `why`. */
    int (*send)(struct facet_post_client *c, const struct facet_post_opts *o, const struct facet_post_request *q,
                struct facet_post_answer *out, char *why, size_t cap);
};

#endif
