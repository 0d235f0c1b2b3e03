#include "stages/identify/examples.h"

#include "base/errors.h"
#include "store/gallery.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int grow(void *list, size_t count, size_t size)
{
    void *p, *more;
    memcpy(&p, list, sizeof(p));
    more = realloc(p, count * size);
    if (!more)
        return facet_fail_nomem();
    memcpy(list, &more, sizeof(more));
    return FACET_OK;
}

static int reserve(struct facet_examples *e)
{
    if (e->n < e->cap)
        return FACET_OK;
    size_t cap = e->cap ? e->cap * 2 : 64;
    int err = grow(&e->x, cap * (size_t)e->dim, sizeof(*e->x));
    if (!err)
        err = grow(&e->label, cap, sizeof(*e->label));
    if (!err)
        err = grow(&e->quality, cap, sizeof(*e->quality));
    if (!err)
        e->cap = cap;
    return err;
}

static int find_or_add_person(struct facet_examples *e, int64_t person, int *label)
{
    for (int i = e->n_people - 1; i >= 0; i--) /* the last person is the likeliest */
        if (e->people[i] == person)
            return *label = i, FACET_OK;
    if ((size_t)e->n_people == e->people_cap) {
        size_t cap = e->people_cap ? e->people_cap * 2 : 64;
        int err = grow(&e->people, cap, sizeof(*e->people));
        if (err)
            return err;
        e->people_cap = cap;
    }
    e->people[e->n_people] = person;
    *label = e->n_people++;
    return FACET_OK;
}

static int add_labelled(struct facet_examples *e, int label, const float *x, float quality)
{
    int err = reserve(e);
    if (err)
        return err;
    memcpy(e->x + e->n * (size_t)e->dim, x, (size_t)e->dim * sizeof(*x));
    e->label[e->n] = label;
    e->quality[e->n++] = quality;
    return FACET_OK;
}

int facet_examples_add(struct facet_examples *e, int64_t person, const float *x, float quality)
{
    int label, err = find_or_add_person(e, person, &label);
    return err ? err : add_labelled(e, label, x, quality);
}

static int add_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    return facet_examples_add(ctx, t->person, embedding, t->quality);
}

int facet_examples_of_gallery(struct facet_examples *out, struct facet_gallery *g)
{
    *out = (struct facet_examples){ .dim = facet_gallery_dim(g) };
    int err = facet_gallery_templates(g, NULL, add_template, out);
    if (err)
        facet_examples_fini(out);
    return err;
}

void facet_examples_fini(struct facet_examples *e)
{
    if (e->x)
        explicit_bzero(e->x, e->cap * (size_t)e->dim * sizeof(*e->x));
    free(e->x);
    free(e->label);
    free(e->quality);
    free(e->people);
    *e = (struct facet_examples){ .dim = e->dim };
}

static int copy_people(struct facet_examples *out, const struct facet_examples *all)
{
    size_t n = (size_t)all->n_people;
    *out = (struct facet_examples){ .dim = all->dim };
    int err = grow(&out->people, n ? n : 1, sizeof(*out->people));
    if (err)
        return err;
    if (n)
        memcpy(out->people, all->people, n * sizeof(*out->people));
    out->n_people = all->n_people;
    out->people_cap = n;
    return FACET_OK;
}

static int split_into(const struct facet_examples *all, int folds, int fold, int *total, int *seen,
                      struct facet_examples *learn, struct facet_examples *held)
{
    int err = FACET_OK;
    for (size_t i = 0; i < all->n; i++)
        total[all->label[i]]++;
    for (size_t i = 0; !err && i < all->n; i++) {
        int label = all->label[i];
        bool is_held = total[label] > 1 && seen[label]++ % folds == fold;
        err = add_labelled(is_held ? held : learn, label, all->x + i * (size_t)all->dim, all->quality[i]);
    }
    return err;
}

int facet_examples_split(const struct facet_examples *all, int folds, int fold, struct facet_examples *learn,
                         struct facet_examples *held)
{
    int *counts = calloc(2 * (size_t)all->n_people + 1, sizeof(*counts));
    *learn = *held = (struct facet_examples){ .dim = all->dim };
    int err = counts ? FACET_OK : facet_fail_nomem();
    if (!err)
        err = copy_people(learn, all);
    if (!err)
        err = copy_people(held, all);
    if (!err)
        err = split_into(all, folds, fold, counts, counts + all->n_people, learn, held);
    free(counts);
    if (err) {
        facet_examples_fini(learn);
        facet_examples_fini(held);
    }
    return err;
}
