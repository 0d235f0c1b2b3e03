#include "net/mqtt/flight.h"

bool facet__flight_has_room(const struct facet__flight *f, size_t bytes)
{
    return f->n == 0 || (f->n < FACET_FLIGHT_MESSAGES && bytes <= FACET_FLIGHT_BYTES && f->bytes <= FACET_FLIGHT_BYTES - bytes);
}

void facet__flight_add(struct facet__flight *f, int mid, int qos, size_t bytes, int64_t token)
{
    f->all[f->n].mid = mid;
    f->all[f->n].qos = qos;
    f->all[f->n].bytes = bytes;
    f->all[f->n++].token = token;
    f->bytes += bytes;
    f->acknowledged += qos > 0;
}

static void remove_at(struct facet__flight *f, int i)
{
    f->bytes -= f->all[i].bytes;
    f->acknowledged -= f->all[i].qos > 0;
    f->n--;
    for (; i < f->n; i++)
        f->all[i] = f->all[i + 1];
}

/* The oldest first: numbers come again after 65535 messages. */
bool facet__flight_remove(struct facet__flight *f, int mid, int *qos, int64_t *token)
{
    for (int i = 0; i < f->n; i++)
        if (f->all[i].mid == mid) {
            *qos = f->all[i].qos;
            *token = f->all[i].token;
            remove_at(f, i);
            return true;
        }
    return false;
}

void facet__flight_lose(struct facet__flight *f)
{
    for (int i = f->n - 1; i >= 0; i--)
        if (!f->all[i].qos)
            remove_at(f, i);
}
