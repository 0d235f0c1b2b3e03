/* Many queries at once against sums and orders by hand: every shape, kind, thread count. */
#include "unit/store/fixture.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "store/index.h"

#define MAX_ROWS 5000
#define MAX_K 40
#define MISSED 2.5f      /* steps: six times what rounding two embeddings does to a cosine */

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
    double real = 0;
    for (int i = 0; i < s->dim; i++)
        real += (double)a[i] * (double)b[i];
    return (float)real;
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
        float e[FACET_MAX_EMBEDDING], own = cosine_by_hand(s, q, make_embedding(e, s->dim, seed_of((int)out[i].template_id - 100)));
        assert_true(i == 0 || out[i].cosine <= out[i - 1].cosine);
        if (s->int8) {
            assert_true(fabsf(out[i].cosine - own) < 0.5f / facet__int8_scale(s->dim) / 10);
            assert_true(out[i].cosine >= all[i].cosine - MISSED / facet__int8_scale(s->dim));
        } else {
            assert_true(fabsf(out[i].cosine - all[i].cosine) < 2e-6f);
        }
        if (s->int8 && s->dim == 512 && s->k <= 16)
            assert_int_equal(out[i].template_id, all[i].template_id);
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
        for (int i = 0; s->int8 && i < n; i++)
            assert_true(one[i].template_id == out[q * s->k + i].template_id && one[i].cosine == out[q * s->k + i].cosine);
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
    assert_true(fabsf(out[0].cosine - 1) < 1e-4f && out[1].cosine == 0);
    facet_index_unref(&x);
}

/* Neighbours that differ by less than rounding does, as pictures of one film do. */
static void test_int8__finds_first_what_floats_find_first(void **state)
{
    enum { WIDE = 512, N = 600 };
    struct facet_index *x[2];
    float base[WIDE], e[WIDE], noise[WIDE];
    int same = 0, near = 0;
    struct facet_match a, b;
    for (int int8 = 0; int8 < 2; int8++) {
        assert_int_equal(facet_index_open(&x[int8], WIDE, int8), FACET_OK);
        assert_int_equal(facet_index_add_person(x[int8], 1, "somebody"), FACET_OK);
        for (int i = 0; i < N; i++) {
            make_embedding(base, WIDE, (uint64_t)(i / 4 + 1));
            make_embedding(noise, WIDE, (uint64_t)(7000 + i));
            for (int d = 0; d < WIDE; d++)
                e[d] = base[d] + 0.01f * noise[d];
            assert_int_equal(facet_index_add_row(x[int8], 1, 1 + i, 1, e), FACET_OK);
        }
    }
    for (int i = 0; i < N; i++) {
        make_embedding(base, WIDE, (uint64_t)(i / 4 + 1));
        make_embedding(noise, WIDE, (uint64_t)(90000 + i));
        for (int d = 0; d < WIDE; d++)
            e[d] = base[d] + 0.3f * noise[d];
        assert_int_equal(facet_index_nearest(x[0], e, 1, facet_cpu_flags(NULL), &a), 1);
        assert_int_equal(facet_index_nearest(x[1], e, 1, facet_cpu_flags(NULL), &b), 1);
        same += a.template_id == b.template_id;
        near += fabsf(a.cosine - b.cosine) < 2e-5f;
    }
    assert_int_equal(near, N);
    print_message("%d of %d first as by floats\n", same, N);
    assert_true(same >= N - 2);
    facet_index_unref(&x[0]);
    facet_index_unref(&x[1]);
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
        cmocka_unit_test(test_int8__finds_first_what_floats_find_first),
        cmocka_unit_test(test_int8__numbers_that_clip_are_still_found),
        cmocka_unit_test(test_add__a_search_of_the_old_index_does_not_see_a_group_become_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
