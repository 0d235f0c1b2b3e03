/* Copies of galleries and event stores while they are in use, and back. docs/storage.md.
 *
 * A copy is what stood in the file at one moment. It holds wrapped keys, and opens with the same site key alone. What was
 * erased since is erased again when a copy comes back: the ids of the erased stay known. SQLite alone; FACET_E_UNSUPPORTED
 * says what to use with PostgreSQL. */
#ifndef FACET_STORE_BACKUP_H
#define FACET_STORE_BACKUP_H

#include "store/events.h"
#include "store/gallery.h"

/* Paths as in facet_gallery_opts and facet_events_opts. `to` is written whole or not at all, readable by its owner alone. */
int facet_gallery_backup(const char *gallery, const char *to);
int facet_events_backup(const char *events, const char *to);

struct facet_restore_report { int64_t people, templates, events, erased_again; };

/* In place of what is there; who has it open sees the change as one. Refuses, and changes nothing: another site key
 * (FACET_E_PERMISSION), a damaged or strange file, another recogniser's gallery where one is there (FACET_E_CONTRACT).
 * `events` after `gallery`: who was erased is asked there. */
int facet_gallery_restore(const char *from, const char *gallery, struct facet_vault *v, struct facet_restore_report *out);
int facet_events_restore(const char *from, const char *events, struct facet_vault *v, struct facet_gallery *g,
                         struct facet_restore_report *out);

#endif
