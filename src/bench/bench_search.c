/* Templates are seeded and random: what a search takes depends on their number alone. Each query lies near one of
 * them, so that there is an answer to be checked. */
#include "bench/bench_search.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "base/module.h"
#include "base/pool.h"
#include "base/rng.h"
#include "bench/faiss.h"
#include "bench/race.h"
#include "measure/measure.h"
#include "store/index.h"

#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PEOPLE 1000000
#define DIM 512
#define BATCH 32
#define ROUNDS 7
#define QUERIES 128                 /* different ones, taken in turn */
#define CHUNK 4096                  /* rows given to FAISS at once */
#define MAX_FAISS 1000000
#define MAX_FAISS_BATCH 200000      /* templates; FAISS takes half a minute a turn beyond */
#define FAISS_ROUNDS 3
#define NOISE 0.7f                  /* of a query beside its template: cosine about 0.8 */
#define MAX_LANES 16

enum what { READ, FACET, FAISS_FLOAT, FAISS_8BIT };
static const char *const what_names[] = { "reading the templates", "facet int8", "FAISS Flat (float32)", "FAISS SQ8 (8 bits)" };

struct bench;
struct lane {
    struct bench *b;
    struct facet_race *race;
    enum what what;
    unsigned threads;
    int queries, in_race;
    struct facet_pool *pool;
    size_t next;                    /* query of the next turn */
};

struct bench {
    struct facet_bench_search_opts o;
    uint32_t flags;
    struct facet_index *index;
    const struct facet_faiss_module *faiss;
    struct facet_faiss_index *flat, *sq8;
    float *queries;                 /* QUERIES x dim */
    int64_t target[QUERIES];        /* template that each lies near */
    struct facet_match *out;
    float *cosines;
    int64_t *found_rows;
    int *found;
    struct facet_race race, against;   /* ours in turns; FAISS with ours on one thread, fewer rounds */
    struct lane lanes[MAX_LANES];
    int n_lanes;
    volatile uint64_t sink;
    double fill_s, write_s, map_ms, first_ms;
};

/* --- templates and queries --- */

/* Template `row`: the sum of two bytes a number, length 1. */
static void make_row(float *out, int dim, int64_t row)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, (uint64_t)row + 1);
    float sum = 0;
    for (int i = 0; i < dim; i += 4) {
        uint64_t r = facet_rng_next(&rng);
        for (int j = i; j < i + 4 && j < dim; j++, r >>= 16) {
            out[j] = (float)((int)(r & 255) + (int)(r >> 8 & 255) - 255);
            sum += out[j] * out[j];
        }
    }
    float scale = 1 / sqrtf(sum);
    for (int i = 0; i < dim; i++)
        out[i] *= scale;
}

static void make_query(struct bench *b, int q)
{
    float noise[FACET_MAX_EMBEDDING], *out = b->queries + (size_t)q * (size_t)b->o.dim, sum = 0;
    b->target[q] = (int64_t)((uint64_t)q * 2654435761u % (uint64_t)b->o.people);
    make_row(out, b->o.dim, b->target[q]);
    make_row(noise, b->o.dim, -1000 - q);
    for (int i = 0; i < b->o.dim; i++) {
        out[i] += NOISE * noise[i];
        sum += out[i] * out[i];
    }
    for (int i = 0; i < b->o.dim; i++)
        out[i] /= sqrtf(sum);
}

static int faiss_failed(const struct bench *b)
{
    return facet_fail(FACET_E_INTERNAL, "FAISS: %s", b->faiss->error_text());
}

/* The ranges of 8 bits are learned from the first rows. */
static int open_faiss(struct bench *b, const float *rows, size_t n)
{
    if (b->faiss->open(&b->flat, b->o.dim, 0, rows, n) || b->faiss->open(&b->sq8, b->o.dim, 1, rows, n))
        return faiss_failed(b);
    return FACET_OK;
}

static int add_chunk(struct bench *b, const float *rows, int64_t first, size_t n)
{
    char name[32];
    int err = FACET_OK;
    for (size_t i = 0; !err && i < n; i++) {
        snprintf(name, sizeof(name), "person %lld", (long long)(first + (int64_t)i));
        err = facet_index_add_person(b->index, first + (int64_t)i + 1, name);
        if (!err)
            err = facet_index_add_row(b->index, first + (int64_t)i + 1, first + (int64_t)i + 1, 1, rows + i * (size_t)b->o.dim);
    }
    if (!err && b->faiss && !b->flat)
        err = open_faiss(b, rows, n);
    if (!err && b->faiss && (b->faiss->add(b->flat, rows, n) || b->faiss->add(b->sq8, rows, n)))
        err = faiss_failed(b);
    return err;
}

static int fill(struct bench *b)
{
    uint64_t begin = facet_now_ns();
    float *rows = malloc(CHUNK * (size_t)b->o.dim * sizeof(float));
    int err = rows ? facet_index_open(&b->index, b->o.dim, true) : facet_fail_nomem();
    for (int64_t first = 0; !err && first < b->o.people; first += CHUNK) {
        size_t n = b->o.people - first < CHUNK ? (size_t)(b->o.people - first) : CHUNK;
        for (size_t i = 0; i < n; i++)
            make_row(rows + i * (size_t)b->o.dim, b->o.dim, first + (int64_t)i);
        err = b->o.cancel && *b->o.cancel ? facet_fail(FACET_E_CANCELLED, "cancelled") : add_chunk(b, rows, first, n);
    }
    free(rows);
    b->fill_s = (double)(facet_now_ns() - begin) / 1e9;
    return err;
}

/* --- the file --- */

/* What the index took in small pieces would else count as resident still. */
static void give_back_memory(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

static int through_file(struct bench *b)
{
    char dir[3500], path[4096];
    struct facet_index_tie tie = { .contract = "facet bench search", .tag = "facet bench search", .dim = b->o.dim };
    int err = facet_cache_dir(dir, sizeof(dir));
    if (err)
        return err;
    snprintf(path, sizeof(path), "%s/bench-search-%ld.index", dir, (long)getpid());
    uint64_t t0 = facet_now_ns();
    err = facet_index_write(b->index, path, &tie);
    facet_index_unref(&b->index);
    give_back_memory();
    uint64_t t1 = facet_now_ns();
    if (!err)
        err = facet_index_map(&b->index, path, &tie);
    uint64_t t2 = facet_now_ns();
    if (!err)
        err = facet_index_search(b->index, b->queries, 1, b->flags, b->out);
    uint64_t t3 = facet_now_ns();
    unlink(path);                   /* what is mapped stays until it is let go */
    b->write_s = (double)(t1 - t0) / 1e9;
    b->map_ms = (double)(t2 - t1) / 1e6;
    b->first_ms = (double)(t3 - t2) / 1e6;
    return err < 0 ? err : FACET_OK;
}

/* --- contestants --- */

static int run_lane(void *ctx)
{
    struct lane *l = ctx;
    struct bench *b = l->b;
    const float *q = b->queries + l->next * (size_t)b->o.dim;
    struct facet_search_opts so = { .k = b->o.k, .templates = true, .pool = l->pool };
    l->next = (l->next + (size_t)l->queries) % (QUERIES - (size_t)l->queries + 1);
    switch (l->what) {
    case READ: b->sink += facet_index_read(b->index, l->pool); return FACET_OK;
    case FACET: return facet_index_search_many(b->index, q, l->queries, &so, b->flags, b->out, b->found);
    default: break;
    }
    struct facet_faiss_index *x = l->what == FAISS_FLOAT ? b->flat : b->sq8;
    if (b->faiss->search(x, q, (size_t)l->queries, b->o.k, (int)l->threads, b->cosines, b->found_rows))
        return faiss_failed(b);
    return FACET_OK;
}

static int add_lane(struct bench *b, struct facet_race *race, enum what what, unsigned threads, int queries)
{
    struct lane *l = &b->lanes[b->n_lanes];
    *l = (struct lane){ .b = b, .race = race, .what = what, .threads = threads, .queries = queries };
    int err = threads > 1 ? facet_pool_open(&l->pool, threads) : FACET_OK;
    if (err)
        return err;
    b->n_lanes++;
    l->in_race = facet_race_add(race, what_names[what], run_lane, l);
    return l->in_race < 0 ? l->in_race : FACET_OK;
}

static int add_lanes(struct bench *b)
{
    int err = FACET_OK;
    for (unsigned t = 1; !err && t <= b->o.threads; t += b->o.threads > 1 ? b->o.threads - 1 : 1) {
        err = add_lane(b, &b->race, READ, t, 1);
        for (int queries = 1; !err && queries <= b->o.batch; queries += b->o.batch > 1 ? b->o.batch - 1 : 1)
            err = add_lane(b, &b->race, FACET, t, queries);
    }
    for (int what = FACET; !err && b->faiss && what <= FAISS_8BIT; what++) {
        err = add_lane(b, &b->against, (enum what)what, 1, 1);
        if (!err && b->o.batch > 1 && b->o.people <= MAX_FAISS_BATCH)
            err = add_lane(b, &b->against, (enum what)what, 1, b->o.batch);
    }
    return err;
}

/* Beside reading with as many threads, and beside one query of ours on one thread, of the same race. */
static int tell_ratios(struct facet_report *r, struct bench *b, const struct lane *l)
{
    struct facet_stat ratio;
    for (const struct lane *ref = b->lanes; ref < b->lanes + b->n_lanes; ref++) {
        bool is_read = ref->what == READ && ref->threads == l->threads && l->queries == 1;
        bool is_one = ref->what == FACET && ref->threads == 1 && ref->queries == 1;
        if (ref->race != l->race || (!is_read && !is_one))
            continue;
        int err = facet_race_ratio(l->race, l->in_race, ref->in_race, &ratio);
        if (err)
            return err;
        facet_report_num(r, is_read ? "x reading" : "x rate of one", is_read ? ratio.median : l->queries / ratio.median, 2);
    }
    return FACET_OK;
}

static int tell_lane(struct facet_report *r, struct bench *b, const struct lane *l)
{
    struct facet_stat s;
    int err = facet_race_stat(l->race, l->in_race, &s);
    if (err)
        return err;
    double numbers = (double)b->o.people * b->o.dim;
    facet_report_row(r);
    facet_report_text(r, "what", "%s", what_names[l->what]);
    facet_report_int(r, "threads", l->threads);
    facet_report_int(r, "queries", l->what == READ ? 0 : l->queries);
    facet_report_stat(r, "ms", &s, 2);
    facet_report_num(r, "best ms", s.best, 2);
    facet_report_num(r, "best ms a query", s.best / l->queries, 3);
    if (l->what == READ)
        facet_report_num(r, "GB/s", numbers / s.best / 1e6, 1);
    else
        facet_report_num(r, "GOP/s", 2 * numbers * l->queries / s.best / 1e6, 0);
    return l->what == READ ? FACET_OK : tell_ratios(r, b, l);
}

/* Every query's nearest must be the template it was made from; FAISS says whether that is so. */
static int tell_answers(struct facet_report *r, struct bench *b)
{
    struct facet_search_opts so = { .k = 1, .templates = true };
    struct facet_match out[QUERIES];
    int found[QUERIES], right = 0, same = 0;
    float cosines[QUERIES];
    int64_t rows[QUERIES];
    int err = facet_index_search_many(b->index, b->queries, QUERIES, &so, b->flags, out, found);
    if (err)
        return err;
    if (b->faiss && b->faiss->search(b->flat, b->queries, QUERIES, 1, 1, cosines, rows))
        return faiss_failed(b);
    for (int q = 0; q < QUERIES; q++) {
        right += found[q] && out[q].template_id == b->target[q] + 1;
        same += b->faiss && found[q] && out[q].template_id == rows[q] + 1;
    }
    facet_report_note(r, "Of %d queries made near a template, %d found it.", QUERIES, right);
    if (b->faiss)
        facet_report_note(r, "%d of them found the same as FAISS in float32.", same);
    return FACET_OK;
}

static int tell(struct facet_report *r, struct bench *b)
{
    int err = FACET_OK;
    facet_report_table(r, "search", "Exact search");
    for (int i = 0; !err && i < b->n_lanes; i++) {
        if (b->lanes[i].race == &b->against && (i == 0 || b->lanes[i - 1].race == &b->race))
            facet_report_table(r, "faiss", "Beside FAISS, one thread, in a race of its own");
        err = tell_lane(r, b, &b->lanes[i]);
    }
    if (!err)
        err = tell_answers(r, b);
    facet_report_note(r, "'x reading' is the time of one query over the time of reading the templates from memory once with as many threads; "
                         "'x rate of one' is queries a second over those of one query of ours at a time on one thread. Both by medians; rates by best rounds.");
    facet_report_note(r, "Making the index took %.1f s; resident now: %.0f MB.", b->fill_s, (double)facet_rss_bytes() / 1e6);
    if (b->o.file)
        facet_report_note(r, "Written to a file in %.1f s (disk included), mapped in %.1f ms with a warm cache, first search %.0f ms "
                             "(it checks every block).", b->write_s, b->map_ms, b->first_ms);
    return err;
}

/* --- life --- */

static void bench_close(struct bench *b)
{
    facet_race_fini(&b->race);
    facet_race_fini(&b->against);
    for (int i = 0; i < b->n_lanes; i++)
        facet_pool_close(&b->lanes[i].pool);
    facet_index_unref(&b->index);
    if (b->faiss) {
        b->faiss->close(b->flat);
        b->faiss->close(b->sq8);
    }
    free(b->queries);
    free(b->out);
    free(b->cosines);
    free(b->found_rows);
    free(b->found);
}

static int bench_open(struct bench *b, struct facet_report *r)
{
    struct facet_bench_search_opts *o = &b->o;
    o->people = o->people ? o->people : PEOPLE;
    o->dim = o->dim ? o->dim : DIM;
    o->batch = o->batch ? o->batch : BATCH;
    o->k = o->k ? o->k : 1;
    o->threads = o->threads ? o->threads : 1;
    if (o->people < 1 || o->people > FACET_MAX_PEOPLE || o->dim < 1 || o->dim > FACET_MAX_EMBEDDING || o->batch < 1 || o->batch > QUERIES)
        return facet_fail(FACET_E_INVALID, "a search is measured over 1 to %u people, 1 to %d numbers, 1 to %d queries", FACET_MAX_PEOPLE,
                          FACET_MAX_EMBEDDING, QUERIES);
    const void *table = NULL;
    if (o->faiss && o->people <= MAX_FAISS && facet_module_open(&table, FACET_FAISS_MODULE, FACET_FAISS_SYMBOL, "libfaiss-dev"))
        facet_report_note(r, "Without FAISS: %s.", facet_error_text());
    b->faiss = table;
    if (b->faiss && b->faiss->abi != FACET_FAISS_ABI)
        return facet_fail(FACET_E_UNSUPPORTED, "the module of FAISS is of another version of this program");
    b->flags = facet_cpu_flags(NULL);
    b->race = (struct facet_race){ .rounds = o->rounds ? o->rounds : ROUNDS, .warmup = o->warmup ? o->warmup : 1, .cancel = o->cancel };
    b->against = (struct facet_race){ .rounds = FAISS_ROUNDS, .warmup = 1, .cancel = o->cancel };
    size_t answers = (size_t)o->batch * (size_t)o->k;
    b->queries = malloc(QUERIES * (size_t)o->dim * sizeof(float));
    b->out = malloc(answers * sizeof(*b->out));
    b->cosines = malloc(answers * sizeof(float));
    b->found_rows = malloc(answers * sizeof(*b->found_rows));
    b->found = malloc((size_t)o->batch * sizeof(int));
    if (!b->queries || !b->out || !b->cosines || !b->found_rows || !b->found)
        return facet_fail_nomem();
    for (int q = 0; q < QUERIES; q++)
        make_query(b, q);
    return FACET_OK;
}

int facet_bench_search_run(struct facet_report *r, const struct facet_bench_search_opts *o)
{
    struct bench b = { .o = *o };
    int err = bench_open(&b, r);
    facet_report_fact(r, "templates", "%lld x %d", (long long)b.o.people, b.o.dim);
    facet_report_fact(r, "rounds", "%u", b.race.rounds);
    if (!err)
        err = fill(&b);
    if (!err && o->file)
        err = through_file(&b);
    if (!err)
        err = add_lanes(&b);
    if (!err)
        err = facet_race_run(&b.race);
    if (!err && b.faiss)
        err = facet_race_run(&b.against);
    if (!err)
        err = tell(r, &b);
    bench_close(&b);
    return err;
}
