/* What a node keeps: its vault and its events. */
#include "base/errors.h"
#include "base/log.h"
#include "deploy/node_priv.h"
#include "deploy/outbox.h"
#include "stages/identify/classifier.h"
#include "store/erase.h"
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

/* What was trained on somebody who is gone is trained again on who is left. */
static void train_again(struct facet_node *n, const char *method)
{
    struct facet_classifier *c = NULL;
    if (facet_classifier_train_gallery(&c, n->gallery, method))
        facet_log(FACET_LOG_WARN, "node", "the classifier could not be trained again: %s", facet_error_text());
    facet_classifier_close(&c);
}

int facet_node_erase(struct facet_node *n, const char *name, struct facet_erase_report *out)
{
    struct facet_spool *spools[] = { n->outbox ? facet_outbox_spool(n->outbox) : NULL };
    const struct facet_erasing w = {
        .gallery = n->gallery,
        .events = n->events,
        .vault = n->vault,
        .spools = spools,
        .n_spools = spools[0] ? 1 : 0,
    };
    if (!n->gallery)
        return facet_fail(FACET_E_NOT_FOUND, "cannot erase '%s': this node has no gallery", name);
    char method[16];
    bool is_stale, had = !facet_classifier_state(n->gallery, method, &is_stale);
    int err = facet_erase_person(&w, name, out);
    if (!err && had && out->had_trained)
        train_again(n, method);
    return err ? err : facet__parts_erase(n, name, &out->spooled);
}
