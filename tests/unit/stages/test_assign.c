#include "test.h"

#include "base/rng.h"
#include "stages/track/assign.h"

#include <math.h>
#include <stdlib.h>

static struct facet__assign *a;

static int work_open(void **state)
{
    (void)state;
    a = calloc(1, sizeof(*a));
    return a ? 0 : -1;
}

static int work_close(void **state)
{
    (void)state;
    free(a);
    return 0;
}

/* Tries every way: pairs made, then cost. */
struct best {
    int pairs;
    float cost;
};

static void try_all(int row, int rows, int columns, unsigned used, struct best now,
                    struct best *best)
{
    if (row == rows) {
        if (now.pairs > best->pairs || (now.pairs == best->pairs && now.cost < best->cost))
            *best = now;
        return;
    }
    try_all(row + 1, rows, columns, used, now, best);
    for (int j = 0; j < columns; j++) {
        if (!(used >> j & 1) && a->cost[row][j] < FACET__ASSIGN_NEVER)
            try_all(row + 1, rows, columns, used | 1u << j,
                    (struct best){now.pairs + 1, now.cost + a->cost[row][j]}, best);
    }
}

static struct best solved(int rows, int columns)
{
    struct best b = {0, 0};
    unsigned used = 0;
    facet__assign_solve(a, rows, columns);
    for (int i = 0; i < rows; i++) {
        int j = a->column_of[i];
        assert_true(j >= -1 && j < columns);
        if (j < 0)
            continue;
        assert_false(used >> j & 1);
        used |= 1u << j;
        b.pairs++;
        b.cost += a->cost[i][j];
    }
    return b;
}

static void test_assign__best_of_all_ways(void **state)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 21);
    for (int round = 0; round < 400; round++) {
        int rows = 1 + (int)facet_rng_below(&rng, 6), columns = 1 + (int)facet_rng_below(&rng, 6);
        for (int i = 0; i < rows; i++) {
            for (int j = 0; j < columns; j++)
                a->cost[i][j] =
                    facet_rng_uniform(&rng) < 0.4f ? FACET__ASSIGN_NEVER : facet_rng_uniform(&rng);
        }
        struct best want = {0, 0}, got = solved(rows, columns);
        try_all(0, rows, columns, 0, (struct best){0, 0}, &want);
        assert_int_equal(got.pairs, want.pairs);
        assert_true(fabsf(got.cost - want.cost) < 1e-4f);
    }
}

static void test_assign__nothing_allowed_makes_no_pair(void **state)
{
    for (int i = 0; i < 3; i++) {
        for (int j = 0; j < 3; j++)
            a->cost[i][j] = j == 1 ? NAN : FACET__ASSIGN_NEVER;
    }
    assert_int_equal(solved(3, 3).pairs, 0);
    assert_int_equal(solved(0, 3).pairs, 0);
    assert_int_equal(solved(3, 0).pairs, 0);
}

static void test_assign__as_many_as_there_may_be(void **state)
{
    for (int i = 0; i < FACET_MAX_FACES; i++) {
        for (int j = 0; j < FACET_MAX_FACES; j++)
            a->cost[i][j] = (i * 37 + 5) % FACET_MAX_FACES == j ? 0.1f : 0.9f;
    }
    facet__assign_solve(a, FACET_MAX_FACES, FACET_MAX_FACES);
    for (int i = 0; i < FACET_MAX_FACES; i++)
        assert_int_equal(a->column_of[i], (i * 37 + 5) % FACET_MAX_FACES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assign__best_of_all_ways),
        cmocka_unit_test(test_assign__nothing_allowed_makes_no_pair),
        cmocka_unit_test(test_assign__as_many_as_there_may_be),
    };
    return cmocka_run_group_tests(tests, work_open, work_close);
}
