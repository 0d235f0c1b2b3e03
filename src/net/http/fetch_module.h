/* What facet-curl.so exports: one try at one transfer. Retrying, resuming and checking are fetch.c's. */
#ifndef FACET_NET_HTTP_FETCH_MODULE_H
#define FACET_NET_HTTP_FETCH_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_FETCH_MODULE_VERSION 1
#define FACET_FETCH_MODULE_SYMBOL "facet_fetch_module"

/* Takes the next bytes; `restart` says first that the server begins anew, so that what is there goes.
 * `total` is the length of the whole file, -1: not told. Non-zero ends the transfer. */
struct facet_fetch_sink {
    int (*restart)(void *ctx);
    int (*take)(void *ctx, const void *data, size_t len, int64_t total);
    void *ctx;
};

struct facet_fetch_try {
    const char *url;
    int64_t offset;              /* bytes that are there already */
    unsigned stall_s, connect_s;
    const char *allow;           /* NULL: https, and http to loopback */
    struct facet_fetch_sink sink;
    /* Told back. */
    char etag[128];              /* of the last answer; sent as If-Range when the next try resumes */
    bool is_worth_retrying, is_unreachable;
    char host[128];
    char why[256];
};

struct facet_fetch_client;

struct facet_fetch_module {
    int version;
    int (*open)(struct facet_fetch_client **out);
    void (*close)(struct facet_fetch_client **c);
    /* FACET_OK, or what failed, with the reason in t->why. */
    int (*get)(struct facet_fetch_client *c, struct facet_fetch_try *t);
};

#endif
