#include "deploy/clock_offset.h"

#define LONGEST_US 60000000    /* a trip: older answers tell nothing */
#define LARGEST_US INT64_C(4000000000000000)   /* of a time: some 120 years */

static bool is_time(int64_t us)
{
    return us > 0 && us < LARGEST_US;
}

bool facet_clock_offset_add(struct facet_clock_offset *c, int64_t sent_us, int64_t received_us, int64_t answered_us, int64_t back_us)
{
    if (!is_time(sent_us) || !is_time(received_us) || !is_time(answered_us) || !is_time(back_us))
        return false;
    int64_t trip = (back_us - sent_us) - (answered_us - received_us);
    if (trip < 0 || trip > LONGEST_US || answered_us < received_us)
        return false;
    c->trip_us[c->next] = trip;
    c->offset_us[c->next] = ((received_us - sent_us) + (answered_us - back_us)) / 2;
    c->next = (c->next + 1) % FACET_CLOCK_SAMPLES;
    c->n += c->n < FACET_CLOCK_SAMPLES;
    return true;
}

bool facet_clock_offset_get(const struct facet_clock_offset *c, int64_t *offset_us)
{
    unsigned best = 0;
    *offset_us = 0;
    for (unsigned i = 1; i < c->n; i++)
        if (c->trip_us[i] < c->trip_us[best])
            best = i;
    if (c->n)
        *offset_us = c->offset_us[best];
    return c->n > 0;
}
