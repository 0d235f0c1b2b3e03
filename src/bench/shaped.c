#include "bench/shaped.h"

#include "base/errors.h"
#include "base/thread.h"
#include "bench/child.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define INNER "facet0"             /* the device's interface, in its namespace */
#define QUEUE_MS 300               /* of the token bucket: what waits longer is dropped, as in a router */
#define LEAST_BURST 16384

const char *const facet_shaper_words[FACET_SHAPERS] = { "", "relay", "tbf+relay" };

struct facet_shaped {
    struct facet_netsim *sim;
    struct facet_thread thread;
    bool runs;
    int net_fd;                    /* 0: none */
    char outer[16], host[32], inner_host[32];
    char ip[512], tc[512];
    enum facet_shaper by;
};

/* ---- the namespace ---- */

struct making { int fd; };

/* A thread of its own leaves our network for a new one, which lives as long as the descriptor. */
static void make_namespace(void *ctx)
{
    struct making *m = ctx;
    if (unshare(CLONE_NEWNET) == 0)
        m->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

static int open_namespace(struct facet_shaped *s)
{
    struct making m = { .fd = -1 };
    struct facet_thread t;
    int err = facet_thread_start(&t, "namespace", make_namespace, &m);
    if (err)
        return err;
    facet_thread_join(&t);
    s->net_fd = m.fd > 0 ? m.fd : 0;
    return s->net_fd ? FACET_OK : facet_fail(FACET_E_PERMISSION, "this process may make no network namespace");
}

/* `inside`: in the device's namespace. */
static int do_command(const struct facet_shaped *s, bool inside, const char *const *argv)
{
    const struct facet_child_opts o = { .argv = argv, .out = "/dev/null", .log = "/dev/null", .net_fd = inside ? s->net_fd : 0 };
    struct facet_child c;
    int err = facet_child_start(&c, &o);
    if (err)
        return err;
    while (facet_child_is_running(&c))
        usleep(1000);
    return c.cost.code == 0 ? FACET_OK : facet_fail(FACET_E_UNSUPPORTED, "'%s %s' ends with %d", argv[0], argv[1], c.cost.code);
}

#define DO(inside, ...) (err ? err : do_command(s, inside, (const char *const[]){ __VA_ARGS__, NULL }))

/* The pair of interfaces: ours is `outer`, 169.254.x.1; the device's is facet0, 169.254.x.2. Addresses of that range are nobody's. */
static int join_namespace(struct facet_shaped *s)
{
    static unsigned made;
    const unsigned net = ((unsigned)getpid() * 64u + made++) & 0x3fffu;
    char ours[40], theirs[40], fd_path[64];
    snprintf(s->outer, sizeof(s->outer), "fct%u", net);
    snprintf(s->host, sizeof(s->host), "169.254.%u.%u", net >> 6, (net & 63u) * 4 + 1);
    snprintf(s->inner_host, sizeof(s->inner_host), "169.254.%u.%u", net >> 6, (net & 63u) * 4 + 2);
    snprintf(ours, sizeof(ours), "%s/30", s->host);
    snprintf(theirs, sizeof(theirs), "%s/30", s->inner_host);
    snprintf(fd_path, sizeof(fd_path), "/proc/%ld/fd/%d", (long)getpid(), s->net_fd);
    int err = FACET_OK;
    err = DO(false, s->ip, "link", "add", s->outer, "type", "veth", "peer", "name", INNER, "netns", fd_path);
    err = DO(false, s->ip, "address", "add", ours, "dev", s->outer);
    err = DO(false, s->ip, "link", "set", s->outer, "up");
    err = DO(true, s->ip, "link", "set", "lo", "up");
    err = DO(true, s->ip, "address", "add", theirs, "dev", INNER);
    return DO(true, s->ip, "link", "set", INNER, "up");
}

/* What leaves an interface is limited: the device's own limits the way up, ours the way down. */
static int limit_rate(const struct facet_shaped *s, bool inside, double kbps)
{
    char rate[40], burst[40], wait[40];
    double bytes = kbps * 1000 / 8 / 100;      /* 10 ms of it, for kernels that look up so seldom */
    int err = FACET_OK;
    if (kbps <= 0)
        return FACET_OK;
    snprintf(rate, sizeof(rate), "%.0fkbit", kbps);
    snprintf(burst, sizeof(burst), "%.0f", bytes > LEAST_BURST ? bytes : LEAST_BURST);
    snprintf(wait, sizeof(wait), "%dms", QUEUE_MS);
    return DO(inside, s->tc, "qdisc", "add", "dev", inside ? INNER : s->outer, "root", "tbf", "rate", rate, "burst", burst, "latency", wait);
}

static void leave_namespace(struct facet_shaped *s)
{
    int err = FACET_OK;
    if (*s->outer)
        (void)DO(false, s->ip, "link", "delete", s->outer);
    s->outer[0] = '\0';
    if (s->net_fd > 0)
        close(s->net_fd);
    s->net_fd = 0;
    snprintf(s->host, sizeof(s->host), "127.0.0.1");
}

static bool enter_namespace(struct facet_shaped *s, const struct facet_netsim_shape *way)
{
    if (geteuid() != 0 || facet_child_find(s->ip, sizeof(s->ip), "ip") != FACET_OK || facet_child_find(s->tc, sizeof(s->tc), "tc") != FACET_OK)
        return false;
    int err = open_namespace(s);
    if (!err)
        err = join_namespace(s);
    if (!err)
        err = limit_rate(s, true, way[FACET_NETSIM_UP].rate_kbps);
    if (!err)
        err = limit_rate(s, false, way[FACET_NETSIM_DOWN].rate_kbps);
    if (err)
        leave_namespace(s);
    return !err;
}

/* ---- the relay ---- */

static void run_relay(void *ctx)
{
    (void)facet_netsim_run(((struct facet_shaped *)ctx)->sim);
}

static bool is_plain(const struct facet_netsim_shape *w)
{
    return w->delay_ms <= 0 && w->jitter_ms <= 0 && w->loss <= 0 && w->rate_kbps <= 0;
}

static int open_relay(struct facet_shaped *s, const struct facet_shaped_opts *o)
{
    struct facet_netsim_opts n = { .host = s->host, .target_host = o->target_host, .target_port = o->target_port, .seed = o->seed };
    for (int w = 0; w < FACET_NETSIM_WAYS; w++) {
        n.way[w] = o->way[w];
        if (s->by == FACET_SHAPER_TBF)
            n.way[w].rate_kbps = 0;
    }
    int err = facet_netsim_open(&s->sim, &n);
    if (!err)
        err = facet_thread_start(&s->thread, "relay", run_relay, s);
    s->runs = !err;
    return err;
}

int facet_shaped_open(struct facet_shaped **out, const struct facet_shaped_opts *o)
{
    struct facet_shaped *s = calloc(1, sizeof(*s));
    *out = NULL;
    if (!s)
        return facet_fail_nomem();
    snprintf(s->host, sizeof(s->host), "127.0.0.1");
    if (!is_plain(&o->way[FACET_NETSIM_UP]) || !is_plain(&o->way[FACET_NETSIM_DOWN]))
        s->by = !o->no_namespace && enter_namespace(s, o->way) ? FACET_SHAPER_TBF : FACET_SHAPER_RELAY;
    int err = open_relay(s, o);
    if (err)
        facet_shaped_close(&s);
    *out = s;
    return err;
}

void facet_shaped_close(struct facet_shaped **ps)
{
    struct facet_shaped *s = *ps;
    *ps = NULL;
    if (!s)
        return;
    facet_shaped_end(s, NULL);
    facet_netsim_close(&s->sim);
    leave_namespace(s);
    free(s);
}

const char *facet_shaped_host(const struct facet_shaped *s)
{
    return s->host;
}

int facet_shaped_port(const struct facet_shaped *s)
{
    return facet_netsim_port(s->sim);
}

int facet_shaped_net_fd(const struct facet_shaped *s)
{
    return s->net_fd;
}

enum facet_shaper facet_shaped_by(const struct facet_shaped *s)
{
    return s->by;
}

void facet_shaped_end(struct facet_shaped *s, struct facet_netsim_stats *out)
{
    if (s->runs) {
        facet_netsim_stop(s->sim);
        facet_thread_join(&s->thread);
    }
    s->runs = false;
    if (out)
        facet_netsim_stats(s->sim, out);
}
