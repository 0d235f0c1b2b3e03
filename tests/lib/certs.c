#include "lib/certs.h"

#include "lib/proc.h"

#include <stdio.h>
#include <stdlib.h>

/* `ca` NULL: signed by itself. */
static void make_one(const struct scratch *s, const char *name, const char *subject, const char *ca)
{
    char line[2048], signer[600] = "", log[300];
    if (ca)
        snprintf(signer, sizeof(signer), "-CA '%s.crt' -CAkey '%s.key' -addext subjectAltName=DNS:localhost,IP:127.0.0.1", ca, ca);
    snprintf(line, sizeof(line), "cd '%s' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
             "-subj '/CN=%s' -keyout '%s.key' -out '%s.crt' %s", s->dir, subject, name, name, signer);
    snprintf(log, sizeof(log), "%s", scratch_path(s, "openssl.log"));
    if (RUN(log, "/bin/sh", "-c", line) != 0)
        fail_msg("openssl cannot make a certificate: see what '%s' says; is the package openssl installed?", log);
}

void certs_make(const struct scratch *s)
{
    make_one(s, "ca", "Facet test CA", NULL);
    make_one(s, "server", "localhost", "ca");
    make_one(s, "client", "device", "ca");
    make_one(s, "other-ca", "Another CA", NULL);
    make_one(s, "other", "stranger", "other-ca");
}
