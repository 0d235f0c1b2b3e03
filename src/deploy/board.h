/* What a node says of itself at the broker: one payload a topic, published when it changed and again when the connection is new.
 * What cannot be published now waits here; of many changes meanwhile only the last is. Not thread-safe. */
#ifndef FACET_DEPLOY_BOARD_H
#define FACET_DEPLOY_BOARD_H

#include <stdbool.h>
#include <stddef.h>

#define FACET_BOARD_TOPICS 8192

struct facet_board_entry;
struct facet_board {
    struct facet_board_entry *first, **end;    /* in the order of arrival */
    int n;
    unsigned round;
};

void facet_board_init(struct facet_board *b);
void facet_board_fini(struct facet_board *b);

/* Copies. `group` is a small number by which sweep finds it. The same payload again is not published again. */
int facet_board_set(struct facet_board *b, int group, const char *topic, const char *payload, bool retain);
/* Says that it is still wanted, without a payload; false: there is none. */
bool facet_board_touch(struct facet_board *b, const char *topic);
bool facet_board_has(const struct facet_board *b, const char *topic);
/* What was retained is taken back from the broker by an empty payload. */
void facet_board_remove(struct facet_board *b, const char *topic);
/* A round: what of this group is neither set nor touched between the two is removed. */
void facet_board_begin(struct facet_board *b);
void facet_board_sweep(struct facet_board *b, int group);

/* The connection is new, or somebody new listens: everything is published again. */
void facet_board_resend(struct facet_board *b);
/* Publishes what waits, until `publish` refuses; its error is returned. */
typedef int facet_board_publish(void *ctx, const char *topic, const char *payload, bool retain);
int facet_board_flush(struct facet_board *b, facet_board_publish *publish, void *ctx);

#endif
