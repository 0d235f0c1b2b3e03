/* Items of a spool, sealed with the site key where there is one: chips and names lie on no disk to be read. */
#ifndef FACET_DEPLOY_SEALED_H
#define FACET_DEPLOY_SEALED_H

#include "store/spool.h"

struct facet_vault;

/* As facet_spool_put. `v` NULL: as it is. */
int facet_sealed_put(struct facet_spool *s, struct facet_vault *v, const struct facet_spool_item *item);
/* An item as it came out of the spool: its payload is replaced by what was put in. FACET_E_PERMISSION: it was sealed, and
 * there is no key, or another one. */
int facet_sealed_open(struct facet_vault *v, struct facet_spool_item *item);

#endif
