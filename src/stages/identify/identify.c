/* One embedding, one answer. */
#include "stages/identify/identify.h"

#include "base/errors.h"
#include "stages/identify/classifier.h"
#include "stages/identify/weight.h"
#include "store/gallery.h"

#include <math.h>
#include <string.h>

#define VOTERS 10
#define MARGIN 0.02f

/* Without calibration the score is 0.5 at the threshold, and straight from there to 0 at -1 and to 1
 * at 1, as facet_model_score has it. */
static float score_of(const struct facet_identify_opts *o, float cosine)
{
    double c = cosine < -1 ? -1 : cosine > 1 ? 1 : (double)cosine, t = o->threshold;
    if (o->calib_a > 0)
        return (float)(1 / (1 + exp(-(o->calib_a * c + o->calib_b))));
    if (c < t)
        return (float)(0.5 * (c + 1) / (t + 1));
    return (float)(t < 1 ? 0.5 + 0.5 * (c - t) / (1 - t) : 1);
}

static void answer(const struct facet_identify_opts *o, const struct facet_match *best, bool is_known,
                   struct facet_identity *out)
{
    out->cosine = best->cosine;
    out->score = score_of(o, best->cosine);
    if (!is_known || (double)best->cosine < o->threshold)
        return;
    out->decision = FACET_KNOWN;
    out->person = best->person;
    memcpy(out->name, best->name, sizeof(out->name));
}

static int by_nearest(const struct facet_identify_opts *o, const float *embedding, int dim, struct facet_identity *out)
{
    struct facet_match m[2];
    int n = facet_gallery_search(o->gallery, embedding, dim, 2, m);
    float margin = o->margin == 0 ? MARGIN : o->margin;
    if (n > 0)
        answer(o, &m[0], n < 2 || m[0].cosine - m[1].cosine >= margin, out);
    return n < 0 ? n : FACET_OK;
}

static float vote_of(const struct facet_match *m, double threshold)
{
    return (double)m->cosine >= threshold && m->cosine > 0 ? facet__weight_of(m->quality) * m->cosine : 0;
}

static int by_vote(const struct facet_identify_opts *o, const float *embedding, int dim, struct facet_identity *out)
{
    struct facet_match m[VOTERS];
    float all = 0, most = 0;
    int winner = 0, n = facet_gallery_nearest(o->gallery, embedding, dim, VOTERS, m);
    for (int i = 0; i < n; i++) {
        float votes = 0;
        for (int j = 0; j < n; j++)
            votes += m[j].person == m[i].person ? vote_of(&m[j], o->threshold) : 0;
        all += vote_of(&m[i], o->threshold);
        if (votes > most)
            most = votes, winner = i; /* the first of a person is its nearest */
    }
    if (n > 0)
        answer(o, &m[winner], most > all / 2, out);
    return n < 0 ? n : FACET_OK;
}

static int by_classifier(const struct facet_identify_opts *o, const float *embedding, int dim, struct facet_identity *out)
{
    struct facet_match m, nearest;
    int64_t person;
    float confidence;
    if (!o->classifier)
        return facet_fail(FACET_E_INVALID, "there is no classifier: train one with: facet gallery train");
    int n = facet_gallery_search(o->gallery, embedding, dim, 1, &nearest);
    if (n <= 0)
        return n;
    int err = facet_classifier_predict(o->classifier, embedding, dim, &person, &confidence);
    if (!err)
        err = facet_gallery_match_person(o->gallery, embedding, dim, person, &m);
    if (err == FACET_E_NOT_FOUND) { /* it names somebody who has left since it was trained */
        answer(o, &nearest, false, out);
        return FACET_OK;
    }
    if (!err)
        answer(o, &m, confidence >= 0.5f, out);
    return err;
}

int facet_identify_one(const struct facet_identify_opts *o, const float *embedding, struct facet_identity *out)
{
    memset(out, 0, sizeof(*out));
    out->decision = FACET_UNKNOWN;
    out->cosine = -1;
    out->score = score_of(o, -1);
    if (!o->gallery)
        return FACET_OK;
    int dim = facet_gallery_dim(o->gallery);
    switch (o->method) {
    case FACET_IDENTIFY_VOTE: return by_vote(o, embedding, dim, out);
    case FACET_IDENTIFY_CLASSIFIER: return by_classifier(o, embedding, dim, out);
    default: return by_nearest(o, embedding, dim, out);
    }
}
