/* A node's events to the web address of its site's file. A device posts what it makes; a server also what arrives, so
 * one of the two has the key in its file, not both. */
#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "deploy/node_priv.h"
#include "deploy/webhook.h"

#include <stdio.h>

struct part_webhook { struct facet_webhook *webhook; };

static bool wanted(const struct facet_node *n)
{
    return *n->site->webhook.url != '\0';
}

/* Beside the outbox, or where that would be. */
static int place_of(const struct facet_site *s, char *out, size_t cap)
{
    char data[1000];
    if (*s->outbox.path) {
        int n = snprintf(out, cap, "%s.webhook", s->outbox.path);
        return n > 0 && (size_t)n < cap ? FACET_OK : facet_fail(FACET_E_LIMIT, "the path of the outbox is too long");
    }
    int err = facet_data_dir(data, sizeof(data));
    return err ? err : facet_path_join(out, cap, data, "webhook.db");
}

static int open_webhook(void *state, struct facet_node *n)
{
    struct part_webhook *p = state;
    char path[1100];
    int err = place_of(n->site, path, sizeof(path));
    struct facet_webhook_opts o = {
        .vault = n->vault,
        .url = n->site->webhook.url, .secret = n->site->webhook.secret, .path = path,
        .max_bytes = n->site->outbox.max_bytes, .max_age_ms = n->site->outbox.max_age_ms,
    };
    return err ? err : facet_webhook_open(&p->webhook, &o);
}

static void on_event(void *state, const struct facet_event *e, bool is_own)
{
    struct part_webhook *p = state;
    if (facet_webhook_put(p->webhook, e))
        facet_log(FACET_LOG_ERROR, "webhook", "event %s will not be posted: %s", e->id, facet_error_text());
}

static int erase(void *state, const char *person, int64_t *removed)
{
    return facet_webhook_erase(((struct part_webhook *)state)->webhook, person, removed);
}

static void close_webhook(void *state)
{
    facet_webhook_close(&((struct part_webhook *)state)->webhook);
}

extern const struct facet__part facet__part_webhook;
const struct facet__part facet__part_webhook = {
    .name = "webhook",
    .state_size = sizeof(struct part_webhook),
    .wanted = wanted,
    .open = open_webhook,
    .event = on_event,
    .erase = erase,
    .close = close_webhook,
};
