#include "lib/broker.h"

#include "lib/certs.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_MS 10000

static const char *program(void)
{
    static const char *const places[] = { "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/usr/bin/mosquitto" };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    fail_msg("mosquitto is not there: install the packages mosquitto and mosquitto-clients");
    return NULL;
}

const char *broker_file(const struct broker *b, const char *name)
{
    return scratch_path(&b->scratch, name);
}

static void write_tls_listener(FILE *f, const struct broker *b, int port, bool mutual)
{
    fprintf(f, "listener %d 127.0.0.1\ncafile %s\ncertfile %s\nkeyfile %s\n", port, broker_file(b, "ca.crt"),
            broker_file(b, "server.crt"), broker_file(b, "server.key"));
    fputs("allow_anonymous true\n", f);
    if (mutual)
        fputs("require_certificate true\nuse_identity_as_username true\n", f);
}

/* What a listener allows is its own: otherwise the last line would hold for all of them. */
static void write_config(struct broker *b, const struct broker_opts *o)
{
    FILE *f = fopen(broker_file(b, "mosquitto.conf"), "w");
    const struct passwd *me = getpwuid(getuid());
    assert_non_null(f);
    fputs("per_listener_settings true\n", f);
    if (me)
        fprintf(f, "user %s\n", me->pw_name);
    fprintf(f, "persistence true\npersistence_location %s/\nautosave_interval 1\nautosave_on_changes true\n", b->scratch.dir);
    fputs("log_dest stdout\nlog_type all\nmax_keepalive 60\n", f);
    if (o->more)
        fprintf(f, "%s\n", o->more);
    fprintf(f, "listener %d 127.0.0.1\n", b->port);
    if (o->user)
        fprintf(f, "allow_anonymous false\npassword_file %s\n", broker_file(b, "passwords"));
    else
        fputs("allow_anonymous true\n", f);
    if (o->tls) {
        write_tls_listener(f, b, b->tls_port, false);
        write_tls_listener(f, b, b->mutual_port, true);
    }
    assert_int_equal(fclose(f), 0);
}

static void write_password(struct broker *b, const struct broker_opts *o)
{
    if (RUN(broker_file(b, "passwd.log"), "mosquitto_passwd", "-c", "-b", broker_file(b, "passwords"), o->user, o->password))
        fail_msg("mosquitto_passwd fails: is the package mosquitto installed?");
}

void broker_open(struct broker *b, const struct broker_opts *o)
{
    static const struct broker_opts plain;
    o = o ? o : &plain;
    memset(b, 0, sizeof(*b));
    scratch_open(&b->scratch);
    b->port = free_port();
    if (o->tls) {
        certs_make(&b->scratch);
        b->tls_port = free_port();
        b->mutual_port = free_port();
    }
    if (o->user)
        write_password(b, o);
    write_config(b, o);
    broker_start(b);
}

void broker_start(struct broker *b)
{
    PROC(&b->proc, broker_file(b, "mosquitto.log"), program(), "-c", broker_file(b, "mosquitto.conf"));
    const int ports[] = { b->port, b->tls_port, b->mutual_port };
    for (int i = 0; i < 3; i++)
        if (ports[i])
            wait_port(&b->proc, ports[i], START_MS);
}

void broker_kill(struct broker *b)
{
    proc_kill(&b->proc);
}

void broker_stop(struct broker *b)
{
    proc_stop(&b->proc, START_MS);
}

void broker_close(struct broker *b)
{
    proc_kill(&b->proc);
    scratch_close(&b->scratch);
}

void broker_publish(struct broker *b, const char *topic, const char *payload, const char *const *more)
{
    char port[16];
    const char *argv[32] = { "mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", topic, "-m", payload };
    snprintf(port, sizeof(port), "%d", b->port);
    for (int n = 13; more && *more && n < 31; more++)
        argv[n++] = *more;
    if (proc_run(broker_file(b, "pub.log"), argv))
        fail_msg("mosquitto_pub fails: is the package mosquitto-clients installed?");
}

void broker_listen(struct broker *b, struct proc *out, const char *filter)
{
    static unsigned count;
    char port[16], log[64], ready[64], mark[80];
    snprintf(port, sizeof(port), "%d", b->port);
    snprintf(log, sizeof(log), "sub-%u.log", count);
    snprintf(ready, sizeof(ready), "facet-test/ready/%u", count++);
    PROC(out, broker_file(b, log), "mosquitto_sub", "-V", "5", "-h", "127.0.0.1", "-p", port, "-q", "1", "-t", filter, "-t", ready,
         "-F", "%t %r %p");
    snprintf(mark, sizeof(mark), "%s 0 yes", ready);
    struct wait w = wait_begin(START_MS);
    for (bool is_there = false; !is_there;) { /* said again until it is heard: then it has subscribed */
        broker_publish(b, ready, "yes", NULL);
        char *text = proc_text(out);
        is_there = strstr(text, mark) != NULL;
        free(text);
        if (!is_there && !wait_more(&w))
            fail_msg("mosquitto_sub does not listen");
    }
}
