/* Searching: every query meets every row. Threads take blocks of rows; each keeps the best so far of every
 * query in a heap, and the heaps are joined at the end. Better is a higher cosine, of equal ones a lower
 * template id: a total order, so that neither threads nor blocks show in the answer.
 *
 * int8 rows are rounded, and so is a query: cosines are off by up to 0.004. So somewhat more than the k best by
 * these sums are kept, and those that may be among the k best are looked at again, with all that is known of them and
 * the query as it came. What is answered are their cosines.
 *
 * Sums of int8 rows come from base/scan.h for some groups and a panel of queries at a time. The scan
 * marks what may be better than the worst of the heap; only that is looked at. */
#include "store/index_priv.h"

#include "base/dot.h"
#include "base/errors.h"
#include "base/pool.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 96                               /* queries that pass over the rows together */
#define PANELS (BATCH / FACET_SCAN_QUERIES)
#define EVERYBODY SIZE_MAX
#define MORE 16                                /* kept for the second look */
#define NEAR 0.008f                            /* what two cosines of rounded numbers may be off together */
#define FEW 16                                 /* answers for which one query needs no memory for it */

/* --- the best so far: a heap with the worst at its root, `person` holding a slot, `quality` the row's number --- */

struct top { struct facet_match *out; int k, n; bool by_person; };

static bool is_better(const struct facet_match *a, const struct facet_match *b)
{
    return a->cosine > b->cosine || (a->cosine == b->cosine && a->template_id < b->template_id);
}

static void set_row(struct facet_match *m, size_t row)
{
    uint32_t number = (uint32_t)row;
    memcpy(&m->quality, &number, sizeof(number));
}

static size_t row_of(const struct facet_match *m)
{
    uint32_t number;
    memcpy(&number, &m->quality, sizeof(number));
    return number;
}

static void put(struct facet_match *to, const struct facet_match *m)
{
    memcpy(to, m, offsetof(struct facet_match, name));
}

static void sift_up(struct top *t, int at, const struct facet_match *m)
{
    for (; at > 0 && is_better(&t->out[(at - 1) / 2], m); at = (at - 1) / 2)
        put(&t->out[at], &t->out[(at - 1) / 2]);
    put(&t->out[at], m);
}

static void sift_down(struct top *t, int at, const struct facet_match *m)
{
    for (int child; (child = 2 * at + 1) < t->n; at = child) {
        if (child + 1 < t->n && is_better(&t->out[child], &t->out[child + 1]))
            child++;
        if (!is_better(m, &t->out[child]))
            break;
        put(&t->out[at], &t->out[child]);
    }
    put(&t->out[at], m);
}

/* With `by_person`, each person is in it once: one that fell out by k better ones may come back with a
 * better template, and as the k-th best only rises, the result is exact. */
static void top_offer(struct top *t, const struct facet_match *m)
{
    if (t->n == t->k && (t->k == 0 || !is_better(m, &t->out[0])))
        return;
    int at = t->by_person ? 0 : t->n;
    while (at < t->n && t->out[at].person != m->person)
        at++;
    if (at < t->n) {
        if (is_better(m, &t->out[at]))
            sift_down(t, at, m);
    } else if (t->n < t->k) {
        sift_up(t, t->n++, m);
    } else {
        sift_down(t, 0, m);
    }
}

/* Best first. */
static void top_sort(struct top *t)
{
    int found = t->n;
    while (t->n > 1) {
        struct facet_match worst, last;
        put(&worst, &t->out[0]);
        put(&last, &t->out[--t->n]);
        sift_down(t, 0, &last);
        put(&t->out[t->n], &worst);
    }
    t->n = found;
}

/* How many are kept for the best k. Long lists have no more: their ends are ends by rounded numbers. */
static int kept_of(const struct facet_index *x, int k)
{
    return x->int8 && k > 0 && k <= FEW ? k + MORE : k;
}

/* A sorted list by what is known in full; what cannot be among the first k goes. */
static int look_again(struct top *t, const struct facet_index *x, const float *query, int k)
{
    int n = 0;
    while (n < t->n && (n < k || t->out[n].cosine >= t->out[k - 1].cosine - NEAR))
        n++;
    t->n = n;
    for (int i = 0; i < n; i++) {
        struct facet_match m;
        int err = facet__fine_cosine(x, row_of(&t->out[i]), query, &t->out[i].cosine), at = i;
        if (err)
            return err;
        put(&m, &t->out[i]);
        for (; at > 0 && is_better(&m, &t->out[at - 1]); at--)
            put(&t->out[at], &t->out[at - 1]);
        put(&t->out[at], &m);
    }
    return FACET_OK;
}

/* The best k, best first; slots become ids and names. */
static int top_finish(struct top *t, const struct facet_index *x, const float *query, int k)
{
    top_sort(t);
    int err = x->int8 ? look_again(t, x, query, k) : FACET_OK;
    t->n = t->n < k ? t->n : k;
    for (int i = 0; !err && i < t->n; i++) {
        size_t slot = (size_t)t->out[i].person, row = row_of(&t->out[i]);
        t->out[i].quality = x->row_blocks[row / FACET__ROWS]->quality[row % FACET__ROWS];
        t->out[i].person = facet__index_person_id(x, slot);
        facet__index_person_name(x, slot, t->out[i].name);
    }
    return err;
}

/* --- one thread's search --- */

struct searcher {
    const struct facet_index *x;
    const struct facet_dot_ops *dot;
    const struct facet_scan_ops *scan;
    const float *floats;                       /* n x dim */
    const int8_t *bytes;                       /* n x dim, of an int8 index */
    int n, n_panels;
    struct facet_scan_panel *panels;           /* each thread has its own: their floors rise */
    struct top *tops;                          /* n */
    size_t first;                              /* row of the block at hand */
    size_t only;                               /* slot of the one person looked for, or EVERYBODY */
    float unit;
};

static void offer(struct searcher *s, int query, const struct facet__rows *b, size_t row, float cosine)
{
    if (s->only != EVERYBODY && b->person[row] != s->only)
        return;
    struct facet_match m;
    m.person = b->person[row], m.template_id = b->template_id[row], m.cosine = cosine;
    set_row(&m, s->first + row);
    top_offer(&s->tops[query], &m);
}

/* What lies clearly below the worst of the heap need not be looked at. */
static int32_t floor_of(const struct searcher *s, const struct top *t)
{
    if (t->n < t->k)
        return INT32_MIN;
    if (t->k == 0)
        return INT32_MAX;
    float sum = t->out[0].cosine / s->unit;
    return (int32_t)(sum - fabsf(sum) * 1e-6f - 2);
}

static void offer_marked(struct searcher *s, int panel, const struct facet__rows *b, size_t group, size_t n,
                         const int32_t *sums, const uint16_t *above)
{
    struct facet_scan_panel *p = &s->panels[panel];
    int first = panel * FACET_SCAN_QUERIES, queries = s->n - first < p->n ? s->n - first : p->n;
    for (int q = 0; q < queries; q++) {
        bool is_marked = false;
        for (size_t g = 0; g < n; g++) {
            size_t at = (size_t)q * n + g;
            for (unsigned marks = above[at]; marks; marks &= marks - 1) {
                size_t row = (size_t)__builtin_ctz(marks);
                float cosine = (float)sums[at * FACET_SCAN_ROWS + row] * s->unit;
                offer(s, first + q, b, (group + g) * FACET_SCAN_ROWS + row, cosine);
                is_marked = true;
            }
        }
        if (is_marked)
            p->floor[q] = floor_of(s, &s->tops[first + q]);
    }
}

static bool has_only(const struct searcher *s, const struct facet__rows *b, size_t group, size_t n)
{
    for (size_t i = group * FACET_SCAN_ROWS; s->only != EVERYBODY && i < (group + n) * FACET_SCAN_ROWS; i++)
        if (b->person[i] == s->only)
            return true;
    return s->only == EVERYBODY;
}

/* Several panels pass over a few groups while these are in the nearest cache; the one in the middle asks
 * for the groups that follow. A panel alone is as fast as memory, and takes more at a time. */
static void scan_groups(struct searcher *s, const struct facet__rows *b, size_t groups)
{
    int32_t sums[FACET__GROUPS * FACET_SCAN_ROWS];
    uint16_t above[FACET__GROUPS];
    size_t bytes = facet_scan_group_bytes(s->x->dim), most = 2;
    if (s->n_panels == 1)
        most = (size_t)(FACET__GROUPS / s->panels[0].n) & ~(size_t)1;
    for (int i = 0; i < s->n_panels; i++)
        s->panels[i].ahead = s->n_panels == 1 && s->panels[0].n == 1 ? 2048 : i == s->n_panels / 2 ? 2 * bytes : 0;
    for (size_t g = 0; g < groups; g += most) {
        size_t n = groups - g < most ? groups - g : most;
        if (!has_only(s, b, g, n))
            continue;
        for (int i = 0; i < s->n_panels; i++) {
            s->scan->groups(&s->panels[i], b->data + g * bytes, n, sums, above);
            offer_marked(s, i, b, g, n, sums, above);
        }
    }
}

static void scan_tail(struct searcher *s, const struct facet__rows *b, size_t rows)
{
    size_t dim = (size_t)s->x->dim;
    for (size_t i = 0; i < rows % FACET_SCAN_ROWS; i++)
        for (int q = 0; q < s->n; q++)
            offer(s, q, b, rows - rows % FACET_SCAN_ROWS + i,
                  (float)s->dot->i8(s->bytes + (size_t)q * dim, s->x->tail->rows + i * dim, dim) * s->unit);
}

static void scan_floats(struct searcher *s, const struct facet__rows *b, size_t rows)
{
    size_t dim = (size_t)s->x->dim;
    const float *row = (const float *)(const void *)b->data;
    for (size_t i = 0; i < rows; i++, row += dim) {
        if (s->only != EVERYBODY && b->person[i] != s->only)
            continue;
        for (int q = 0; q < s->n; q++) {
            const struct top *t = &s->tops[q];
            float cosine = s->dot->f32(s->floats + (size_t)q * dim, row, dim);
            if (t->n < t->k || cosine >= t->out[0].cosine)
                offer(s, q, b, i, cosine);
        }
    }
}

static int scan_block(struct searcher *s, size_t number)
{
    const struct facet_index *x = s->x;
    struct facet__rows *b = x->row_blocks[number];
    size_t left = x->rows - number * FACET__ROWS, rows = left < FACET__ROWS ? left : FACET__ROWS;
    int err = facet__rows_check(b, x);
    if (err)
        return err;
    s->first = number * FACET__ROWS;
    if (!x->int8) {
        scan_floats(s, b, rows);
        return FACET_OK;
    }
    scan_groups(s, b, rows / FACET_SCAN_ROWS);
    scan_tail(s, b, rows);
    return FACET_OK;
}

static size_t blocks_of(const struct facet_index *x)
{
    return (x->rows + FACET__ROWS - 1) / FACET__ROWS;
}

/* --- one query, no memory --- */

static int scan_all(const struct facet_index *x, const float *query, uint32_t flags, size_t only, struct top *t)
{
    _Alignas(64) unsigned char panel_memory[FACET_MAX_EMBEDDING * 3 + 64];
    int8_t bytes[FACET_MAX_EMBEDDING];
    const int8_t *queries[1] = { bytes };
    struct facet_scan_panel panel;
    struct searcher s = { .x = x, .dot = facet_dot_for(flags), .scan = facet_scan_for(flags), .floats = query,
                          .bytes = bytes, .n = 1, .n_panels = 1, .panels = &panel, .tops = t, .only = only,
                          .unit = 1.0f / (x->scale * x->scale) };
    if (x->int8) {
        facet__to_int8(bytes, query, x->dim, x->scale);
        facet_scan_panel_init(&panel, panel_memory, queries, 1, x->dim);
    }
    int err = FACET_OK;
    for (size_t b = 0; !err && t->k > 0 && b < blocks_of(x); b++)
        err = scan_block(&s, b);
    explicit_bzero(bytes, sizeof(bytes));
    explicit_bzero(panel_memory, sizeof(panel_memory));
    return err;
}

static int finish_into(struct top *t, const struct facet_index *x, const float *query, int k, struct facet_match *out)
{
    int err = top_finish(t, x, query, k);
    if (!err && t->n && t->out != out)
        memcpy(out, t->out, (size_t)t->n * sizeof(*out));
    return err ? err : t->n;
}

static int search_one(const struct facet_index *x, const float *query, uint32_t flags, size_t only, bool by_person, int k,
                      struct facet_match *out)
{
    struct facet_match some[FEW + MORE];
    struct top t = { .out = k <= FEW ? some : out, .k = kept_of(x, k), .by_person = by_person };
    int err = scan_all(x, query, flags, only, &t);
    return err ? err : finish_into(&t, x, query, k, out);
}

int facet_index_search(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out)
{
    return search_one(x, query, flags, EVERYBODY, true, k, out);
}

int facet_index_nearest(const struct facet_index *x, const float *query, int k, uint32_t flags, struct facet_match *out)
{
    return search_one(x, query, flags, EVERYBODY, false, k, out);
}

int facet_index_match_person(const struct facet_index *x, const float *query, int64_t person, uint32_t flags,
                             struct facet_match *out)
{
    size_t slot;
    return facet__index_find_person(x, person, &slot) ? search_one(x, query, flags, slot, false, 1, out) : 0;
}

/* --- many queries, several threads --- */

struct many {
    struct searcher *each;                     /* one a thread */
    unsigned threads;
    int8_t *bytes;
    unsigned char *panel_memory;
    struct facet_scan_panel *panels;           /* threads x PANELS */
    struct top *tops;                          /* threads x BATCH */
    struct facet_match *matches;               /* threads x BATCH x kept */
    size_t panel_bytes, dim;
    atomic_int err;
};

static void many_close(struct many *m)
{
    if (m->bytes)
        explicit_bzero(m->bytes, BATCH * m->dim);
    if (m->panel_memory)
        explicit_bzero(m->panel_memory, PANELS * m->panel_bytes);
    free(m->each);
    free(m->bytes);
    free(m->panel_memory);
    free(m->panels);
    free(m->tops);
    free(m->matches);
}

static int many_open(struct many *m, const struct facet_index *x, unsigned threads, size_t kept)
{
    *m = (struct many){ .threads = threads, .dim = (size_t)x->dim };
    m->panel_bytes = (facet_scan_panel_bytes(x->dim, FACET_SCAN_QUERIES) + 63) / 64 * 64;
    m->each = calloc(threads, sizeof(*m->each));
    m->bytes = malloc(BATCH * m->dim);
    m->panel_memory = aligned_alloc(64, PANELS * m->panel_bytes);
    m->panels = calloc((size_t)threads * PANELS, sizeof(*m->panels));
    m->tops = calloc((size_t)threads * BATCH, sizeof(*m->tops));
    m->matches = malloc(threads * BATCH * kept * sizeof(*m->matches) + 1);
    if (m->each && m->bytes && m->panel_memory && m->panels && m->tops && m->matches)
        return FACET_OK;
    many_close(m);
    return facet_fail_nomem();
}

static int lay_out_panels(struct many *m, const struct facet_index *x, const float *queries, int n)
{
    int n_panels = 0;
    for (int q = 0; x->int8 && q < n; q++)
        facet__to_int8(m->bytes + (size_t)q * m->dim, queries + (size_t)q * m->dim, x->dim, x->scale);
    for (int q = 0; x->int8 && q < n; q += FACET_SCAN_QUERIES, n_panels++) {
        const int8_t *of[FACET_SCAN_QUERIES];
        int width = n - q < FACET_SCAN_QUERIES ? n - q : FACET_SCAN_QUERIES;
        for (int i = 0; i < width; i++)
            of[i] = m->bytes + (size_t)(q + i) * m->dim;
        facet_scan_panel_init(&m->panels[n_panels], m->panel_memory + (size_t)n_panels * m->panel_bytes, of, width, x->dim);
    }
    return n_panels;
}

static void many_block(void *ctx, size_t block, unsigned worker)
{
    struct many *m = ctx;
    if (atomic_load_explicit(&m->err, memory_order_relaxed))
        return;
    int err = scan_block(&m->each[worker], block);
    if (err)
        atomic_store(&m->err, err);
}

static int join_tops(struct many *m, int n, const struct facet_index *x, const float *queries, int k, size_t step,
                     struct facet_match *out, int *found)
{
    for (int q = 0; q < n; q++) {
        struct top *all = &m->tops[q];
        for (unsigned t = 1; t < m->threads; t++) {
            const struct top *part = &m->tops[t * BATCH + (unsigned)q];
            for (int i = 0; i < part->n; i++)
                top_offer(all, &part->out[i]);
        }
        found[q] = finish_into(all, x, queries + (size_t)q * m->dim, k, out + (size_t)q * step);
        if (found[q] < 0)
            return found[q];
    }
    return FACET_OK;
}

/* The text of a failure is its thread's own: it is made again on the caller's. */
static int damage_of(const struct facet_index *x, int err)
{
    for (size_t b = 0; b < blocks_of(x); b++) {
        int again = facet__rows_check(x->row_blocks[b], x);
        if (again)
            return again;
    }
    return err;
}

static int search_batch(struct many *m, const struct facet_index *x, const float *queries, int n,
                        const struct facet_search_opts *o, int k, uint32_t flags, struct facet_match *out, int *found)
{
    int kept = kept_of(x, k);
    int n_panels = lay_out_panels(m, x, queries, n);
    for (unsigned t = 0; t < m->threads; t++) {
        struct facet_scan_panel *panels = m->panels + (size_t)t * PANELS;
        if (t)
            memcpy(panels, m->panels, (size_t)n_panels * sizeof(*panels));
        m->each[t] = (struct searcher){ .x = x, .dot = facet_dot_for(flags), .scan = facet_scan_for(flags),
                                        .floats = queries, .bytes = m->bytes, .n = n, .n_panels = n_panels,
                                        .panels = panels, .tops = m->tops + (size_t)t * BATCH, .only = EVERYBODY,
                                        .unit = 1.0f / (x->scale * x->scale) };
        for (int q = 0; q < n; q++) {
            struct facet_match *own = m->matches + ((size_t)t * BATCH + (size_t)q) * (size_t)kept;
            m->each[t].tops[q] = (struct top){ .out = own, .k = kept, .by_person = !o->templates };
        }
    }
    if (k > 0)
        facet_pool_for(o->pool, blocks_of(x), many_block, m);
    int err = atomic_load(&m->err);
    if (err)
        return damage_of(x, err);
    return join_tops(m, n, x, queries, k, (size_t)o->k, out, found);
}

int facet_index_search_many(const struct facet_index *x, const float *queries, int n, const struct facet_search_opts *o,
                            uint32_t flags, struct facet_match *out, int *found)
{
    size_t most = x->rows < INT_MAX ? x->rows : INT_MAX;
    int k = (size_t)o->k < most ? o->k : (int)most;
    struct many m;
    int err = many_open(&m, x, facet_pool_threads(o->pool), (size_t)kept_of(x, k));
    if (err)
        return err;
    for (int done = 0; !err && done < n; done += BATCH)
        err = search_batch(&m, x, queries + (size_t)done * m.dim, n - done < BATCH ? n - done : BATCH, o, k, flags,
                           out + (size_t)done * (size_t)o->k, found + done);
    many_close(&m);
    return err;
}

/* --- reading alone --- */

struct reading { const struct facet_index *x; atomic_uint_fast64_t sum; };

static void read_block(void *ctx, size_t block, unsigned worker)
{
    struct reading *r = ctx;
    const struct facet__rows *b = r->x->row_blocks[block];
    const uint64_t *at = (const uint64_t *)(const void *)b->data;
    uint64_t s0 = 0, s1 = 0, s2 = 0, s3 = 0;
    for (size_t i = 0; i + 8 <= b->bytes / 8; i += 8) {
        __builtin_prefetch(at + i + 256);
        s0 += at[i] + at[i + 4], s1 += at[i + 1] + at[i + 5];
        s2 += at[i + 2] + at[i + 6], s3 += at[i + 3] + at[i + 7];
    }
    atomic_fetch_add(&r->sum, s0 + s1 + s2 + s3);
}

uint64_t facet_index_read(const struct facet_index *x, struct facet_pool *pool)
{
    struct reading r = { .x = x };
    atomic_init(&r.sum, 0);
    facet_pool_for(pool, x->rows / FACET__ROWS, read_block, &r);
    return atomic_load(&r.sum);
}
