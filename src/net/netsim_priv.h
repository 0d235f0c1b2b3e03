/* Between netsim.c (sockets), netsim_line.c (time) and netsim_words.c (commands). */
#ifndef FACET_NET_NETSIM_PRIV_H
#define FACET_NET_NETSIM_PRIV_H

#include "base/rng.h"
#include "net/netsim.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <sys/socket.h>

#define NETSIM_SEGMENT 1460
#define NETSIM_CONTROLS 4
#define NETSIM_STEPS 64
#define NETSIM_LINE 256

/* One way of the line, shared by all connections. */
struct netsim_line {
    struct facet_netsim_shape shape;
    struct facet_netsim_flow flow;
    uint64_t free_ns;              /* when what was sent so far is through, at the line's rate */
};

struct netsim_chunk { struct netsim_chunk *next; uint64_t at_ns; size_t len, sent; uint8_t data[]; };

/* What is on its way through one way of one connection, by time of arrival. */
struct netsim_queue { struct netsim_chunk *head, *tail; size_t bytes; };

/* A connection (TCP) or a peer (UDP: `client` is -1, its address in `peer`). */
struct netsim_link {
    int client, target;
    bool is_open, is_connecting;
    bool ended[FACET_NETSIM_WAYS], told[FACET_NETSIM_WAYS];    /* the sender has ended; the receiver knows */
    struct netsim_queue way[FACET_NETSIM_WAYS];
    struct sockaddr_storage peer; socklen_t peer_len;
    uint64_t used_ns;
};

struct netsim_control { int in, out; size_t len; char line[NETSIM_LINE]; bool is_only; };
struct netsim_step { uint64_t at_ns; char line[NETSIM_LINE]; };

struct facet_netsim {
    bool udp, is_cut, is_refusing, is_over;
    size_t buffer;
    atomic_int *cancel;
    struct facet_rng rng;
    struct netsim_line way[FACET_NETSIM_WAYS];
    int listener, control, wake;               /* -1: none */
    int port, control_port;
    struct sockaddr_storage here, target; socklen_t here_len, target_len;
    struct netsim_link *links; size_t n_links;     /* places, open or not */
    struct netsim_control controls[NETSIM_CONTROLS];
    struct netsim_step steps[NETSIM_STEPS]; size_t n_steps, next_step;
    uint64_t begun_ns, mend_ns;                /* mend_ns: when a cut of set length ends; 0: none */
    int64_t connections, refused, resets;
};

/* netsim_line.c: when `len` bytes that are sent now arrive; 0: never (UDP, lost). */
uint64_t facet__netsim_arrival(struct netsim_line *l, struct facet_rng *rng, bool udp, uint64_t now, size_t len);
/* Copies. Kept in order of arrival; with `in_order` never before what is there. */
int facet__netsim_put(struct netsim_queue *q, uint64_t at_ns, const void *data, size_t len, bool in_order);
void facet__netsim_drop(struct netsim_queue *q);       /* the first */
void facet__netsim_clear(struct netsim_queue *q);

/* netsim_words.c */
int facet__netsim_schedule(struct facet_netsim *s, const char *text);
/* Steps that are due; returns when the next one is, UINT64_MAX: none. */
uint64_t facet__netsim_follow(struct facet_netsim *s, uint64_t now);

/* netsim.c */
void facet__netsim_reset_all(struct facet_netsim *s);
int facet__netsim_refuse(struct facet_netsim *s, bool refuse);

#endif
