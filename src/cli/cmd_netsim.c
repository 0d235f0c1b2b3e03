/* facet netsim: a relay that behaves like a poor network. */
#include "base/errors.h"
#include "base/limits.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "net/netsim.h"

#include <stdio.h>
#include <string.h>

struct netsim_options {
    const char *target, *listen, *profile, *schedule, *control;
    int protocol;
    double delay, jitter, loss, reorder, rate_up, rate_down;
    int64_t seed, buffer;
};

static const struct facet_opt netsim_opts[] = {
    { .name = "listen", .letter = 'l', .kind = FACET_OPT_STR, .value = "[HOST:]PORT", .offset = offsetof(struct netsim_options, listen),
      .fallback = "127.0.0.1:0", .help = "where clients connect to; port 0: any free one" },
    { .name = "protocol", .kind = FACET_OPT_CHOICE, .value = "tcp|udp", .offset = offsetof(struct netsim_options, protocol),
      .fallback = "tcp", .help = "what is relayed" },
    FACET_OPT(struct netsim_options, profile, "profile", 'p', FACET_OPT_STR, "NAME", "start as lan, wifi, 5g, 4g or 3g"),
    FACET_OPT_RANGE(struct netsim_options, delay, "delay", 'd', FACET_OPT_NUM, "MS", 0, 60000, "one way; added to the profile's"),
    FACET_OPT_RANGE(struct netsim_options, jitter, "jitter", 'j', FACET_OPT_NUM, "MS", 0, 60000, "up to so much more, at random"),
    FACET_OPT_RANGE(struct netsim_options, loss, "loss", 0, FACET_OPT_NUM, "P", 0, 1, "how likely a datagram is lost or a segment sent again"),
    FACET_OPT_RANGE(struct netsim_options, reorder, "reorder", 0, FACET_OPT_NUM, "P", 0, 1, "how likely a datagram is overtaken"),
    FACET_OPT_RANGE(struct netsim_options, rate_up, "rate-up", 0, FACET_OPT_NUM, "KBPS", 0, 1e8, "towards the target, in 1000 bits per second"),
    FACET_OPT_RANGE(struct netsim_options, rate_down, "rate-down", 0, FACET_OPT_NUM, "KBPS", 0, 1e8, "back from it"),
    FACET_OPT(struct netsim_options, schedule, "schedule", 's', FACET_OPT_STR, "TEXT", "\"10 cut; 15 mend; 60 repeat\": seconds and commands"),
    FACET_OPT(struct netsim_options, control, "control", 'c', FACET_OPT_STR, "-|PORT",
              "take commands from standard input, whose end is the relay's too, or on a port of 127.0.0.1 (0: any free one)"),
    FACET_OPT(struct netsim_options, seed, "seed", 0, FACET_OPT_INT, "N", "of the random numbers"),
    FACET_OPT_RANGE(struct netsim_options, buffer, "buffer", 0, FACET_OPT_INT, "BYTES", 0, 1 << 30, "held each way of a connection; 0: 256 KiB"),
    { .name = NULL },
};

/* "HOST:PORT", "[::1]:PORT"; with `alone` also "PORT". */
static int split_address(const char *text, char *host, size_t cap, int64_t *port, bool alone)
{
    const char *colon = strrchr(text, ':');
    const char *from = text, *to = colon ? colon : text;
    if (to > from && *from == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    if ((!colon && !alone) || (colon && to == from) || (size_t)(to - from) >= cap || facet_parse_int(colon ? colon + 1 : text, port) ||
        *port < 0 || *port > 65535)
        return facet_fail(FACET_E_INVALID, "cannot use the address '%s': write HOST:PORT", text);
    if (to > from)
        snprintf(host, cap, "%.*s", (int)(to - from), from);
    return FACET_OK;
}

static int shape(const struct netsim_options *o, struct facet_netsim_opts *n)
{
    const struct facet_netsim_profile *p = NULL;
    int err = o->profile ? facet_netsim_profile_find(&p, o->profile) : FACET_OK;
    for (int w = 0; !err && w < FACET_NETSIM_WAYS; w++) {
        struct facet_netsim_shape *s = &n->way[w];
        const double rate = w == FACET_NETSIM_UP ? o->rate_up : o->rate_down;
        *s = p ? p->way[w] : (struct facet_netsim_shape){ 0 };
        s->delay_ms += o->delay;
        s->jitter_ms += o->jitter;
        s->loss = o->loss > 0 ? o->loss : s->loss;
        s->reorder = o->reorder > 0 ? o->reorder : s->reorder;
        s->rate_kbps = rate > 0 ? rate : s->rate_kbps;
    }
    return err;
}

static int take_control(const char *text, struct facet_netsim_opts *n)
{
    int64_t port = 0;
    if (!text)
        return FACET_OK;
    if (!strcmp(text, "-")) {
        n->answer_fd = 1;
        return FACET_OK;
    }
    if (facet_parse_int(text, &port) || port < 0 || port > 65535)
        return facet_fail(FACET_E_INVALID, "cannot take commands on '%s': give - or a port", text);
    n->control_port = port ? (int)port : -1;
    return FACET_OK;
}

static void tell(const struct facet_cli *cli, const struct facet_netsim *s, const char *host, const char *target)
{
    facet_say(cli, "listening %s:%d target %s\n", host, facet_netsim_port(s), target);
    if (facet_netsim_control_port(s))
        facet_say(cli, "control 127.0.0.1:%d\n", facet_netsim_control_port(s));
    fflush(stdout);
}

static int netsim_run(struct facet_cli *cli, const void *options, int argc, char **argv)
{
    const struct netsim_options *o = options;
    struct facet_netsim_opts n = FACET_NETSIM_OPTS_INIT;
    struct facet_netsim *s = NULL;
    char host[256] = "127.0.0.1", target[256] = "";
    int64_t port = 0, target_port = 0;
    if (split_address(o->listen, host, sizeof(host), &port, true) || split_address(argv[0], target, sizeof(target), &target_port, false) ||
        take_control(o->control, &n))
        return facet_usage(cli, "%s", facet_error_text());
    int err = shape(o, &n);
    n.host = host;
    n.port = (int)port;
    n.target_host = target;
    n.target_port = (int)target_port;
    n.udp = o->protocol == 1;
    n.seed = (uint64_t)o->seed;
    n.buffer = (size_t)o->buffer;
    n.schedule = o->schedule;
    n.cancel = cli->cancel;
    if (!err)
        err = facet_netsim_open(&s, &n);
    if (!err) {
        tell(cli, s, host, argv[0]);
        err = facet_netsim_run(s);
    }
    struct facet_str last = FACET_STR_INIT;
    if (!err && facet_netsim_command(s, "stats", &last) == FACET_OK)
        printf("%s\n", facet_str_text(&last));
    facet_str_fini(&last);
    facet_netsim_close(&s);
    return err;
}

const struct facet_cmd facet_cmd_netsim = {
    .name = "netsim",
    .group = "Measure",
    .summary = "relay a port as a poor network would: delay, loss, rate, cuts",
    .usage = "[options] HOST:PORT",
    .details = "Clients connect to the listening port and reach HOST:PORT through a line of the given delay, jitter, loss, "
               "reordering and rate, which all connections share. Commands (profile, delay, jitter, loss, reorder, rate, cut, mend, "
               "refuse, reset, stats, quit) change it while it runs. What passed is told as JSON at the end.",
    .options = netsim_opts,
    .options_size = sizeof(struct netsim_options),
    .min_args = 1,
    .max_args = 1,
    .examples = "facet netsim --listen 1884 --profile 4g 127.0.0.1:1883\n"
                "facet netsim --listen 8555 --schedule \"20 cut; 25 mend; 60 repeat\" camera.lan:554\n",
    .run = netsim_run,
};
