/* A real Mosquitto for a test, on free ports of this machine, in a folder of its own. It keeps what it has on disk, so that
 * it can be killed and started again with the same ports. */
#ifndef FACET_TESTS_BROKER_H
#define FACET_TESTS_BROKER_H

#include "lib/proc.h"
#include "lib/scratch.h"

struct broker_opts {
    bool tls;                      /* also listeners with TLS, and with TLS and client certificates */
    const char *user, *password;   /* the plain listener asks for these; NULL: for nothing */
    const char *more;              /* lines of configuration before the listeners; NULL: none */
};

struct broker {
    struct scratch scratch;        /* certificates lie here: lib/certs.h */
    struct proc proc;
    int port, tls_port, mutual_port;       /* 0: there is none */
};

/* NULL opts: plain, for anybody. Fails the test where mosquitto is not installed. */
void broker_open(struct broker *b, const struct broker_opts *o);
void broker_close(struct broker *b);       /* fine when it does not run */
void broker_kill(struct broker *b);        /* SIGKILL */
void broker_stop(struct broker *b);        /* it writes down what it has, and ends */
void broker_start(struct broker *b);       /* again, on the same ports */
/* A file in the broker's folder, as scratch_path. */
const char *broker_file(const struct broker *b, const char *name);

/* Publishes by mosquitto_pub, which is not our code. `more`: further words, NULL-ended; may be NULL. */
void broker_publish(struct broker *b, const char *topic, const char *payload, const char *const *more);
/* Starts mosquitto_sub on the plain listener: lines "topic retain payload" in its log. It has subscribed when this returns. */
void broker_listen(struct broker *b, struct proc *out, const char *filter);

#endif
