/* Looks for bytes in files: what a person was known by, after it is gone. */
#ifndef FACET_STORE_REMAINS_H
#define FACET_STORE_REMAINS_H

#include "store/erase.h"

#define FACET__NEEDLE 160              /* bytes at most; fewer than 8 are looked for as a whole word */

struct facet__needle { unsigned char bytes[FACET__NEEDLE]; size_t len; const char *what; };
struct facet__remains {
    struct facet__needle *needles;
    int n, cap;
    char (*others)[FACET_MAX_NAME];    /* names of others in which the name stands: those are no remains */
    int n_others, cap_others;
    const char *name;
    struct facet_erase_report *report;
};

#define FACET__REMAINS_CHUNK ((size_t)1 << 20)
/* The next bytes, at most `cap` (FACET__REMAINS_CHUNK); *len 0: that was all. */
typedef int facet__remains_read(void *ctx, unsigned char *buf, size_t cap, size_t *len);

int facet__remains_add(struct facet__remains *r, const char *what, const void *bytes, size_t len);
int facet__remains_except(struct facet__remains *r, const char *other);
void facet__remains_fini(struct facet__remains *r);        /* wipes */
/* `path` is what a finding is called by. */
int facet__remains_in_stream(struct facet__remains *r, const char *path, facet__remains_read *more, void *ctx);
void facet__remains_in_value(struct facet__remains *r, const char *path, const void *data, size_t len);
/* Every value of our tables on a server, and what it samples of them. The lock of the connection's owner is held. */
struct facet__db;
int facet__remains_in_tables(struct facet__remains *r, struct facet__db *db);
/* Its write-ahead log; where this user may not read that, report->unsearched says so. */
int facet__remains_in_log(struct facet__remains *r, struct facet__db *db);
/* What a server's log holds of the past goes soon, where this user may say so; otherwise it stays until it is overwritten. */
void facet__server_log_end(struct facet__db *db);
/* A file that is not there is fine. */
int facet__remains_in_file(struct facet__remains *r, const char *path);
/* A SQLite file and what stands beside it. */
int facet__remains_in_store(struct facet__remains *r, const char *path);
/* A file or every file below a folder. */
int facet__remains_in_place(struct facet__remains *r, const char *path);

#endif
