#include "deploy/board.h"

#include "base/errors.h"

#include <stdlib.h>
#include <string.h>

struct facet_board_entry {
    struct facet_board_entry *next;
    char *topic, *payload;         /* payload NULL: to be taken back, then forgotten */
    int group;
    unsigned round;
    bool retain, waits;
};

void facet_board_init(struct facet_board *b)
{
    *b = (struct facet_board){ .end = &b->first };
}

static void free_entry(struct facet_board_entry *e)
{
    free(e->topic);
    free(e->payload);
    free(e);
}

void facet_board_fini(struct facet_board *b)
{
    while (b->first) {
        struct facet_board_entry *e = b->first;
        b->first = e->next;
        free_entry(e);
    }
    facet_board_init(b);
}

static struct facet_board_entry *find(const struct facet_board *b, const char *topic)
{
    struct facet_board_entry *e = b->first;
    while (e && strcmp(e->topic, topic))
        e = e->next;
    return e;
}

static struct facet_board_entry *add(struct facet_board *b, const char *topic)
{
    struct facet_board_entry *e = calloc(1, sizeof(*e));
    if (e && !(e->topic = strdup(topic))) {
        free(e);
        e = NULL;
    }
    if (!e)
        return NULL;
    *b->end = e;
    b->end = &e->next;
    b->n++;
    return e;
}

int facet_board_set(struct facet_board *b, int group, const char *topic, const char *payload, bool retain)
{
    struct facet_board_entry *e = find(b, topic);
    if (!e && b->n >= FACET_BOARD_TOPICS)
        return facet_fail(FACET_E_LIMIT, "cannot tell of '%s': there are %d topics already", topic, FACET_BOARD_TOPICS);
    bool is_same = e && e->payload && !strcmp(e->payload, payload);
    char *copy = is_same ? NULL : strdup(payload);
    if (!is_same && copy && !e)
        e = add(b, topic);
    if (!e || (!is_same && !copy)) {
        free(copy);
        return facet_fail_nomem();
    }
    e->group = group;
    e->round = b->round;
    e->retain = retain;
    if (is_same)
        return FACET_OK;
    free(e->payload);
    e->payload = copy;
    e->waits = true;
    return FACET_OK;
}

bool facet_board_has(const struct facet_board *b, const char *topic)
{
    const struct facet_board_entry *e = find(b, topic);
    return e && e->payload;
}

bool facet_board_touch(struct facet_board *b, const char *topic)
{
    struct facet_board_entry *e = find(b, topic);
    if (!e || !e->payload)
        return false;
    e->round = b->round;
    return true;
}

static void take_back(struct facet_board_entry *e)
{
    free(e->payload);
    e->payload = NULL;
    e->waits = true;
}

void facet_board_remove(struct facet_board *b, const char *topic)
{
    struct facet_board_entry *e = find(b, topic);
    if (e)
        take_back(e);
}

void facet_board_begin(struct facet_board *b)
{
    b->round++;
}

void facet_board_sweep(struct facet_board *b, int group)
{
    for (struct facet_board_entry *e = b->first; e; e = e->next)
        if (e->group == group && e->round != b->round && e->payload)
            take_back(e);
}

void facet_board_resend(struct facet_board *b)
{
    for (struct facet_board_entry *e = b->first; e; e = e->next)
        e->waits = true;
}

static void forget(struct facet_board *b, struct facet_board_entry **at)
{
    struct facet_board_entry *e = *at;
    *at = e->next;
    if (b->end == &e->next)
        b->end = at;
    b->n--;
    free_entry(e);
}

int facet_board_flush(struct facet_board *b, facet_board_publish *publish, void *ctx)
{
    for (struct facet_board_entry **at = &b->first; *at;) {
        struct facet_board_entry *e = *at;
        bool is_said = e->waits && (e->payload || e->retain);
        int err = is_said ? publish(ctx, e->topic, e->payload ? e->payload : "", e->retain) : FACET_OK;
        if (err)
            return err;
        e->waits = false;
        if (e->payload)
            at = &e->next;
        else
            forget(b, at);
    }
    return FACET_OK;
}
