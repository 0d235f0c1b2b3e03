/* A camera behind TLS whose certificate is checked. FFmpeg 5.1 opens rtsps: without looking at the certificate and has no
 * option for it, and for https: it knows no fingerprints. So TLS is ours: a line to the camera, and a port on loopback
 * where FFmpeg connects as if there was none. The first connection to the camera is made, and its certificate checked,
 * before FFmpeg hears of it; the same is done for each further one that FFmpeg wants (after a refused login, say).
 *
 * Only this user's processes may connect to the port, one at a time. What is not done: revocation is not asked for. */
#include "media/ffmpeg_tls.h"

#include "base/errors.h"
#include "base/hash.h"
#include "base/thread.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_MS 100
#define BUFFER (16 * 1024)

struct remote { int fd; gnutls_session_t session; };
struct half { uint8_t data[BUFFER]; size_t at, len; };     /* what waits to be sent on */

struct facet__tls_line {
    struct facet__tls_line_opts o;
    gnutls_certificate_credentials_t trust;
    int listener, port;
    struct remote first;           /* made by open, for the first who comes */
    struct half up, down;
    struct facet_thread thread;
    bool runs;                     /* from then on what waits, waits on the thread */
    atomic_bool stop;
    atomic_int err;                /* of a later connection; the text is written before */
    char why[512];
};

/* ---- waiting ---- */

static int while_waiting(struct facet__tls_line *l)
{
    if (atomic_load(&l->stop))
        return FACET_E_CANCELLED;
    return l->runs || !l->o.is_over(l->o.ctx) ? FACET_OK : FACET_E_CANCELLED; /* on the thread only the line's own end counts */
}

/* Until the socket is ready or the time of this opening is over. */
static int await(struct facet__tls_line *l, int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};
    for (int i = 0; i < l->o.timeout_ms / SLICE_MS + 1; i++) {
        int err = while_waiting(l), n = err ? 0 : poll(&p, 1, SLICE_MS);
        if (err || n > 0)
            return err;
        if (n < 0 && errno != EINTR)
            return FACET_E_NET;
    }
    return FACET_E_TIMEOUT;
}

static int fail_reach(const struct facet__tls_line *l, int err, const char *why)
{
    if (err == FACET_E_CANCELLED)
        return facet_fail(err, "cancelled while opening '%s'", l->o.name);
    if (err == FACET_E_TIMEOUT)
        why = "nothing came in time";
    return facet_fail(err, "cannot open '%s': %s", l->o.name, why);
}

/* ---- to the camera ---- */

static int connect_one(struct facet__tls_line *l, struct remote *r, const struct addrinfo *a)
{
    int error = 0;
    socklen_t len = sizeof(error);
    r->fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol);
    if (r->fd < 0)
        return fail_reach(l, FACET_E_NET, strerror(errno));
    if (connect(r->fd, a->ai_addr, a->ai_addrlen) && errno != EINPROGRESS)
        return fail_reach(l, FACET_E_NET, strerror(errno));
    int err = await(l, r->fd, POLLOUT);
    if (!err && (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) || error))
        err = FACET_E_NET;
    if (err)
        return fail_reach(l, err, strerror(error));
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return FACET_OK;
}

static void hang_up(struct remote *r)
{
    if (r->session)
        gnutls_deinit(r->session);
    if (r->fd >= 0)
        close(r->fd);
    *r = (struct remote){.fd = -1};
}

static int connect_any(struct facet__tls_line *l, struct remote *r)
{
    char service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    snprintf(service, sizeof(service), "%d", l->o.port);
    int code = getaddrinfo(l->o.host, service, &hints, &all);
    if (code)
        return fail_reach(l, FACET_E_NET, gai_strerror(code));
    int err = FACET_E_NET;
    for (struct addrinfo *a = all; a && err == FACET_E_NET; a = a->ai_next) {
        hang_up(r);
        err = connect_one(l, r, a);
    }
    freeaddrinfo(all);
    return err;
}

static bool is_address(const char *host)
{
    struct in6_addr a;
    return inet_pton(AF_INET, host, &a) == 1 || inet_pton(AF_INET6, host, &a) == 1;
}

static int shake_hands(struct facet__tls_line *l, struct remote *r)
{
    int code = gnutls_init(&r->session, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL);
    if (code >= 0)
        code = gnutls_set_default_priority(r->session);
    if (code >= 0)
        code = gnutls_credentials_set(r->session, GNUTLS_CRD_CERTIFICATE, l->trust);
    if (code >= 0 && !is_address(l->o.host))
        code = gnutls_server_name_set(r->session, GNUTLS_NAME_DNS, l->o.host, strlen(l->o.host));
    if (code < 0)
        return fail_reach(l, code == GNUTLS_E_MEMORY_ERROR ? FACET_E_NOMEM : FACET_E_NET, gnutls_strerror(code));
    gnutls_transport_set_int(r->session, r->fd);
    int err = FACET_OK;
    do {
        code = gnutls_handshake(r->session);
        if (code == GNUTLS_E_AGAIN)
            err = await(l, r->fd, gnutls_record_get_direction(r->session) ? POLLOUT : POLLIN);
    } while (!err && code < 0 && !gnutls_error_is_fatal(code));
    if (!err && code < 0)
        err = FACET_E_NET;
    return err ? fail_reach(l, err, gnutls_strerror(code)) : FACET_OK;
}

/* ---- who it is ---- */

static int read_fingerprint(const struct remote *r, uint8_t out[FACET_FINGERPRINT])
{
    unsigned n = 0;
    size_t len = FACET_FINGERPRINT;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(r->session, &n);
    return chain && n && gnutls_fingerprint(GNUTLS_DIG_SHA256, &chain[0], out, &len) >= 0 ? FACET_OK : FACET_E_NET;
}

/* Short: a camera's state has room for 255 bytes, and the fingerprint is what somebody needs of it. */
static int refuse(const struct facet__tls_line *l, const uint8_t *print, const char *why)
{
    char text[2 * FACET_FINGERPRINT + 1] = "";
    for (size_t i = 0; i < FACET_FINGERPRINT; i++)
        snprintf(text + 2 * i, 3, "%02x", print[i]);
    return facet_fail(FACET_E_PERMISSION, "cannot open '%.100s': %s; its fingerprint is %s", l->o.name, why, text);
}

static int check(struct facet__tls_line *l, const struct remote *r)
{
    uint8_t print[FACET_FINGERPRINT], wanted[FACET_FINGERPRINT];
    unsigned status = 0;
    if (l->o.insecure)
        return FACET_OK;
    if (read_fingerprint(r, print))
        return fail_reach(l, FACET_E_PERMISSION, "it shows no certificate");
    if (*l->o.fingerprint) {
        int err = facet_fingerprint_parse(wanted, l->o.fingerprint);
        if (err)
            return err;
        return memcmp(print, wanted, sizeof(print)) ? refuse(l, print, "it shows another certificate than was told") : FACET_OK;
    }
    int code = gnutls_certificate_verify_peers3(r->session, l->o.host, &status);
    if (code >= 0 && !status)
        return FACET_OK;
    if (status & GNUTLS_CERT_EXPIRED || status & GNUTLS_CERT_NOT_ACTIVATED)
        return refuse(l, print, "its certificate is out of date");
    if (status & GNUTLS_CERT_UNEXPECTED_OWNER)
        return refuse(l, print, "its certificate is for another name");
    return refuse(l, print, "nobody who is believed signed its certificate");
}

static int dial(struct facet__tls_line *l, struct remote *r)
{
    *r = (struct remote){.fd = -1};
    int err = connect_any(l, r);
    if (!err)
        err = shake_hands(l, r);
    if (!err)
        err = check(l, r);
    if (err)
        hang_up(r);
    return err;
}

/* ---- to FFmpeg ---- */

static int listen_here(struct facet__tls_line *l)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    l->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool is_open = l->listener >= 0 && !bind(l->listener, (struct sockaddr *)&a, len) && !listen(l->listener, 4) &&
                   !getsockname(l->listener, (struct sockaddr *)&a, &len);
    l->port = ntohs(a.sin_port);
    return is_open ? FACET_OK : fail_reach(l, FACET_E_NET, strerror(errno));
}

/* Whether the other end belongs to this user: the system's list of connections has a row "local remote ... uid". */
static bool is_ours(const struct facet__tls_line *l, int fd)
{
    struct sockaddr_in a = {0};
    socklen_t len = sizeof(a);
    char line[512];
    FILE *f = getpeername(fd, (struct sockaddr *)&a, &len) ? NULL : fopen("/proc/self/net/tcp", "re");
    bool is = false;
    while (f && !is && fgets(line, sizeof(line), f)) {
        unsigned address, port, to, to_port, uid;
        bool has = sscanf(line, " %*u: %8X:%4X %8X:%4X %*X %*X:%*X %*X:%*X %*X %u", &address, &port, &to, &to_port, &uid) == 5;
        is = has && address == a.sin_addr.s_addr && port == ntohs(a.sin_port) && to_port == (unsigned)l->port && uid == geteuid();
    }
    if (f)
        fclose(f);
    return is;
}

static bool send_up(struct half *h, const struct remote *r)
{
    ssize_t n = gnutls_record_send(r->session, h->data + h->at, h->len - h->at);
    if (n < 0)
        return !gnutls_error_is_fatal((int)n);
    h->at += (size_t)n;
    return true;
}

static bool send_down(struct half *h, int fd)
{
    ssize_t n = send(fd, h->data + h->at, h->len - h->at, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    h->at += (size_t)n;
    return true;
}

/* False: FFmpeg has gone. */
static bool take_up(struct half *h, int fd)
{
    ssize_t n = recv(fd, h->data, sizeof(h->data), 0);
    h->at = 0;
    h->len = n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* False: the camera has gone. */
static bool take_down(struct half *h, const struct remote *r)
{
    ssize_t n = gnutls_record_recv(r->session, h->data, sizeof(h->data));
    h->at = 0;
    h->len = n > 0 ? (size_t)n : 0;
    return n > 0 || (n < 0 && !gnutls_error_is_fatal((int)n));
}

static bool is_empty(const struct half *h)
{
    return h->at == h->len;
}

/* Sends on what comes, both ways, until either end has gone. What one does not take, the other is not asked for. */
static void carry(struct facet__tls_line *l, const struct remote *r, int fd)
{
    bool goes_on = true;
    l->up = l->down = (struct half){.len = 0};
    while (goes_on && !atomic_load(&l->stop)) {
        struct pollfd p[2] = {{.fd = fd, .events = (short)((is_empty(&l->up) ? POLLIN : 0) | (is_empty(&l->down) ? 0 : POLLOUT))},
                              {.fd = r->fd, .events = (short)((is_empty(&l->down) ? POLLIN : 0) | (is_empty(&l->up) ? 0 : POLLOUT))}};
        bool has_more = is_empty(&l->down) && gnutls_record_check_pending(r->session) > 0;
        if (poll(p, 2, has_more ? 0 : SLICE_MS) < 0 && errno != EINTR)
            return;
        if (is_empty(&l->up) && p[0].revents)
            goes_on = take_up(&l->up, fd);
        if (goes_on && !is_empty(&l->up))
            goes_on = send_up(&l->up, r);
        if (goes_on && is_empty(&l->down) && (has_more || p[1].revents))
            goes_on = take_down(&l->down, r);
        if (goes_on && !is_empty(&l->down))
            goes_on = send_down(&l->down, fd);
    }
}

static void note_error(struct facet__tls_line *l, int err)
{
    snprintf(l->why, sizeof(l->why), "%s", facet_error_text());
    atomic_store(&l->err, err);
}

static void serve(struct facet__tls_line *l, int fd)
{
    struct remote r = l->first;
    l->first = (struct remote){.fd = -1};
    int err = r.fd < 0 ? dial(l, &r) : FACET_OK;
    if (err)
        note_error(l, err);
    else
        carry(l, &r, fd);
    hang_up(&r);
}

static void line_main(void *ctx)
{
    struct facet__tls_line *l = ctx;
    struct pollfd p = {.fd = l->listener, .events = POLLIN};
    while (!atomic_load(&l->stop)) {
        int fd = poll(&p, 1, SLICE_MS) > 0 ? accept4(l->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK) : -1;
        if (fd < 0)
            continue;
        if (is_ours(l, fd))
            serve(l, fd);
        close(fd);
    }
}

/* ---- life ---- */

static int trust(struct facet__tls_line *l)
{
    int code = gnutls_certificate_allocate_credentials(&l->trust);
    bool is_asked = !l->o.insecure && !*l->o.fingerprint;
    if (code < 0)
        return facet_fail_nomem();
    if (is_asked)
        code = *l->o.ca ? gnutls_certificate_set_x509_trust_file(l->trust, l->o.ca, GNUTLS_X509_FMT_PEM)
                        : gnutls_certificate_set_x509_system_trust(l->trust);
    if (is_asked && *l->o.ca && code <= 0)
        return facet_fail(FACET_E_FORMAT, "cannot open '%s': '%s' holds no certificate that can be read%s%s", l->o.name, l->o.ca,
                          code ? ": " : "", code ? gnutls_strerror(code) : "");
    return FACET_OK;
}

int facet__tls_line_open(struct facet__tls_line **out, const struct facet__tls_line_opts *o, int *port)
{
    struct facet__tls_line *l = calloc(1, sizeof(*l));
    *out = NULL;
    if (!l)
        return facet_fail_nomem();
    l->o = *o;
    l->first.fd = l->listener = -1;
    int err = trust(l);
    if (!err)
        err = dial(l, &l->first);
    if (!err)
        err = listen_here(l);
    l->runs = !err;
    if (!err && (err = facet_thread_start(&l->thread, "facet-tls", line_main, l)))
        l->runs = false;
    *port = l->port;
    if (err)
        facet__tls_line_close(&l);
    *out = l;
    return err;
}

void facet__tls_line_close(struct facet__tls_line **line)
{
    struct facet__tls_line *l = *line;
    *line = NULL;
    if (!l)
        return;
    atomic_store(&l->stop, true);
    if (l->runs)
        facet_thread_join(&l->thread);
    hang_up(&l->first);
    if (l->listener >= 0)
        close(l->listener);
    if (l->trust)
        gnutls_certificate_free_credentials(l->trust);
    free(l);
}

int facet__tls_line_error(const struct facet__tls_line *l)
{
    int err = l ? atomic_load(&l->err) : FACET_OK;
    return err ? facet_fail(err, "%s", l->why) : FACET_OK;
}
