#include "lib/http_ask.h"

#include "test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 30000

/* --- the wire --- */

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)))
        fail_msg("nobody listens at port %d", port);
    return fd;
}

static void send_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;                    /* refused amid the body: the answer tells */
        data += n;
        len -= (size_t)n;
    }
}

static void send_ask(int fd, const struct http_ask *a, const char *connection)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_printf(&s, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: %s\r\n", a->method ? a->method : "GET", a->path, connection);
    if (a->key)
        facet_str_printf(&s, "x-api-key: %s\r\n", a->key);
    if (a->type)
        facet_str_printf(&s, "Content-Type: %s\r\n", a->type);
    if (a->body || (a->method && strcmp(a->method, "GET")))
        facet_str_printf(&s, "Content-Length: %zu\r\n", a->len);
    facet_str_puts(&s, a->headers ? a->headers : "");
    facet_str_puts(&s, "\r\n");
    send_all(fd, s.data, s.len);
    send_all(fd, a->body, a->len);
    facet_str_fini(&s);
}

/* False: the other side has ended. */
static bool read_some(int fd, struct facet_str *to, int timeout_ms)
{
    char buf[65536];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) != 1)
        return true;
    ssize_t n = recv(fd, buf, sizeof(buf), 0);
    if (n > 0)
        facet_str_append(to, buf, (size_t)n);
    return n > 0;
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int status_of(const char *head)
{
    return (int)strtol(head + strlen("HTTP/1.1 "), NULL, 10);
}

/* --- whole answers --- */

static void unchunk(struct http_answer *a, const char *p, const char *end)
{
    while (p < end) {
        char *rest;
        size_t n = strtoul(p, &rest, 16);
        const char *data = strstr(rest, "\r\n");
        if (!data || n == 0)
            return;
        data += 2;
        assert_true((size_t)(end - data) >= n);
        memmove(a->body + a->len, data, n);
        a->len += n;
        p = data + n + 2;
    }
}

void http_ask(struct http_answer *out, const struct http_ask *a)
{
    struct facet_str s = {.max = 512u << 20};
    int fd = connect_to(a->port);
    uint64_t until = now_ms() + PATIENCE_MS;
    send_ask(fd, a, "close");
    while (read_some(fd, &s, 1000))
        if (now_ms() > until)
            fail_msg("no whole answer to %s: %.200s", a->path, facet_str_text(&s));
    close(fd);
    char *split = s.data ? strstr(s.data, "\r\n\r\n") : NULL;
    if (!split)
        fail_msg("no answer to %s: %.200s", a->path, facet_str_text(&s));
    *out = (struct http_answer){.status = status_of(s.data)};
    out->head = strndup(s.data, (size_t)(split - s.data) + 2);
    size_t left = s.len - (size_t)(split + 4 - s.data);
    out->body = calloc(1, left + 1);
    assert_true(out->head && out->body);
    const char *coding = http_header(out, "transfer-encoding");
    if (coding && !strcasecmp(coding, "chunked"))
        unchunk(out, split + 4, split + 4 + left);
    else
        memcpy(out->body, split + 4, out->len = left);
    out->body[out->len] = '\0';
    facet_str_fini(&s);
}

void http_answer_fini(struct http_answer *a)
{
    free(a->head);
    free(a->body);
    *a = (struct http_answer){0};
}

const char *http_header(const struct http_answer *a, const char *name)
{
    static char value[1024];
    size_t n = strlen(name);
    for (const char *p = strchr(a->head, '\n'); p && p[1]; p = strchr(p + 1, '\n'))
        if (!strncasecmp(p + 1, name, n) && p[1 + n] == ':') {
            const char *from = p + 2 + n;
            from += strspn(from, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(from, "\r\n"), from);
            return value;
        }
    return NULL;
}

void http_part(struct facet_str *body, const char *name, const char *filename, const char *type, const void *data, size_t len)
{
    facet_str_printf(body, "--" HTTP_BOUNDARY "\r\nContent-Disposition: form-data; name=\"%s\"", name);
    if (filename)
        facet_str_printf(body, "; filename=\"%s\"", filename);
    facet_str_printf(body, "\r\nContent-Type: %s\r\n\r\n", type);
    facet_str_append(body, data, len);
    facet_str_puts(body, "\r\n");
}

void http_part_end(struct facet_str *body)
{
    facet_str_puts(body, "--" HTTP_BOUNDARY "--\r\n");
}

/* --- streams --- */

void http_watch_open(struct http_watch *w, const struct http_ask *a)
{
    *w = (struct http_watch){.fd = connect_to(a->port)};
    send_ask(w->fd, a, "keep-alive");
    http_watch_for(w, "\r\n\r\n", PATIENCE_MS);
    w->status = status_of(w->text.data);
}

/* Pictures hold NULs: not strstr. */
static bool has(const struct facet_str *s, const char *part)
{
    return s->len && memmem(s->data, s->len, part, strlen(part));
}

void http_watch_for(struct http_watch *w, const char *part, unsigned timeout_ms)
{
    uint64_t until = now_ms() + timeout_ms;
    while (!has(&w->text, part))
        if (!read_some(w->fd, &w->text, 50) || now_ms() > until)
            fail_msg("'%s' did not come within %u ms; there is:\n%.1000s", part, timeout_ms, facet_str_text(&w->text));
}

bool http_watch_ended(struct http_watch *w, unsigned timeout_ms)
{
    uint64_t until = now_ms() + timeout_ms;
    while (read_some(w->fd, &w->text, 50))
        if (now_ms() > until)
            return false;
    return true;
}

void http_watch_close(struct http_watch *w)
{
    close(w->fd);
    facet_str_fini(&w->text);
}
