#include "stages/antispoof/tracks.h"

void facet__live_begin(struct facet__live_tracks *t)
{
    t->now++;
}

struct facet_live_track *facet__live_find(struct facet__live_tracks *t, int64_t track)
{
    struct facet_live_track *place = t->entry;
    for (int i = 0; i < t->n; i++) {
        if (t->entry[i].id == track) {
            t->entry[i].used = t->now;
            return &t->entry[i];
        }
        if (t->entry[i].used < place->used)
            place = &t->entry[i];
    }
    if ((place->id || !t->n) && t->n < FACET_LIVE_TRACKS)
        place = &t->entry[t->n++];
    *place = (struct facet_live_track){ .id = track, .used = t->now };
    return place;
}

void facet__live_forget(struct facet__live_tracks *t, const struct facet_packet *p)
{
    for (int i = 0; i < p->n_ended; i++)
        for (int j = 0; j < t->n; j++)
            if (t->entry[j].id == p->ended[i])
                t->entry[j] = (struct facet_live_track){ 0 };
}
