/* What a track's answers add up to. */
#include "stages/identify/identify.h"

#include "stages/identify/weight.h"

#include <string.h>

static struct facet_candidate *find_candidate(struct facet_evidence *e, const struct facet_identity *answer)
{
    struct facet_candidate *weakest = e->known;
    for (int i = 0; i < e->n_known; i++) {
        if (e->known[i].person == answer->person)
            return &e->known[i];
        if (e->known[i].weight < weakest->weight)
            weakest = &e->known[i];
    }
    struct facet_candidate *c = e->n_known < FACET_CANDIDATES ? &e->known[e->n_known++] : weakest;
    *c = (struct facet_candidate){ .person = answer->person, .cosine = -1 };
    return c;
}

void facet_evidence_add(struct facet_evidence *e, const struct facet_identity *answer, float quality)
{
    float weight = facet__weight_of(quality);
    if (answer->decision == FACET_UNDECIDED)
        return;
    if (!e->answers || answer->cosine > e->best_cosine)
        e->best_cosine = answer->cosine, e->best_score = answer->score;
    e->answers++;
    e->weight += weight;
    if (answer->decision == FACET_UNKNOWN) {
        e->unknown_weight += weight;
        return;
    }
    struct facet_candidate *c = find_candidate(e, answer);
    memcpy(c->name, answer->name, sizeof(c->name)); /* the newest name: people get renamed */
    c->answers++;
    c->weight += weight;
    if (answer->cosine > c->cosine)
        c->cosine = answer->cosine, c->score = answer->score;
}

void facet_evidence_decide(const struct facet_evidence *e, int confirm, struct facet_identity *out)
{
    memset(out, 0, sizeof(*out));
    out->cosine = e->answers ? e->best_cosine : -1;
    out->score = e->best_score;
    for (int i = 0; i < e->n_known; i++) {
        const struct facet_candidate *c = &e->known[i];
        if (c->answers < confirm || c->weight * 2 <= e->weight)
            continue;
        out->decision = FACET_KNOWN;
        out->person = c->person;
        out->cosine = c->cosine;
        out->score = c->score;
        memcpy(out->name, c->name, sizeof(out->name));
        return;
    }
    bool says_unknown = e->answers >= confirm && e->unknown_weight * 2 >= e->weight;
    if (says_unknown || e->answers > confirm)
        out->decision = FACET_UNKNOWN;
}
