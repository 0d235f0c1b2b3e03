/* The stage: a table of tracks, each with its evidence; a table of people, each with when it was
 * announced. Both are bounded: the entry used longest ago makes room. */
#include "stages/identify/identify.h"

#include "base/errors.h"
#include "stages/identify/classifier.h"
#include "store/gallery.h"

#include <math.h>
#include <string.h>

#define TRACKS 1024
#define ANNOUNCED 512
#define CONFIRM 2
#define COOLDOWN_MS 10000

struct track {
    int64_t id;                    /* 0: free */
    uint64_t used;                 /* step in which it was last seen */
    struct facet_evidence evidence;
    struct facet_identity identity;
};

struct announced { int64_t person; int source; uint64_t used; double pts_ms; };

struct identify {
    struct facet_identify_opts o;
    uint64_t now;                  /* steps so far */
    struct track tracks[TRACKS];
    int n_tracks;                  /* entries ever used */
    struct announced announced[ANNOUNCED];
    int n_announced;
};

static struct track *find_track(struct identify *s, int64_t id)
{
    struct track *oldest = s->tracks;
    for (int i = 0; i < s->n_tracks; i++) {
        if (s->tracks[i].id == id)
            return &s->tracks[i];
        if (s->tracks[i].used < oldest->used)
            oldest = &s->tracks[i];
    }
    if ((oldest->id || !s->n_tracks) && s->n_tracks < TRACKS)
        oldest = &s->tracks[s->n_tracks++];
    memset(oldest, 0, sizeof(*oldest)); /* free ones were used longest ago, at 0 */
    oldest->id = id;
    return oldest;
}

/* Has this person been announced in this source within the cooldown? If not, now it is. */
static bool announce(struct identify *s, int64_t person, int source, double pts_ms)
{
    struct announced *a = NULL, *oldest = s->announced;
    for (int i = 0; i < s->n_announced && !a; i++) {
        if (s->announced[i].person == person && s->announced[i].source == source)
            a = &s->announced[i];
        if (s->announced[i].used < oldest->used)
            oldest = &s->announced[i];
    }
    bool is_new = !a;
    if (is_new)
        a = s->n_announced < ANNOUNCED ? &s->announced[s->n_announced++] : oldest;
    else if (pts_ms >= a->pts_ms && pts_ms - a->pts_ms < s->o.cooldown_ms) {
        a->used = s->now;
        return false;
    }
    *a = (struct announced){ .person = person, .source = source, .used = s->now, .pts_ms = pts_ms };
    return true;
}

/* An answer is news when it differs in kind or person; a person announced just now in another track
 * is none, strangers are news once a track. */
static bool is_news(struct identify *s, const struct facet_identity *was, const struct facet_identity *is,
                    const struct facet_packet *p)
{
    if (is->decision == was->decision && is->person == was->person)
        return false;
    if (is->decision != FACET_KNOWN)
        return is->decision == FACET_UNKNOWN;
    return announce(s, is->person, p->source, p->frame->pts_ms);
}

static void decide(struct identify *s, struct facet_packet *p, struct facet_face *f)
{
    struct facet_identity next;
    if (!f->track) {
        f->identity = p->flush ? f->now : (struct facet_identity){ .cosine = -1 };
        f->identity_changed = p->flush && is_news(s, &(struct facet_identity){ .cosine = -1 }, &f->identity, p);
        return;
    }
    struct track *t = find_track(s, f->track);
    t->used = s->now;
    facet_evidence_add(&t->evidence, &f->now, f->quality.score);
    facet_evidence_decide(&t->evidence, p->flush ? 1 : s->o.confirm_frames, &next);
    /* Once named or refused, a track does not fall back to undecided. */
    if (next.decision == FACET_UNDECIDED && t->identity.decision != FACET_UNDECIDED)
        next = t->identity;
    f->identity_changed = is_news(s, &t->identity, &next, p);
    t->identity = next;
    f->identity = next;
}

static void forget(struct identify *s, const struct facet_packet *p)
{
    for (int i = 0; i < p->n_ended; i++)
        for (int j = 0; j < s->n_tracks; j++)
            if (s->tracks[j].id == p->ended[i])
                memset(&s->tracks[j], 0, sizeof(s->tracks[j]));
}

static int identify_step(void *state, struct facet_packet *p)
{
    struct identify *s = state;
    s->now++;
    for (int i = 0; i < p->n_faces && p->frame; i++) {
        struct facet_face *f = &p->faces[i];
        f->now = (struct facet_identity){ .cosine = -1 };
        int err = f->has_embedding ? facet_identify_one(&s->o, f->embedding, &f->now) : FACET_OK;
        if (err)
            return err;
        decide(s, p, f);
    }
    forget(s, p);
    return FACET_OK;
}

static int identify_open(void *state, const void *opts)
{
    struct identify *s = state;
    s->o = *(const struct facet_identify_opts *)opts;
    if (!isfinite(s->o.threshold) || s->o.threshold < -1 || s->o.threshold > 1)
        return facet_fail(FACET_E_INVALID, "cannot identify with a threshold of %g: a cosine is within -1 and 1", s->o.threshold);
    if (s->o.confirm_frames < 0 || !(s->o.cooldown_ms >= 0))
        return facet_fail(FACET_E_INVALID, "cannot identify with a negative confirmation or cooldown");
    if (s->o.method == FACET_IDENTIFY_CLASSIFIER && s->o.gallery && !s->o.classifier)
        return facet_fail(FACET_E_INVALID, "cannot identify: there is no classifier, train one with: facet gallery train");
    s->o.confirm_frames = s->o.confirm_frames ? s->o.confirm_frames : CONFIRM;
    s->o.cooldown_ms = s->o.cooldown_ms > 0 ? s->o.cooldown_ms : COOLDOWN_MS;
    return FACET_OK;
}

static void identify_close(void *state)
{
}

const struct facet_stage_ops facet_stage_identify = {
    .name = "identify",
    .state_size = sizeof(struct identify),
    .open = identify_open,
    .step = identify_step,
    .close = identify_close,
};
