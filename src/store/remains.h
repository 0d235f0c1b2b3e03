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

int facet__remains_add(struct facet__remains *r, const char *what, const void *bytes, size_t len);
int facet__remains_except(struct facet__remains *r, const char *other);
void facet__remains_fini(struct facet__remains *r);        /* wipes */
/* A file that is not there is fine. */
int facet__remains_in_file(struct facet__remains *r, const char *path);
/* A SQLite file and what stands beside it. */
int facet__remains_in_store(struct facet__remains *r, const char *path);
/* A file or every file below a folder. */
int facet__remains_in_place(struct facet__remains *r, const char *path);

#endif
