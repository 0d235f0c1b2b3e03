/* What the requests of the module facet-curl.so share: a handle of libcurl, and what is the same for each. */
#ifndef FACET_NET_HTTP_CURL_HANDLE_H
#define FACET_NET_HTTP_CURL_HANDLE_H

#include <curl/curl.h>

/* FACET_E_NOMEM where libcurl gives none. The close takes NULL. */
int facet__curl_open(CURL **out);
void facet__curl_close(CURL **c);

/* The answers to hand on, all with the same ctx. */
struct facet__curl_calls {
    size_t (*header)(char *line, size_t one, size_t len, void *ctx);
    size_t (*body)(char *data, size_t one, size_t len, void *ctx);
    int (*wait)(void *ctx, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now);
    void *ctx;
};

/* Sets the handle anew, its connections are kept: the address, http and https alone, no redirect is followed, no signals,
 * the time to connect, `ca` (NULL: $SSL_CERT_FILE, else libcurl's own) and the calls. */
void facet__curl_begin(CURL *c, const char *url, unsigned connect_s, const char *ca, const struct facet__curl_calls *calls);

#endif
