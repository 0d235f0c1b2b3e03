/* The relay itself: sockets and the loop. A link's bytes are read when there is room, get their time of
 * arrival from netsim_line.c, wait in a queue and are written when it has come. During a cut nobody is
 * asked about anything: TCP's bytes wait where they are, UDP's are thrown away. */
#include "net/netsim_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/limits.h"
#include "net/netsim_sockets.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_BUFFER (256u << 10)
#define READ_AT_ONCE 16384u
#define DATAGRAM 65536u
#define LOOK_UP_NS 500000000ull    /* `cancel` is looked at so often */
enum { AT_WAKE, AT_LISTENER, AT_CONTROL, AT_FIRST_CONTROL, AT_LINKS = AT_FIRST_CONTROL + NETSIM_CONTROLS };

/* ---- links ---- */

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void close_link(struct netsim_link *l)
{
    close_fd(&l->client);
    close_fd(&l->target);
    for (int w = 0; w < FACET_NETSIM_WAYS; w++)
        facet__netsim_clear(&l->way[w]);
    *l = (struct netsim_link){ .client = -1, .target = -1 };
}

/* Both sides see an error, not an end. */
static void reset_link(struct facet_netsim *s, struct netsim_link *l)
{
    facet__netsim_linger_none(l->client);
    facet__netsim_linger_none(l->target);
    close_link(l);
    s->resets++;
}

void facet__netsim_reset_all(struct facet_netsim *s)
{
    for (size_t i = 0; i < s->n_links; i++)
        if (s->links[i].is_open)
            reset_link(s, &s->links[i]);
}

/* A free place; UDP, which never ends, takes the one that was silent longest. */
static struct netsim_link *find_place(struct facet_netsim *s)
{
    struct netsim_link *oldest = &s->links[0];
    for (size_t i = 0; i < s->n_links; i++) {
        if (!s->links[i].is_open)
            return &s->links[i];
        if (s->links[i].used_ns < oldest->used_ns)
            oldest = &s->links[i];
    }
    if (!s->udp)
        return NULL;
    close_link(oldest);
    return oldest;
}

/* Takes `client`, which is -1 for UDP. NULL when the target cannot be had. */
static struct netsim_link *open_link(struct facet_netsim *s, int client)
{
    struct netsim_link *l = find_place(s);
    bool waits = false;
    int target = l ? facet__netsim_connect(&s->target, s->target_len, s->udp, &waits) : -1;
    if (target < 0) {
        facet__netsim_linger_none(client);
        if (client >= 0)
            close(client);
        s->refused++;
        return NULL;
    }
    *l = (struct netsim_link){ .client = client, .target = target, .is_open = true, .is_connecting = waits, .used_ns = facet_now_ns() };
    s->connections++;
    return l;
}

/* ---- TCP ---- */

static void accept_all(struct facet_netsim *s)
{
    int fd;
    while ((fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        facet__netsim_no_delay(fd);
        open_link(s, fd);
    }
}

static int from_of(const struct netsim_link *l, int way)
{
    return way == FACET_NETSIM_UP ? l->client : l->target;
}

/* FACET_E_END when the link is broken. */
static int take_bytes(struct facet_netsim *s, struct netsim_link *l, int way, uint64_t now)
{
    uint8_t data[READ_AT_ONCE];
    struct netsim_queue *q = &l->way[way];
    const size_t room = s->buffer - q->bytes;
    ssize_t n = recv(from_of(l, way), data, room < sizeof(data) ? room : sizeof(data), 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? FACET_OK : FACET_E_END;
    if (n == 0) {
        l->ended[way] = true;
        return FACET_OK;
    }
    return facet__netsim_put(q, facet__netsim_arrival(&s->way[way], &s->rng, false, now, (size_t)n), data, (size_t)n, true);
}

static int give_bytes(struct facet_netsim *s, struct netsim_link *l, int way, uint64_t now)
{
    struct netsim_queue *q = &l->way[way];
    const int to = from_of(l, !way);
    while (q->head && q->head->at_ns <= now) {
        struct netsim_chunk *c = q->head;
        ssize_t n = send(to, c->data + c->sent, c->len - c->sent, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? FACET_OK : FACET_E_END;
        c->sent += (size_t)n;
        s->way[way].flow.bytes += n;
        if (c->sent < c->len)
            return FACET_OK;
        s->way[way].flow.packets++;
        facet__netsim_drop(q);
    }
    if (l->ended[way] && !l->told[way] && !q->head) {
        l->told[way] = true;
        shutdown(to, SHUT_WR);
    }
    return FACET_OK;
}

static void serve_tcp(struct facet_netsim *s, struct netsim_link *l, short client, short target, uint64_t now)
{
    int err = FACET_OK;
    if (l->is_connecting && target) {
        l->is_connecting = false;
        err = facet__netsim_connect_error(l->target) ? FACET_E_END : FACET_OK;
        s->refused += err != FACET_OK;
    }
    if (!err && client & (POLLIN | POLLHUP | POLLERR) && !l->ended[FACET_NETSIM_UP] && l->way[FACET_NETSIM_UP].bytes < s->buffer)
        err = take_bytes(s, l, FACET_NETSIM_UP, now);
    if (!err && !l->is_connecting && target & (POLLIN | POLLHUP | POLLERR) && !l->ended[FACET_NETSIM_DOWN] &&
        l->way[FACET_NETSIM_DOWN].bytes < s->buffer)
        err = take_bytes(s, l, FACET_NETSIM_DOWN, now);
    for (int w = 0; !err && !l->is_connecting && w < FACET_NETSIM_WAYS; w++)
        err = give_bytes(s, l, w, now);
    if (err)
        reset_link(s, l);
    else if (l->told[FACET_NETSIM_UP] && l->told[FACET_NETSIM_DOWN])
        close_link(l);
}

/* ---- UDP ---- */

static struct netsim_link *link_of(struct facet_netsim *s, const struct sockaddr_storage *peer, socklen_t len)
{
    for (size_t i = 0; i < s->n_links; i++) {
        struct netsim_link *l = &s->links[i];
        if (l->is_open && l->peer_len == len && !memcmp(&l->peer, peer, len))
            return l;
    }
    struct netsim_link *l = open_link(s, -1);
    if (l) {
        memcpy(&l->peer, peer, len);
        l->peer_len = len;
    }
    return l;
}

/* What the buffer cannot hold is lost, as in a router. */
static void take_datagram(struct facet_netsim *s, struct netsim_link *l, int way, const uint8_t *data, size_t len, uint64_t now)
{
    l->used_ns = now;
    if (s->is_cut || l->way[way].bytes + len > s->buffer) {
        s->way[way].flow.lost++;
        return;
    }
    uint64_t at = facet__netsim_arrival(&s->way[way], &s->rng, true, now, len);
    if (at && facet__netsim_put(&l->way[way], at, data, len, s->way[way].shape.reorder <= 0) != FACET_OK)
        s->way[way].flow.lost++;
}

static void take_from_clients(struct facet_netsim *s, uint8_t *data, uint64_t now)
{
    struct sockaddr_storage peer;
    socklen_t len = sizeof(peer);
    ssize_t n;
    memset(&peer, 0, sizeof(peer));
    while ((n = recvfrom(s->listener, data, DATAGRAM, 0, (struct sockaddr *)&peer, &len)) >= 0) {
        struct netsim_link *l = link_of(s, &peer, len);
        if (l)
            take_datagram(s, l, FACET_NETSIM_UP, data, (size_t)n, now);
        len = sizeof(peer);
    }
}

static void give_datagrams(struct facet_netsim *s, struct netsim_link *l, int way, uint64_t now)
{
    struct netsim_queue *q = &l->way[way];
    for (; q->head && q->head->at_ns <= now; facet__netsim_drop(q)) {
        const struct netsim_chunk *c = q->head;
        ssize_t n = way == FACET_NETSIM_UP ? send(l->target, c->data, c->len, MSG_NOSIGNAL)
                                           : sendto(s->listener, c->data, c->len, MSG_NOSIGNAL, (struct sockaddr *)&l->peer, l->peer_len);
        if (n < 0) {
            s->way[way].flow.lost++;
            continue;
        }
        s->way[way].flow.bytes += n;
        s->way[way].flow.packets++;
    }
}

static void serve_udp(struct facet_netsim *s, struct netsim_link *l, short target, uint8_t *data, uint64_t now)
{
    ssize_t n;
    if (target)
        while ((n = recv(l->target, data, DATAGRAM, 0)) >= 0)
            take_datagram(s, l, FACET_NETSIM_DOWN, data, (size_t)n, now);
    if (s->is_cut)
        return;
    for (int w = 0; w < FACET_NETSIM_WAYS; w++)
        give_datagrams(s, l, w, now);
}

/* ---- control ---- */

static void answer_line(struct facet_netsim *s, struct netsim_control *c)
{
    struct facet_str answer = FACET_STR_INIT;
    if (facet_netsim_command(s, c->line, &answer)) {
        facet_str_clear(&answer);
        facet_str_printf(&answer, "error: %s", facet_error_text());
    }
    facet_str_puts(&answer, "\n");
    /* Whether it arrives does not matter: the end of who asked is seen at the next reading. */
    ssize_t n = write(c->out, facet_str_text(&answer), answer.len);
    (void)n;
    facet_str_fini(&answer);
}

static void end_control(struct facet_netsim *s, struct netsim_control *c)
{
    s->is_over |= c->is_only;
    if (!c->is_only)
        close(c->in);
    *c = (struct netsim_control){ .in = -1, .out = -1 };
}

static void read_control(struct facet_netsim *s, struct netsim_control *c)
{
    char data[NETSIM_LINE];
    ssize_t n = read(c->in, data, sizeof(data));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    for (ssize_t i = 0; i < n; i++) {
        if (data[i] != '\n') {
            if (c->len + 1 < sizeof(c->line))
                c->line[c->len++] = data[i];
            continue;
        }
        c->line[c->len] = '\0';
        if (c->line[strspn(c->line, " \t\r")])
            answer_line(s, c);
        c->len = 0;
    }
    if (n <= 0)
        end_control(s, c);
}

static void accept_control(struct facet_netsim *s)
{
    int fd = accept4(s->control, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    for (int i = 0; fd >= 0 && i < NETSIM_CONTROLS; i++)
        if (s->controls[i].in < 0) {
            s->controls[i] = (struct netsim_control){ .in = fd, .out = fd };
            return;
        }
    if (fd >= 0)
        close(fd);
}

int facet__netsim_refuse(struct facet_netsim *s, bool refuse)
{
    if (refuse == s->is_refusing)
        return FACET_OK;
    if (refuse) {
        close_fd(&s->listener);
    } else {
        int err = facet__netsim_listen(&s->listener, &s->here, s->here_len, s->udp);
        if (err)
            return err;
    }
    s->is_refusing = refuse;
    return FACET_OK;
}

/* ---- the loop ---- */

static short wants(const struct facet_netsim *s, const struct netsim_link *l, int reads, int writes, uint64_t now)
{
    const struct netsim_queue *in = &l->way[reads], *out = &l->way[writes];
    short events = 0;
    if (!l->ended[reads] && in->bytes < s->buffer)
        events |= POLLIN;
    if (out->head && out->head->at_ns <= now)
        events |= POLLOUT;
    return events;
}

static void ask_link(const struct facet_netsim *s, const struct netsim_link *l, struct pollfd *p, uint64_t now)
{
    p[0] = p[1] = (struct pollfd){ .fd = -1 };
    if (!l->is_open || (s->is_cut && !s->udp))
        return;
    if (s->udp) {
        p[1] = (struct pollfd){ .fd = l->target, .events = POLLIN };
        return;
    }
    p[0].events = wants(s, l, FACET_NETSIM_UP, FACET_NETSIM_DOWN, now);
    p[1].events = l->is_connecting ? POLLOUT : wants(s, l, FACET_NETSIM_DOWN, FACET_NETSIM_UP, now);
    /* Who is asked nothing is not polled: a socket that hung up would spin the loop. */
    p[0].fd = p[0].events ? l->client : -1;
    p[1].fd = p[1].events ? l->target : -1;
}

/* The next arrival of a link that is not waiting for its reader. */
static uint64_t next_arrival(const struct facet_netsim *s, uint64_t now)
{
    uint64_t next = UINT64_MAX;
    for (size_t i = 0; !s->is_cut && i < s->n_links; i++)
        for (int w = 0; s->links[i].is_open && w < FACET_NETSIM_WAYS; w++) {
            const struct netsim_chunk *c = s->links[i].way[w].head;
            if (c && c->at_ns < next && (s->udp || c->at_ns > now))
                next = c->at_ns;
        }
    return next;
}

static void ask_all(const struct facet_netsim *s, struct pollfd *p, uint64_t now)
{
    p[AT_WAKE] = (struct pollfd){ .fd = s->wake, .events = POLLIN };
    p[AT_LISTENER] = (struct pollfd){ .fd = s->is_cut && !s->udp ? -1 : s->listener, .events = POLLIN };
    p[AT_CONTROL] = (struct pollfd){ .fd = s->control, .events = POLLIN };
    for (int i = 0; i < NETSIM_CONTROLS; i++)
        p[AT_FIRST_CONTROL + i] = (struct pollfd){ .fd = s->controls[i].in, .events = POLLIN };
    for (size_t i = 0; i < s->n_links; i++)
        ask_link(s, &s->links[i], &p[AT_LINKS + 2 * i], now);
}

static void serve_all(struct facet_netsim *s, const struct pollfd *p, uint8_t *data)
{
    const uint64_t now = facet_now_ns();
    s->is_over |= p[AT_WAKE].revents != 0;
    if (p[AT_CONTROL].revents)
        accept_control(s);
    for (int i = 0; i < NETSIM_CONTROLS; i++)
        if (p[AT_FIRST_CONTROL + i].revents)
            read_control(s, &s->controls[i]);
    for (size_t i = 0; i < s->n_links; i++) {
        const struct pollfd *at = &p[AT_LINKS + 2 * i];
        struct netsim_link *l = &s->links[i];
        if (!l->is_open)
            continue;
        if (s->udp)
            serve_udp(s, l, at[1].revents, data, now);
        else if (!s->is_cut)
            serve_tcp(s, l, at[0].revents, at[1].revents, now);
    }
    if (p[AT_LISTENER].revents && s->listener >= 0) {
        if (s->udp)
            take_from_clients(s, data, now);
        else if (!s->is_cut)
            accept_all(s);
    }
}

static void wait_for(const struct facet_netsim *s, struct pollfd *p, size_t n, uint64_t now, uint64_t until)
{
    uint64_t left = until > now ? until - now : 0;
    if (s->cancel && left > LOOK_UP_NS)
        left = LOOK_UP_NS;
    const struct timespec t = { .tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u) };
    if (ppoll(p, n, until == UINT64_MAX && !s->cancel ? NULL : &t, NULL) < 0)
        for (size_t i = 0; i < n; i++)
            p[i].revents = 0;
}

int facet_netsim_run(struct facet_netsim *s)
{
    const size_t n = AT_LINKS + 2 * s->n_links;
    struct pollfd *p = calloc(n, sizeof(*p));
    uint8_t *data = malloc(DATAGRAM);
    int err = p && data ? FACET_OK : facet_fail_nomem();
    s->begun_ns = facet_now_ns();
    while (!err && !s->is_over && !(s->cancel && *s->cancel)) {
        uint64_t now = facet_now_ns(), until = facet__netsim_follow(s, now);
        if (s->mend_ns && s->mend_ns <= now) {
            s->is_cut = false;
            s->mend_ns = 0;
        }
        until = s->mend_ns && s->mend_ns < until ? s->mend_ns : until;
        const uint64_t next = next_arrival(s, now);
        ask_all(s, p, now);
        wait_for(s, p, n, now, next < until ? next : until);
        serve_all(s, p, data);
    }
    free(data);
    free(p);
    return err;
}

/* ---- life ---- */

static int open_ports(struct facet_netsim *s, const struct facet_netsim_opts *o)
{
    int err = facet__netsim_resolve(&s->target, &s->target_len, o->target_host, o->target_port, s->udp);
    if (!err)
        err = facet__netsim_resolve(&s->here, &s->here_len, o->host ? o->host : "127.0.0.1", o->port, s->udp);
    if (!err)
        err = facet__netsim_listen(&s->listener, &s->here, s->here_len, s->udp);
    s->port = err ? 0 : facet__netsim_port_of(&s->here);
    if (err || !o->control_port)
        return err;
    struct sockaddr_storage at;
    socklen_t len;
    err = facet__netsim_resolve(&at, &len, "127.0.0.1", o->control_port < 0 ? 0 : o->control_port, false);
    if (!err)
        err = facet__netsim_listen(&s->control, &at, len, false);
    s->control_port = err ? 0 : facet__netsim_port_of(&at);
    return err;
}

static void init_places(struct facet_netsim *s, const struct facet_netsim_opts *o)
{
    s->listener = s->control = s->wake = -1;
    s->udp = o->udp;
    s->cancel = o->cancel;
    s->buffer = o->buffer ? o->buffer : DEFAULT_BUFFER;
    for (int i = 0; i < NETSIM_CONTROLS; i++)
        s->controls[i] = (struct netsim_control){ .in = -1, .out = -1 };
    if (o->control_fd > 0 || o->answer_fd > 0)
        s->controls[0] = (struct netsim_control){ .in = o->control_fd, .out = o->answer_fd, .is_only = true };
    for (int w = 0; w < FACET_NETSIM_WAYS; w++)
        s->way[w].shape = o->way[w];
    facet_rng_seed(&s->rng, o->seed);
}

int facet_netsim_open(struct facet_netsim **out, const struct facet_netsim_opts *o)
{
    *out = NULL;
    if (!o->target_host || o->target_port < 1 || o->target_port > 65535 || o->port < 0 || o->port > 65535 || o->control_port > 65535)
        return facet_fail(FACET_E_INVALID, "cannot relay: give the target's host and port (1 to 65535)");
    struct facet_netsim *s = calloc(1, sizeof(*s));
    if (!s)
        return facet_fail_nomem();
    init_places(s, o);
    s->links = calloc(FACET_MAX_NETSIM_LINKS, sizeof(*s->links));
    s->n_links = s->links ? FACET_MAX_NETSIM_LINKS : 0;
    for (size_t i = 0; i < s->n_links; i++)
        s->links[i].client = s->links[i].target = -1;
    int err = s->links ? FACET_OK : facet_fail_nomem();
    for (int w = 0; !err && w < FACET_NETSIM_WAYS; w++)
        err = facet_netsim_shape_check(&o->way[w]);
    if (!err)
        err = facet__netsim_schedule(s, o->schedule);
    if (!err && (s->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) < 0)
        err = facet_fail_errno("open", "an event descriptor");
    if (!err)
        err = open_ports(s, o);
    if (err)
        facet_netsim_close(&s);
    *out = s;
    return err;
}

void facet_netsim_close(struct facet_netsim **sp)
{
    struct facet_netsim *s = *sp;
    if (!s)
        return;
    for (size_t i = 0; i < s->n_links; i++)
        close_link(&s->links[i]);
    for (int i = 0; i < NETSIM_CONTROLS; i++)
        if (s->controls[i].in >= 0 && !s->controls[i].is_only)
            close(s->controls[i].in);
    close_fd(&s->listener);
    close_fd(&s->control);
    close_fd(&s->wake);
    free(s->links);
    free(s);
    *sp = NULL;
}

int facet_netsim_port(const struct facet_netsim *s)
{
    return s->port;
}

int facet_netsim_control_port(const struct facet_netsim *s)
{
    return s->control_port;
}

void facet_netsim_stop(struct facet_netsim *s)
{
    const uint64_t one = 1;
    ssize_t n = write(s->wake, &one, sizeof(one));
    (void)n;
}

void facet_netsim_stats(const struct facet_netsim *s, struct facet_netsim_stats *out)
{
    *out = (struct facet_netsim_stats){ .connections = s->connections, .refused = s->refused, .resets = s->resets, .is_cut = s->is_cut,
                                        .is_refusing = s->is_refusing };
    for (int w = 0; w < FACET_NETSIM_WAYS; w++)
        out->way[w] = s->way[w].flow;
    for (size_t i = 0; i < s->n_links; i++)
        out->open += s->links[i].is_open;
}
