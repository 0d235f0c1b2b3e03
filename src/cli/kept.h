/* What people erase, people export and store share: every place where something about people is kept. */
#ifndef FACET_CLI_KEPT_H
#define FACET_CLI_KEPT_H

#include "cli/out.h"
#include "store/erase.h"

#define FACET_KEPT_SPOOLS 8

/* Words of the command line; NULL: by the site's file, and where that says nothing, the default. */
struct facet_kept_opts { const char *gallery, *events, *site, *key; };

struct facet_kept {
    struct facet_vault *vault;             /* NULL: no key is configured */
    struct facet_gallery *gallery;
    struct facet_events *events;           /* NULL: there are none */
    struct facet_spool *spools[FACET_KEPT_SPOOLS];
    char spool_paths[FACET_KEPT_SPOOLS][1024];
    int n_spools;
    char gallery_path[1024], events_path[1024];    /* "": the default */
    char cache[4096];
    struct facet_retention retention;      /* of the site's file; 0 without one */
};

/* Paths and the vault; nothing else is opened. */
int facet_kept_find(struct facet_kept *k, const struct facet_kept_opts *o);
/* The gallery, which must be there, and what there is of events and spools. */
int facet_kept_open(struct facet_kept *k, const struct facet_kept_opts *o, bool read_only);
int facet_kept_open_gallery(struct facet_kept *k, bool read_only);
/* FACET_OK with events NULL when there are none. */
int facet_kept_open_events(struct facet_kept *k, bool read_only);
void facet_kept_close(struct facet_kept *k);

/* Everything held on a person into a folder that is made: person.json and pictures. */
int facet_kept_export(struct facet_kept *k, const char *name, const char *folder, int *events, int *pictures);

#endif
