/* Whether a database's contents are sealed, and with which site key. */
#ifndef FACET_STORE_SEALING_H
#define FACET_STORE_SEALING_H

#include "store/sql.h"
#include "store/vault.h"

/* Without a vault: FACET_E_PERMISSION when it is sealed. With one: FACET_E_PERMISSION when it is sealed with another
 * site key; *was_plain is set when it is not sealed yet and may be written: the caller seals what is there, and then
 * calls facet__sealing_done inside the same transaction. db->is_sealed tells afterwards. */
int facet__sealing_begin(struct facet__db *db, struct facet_vault *v, bool *was_plain);
int facet__sealing_done(struct facet__db *db, struct facet_vault *v);
bool facet__sealing_is_there(struct facet__db *db, int *err);

#endif
