/* Sending a request to a web address and reading how it was taken, through the module facet-curl.so. One try; who
 * calls decides whether to try again. Redirects are not followed: what is signed goes where it was meant to go. */
#ifndef FACET_NET_HTTP_POST_H
#define FACET_NET_HTTP_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct facet_post;

struct facet_post_opts {
    unsigned connect_s, total_s;   /* 0: 10, 30 */
    const char *ca;                /* PEM file; NULL: the system's */
    bool insecure;                 /* certificates are not checked */
    bool (*is_over)(void *ctx); void *ctx;     /* asked while waiting; true breaks off. NULL: nobody asks */
};
#define FACET_POST_OPTS_INIT { 0 }

struct facet_post_request {
    const char *url;               /* https:// or http:// */
    const char *method;            /* NULL: POST; "GET" sends no body */
    const char *const *headers; size_t n_headers;      /* "name: value" */
    const void *body; size_t len;
    /* A body without end, in pieces, instead of `body`; total_s does not count for it. 0: its end; FACET_E_AGAIN: nothing
     * for the moment; any other negative one breaks off. */
    int (*read)(void *ctx, uint8_t *buf, size_t cap); void *read_ctx;
    /* Who takes the body of an answer 2xx, in pieces, of any length then; not FACET_OK: no more of it is read. NULL: nobody. */
    int (*take)(void *ctx, const void *data, size_t len); void *take_ctx;
    bool is_endless;               /* the answer: total_s does not count, but a minute without a byte ends it */
};

struct facet_post_answer {
    int status;                    /* 0: there was no answer */
    unsigned retry_after_s;        /* what the server asked for; 0: nothing */
};

/* FACET_E_UNSUPPORTED when the module cannot be opened, with what to install. */
int facet_post_open(struct facet_post **out, const struct facet_post_opts *o);
void facet_post_close(struct facet_post **p);
/* FACET_OK when there was an answer, whatever it says (where nobody takes it, at most 64 KiB of it are read). FACET_E_NET or
 * FACET_E_TIMEOUT when not: the text names the host, never the whole address. One call at a time. */
int facet_post_send(struct facet_post *p, const struct facet_post_request *q, struct facet_post_answer *out);

#endif
