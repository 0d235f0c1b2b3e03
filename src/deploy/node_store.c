/* What a node keeps: its vault and its events. */
#include "base/errors.h"
#include "deploy/node_priv.h"
#include "store/events.h"
#include "store/vault.h"

int facet__node_open_vault(struct facet_node *n)
{
    struct facet_vault_opts o = { .key = *n->site->store.key ? n->site->store.key : NULL };
    return facet_vault_is_configured(o.key) ? facet_vault_open(&n->vault, &o) : FACET_OK;
}

/* A server keeps events; a device does when its file names a place. */
int facet__node_open_store(struct facet_node *n)
{
    struct facet_events_opts o = { .where = *n->site->store.events ? n->site->store.events : NULL, .vault = n->vault };
    if (!o.where && !facet__node_is_server(n))
        return FACET_OK;
    return facet_events_open(&n->events, &o);
}
