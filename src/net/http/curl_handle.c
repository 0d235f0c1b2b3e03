#include "net/http/curl_handle.h"

#include <facet/error.h>

#include <stdlib.h>

int facet__curl_open(CURL **out)
{
    *out = curl_global_init(CURL_GLOBAL_DEFAULT) ? NULL : curl_easy_init();
    return *out ? FACET_OK : FACET_E_NOMEM;
}

void facet__curl_close(CURL **c)
{
    curl_easy_cleanup(*c);
    *c = NULL;
}

void facet__curl_begin(CURL *c, const char *url, unsigned connect_s, const char *ca, const struct facet__curl_calls *calls)
{
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "facet/" FACET_VERSION);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)connect_s);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, calls->header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, calls->ctx);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, calls->body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, calls->ctx);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, calls->wait);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, calls->ctx);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    ca = ca ? ca : getenv("SSL_CERT_FILE");
    if (ca && *ca)
        curl_easy_setopt(c, CURLOPT_CAINFO, ca);
}
