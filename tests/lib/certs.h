/* Certificates for one test, made by the program openssl in a folder of the test:
 *   ca.crt                    who signed the others
 *   server.crt, server.key    for "localhost" and 127.0.0.1
 *   client.crt, client.key    CN=device
 *   other-ca.crt              a stranger
 *   other.crt, other.key      a client that the stranger signed */
#ifndef FACET_TESTS_CERTS_H
#define FACET_TESTS_CERTS_H

#include "lib/scratch.h"

void certs_make(const struct scratch *s);

#endif
