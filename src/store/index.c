#include "store/index.h"

#include "base/dot.h"
#include "base/errors.h"
#include "base/str.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 512          /* of a block */
#define PEOPLE 256

struct row_block {
    atomic_int refs;
    int64_t template_id[ROWS];
    uint32_t person[ROWS];          /* slot */
    float quality[ROWS];
    size_t bytes;                   /* of data */
    unsigned char data[];           /* ROWS x dim numbers */
};

struct person { int64_t id; char name[FACET_MAX_NAME]; };
struct people_block { atomic_int refs; struct person person[PEOPLE]; };

struct facet_index {
    atomic_int refs;
    int dim;
    bool int8;
    float scale;
    size_t rows, people;
    struct row_block **row_blocks;
    struct people_block **people_blocks;
    size_t n_row_blocks, n_people_blocks;
};

float facet__int8_scale(int dim)
{
    return 736.0f * sqrtf((float)dim / 512.0f);
}

void facet__to_int8(int8_t *out, const float *in, int dim, float scale)
{
    for (int i = 0; i < dim; i++) {
        float v = roundf(in[i] * scale);
        out[i] = (int8_t)(v > 127 ? 127 : v < -127 ? -127 : v);
    }
}

int facet__index_open(struct facet_index **out, int dim, bool int8)
{
    struct facet_index *x = calloc(1, sizeof(*x));
    *out = x;
    if (!x)
        return facet_fail_nomem();
    atomic_init(&x->refs, 1);
    x->dim = dim;
    x->int8 = int8;
    x->scale = facet__int8_scale(dim);
    return FACET_OK;
}

static int copy_blocks(void *out, const void *from, size_t n)
{
    void **copy = malloc((n ? n : 1) * sizeof(void *));
    if (!copy)
        return facet_fail_nomem();
    if (n)
        memcpy(copy, from, n * sizeof(void *));
    memcpy(out, &copy, sizeof(copy));
    return FACET_OK;
}

int facet__index_fork(struct facet_index **out, const struct facet_index *from)
{
    struct facet_index *x;
    int err = facet__index_open(&x, from->dim, from->int8);
    if (!err)
        err = copy_blocks(&x->row_blocks, from->row_blocks, from->n_row_blocks);
    if (!err)
        err = copy_blocks(&x->people_blocks, from->people_blocks, from->n_people_blocks);
    if (err) {
        facet__index_unref(&x);
        *out = NULL;
        return err;
    }
    x->rows = from->rows, x->people = from->people;
    x->n_row_blocks = from->n_row_blocks, x->n_people_blocks = from->n_people_blocks;
    for (size_t i = 0; i < x->n_row_blocks; i++)
        atomic_fetch_add(&x->row_blocks[i]->refs, 1);
    for (size_t i = 0; i < x->n_people_blocks; i++)
        atomic_fetch_add(&x->people_blocks[i]->refs, 1);
    *out = x;
    return FACET_OK;
}

struct facet_index *facet__index_ref(struct facet_index *x)
{
    atomic_fetch_add(&x->refs, 1);
    return x;
}

static void drop_blocks(struct facet_index *x)
{
    for (size_t i = 0; i < x->n_row_blocks; i++) {
        struct row_block *b = x->row_blocks[i];
        if (atomic_fetch_sub(&b->refs, 1) == 1) {
            explicit_bzero(b->data, b->bytes);
            free(b);
        }
    }
    for (size_t i = 0; i < x->n_people_blocks; i++) {
        struct people_block *b = x->people_blocks[i];
        if (atomic_fetch_sub(&b->refs, 1) == 1) {
            explicit_bzero(b->person, sizeof(b->person));
            free(b);
        }
    }
}

void facet__index_unref(struct facet_index **px)
{
    struct facet_index *x = *px;
    *px = NULL;
    if (!x || atomic_fetch_sub(&x->refs, 1) != 1)
        return;
    drop_blocks(x);
    free(x->row_blocks);
    free(x->people_blocks);
    free(x);
}

/* Appends a block; the arrays of pointers grow by one, which is rare enough. */
static int grow(void *list, size_t *n, void *block)
{
    void **blocks;
    memcpy(&blocks, list, sizeof(blocks));
    void **more = block ? realloc(blocks, (*n + 1) * sizeof(void *)) : NULL;
    if (!more) {
        free(block);
        return facet_fail_nomem();
    }
    more[(*n)++] = block;
    memcpy(list, &more, sizeof(more));
    return FACET_OK;
}

static struct person *person_at(const struct facet_index *x, size_t slot)
{
    return &x->people_blocks[slot / PEOPLE]->person[slot % PEOPLE];
}

int facet__index_add_person(struct facet_index *x, int64_t id, const char *name)
{
    if (x->people == x->n_people_blocks * PEOPLE) {
        struct people_block *b = calloc(1, sizeof(*b));
        if (b)
            atomic_init(&b->refs, 1);
        int err = grow(&x->people_blocks, &x->n_people_blocks, b);
        if (err)
            return err;
    }
    struct person *p = person_at(x, x->people);
    int err = facet_copy_text(p->name, sizeof(p->name), name);
    if (err)
        return err;
    p->id = id;
    x->people++;
    return FACET_OK;
}

/* Slots ascend by id. */
static bool find_person(const struct facet_index *x, int64_t id, size_t *slot)
{
    size_t lo = 0, hi = x->people;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (person_at(x, mid)->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    *slot = lo;
    return lo < x->people && person_at(x, lo)->id == id;
}

bool facet__index_has_person(const struct facet_index *x, int64_t id)
{
    size_t slot;
    return find_person(x, id, &slot);
}

static size_t row_bytes(const struct facet_index *x)
{
    return (size_t)x->dim * (x->int8 ? sizeof(int8_t) : sizeof(float));
}

int facet__index_add_row(struct facet_index *x, int64_t person, int64_t template_id, float quality,
                         const float *embedding)
{
    size_t slot;
    if (!find_person(x, person, &slot))
        return facet_fail(FACET_E_NOT_FOUND, "template %lld belongs to nobody", (long long)template_id);
    if (x->rows == x->n_row_blocks * ROWS) {
        struct row_block *b = malloc(sizeof(*b) + ROWS * row_bytes(x));
        if (b) {
            atomic_init(&b->refs, 1);
            b->bytes = ROWS * row_bytes(x);
        }
        int err = grow(&x->row_blocks, &x->n_row_blocks, b);
        if (err)
            return err;
    }
    struct row_block *b = x->row_blocks[x->rows / ROWS];
    size_t at = x->rows % ROWS;
    b->template_id[at] = template_id;
    b->person[at] = (uint32_t)slot;
    b->quality[at] = quality;
    unsigned char *row = b->data + at * row_bytes(x);
    if (x->int8)
        facet__to_int8((int8_t *)row, embedding, x->dim, x->scale);
    else
        memcpy(row, embedding, row_bytes(x));
    x->rows++;
    return FACET_OK;
}

size_t facet__index_rows(const struct facet_index *x)
{
    return x->rows;
}

/* The best k so far, best first, in `out` with `person` holding a slot. With `by_person`, each person
 * is in it once: one that fell out by k better ones may come back with a better template, and as the
 * k-th best only rises, the result is exact. */
struct top { struct facet_match *out; int k, n; bool by_person; };

static void top_offer(struct top *t, const struct facet_match *m)
{
    int at = t->by_person ? 0 : t->n;
    while (at < t->n && t->out[at].person != m->person)
        at++;
    if (at < t->n && t->out[at].cosine >= m->cosine)
        return;
    if (at == t->n) {
        if (t->n == t->k)
            at = t->k - 1;
        else
            t->n++;
    }
    for (; at > 0 && t->out[at - 1].cosine < m->cosine; at--)
        memcpy(&t->out[at], &t->out[at - 1], offsetof(struct facet_match, name));
    memcpy(&t->out[at], m, offsetof(struct facet_match, name));
}

struct query {
    const struct facet_dot_ops *dot;
    const float *f32;
    int8_t i8[FACET_MAX_EMBEDDING];
    bool int8;
    int dim;
    float unit;
};

static void make_query(struct query *q, const struct facet_index *x, const float *numbers, uint32_t flags)
{
    q->dot = facet_dot_for(flags);
    q->f32 = numbers;
    q->dim = x->dim;
    q->int8 = x->int8;
    q->unit = 1.0f / (x->scale * x->scale);
    if (x->int8)
        facet__to_int8(q->i8, numbers, x->dim, x->scale);
}

static float row_cosine(const struct query *q, const unsigned char *row)
{
    size_t n = (size_t)q->dim;
    if (q->int8)
        return (float)q->dot->i8(q->i8, (const int8_t *)row, n) * q->unit;
    return q->dot->f32(q->f32, (const float *)row, n);
}

#define EVERYBODY SIZE_MAX

static void scan_block(const struct facet_index *x, const struct query *q, size_t block, size_t only, struct top *t)
{
    const struct row_block *b = x->row_blocks[block];
    size_t left = x->rows - block * ROWS, rows = left < ROWS ? left : ROWS, bytes = row_bytes(x);
    for (size_t i = 0; i < rows; i++) {
        if (only != EVERYBODY && b->person[i] != only)
            continue;
        float cosine = row_cosine(q, b->data + i * bytes);
        if (t->n == t->k && cosine <= t->out[t->k - 1].cosine)
            continue;
        struct facet_match m;
        m.person = b->person[i], m.template_id = b->template_id[i], m.cosine = cosine, m.quality = b->quality[i];
        top_offer(t, &m);
    }
}

static int scan(const struct facet_index *x, const float *numbers, size_t only, uint32_t flags, struct top *t)
{
    struct query q;
    make_query(&q, x, numbers, flags);
    for (size_t b = 0; t->k > 0 && b * ROWS < x->rows; b++)
        scan_block(x, &q, b, only, t);
    for (int i = 0; i < t->n; i++) {
        const struct person *p = person_at(x, (size_t)t->out[i].person);
        t->out[i].person = p->id;
        memcpy(t->out[i].name, p->name, sizeof(t->out[i].name));
    }
    return t->n;
}

int facet__index_search(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out)
{
    struct top t = { .out = out, .k = k, .by_person = true };
    return scan(x, query, EVERYBODY, flags, &t);
}

int facet__index_nearest(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out)
{
    struct top t = { .out = out, .k = k };
    return scan(x, query, EVERYBODY, flags, &t);
}

int facet__index_match_person(const struct facet_index *x, const float *query, int64_t person, uint32_t flags,
                              struct facet_match *out)
{
    struct top t = { .out = out, .k = 1 };
    size_t slot;
    return find_person(x, person, &slot) ? scan(x, query, slot, flags, &t) : 0;
}
