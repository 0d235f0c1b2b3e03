/* The module facet-curl.so: libcurl behind struct facet_fetch_module. Redirects are followed here,
 * not by libcurl, so that each step is held against the same rule: https, or http to this machine,
 * and never from https back to http. It uses nothing of base: reasons go back in the try itself. */
#include "net/http/curl_handle.h"
#include "net/http/fetch_module.h"

#include <facet/error.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_REDIRECTS 5

struct facet_fetch_client { CURL *curl; };

struct transfer {
    CURL *curl;
    struct facet_fetch_try *t;
    int64_t total;
    int64_t range_start;       /* from Content-Range, -1: none */
    bool has_begun;
    int err;                   /* of the sink */
};

/* ---- addresses ---- */

static char *url_part(const char *url, CURLUPart part)
{
    CURLU *u = curl_url();
    char *text = NULL;
    if (u && (curl_url_set(u, CURLUPART_URL, url, 0) || curl_url_get(u, part, &text, 0)))
        text = NULL;
    curl_url_cleanup(u);
    return text;
}

static bool is_loopback(const char *host)
{
    return !strcasecmp(host, "localhost") || !strncmp(host, "127.", 4) || !strcmp(host, "[::1]");
}

static bool is_listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncasecmp(p, word, n) && (p[n] == ',' || p[n] == '\0'))
            return true;
    }
    return false;
}

static int check_url(struct facet_fetch_try *t, const char *url, bool from_https, bool *is_local)
{
    char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST);
    int err = FACET_OK;
    *is_local = host && is_loopback(host);
    if (!scheme || !host) {
        err = FACET_E_INVALID;
        snprintf(t->why, sizeof(t->why), "'%.200s' is no address", url);
    } else {
        bool is_http = !strcasecmp(scheme, "http"), is_https = !strcasecmp(scheme, "https");
        bool ok = t->allow ? is_listed(t->allow, scheme) : is_https || (is_http && *is_local && !from_https);
        snprintf(t->host, sizeof(t->host), "%s", host);
        if (!ok || (!is_http && !is_https)) {
            err = FACET_E_INVALID;
            snprintf(t->why, sizeof(t->why), "%.20s is not allowed to %.100s, only https", scheme, host);
        }
    }
    curl_free(scheme);
    curl_free(host);
    return err;
}

/* ---- what arrives ---- */

static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    struct transfer *x = ctx;
    if (len > 5 && !strncmp(line, "HTTP/", 5)) { /* a new answer begins */
        x->range_start = -1;
        x->t->etag[0] = '\0';
    } else if (len > 15 && !strncasecmp(line, "content-range:", 14)) {
        char text[128];
        long long first, last, total;
        snprintf(text, sizeof(text), "%.*s", (int)(len - 14), line + 14);
        if (sscanf(text, " bytes %lld-%lld/%lld", &first, &last, &total) == 3) {
            x->range_start = first;
            x->total = total;
        }
    } else if (len > 6 && !strncasecmp(line, "etag:", 5)) {
        char text[sizeof(x->t->etag)];
        snprintf(text, sizeof(text), "%.*s", (int)(len - 5), line + 5);
        text[strcspn(text, "\r\n")] = '\0';
        const char *tag = text + strspn(text, " ");
        if (tag[0] == '"') /* weak ones do not do for ranges */
            snprintf(x->t->etag, sizeof(x->t->etag), "%s", tag);
    }
    return len;
}

/* The first bytes of a body: does the server continue where we asked, or begin anew? */
static int begin_body(struct transfer *x, long status)
{
    x->has_begun = true;
    if (status != 206) {
        curl_off_t length = -1;
        curl_easy_getinfo(x->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        x->total = length;
        return x->t->offset ? x->t->sink.restart(x->t->sink.ctx) : FACET_OK;
    }
    if (x->range_start == x->t->offset)
        return FACET_OK;
    snprintf(x->t->why, sizeof(x->t->why), "the server sent another part than was asked for");
    return FACET_E_NET;
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
    struct transfer *x = ctx;
    long status = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 3) /* a redirect's own body is not the file */
        return len;
    x->err = x->has_begun ? FACET_OK : begin_body(x, status);
    if (!x->err)
        x->err = x->t->sink.take(x->t->sink.ctx, data, len, x->total);
    return x->err ? CURL_WRITEFUNC_ERROR : len;
}

static int on_wait(void *ctx, curl_off_t dl_total, curl_off_t dl_now, curl_off_t ul_total, curl_off_t ul_now)
{
    struct transfer *x = ctx;
    if (!x->err)
        x->err = x->t->sink.take(x->t->sink.ctx, NULL, 0, x->total);
    return x->err != FACET_OK;
}

/* ---- one request ---- */

static void set_options(struct transfer *x, const char *url, bool is_local)
{
    CURL *c = x->curl;
    struct facet_fetch_try *t = x->t;
    char range[32];
    const struct facet__curl_calls calls = { on_header, on_body, on_wait, x };
    facet__curl_begin(c, url, t->connect_s, NULL, &calls);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)t->stall_s);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    if (is_local)
        curl_easy_setopt(c, CURLOPT_PROXY, "");
    if (t->offset) {
        snprintf(range, sizeof(range), "%lld-", (long long)t->offset);
        curl_easy_setopt(c, CURLOPT_RANGE, range);
    }
}

static void judge_status(struct facet_fetch_try *t, long status)
{
    t->is_worth_retrying = status >= 500 || status == 408 || status == 416 || status == 429;
    snprintf(t->why, sizeof(t->why), "the server at %s answered %ld%s", t->host, status,
             status == 404 ? " (not found)" : status == 403 ? " (forbidden)" : "");
}

static int judge(struct transfer *x, CURLcode code)
{
    struct facet_fetch_try *t = x->t;
    curl_off_t connected = 0;
    long status = 0;
    if (x->err && x->err != FACET_E_NET)
        return x->err;
    t->is_worth_retrying = true;
    if (x->err)
        return x->err;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    switch (code) {
    case CURLE_OK: t->is_worth_retrying = false; return FACET_OK;
    case CURLE_HTTP_RETURNED_ERROR:
        judge_status(t, status);
        if (status == 416 && t->offset)
            x->err = t->sink.restart(t->sink.ctx); /* what is there is no beginning of this file */
        return FACET_E_NET;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
        t->is_unreachable = true;
        snprintf(t->why, sizeof(t->why), "cannot reach %s (%s)", t->host, curl_easy_strerror(code));
        return FACET_E_NET;
    case CURLE_OPERATION_TIMEDOUT:
        curl_easy_getinfo(x->curl, CURLINFO_CONNECT_TIME_T, &connected);
        t->is_unreachable = !connected;
        snprintf(t->why, sizeof(t->why), connected ? "%s stopped answering" : "cannot reach %s (timed out)", t->host);
        return FACET_E_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
        t->is_worth_retrying = false;
        snprintf(t->why, sizeof(t->why), "the certificate of %s cannot be verified (%s); is ca-certificates "
                 "installed?", t->host, curl_easy_strerror(code));
        return FACET_E_NET;
    case CURLE_OUT_OF_MEMORY: t->is_worth_retrying = false; return FACET_E_NOMEM;
    default:
        snprintf(t->why, sizeof(t->why), "the transfer from %s broke off (%s)", t->host, curl_easy_strerror(code));
        return FACET_E_NET;
    }
}

/* Asks once; *next is malloc'ed: where the server sends us on to. */
static int request(struct transfer *x, const char *url, bool is_local, char **next)
{
    struct facet_fetch_try *t = x->t;
    struct curl_slist *headers = NULL;
    char if_range[sizeof(t->etag) + 16];
    set_options(x, url, is_local);
    if (t->offset && t->etag[0]) {
        snprintf(if_range, sizeof(if_range), "If-Range: %s", t->etag);
        headers = curl_slist_append(NULL, if_range);
        curl_easy_setopt(x->curl, CURLOPT_HTTPHEADER, headers);
    }
    x->total = x->range_start = -1;
    x->has_begun = false;
    x->err = FACET_OK;
    CURLcode code = curl_easy_perform(x->curl);
    curl_slist_free_all(headers);
    const char *to = NULL;
    long status = 0;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &status);
    if (!code && status / 100 == 3 && !curl_easy_getinfo(x->curl, CURLINFO_REDIRECT_URL, &to) && to) {
        *next = strdup(to);
        return *next ? FACET_OK : FACET_E_NOMEM;
    }
    return judge(x, code);
}

static int client_get(struct facet_fetch_client *c, struct facet_fetch_try *t)
{
    struct transfer x = {.curl = c->curl, .t = t};
    char *url = strdup(t->url);
    bool from_https = false, is_local;
    int err = url ? FACET_OK : FACET_E_NOMEM;
    t->is_worth_retrying = t->is_unreachable = false;
    t->why[0] = '\0';
    for (int i = 0; !err; i++) {
        char *next = NULL;
        if (i > MAX_REDIRECTS) {
            err = FACET_E_NET;
            snprintf(t->why, sizeof(t->why), "%s sends us on more than %d times", t->host, MAX_REDIRECTS);
            break;
        }
        err = check_url(t, url, from_https, &is_local);
        if (!err)
            err = request(&x, url, is_local, &next);
        if (err || !next)
            break;
        from_https = !strncasecmp(url, "https:", 6);
        free(url);
        url = next;
    }
    free(url);
    return err;
}

/* ---- life ---- */

static void client_close(struct facet_fetch_client **c)
{
    if (!*c)
        return;
    facet__curl_close(&(*c)->curl);
    free(*c);
    *c = NULL;
}

static int client_open(struct facet_fetch_client **out)
{
    *out = calloc(1, sizeof(**out));
    if (*out && facet__curl_open(&(*out)->curl))
        client_close(out);
    return *out ? FACET_OK : FACET_E_NOMEM;
}

FACET_API extern const struct facet_fetch_module facet_fetch_module;
const struct facet_fetch_module facet_fetch_module = {
    .version = FACET_FETCH_MODULE_VERSION,
    .open = client_open,
    .close = client_close,
    .get = client_get,
};
