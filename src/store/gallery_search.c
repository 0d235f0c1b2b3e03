/* Searching a gallery: the query is doubted, a reference to the index taken, and searched without a lock.
 * When a block of a mapped index turns out damaged, the index is made anew and searched again. */
#include "store/gallery_priv.h"

#include "base/errors.h"
#include "store/rules.h"

enum kind { BY_PERSON, BY_TEMPLATE, ONE_PERSON, MANY };

struct search {
    enum kind kind;
    const float *embeddings;
    int n, k;
    int64_t person;                            /* ONE_PERSON */
    const struct facet_search_opts *o;         /* MANY */
    struct facet_match *out;
    int *found;                                /* MANY */
};

static int doubt(struct facet_gallery *g, const struct search *s, int dim)
{
    int err = facet__gallery_check_dim(g, dim);
    for (int i = 0; !err && i < s->n; i++)
        err = facet__check_embedding(s->embeddings + (size_t)i * (size_t)dim, dim);
    if (!err && s->k < 0)
        err = facet_fail(FACET_E_INVALID, "cannot search for the best %d", s->k);
    if (!err && s->n < 0)
        err = facet_fail(FACET_E_INVALID, "cannot search for %d embeddings", s->n);
    if (!err && atomic_load(&g->is_stale))
        err = facet_gallery_refresh(g);
    return err;
}

static int search_index(struct facet_gallery *g, const struct search *s)
{
    struct facet_index *x = facet__gallery_index(g);
    int n = FACET_OK;
    switch (s->kind) {
    case BY_PERSON: n = facet_index_search(x, s->embeddings, s->k, g->cpu_flags, s->out); break;
    case BY_TEMPLATE: n = facet_index_nearest(x, s->embeddings, s->k, g->cpu_flags, s->out); break;
    case ONE_PERSON: n = facet_index_match_person(x, s->embeddings, s->person, g->cpu_flags, s->out); break;
    case MANY: n = facet_index_search_many(x, s->embeddings, s->n, s->o, g->cpu_flags, s->out, s->found); break;
    }
    facet_index_unref(&x);
    return n;
}

static int run(struct facet_gallery *g, const struct search *s, int dim)
{
    int n = doubt(g, s, dim);
    if (!n)
        n = search_index(g, s);
    if (n != FACET_E_STORE || !facet__gallery_has_map(g))
        return n;
    int err = facet__gallery_distrust_index(g);
    return err ? err : search_index(g, s);
}

int facet_gallery_search(struct facet_gallery *g, const float *embedding, int dim, int k, struct facet_match *out)
{
    return run(g, &(struct search){ .kind = BY_PERSON, .embeddings = embedding, .n = 1, .k = k, .out = out }, dim);
}

int facet_gallery_nearest(struct facet_gallery *g, const float *embedding, int dim, int k, struct facet_match *out)
{
    return run(g, &(struct search){ .kind = BY_TEMPLATE, .embeddings = embedding, .n = 1, .k = k, .out = out }, dim);
}

int facet_gallery_match_person(struct facet_gallery *g, const float *embedding, int dim, int64_t person, struct facet_match *out)
{
    int n = run(g, &(struct search){ .kind = ONE_PERSON, .embeddings = embedding, .n = 1, .person = person, .out = out }, dim);
    if (n < 0)
        return n;
    return n ? FACET_OK : facet_fail(FACET_E_NOT_FOUND, "person %lld has no template", (long long)person);
}

int facet_gallery_search_many(struct facet_gallery *g, const float *embeddings, int n, int dim,
                              const struct facet_search_opts *o, struct facet_match *out, int *found)
{
    return run(g, &(struct search){ .kind = MANY, .embeddings = embeddings, .n = n, .k = o->k, .o = o, .out = out, .found = found },
               dim);
}
