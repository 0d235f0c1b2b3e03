/* facet serve: the HTTP API and the page. */
#include "base/clock.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/notify.h"
#include "base/thread.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "serve/keys.h"
#include "serve/serve.h"

#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define WAIT_MS 10000              /* for answers under way, when it ends */
#define LOOK_MS 200

struct serve_options {
    const char *config, *listen, *cert, *key, *keys, *gallery, *events, *csv, *page, *detector, *recogniser, *backend;
    int64_t port, workers;
    bool insecure, allow_open;
};

#define ROW(...) FACET_OPT(struct serve_options, __VA_ARGS__)
#define RANGED(...) FACET_OPT_RANGE(struct serve_options, __VA_ARGS__)

static const struct facet_opt options[] = {
    ROW(config, "config", 'c', FACET_OPT_PATH, "FILE", "the site (facet site example makes one); options say more than it does"),
    ROW(listen, "listen", 'l', FACET_OPT_STR, "ADDRESS", "where it listens; without it 127.0.0.1"),
    { .name = "port", .letter = 'p', .kind = FACET_OPT_INT, .value = "NUMBER", .min = -1, .max = 65535, .fallback = "-1",
      .offset = offsetof(struct serve_options, port), .help = "0: any free one; -1: the site's, or 8080" },
    ROW(cert, "cert", 0, FACET_OPT_PATH, "FILE", "certificate chain: turns TLS on"),
    ROW(key, "key", 0, FACET_OPT_PATH, "FILE", "its private key"),
    ROW(keys, "keys", 0, FACET_OPT_PATH, "FILE", "who may ask; keys.json in the data folder unless given"),
    ROW(gallery, "gallery", 'g', FACET_OPT_PATH, "FILE", "who is known; the default gallery unless given"),
    ROW(events, "events", 0, FACET_OPT_STR, "FILE", "where events are kept: a file or postgresql:// address"),
    ROW(csv, "csv", 0, FACET_OPT_PATH, "FILE", "one row for each frame of the server's cameras (docs/csv.md)"),
    ROW(page, "page", 0, FACET_OPT_PATH, "FOLDER", "another built page; \"\": none"),
    ROW(detector, "detector", 'd', FACET_OPT_STR, "MODEL", "what finds faces"),
    ROW(recogniser, "recogniser", 'r', FACET_OPT_STR, "MODEL", "what tells faces apart; the gallery's unless given"),
    ROW(backend, "backend", 0, FACET_OPT_STR, "NAME", FACET_BACKEND_HELP),
    RANGED(workers, "workers", 0, FACET_OPT_INT, "NUMBER", 0, 256, "requests worked on at once; 0: the site's, or 8"),
    ROW(insecure, "insecure", 0, FACET_OPT_FLAG, NULL, "listen to other machines without TLS all the same"),
    ROW(allow_open, "allow-open", 0, FACET_OPT_FLAG, NULL, "ask nobody for a key; off this machine only with --insecure besides"),
    { .name = NULL },
};

struct server {
    struct facet_cli *cli;
    const struct serve_options *o;
    struct facet_site *site, *old;         /* `old`: what the parts may still look at */
    struct facet_node *node;
    struct facet_serve *serve;
    struct facet_thread thread;
    bool has_thread;
    atomic_int node_err;
    char node_why[512];
    int signals;
};

/* ---- the site ---- */

static int put(char *field, size_t cap, const char *option)
{
    return option ? facet_copy_text(field, cap, option) : FACET_OK;
}

#define PUT(field, option) (err ? err : put(site->field, sizeof(site->field), o->option))

static int override(struct facet_site *site, const struct serve_options *o)
{
    int err = FACET_OK;
    err = PUT(serve.listen, listen);
    err = PUT(serve.cert, cert);
    err = PUT(serve.key, key);
    err = PUT(serve.keys, keys);
    err = PUT(gallery.path, gallery);
    err = PUT(store.events, events);
    err = PUT(models.detector, detector);
    err = PUT(models.recogniser, recogniser);
    err = PUT(models.backend, backend);
    if (o->port >= 0)
        site->serve.port = (int)o->port;
    if (o->workers)
        site->serve.workers = (unsigned)o->workers;
    site->serve.insecure |= o->insecure;
    return err;
}

static int load_site(struct facet_site **out, const struct serve_options *o)
{
    struct facet_site *site = calloc(1, sizeof(*site));
    *out = NULL;
    if (!site)
        return facet_fail_nomem();
    int err = o->config ? facet_site_load(site, o->config) : facet_site_defaults(site);
    if (!err) {
        err = override(site, o);
        if (!err)
            err = facet_site_check(site);
        if (err)
            facet_site_fini(site);
    }
    if (err)
        free(site);
    *out = err ? NULL : site;
    return err;
}

static void drop_site(struct facet_site **site)
{
    if (!*site)
        return;
    facet_site_fini(*site);
    free(*site);
    *site = NULL;
}

/* ---- what runs ---- */

static void run_node(void *ctx)
{
    struct server *s = ctx;
    int err = facet_node_run(s->node);
    if (err)
        snprintf(s->node_why, sizeof(s->node_why), "%s", facet_error_text());
    atomic_store(&s->node_err, err ? err : 1);
}

/* SIGHUP comes by a descriptor, not by a handler. Before any thread is made: they take over the mask. */
static int watch_signals(struct server *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return s->signals >= 0 ? FACET_OK : facet_fail_errno("wait for", "signals");
}

static int open_all(struct server *s)
{
    struct facet_node_opts n = { .role = FACET_NODE_SERVER, .csv = s->o->csv, .cancel = s->cli->cancel };
    struct facet_serve_opts o = { .page = s->o->page, .allow_open = s->o->allow_open, .cancel = s->cli->cancel };
    int err = watch_signals(s);
    if (!err)
        err = load_site(&s->site, s->o);
    n.site = o.site = s->site;
    if (!err)
        err = facet_node_open(&s->node, &n);
    o.node = s->node;
    if (!err)
        err = facet_serve_open(&s->serve, &o);
    if (!err)
        err = facet_thread_start(&s->thread, "node", run_node, s);
    s->has_thread = !err;
    return err;
}

static void close_all(struct server *s)
{
    if (s->node)
        facet_node_stop(s->node);
    facet_serve_close(&s->serve, WAIT_MS);
    if (s->has_thread)
        facet_thread_join(&s->thread);
    facet_node_close(&s->node);
    drop_site(&s->site);
    drop_site(&s->old);
    if (s->signals >= 0)
        close(s->signals);
}

/* ---- what is told ---- */

static const char *scheme_of(const struct server *s)
{
    return *s->site->serve.cert ? "https" : "http";
}

static int tell_start(const struct server *s)
{
    const struct facet_first_secrets *first = facet_serve_first(s->serve);
    const char *host = s->site->serve.listen;
    bool is_v6 = strchr(host, ':') != NULL;
    char url[256];
    snprintf(url, sizeof(url), "%s://%s%s%s:%d/", scheme_of(s), is_v6 ? "[" : "", host, is_v6 ? "]" : "", facet_serve_port(s->serve));
    if (s->cli->json) {
        struct facet_answer a;
        facet_answer_begin(&a);
        facet_jsonw_kstr(&a.w, "url", url);
        if (first) {
            facet_jsonw_kstr(&a.w, "key", first->key);
            facet_jsonw_kstr(&a.w, "user", first->user);
            facet_jsonw_kstr(&a.w, "password", first->password);
        }
        int err = facet_answer_end(&a);
        fflush(stdout);
        return err;
    }
    if (first)
        facet_say(s->cli, "first start: these are told once, keep them\n  API key   %s\n  user      %s\n  password  %s\n", first->key, first->user,
                  first->password);
    if (s->o->allow_open)
        facet_complain("everybody who reaches %s may do everything (--allow-open)", url);
    facet_say(s->cli, "listening at %s\n", url);
    fflush(stdout);
    return FACET_OK;
}

static void reload(struct server *s)
{
    struct facet_site *fresh = NULL;
    struct facet_str changed = FACET_STR_INIT;
    (void)facet_notify_reloading();
    int err = load_site(&fresh, s->o);
    if (!err)
        err = facet_serve_reload(s->serve, fresh, &changed);
    if (err) {
        facet_complain("the configuration stays as it was: %s", facet_error_text());
        drop_site(&fresh);
    } else {
        facet_say(s->cli, "the configuration was read again%s%s\n", changed.len ? ": " : "", facet_str_text(&changed));
        fflush(stdout);
        drop_site(&s->old); /* requests that looked at it are over since the reload before */
        s->old = s->site;
        s->site = fresh;
    }
    facet_str_fini(&changed);
    (void)facet_notify("READY=1");
}

static bool has_hangup(struct server *s)
{
    struct signalfd_siginfo info;
    struct pollfd p = { .fd = s->signals, .events = POLLIN };
    return poll(&p, 1, LOOK_MS) == 1 && read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

static int serve_until_told(struct server *s)
{
    uint64_t every_ns = facet_notify_watchdog_ms() * 1000000u, told_ns = 0;
    if (facet_notify("READY=1\nSTATUS=serving"))
        facet_complain("%s", facet_error_text());
    while (!*s->cli->cancel && !atomic_load(&s->node_err)) {
        if (has_hangup(s))
            reload(s);
        if (every_ns && facet_now_ns() - told_ns > every_ns) {
            (void)facet_notify("WATCHDOG=1");
            told_ns = facet_now_ns();
        }
    }
    (void)facet_notify("STOPPING=1\nSTATUS=finishing answers");
    int err = atomic_load(&s->node_err);
    return err < 0 ? facet_fail(err, "%s", s->node_why) : FACET_OK;
}

static int serve_run(struct facet_cli *cli, const void *opts, int argc, char **argv)
{
    struct server s = { .cli = cli, .o = opts, .signals = -1 };
    if (!s.o->cert != !s.o->key)
        return facet_usage(cli, "--cert and --key belong together");
    int err = open_all(&s);
    if (!err)
        err = tell_start(&s);
    if (!err)
        err = serve_until_told(&s);
    close_all(&s);
    return err;
}

const struct facet_cmd facet_cmd_serve = {
    .name = "serve",
    .group = "Look",
    .summary = "offer recognition, people, cameras and events to others by HTTP",
    .usage = "[options]",
    .details = "The first start makes an API key and a user for the page, and prints them once. SIGHUP reads the configuration, the "
               "certificate and the keys again; what is bad or needs a restart is refused, and the old stays. SIGTERM lets answers under "
               "way finish. Other machines are listened to with a certificate alone, unless --insecure is said.",
    .options = options,
    .options_size = sizeof(struct serve_options),
    .max_args = 0,
    .examples = "  facet serve\n"
                "  facet serve --config site.yaml\n"
                "  facet serve --listen 0.0.0.0 --cert server.pem --key server.key\n",
    .env_prefix = "FACET_SERVE_",
    .run = serve_run,
};
