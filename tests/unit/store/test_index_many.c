/* Many queries at once against sums and orders by hand: every shape, kind, thread count. */
#include "unit/store/fixture.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "store/index.h"

#define MAX_ROWS 5000
#define MAX_K 40

struct shape { int dim, rows, people, queries, k; bool int8, templates; };
struct answer { float cosine; int64_t template_id; };

static const uint32_t kinds[] = {
    0, FACET_CPU_AVX2, FACET_CPU_AVX2 | FACET_CPU_AVX512, FACET_CPU_AVX2 | FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI,
    FACET_CPU_NEON,
};

/* Every seventh row is the same as the one before: ties. */
static uint64_t seed_of(int row)
{
    return (uint64_t)(row % 7 == 6 ? row - 1 : row) + 1;
}

static struct facet_index *fill(const struct shape *s)
{
    struct facet_index *x;
    float e[FACET_MAX_EMBEDDING];
    assert_int_equal(facet_index_open(&x, s->dim, s->int8), FACET_OK);
    for (int p = 0; p < s->people; p++)
        assert_int_equal(facet_index_add_person(x, 3 + p, "somebody"), FACET_OK);
    for (int t = 0; t < s->rows; t++)
        assert_int_equal(facet_index_add_row(x, 3 + t % s->people, 100 + t, 1, make_embedding(e, s->dim, seed_of(t))), FACET_OK);
    return x;
}

static float cosine_by_hand(const struct shape *s, const float *a, const float *b)
{
    int8_t x[FACET_MAX_EMBEDDING], y[FACET_MAX_EMBEDDING];
    float scale = facet__int8_scale(s->dim);
    int32_t sum = 0;
    double real = 0;
    facet__to_int8(x, a, s->dim, scale);
    facet__to_int8(y, b, s->dim, scale);
    for (int i = 0; i < s->dim; i++)
        sum += x[i] * y[i], real += (double)a[i] * (double)b[i];
    return s->int8 ? (float)sum * (1.0f / (scale * scale)) : (float)real;
}

static int by_order(const void *a, const void *b)
{
    const struct answer *x = a, *y = b;
    if (x->cosine != y->cosine)
        return x->cosine > y->cosine ? -1 : 1;
    return x->template_id < y->template_id ? -1 : x->template_id > y->template_id;
}

/* The best k, best first; with !templates only the first of each person. */
static int best_by_hand(const struct shape *s, const float *q, struct answer *all)
{
    float e[FACET_MAX_EMBEDDING];
    bool has[MAX_ROWS] = { false };
    int n = 0;
    for (int t = 0; t < s->rows; t++)
        all[t] = (struct answer){ cosine_by_hand(s, q, make_embedding(e, s->dim, seed_of(t))), 100 + t };
    qsort(all, (size_t)s->rows, sizeof(*all), by_order);
    for (int t = 0; t < s->rows && n < s->k; t++) {
        int person = (int)(all[t].template_id - 100) % s->people;
        if (s->templates || !has[person])
            all[n++] = all[t];
        has[person] = true;
    }
    return n;
}

static void check_answer(const struct shape *s, const float *q, const struct facet_match *out, int found)
{
    struct answer all[MAX_ROWS];
    assert_int_equal(found, best_by_hand(s, q, all));
    for (int i = 0; i < found; i++) {
        assert_int_equal(out[i].person, 3 + (out[i].template_id - 100) % s->people);
        if (s->int8) {
            assert_int_equal(out[i].template_id, all[i].template_id);
            assert_true(out[i].cosine == all[i].cosine);
        } else {
            assert_true(fabsf(out[i].cosine - all[i].cosine) < 2e-6f);
        }
    }
}

static void check_shape(const struct shape *s, struct facet_pool *pool, uint32_t flags)
{
    struct facet_index *x = fill(s);
    float *queries = calloc((size_t)s->queries * (size_t)s->dim + 1, sizeof(float));
    struct facet_match *out = calloc((size_t)s->queries * (size_t)s->k + 1, sizeof(*out));
    int *found = calloc((size_t)s->queries + 1, sizeof(*found));
    struct facet_search_opts o = { .k = s->k, .templates = s->templates, .pool = pool };
    for (int q = 0; q < s->queries; q++)
        make_embedding(queries + q * s->dim, s->dim, (uint64_t)(q % 3 ? 5000 + q : q + 1));
    assert_int_equal(facet_index_search_many(x, queries, s->queries, &o, flags, out, found), FACET_OK);
    for (int q = 0; q < s->queries; q += 1 + s->queries / 7) {
        struct facet_match one[MAX_K];
        const float *query = queries + q * s->dim;
        check_answer(s, query, out + q * s->k, found[q]);
        int n = s->templates ? facet_index_nearest(x, query, s->k, flags, one) : facet_index_search(x, query, s->k, flags, one);
        check_answer(s, query, one, n);
    }
    free(found);
    free(out);
    free(queries);
    facet_index_unref(&x);
}

static const struct shape shapes[] = {
    { 512, 1500, 100, 32, 5, true, false },   { 512, 1500, 100, 32, 5, false, false }, { 32, 5000, 2500, 97, 3, true, true },
    { 7, 4097, 11, 13, 11, true, false },     { 1, 40, 4, 3, 2, true, true },          { 65, 4096, 50, 12, 1, true, false },
    { 64, 17, 3, 25, 17, true, true },        { 130, 16, 16, 1, 16, true, true },      { 130, 15, 15, 2, 20, true, false },
    { 33, 1, 1, 9, 2, true, false },          { 33, 0, 1, 9, 2, true, false },         { 33, 0, 1, 9, 2, false, true },
    { 48, 31, 5, 4, 0, true, false },         { 48, 31, 5, 0, 3, true, false },        { 512, 2049, 7, 6, 40, true, true },
    { 16, 4500, 4500, 100, 2, false, true },
};

static void test_search_many__is_what_it_is_by_hand_in_every_kind(void **state)
{
    uint32_t have = facet_cpu_flags(NULL);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        for (size_t j = 0; (kinds[i] & have) == kinds[i] && j < sizeof(shapes) / sizeof(shapes[0]); j++)
            check_shape(&shapes[j], NULL, kinds[i]);
}

static void test_search_many__does_not_depend_on_threads(void **state)
{
    for (unsigned threads = 1; threads <= 4; threads += threads == 2 ? 2 : 1) {
        struct facet_pool *pool;
        assert_int_equal(facet_pool_open(&pool, threads), FACET_OK);
        for (size_t j = 0; j < sizeof(shapes) / sizeof(shapes[0]); j++)
            check_shape(&shapes[j], pool, facet_cpu_flags(NULL));
        facet_pool_close(&pool);
    }
}

static void test_int8__numbers_that_clip_are_still_found(void **state)
{
    struct facet_index *x;
    struct facet_match out[2];
    float e[512] = { 0 };
    assert_int_equal(facet_index_open(&x, 512, true), FACET_OK);
    for (int i = 0; i < 40; i++) {
        memset(e, 0, sizeof(e));
        e[i] = i % 2 ? -1 : 1;     /* 736 and -736 clip to 127 and -127 */
        assert_int_equal(facet_index_add_person(x, 1 + i, "somebody"), FACET_OK);
        assert_int_equal(facet_index_add_row(x, 1 + i, 1 + i, 1, e), FACET_OK);
    }
    assert_int_equal(facet_index_search(x, e, 2, facet_cpu_flags(NULL), out), 2);
    assert_int_equal(out[0].person, 40);
    assert_true(out[0].cosine == 127 * 127 / (736.0f * 736.0f) && out[1].cosine == 0);
    facet_index_unref(&x);
}

static void test_add__a_search_of_the_old_index_does_not_see_a_group_become_full(void **state)
{
    const struct shape s = { 64, 15, 15, 1, 16, true, true };
    struct facet_index *old = fill(&s), *next;
    struct facet_match out[17];
    float e[64];
    assert_int_equal(facet_index_fork(&next, old), FACET_OK);
    for (int t = 15; t < 17; t++)
        assert_int_equal(facet_index_add_row(next, 3, 100 + t, 1, make_embedding(e, 64, 900)), FACET_OK);
    assert_int_equal(facet_index_nearest(old, e, 17, facet_cpu_flags(NULL), out), 15);
    assert_true(out[0].template_id < 115);
    assert_int_equal(facet_index_nearest(next, e, 17, facet_cpu_flags(NULL), out), 17);
    assert_int_equal(out[0].template_id, 115);
    assert_int_equal(out[1].template_id, 116);
    facet_index_unref(&old);
    facet_index_unref(&next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_search_many__is_what_it_is_by_hand_in_every_kind),
        cmocka_unit_test(test_search_many__does_not_depend_on_threads),
        cmocka_unit_test(test_int8__numbers_that_clip_are_still_found),
        cmocka_unit_test(test_add__a_search_of_the_old_index_does_not_see_a_group_become_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
