/* A request with a body, in the module facet-curl.so. */
#include "net/http/curl_handle.h"
#include "net/http/post_module.h"

#include <facet/error.h>
#include <facet/export.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_ANSWER (64u << 10)
#define SILENT_S 60L

struct facet_post_client { CURL *curl; };

struct exchange {
    CURL *curl;
    const struct facet_post_opts *o;
    const struct facet_post_request *q;
    struct facet_post_answer *answer;
    size_t read;
};

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    struct exchange *x = ctx;
    char text[32];
    if (len > 12 && !strncasecmp(line, "retry-after:", 12)) {
        snprintf(text, sizeof(text), "%.*s", (int)(len - 12 < 31 ? len - 12 : 31), line + 12);
        const long s = strtol(text, NULL, 10);     /* a date is no number, and then 0 */
        x->answer->retry_after_s = s > 0 && s < 86400 ? (unsigned)s : 0;
    }
    return len;
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
    struct exchange *x = ctx;
    long status = 0;
    if (x->q->take && !curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status) && status >= 200 && status < 300)
        return x->q->take(x->q->take_ctx, data, len) ? CURL_WRITEFUNC_ERROR : len;
    x->read += len;
    return x->read > MOST_ANSWER ? CURL_WRITEFUNC_ERROR : len;
}

static int on_wait(void *ctx, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
    const struct exchange *x = ctx;
    return x->o->is_over && x->o->is_over(x->o->ctx);
}

/* The reader waits by itself, a little; curl asks again after a pause that it makes. */
static size_t on_read(char *buf, size_t one, size_t cap, void *ctx)
{
    const struct exchange *x = ctx;
    int n;
    do {
        n = x->q->read(x->q->read_ctx, (uint8_t *)buf, cap);
    } while (n == FACET_E_AGAIN && !(x->o->is_over && x->o->is_over(x->o->ctx)));
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

static void set_body(CURL *c, struct exchange *x, const struct facet_post_request *q)
{
    if (q->read) {
        curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(c, CURLOPT_READDATA, x);
        curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        return;
    }
    if (q->is_endless) {
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SILENT_S);
    } else
        curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)x->o->total_s);
    if (q->method && !strcmp(q->method, "GET"))
        curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
    else {
        curl_easy_setopt(c, CURLOPT_POST, 1L);
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body);
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->len);
    }
}

/* Only where a method has another name than what its body makes of it. */
static void set_method(CURL *c, const struct facet_post_request *q)
{
    if (q->method && strcmp(q->method, "GET") != 0)
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method);
}

static void set_options(CURL *c, struct exchange *x, const struct facet_post_request *q, struct curl_slist *headers)
{
    const struct facet__curl_calls calls = { on_header, on_body, on_wait, x };
    facet__curl_begin(c, q->url, x->o->connect_s, x->o->ca, &calls);
    set_body(c, x, q);
    set_method(c, q);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    if (x->o->insecure) {
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    }
}

/* The address may hold a secret of its own: only its host is told. */
static void tell_host(const char *url, char *out, size_t cap)
{
    CURLU *u = curl_url();
    char *host = NULL;
    if (u && !curl_url_set(u, CURLUPART_URL, url, 0) && !curl_url_get(u, CURLUPART_HOST, &host, 0))
        snprintf(out, cap, "%s", host);
    else
        snprintf(out, cap, "the address");
    curl_free(host);
    curl_url_cleanup(u);
}

static int judge(CURLcode code, const struct exchange *x, const char *url, char *why, size_t cap)
{
    char host[128];
    if (!code || (code == CURLE_WRITE_ERROR && x->answer->status))      /* an answer, if a long one */
        return FACET_OK;
    tell_host(url, host, sizeof(host));
    snprintf(why, cap, "%s: %s", host, curl_easy_strerror(code));
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return FACET_E_TIMEOUT;
    case CURLE_ABORTED_BY_CALLBACK: return FACET_E_CANCELLED;
    case CURLE_OUT_OF_MEMORY: return FACET_E_NOMEM;
    case CURLE_URL_MALFORMAT: return FACET_E_INVALID;
    default: return FACET_E_NET;
    }
}

static int client_send(struct facet_post_client *c, const struct facet_post_opts *o, const struct facet_post_request *q,
                       struct facet_post_answer *out, char *why, size_t cap)
{
    struct exchange x = { .curl = c->curl, .o = o, .q = q, .answer = out };
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:");    /* short bodies need no permission */
    long status = 0;
    for (size_t i = 0; headers && i < q->n_headers; i++) {
        struct curl_slist *more = curl_slist_append(headers, q->headers[i]);
        if (!more)
            curl_slist_free_all(headers);
        headers = more;
    }
    if (!headers) {
        snprintf(why, cap, "out of memory");
        return FACET_E_NOMEM;
    }
    set_options(c->curl, &x, q, headers);
    CURLcode code = curl_easy_perform(c->curl);
    curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
    out->status = (int)status;
    curl_slist_free_all(headers);
    return judge(code, &x, q->url, why, cap);
}

static void client_close(struct facet_post_client **c)
{
    if (!*c)
        return;
    facet__curl_close(&(*c)->curl);
    free(*c);
    *c = NULL;
}

static int client_open(struct facet_post_client **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out && facet__curl_open(&(*out)->curl))
        client_close(out);
    return *out ? FACET_OK : FACET_E_NOMEM;
}

FACET_API extern const struct facet_post_module facet_post_module;
const struct facet_post_module facet_post_module = {
    .version = FACET_POST_MODULE_VERSION,
    .open = client_open,
    .close = client_close,
    .send = client_send,
};
