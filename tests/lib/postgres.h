/* A PostgreSQL server of the test's own, in a folder of its own, reached by a socket there alone. */
#ifndef FACET_TESTS_POSTGRES_H
#define FACET_TESTS_POSTGRES_H

#include "lib/proc.h"

struct postgres { struct proc proc; char dir[64]; char url[128]; };

/* Makes a cluster and starts it; as user postgres when the test runs as root, as servers refuse that. */
void postgres_open(struct postgres *p);
void postgres_close(struct postgres *p);
void postgres_stop(struct postgres *p);        /* at once, as by a power cut */
void postgres_start(struct postgres *p);
/* Drops all that was stored. */
void postgres_empty(const struct postgres *p);
/* Runs a statement; returns psql's exit code. */
int postgres_run(const struct postgres *p, const char *sql);
/* Is this text in any file of the cluster? Numbers and JSON are kept as they are, so a name is found. */
bool postgres_has(const struct postgres *p, const char *text);

#endif
