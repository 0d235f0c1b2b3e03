/* Forgetting a person everywhere, and the proof of it. docs/privacy.md.
 *
 * The key is destroyed, rows are overwritten, files written anew, logs emptied. The proof keeps what the person was known by
 * (name, template bytes, key, hashes) in memory for the time of the call, and looks at every byte of every file. */
#ifndef FACET_STORE_ERASE_H
#define FACET_STORE_ERASE_H

#include "store/events.h"
#include "store/gallery.h"
#include "store/spool.h"

#define FACET_ERASE_FOUND 16           /* findings that are told one by one */
#define FACET_ERASE_DEVICES 64

struct facet_erasing {
    struct facet_gallery *gallery;
    struct facet_events *events;       /* NULL: there is none */
    struct facet_vault *vault;         /* NULL: what is in the gallery's hands */
    struct facet_spool *const *spools; /* outboxes and inboxes that are open */
    const char *const *spool_paths;    /* their files */
    int n_spools;
    const char *const *places;         /* further files and folders that are looked at: caches, other spools */
    int n_places;
    bool verify;
};

struct facet_erase_finding { char path[512]; int64_t offset; char what[32]; };

struct facet_erase_report {
    bool was_known;                    /* there was such a person in the gallery */
    int64_t person, version;           /* gallery's version after it */
    int64_t templates, events, snapshots, spooled;
    bool had_trained;                  /* something trained on them was dropped */
    /* The proof. */
    bool is_verified;                  /* it was looked for, and nothing was found */
    char unsearched[512];              /* what could not be looked at, and what that needs; "": nothing */
    int files, searched_for;           /* files: columns of tables, too */
    int64_t bytes;
    int n_found;                       /* all of them; at most FACET_ERASE_FOUND are in `found` */
    struct facet_erase_finding found[FACET_ERASE_FOUND];
    int n_devices;                     /* that have not said yet that they hold the gallery as it is now */
    char devices[FACET_ERASE_DEVICES][64];
};

/* Nobody of that name in the gallery: what else names them goes all the same. When it fails half way, it can be called again. */
int facet_erase_person(const struct facet_erasing *w, const char *name, struct facet_erase_report *out);

/* Which version of the gallery a device said that it holds: kept with the events, asked by --verify. */
int facet_device_holds(struct facet_events *e, const char *device, uint64_t gallery_version);
int facet_device_forget(struct facet_events *e, const char *device);
typedef int facet_device_fn(void *ctx, const char *device, uint64_t gallery_version);
int facet_devices_each(struct facet_events *e, facet_device_fn *fn, void *ctx);

#endif
