#include "flow/sources.h"

static int find(const struct facet_sources *s, int source)
{
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES; i++) {
        if (s->used[i] && s->source[i] == source)
            return i;
    }
    return -1;
}

/* Free ones were used longest ago, at 0. */
static int longest_unused(const struct facet_sources *s)
{
    int oldest = 0;
    for (int i = 1; i < FACET_MAX_LIVE_SOURCES; i++) {
        if (s->used[i] < s->used[oldest])
            oldest = i;
    }
    return oldest;
}

int facet_sources_slot(struct facet_sources *s, int source, bool *is_new)
{
    int slot = find(s, source);
    *is_new = slot < 0;
    if (slot < 0)
        slot = longest_unused(s);
    s->source[slot] = source;
    s->used[slot] = ++s->now;
    return slot;
}

void facet_sources_end(struct facet_sources *s, int source)
{
    int slot = find(s, source);
    if (slot >= 0)
        s->used[slot] = 0;
}

bool facet_sources_first(const struct facet_sources *s, int *source)
{
    for (int i = 0; i < FACET_MAX_LIVE_SOURCES; i++) {
        if (s->used[i]) {
            *source = s->source[i];
            return true;
        }
    }
    return false;
}
