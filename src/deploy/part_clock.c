/* A device asks the server what time it is; docs/strategies.md. The difference is taken out of delays, and each
 * answer is a sign that the server is there. */
#include "base/clock.h"
#include "base/errors.h"
#include "deploy/clock_offset.h"
#include "deploy/node_priv.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIRST 8                    /* questions in quick succession */
#define FIRST_MS 300
#define EVERY_MS 3000

static int64_t wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* ---- device: asks ---- */

struct asker {
    struct facet_node *node;
    struct facet_lock lock;        /* below */
    bool has_lock;
    struct facet_clock_offset offset;
    unsigned asked;
    uint64_t asked_ns;             /* of the question that is open */
    int64_t asked_us;
};

static bool asker_wanted(const struct facet_node *n)
{
    return !facet__node_is_server(n) && facet__node_has_broker(n);
}

static int asker_open(void *state, struct facet_node *n)
{
    struct asker *a = state;
    a->node = n;
    int err = facet_lock_init(&a->lock);
    a->has_lock = !err;
    return err;
}

static void asker_close(void *state)
{
    struct asker *a = state;
    if (a->has_lock)
        facet_lock_fini(&a->lock);
}

static void asker_tick(void *state, int64_t now_ms)
{
    struct asker *a = state;
    struct facet_message m = { .kind = FACET_MESSAGE_CLOCK };
    (void)now_ms;
    facet_lock_take(&a->lock);
    uint64_t now = facet_now_ns(), wait = a->asked < FIRST ? FIRST_MS : EVERY_MS;
    bool is_due = !a->asked_ns || now - a->asked_ns >= wait * 1000000u;
    if (is_due) {
        a->asked++;
        a->asked_ns = now;
        a->asked_us = wall_us();
        m.clock = (struct facet_wire_clock){ .number = a->asked, .sent_us = a->asked_us };
    }
    facet_lock_give(&a->lock);
    snprintf(m.clock.device, sizeof(m.clock.device), "%s", a->node->site->device);
    if (is_due)
        (void)facet__wire_send(a->node, a->node->site->device, "clock", &m, NULL);
}

/* The trip is taken from the clock that does not jump. */
static int asker_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct asker *a = state;
    const struct facet_wire_clock *c = &m->clock;
    (void)device, (void)payload, (void)len;
    facet_lock_take(&a->lock);
    if (m->kind == FACET_MESSAGE_CLOCK && c->number == a->asked && c->sent_us == a->asked_us)
        (void)facet_clock_offset_add(&a->offset, c->sent_us, c->received_us, c->answered_us,
                                     c->sent_us + (int64_t)((facet_now_ns() - a->asked_ns) / 1000));
    int64_t us;
    bool is_known = facet_clock_offset_get(&a->offset, &us);
    facet_lock_give(&a->lock);
    if (is_known)
        atomic_store(&a->node->clock_offset_us, us);
    return FACET_OK;
}

static void asker_count(void *state, struct facet_node_stats *s)
{
    struct asker *a = state;
    s->clock_offset_ms = (double)atomic_load(&a->node->clock_offset_us) / 1000;
}

static const char *const asker_words[] = { "time", NULL };

const struct facet__part facet__part_clock_device = {
    .name = "clock",
    .state_size = sizeof(struct asker),
    .wanted = asker_wanted,
    .open = asker_open,
    .words = asker_words,
    .message = asker_message,
    .tick = asker_tick,
    .count = asker_count,
    .close = asker_close,
};

/* ---- server: answers ---- */

struct answerer { struct facet_node *node; };

static bool answerer_wanted(const struct facet_node *n)
{
    return facet__node_is_server(n) && facet__node_has_broker(n);
}

static int answerer_open(void *state, struct facet_node *n)
{
    ((struct answerer *)state)->node = n;
    return FACET_OK;
}

static int answerer_message(void *state, const char *device, const struct facet_message *m, const void *payload, size_t len)
{
    struct answerer *s = state;
    struct facet_message reply = *m;
    (void)payload, (void)len;
    if (m->kind != FACET_MESSAGE_CLOCK)
        return FACET_OK;
    reply.memory = NULL;
    reply.clock.received_us = wall_us();
    reply.clock.answered_us = reply.clock.received_us;
    (void)facet__wire_send(s->node, device, "time", &reply, NULL);
    return FACET_OK;
}

static void answerer_close(void *state)
{
    (void)state;
}

static const char *const answerer_words[] = { "clock", NULL };

const struct facet__part facet__part_clock_server = {
    .name = "clock",
    .state_size = sizeof(struct answerer),
    .wanted = answerer_wanted,
    .open = answerer_open,
    .words = answerer_words,
    .message = answerer_message,
    .close = answerer_close,
};
