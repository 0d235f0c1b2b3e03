#include "test.h"

#include "base/errors.h"
#include "base/pool.h"

#include <stdatomic.h>
#include <string.h>

struct count {
    atomic_int hit[5000];
    atomic_uint max_worker;
};

static void hit(void *ctx, size_t i, unsigned worker)
{
    struct count *c = ctx;
    atomic_fetch_add(&c->hit[i], 1);
    unsigned max = atomic_load(&c->max_worker);
    while (worker > max && !atomic_compare_exchange_weak(&c->max_worker, &max, worker)) {
    }
}

static void run_all_sizes(struct facet_pool *p)
{
    static const size_t sizes[] = {0, 1, 2, 3, 7, 64, 1000, 5000};
    static struct count c;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        memset(&c, 0, sizeof(c));
        facet_pool_for(p, sizes[s], hit, &c);
        for (size_t i = 0; i < 5000; i++)
            assert_int_equal(atomic_load(&c.hit[i]), i < sizes[s]);
        assert_true(atomic_load(&c.max_worker) < facet_pool_threads(p));
    }
}

static void test_pool__each_index_once_whatever_the_threads(void **state)
{
    for (unsigned threads = 1; threads <= 9; threads += 2) {
        struct facet_pool *p;
        assert_int_equal(facet_pool_open(&p, threads), FACET_OK);
        assert_int_equal(facet_pool_threads(p), threads);
        run_all_sizes(p);
        facet_pool_close(&p);
        assert_null(p);
    }
}

static void test_pool__none_is_a_plain_loop(void **state)
{
    struct facet_pool *p = NULL;
    assert_int_equal(facet_pool_threads(NULL), 1);
    run_all_sizes(NULL);
    facet_pool_close(&p);
}

static void add(void *ctx, size_t i, unsigned worker)
{
    (void)i;
    (void)worker;
    atomic_fetch_add((atomic_long *)ctx, 1);
}

/* Results are visible to the caller without more, and jobs that follow fast do not mix. */
static void test_pool__many_short_jobs(void **state)
{
    struct facet_pool *p;
    atomic_long sum = 0;
    assert_int_equal(facet_pool_open(&p, 4), FACET_OK);
    for (int job = 0; job < 5000; job++) {
        facet_pool_for(p, 8, add, &sum);
        assert_int_equal(atomic_load(&sum), 8 * (job + 1));
    }
    facet_pool_close(&p);
}

static void burn(void *ctx, size_t i, unsigned worker)
{
    volatile double x = 1;
    for (int k = 0; k < 200000; k++)
        x = x * 1.0000001;
    (void)ctx;
    (void)i;
    (void)worker;
}

static void test_pool__tells_the_time_of_its_threads(void **state)
{
    struct facet_pool *p;
    assert_int_equal(facet_pool_cpu_ns(NULL), 0);
    assert_int_equal(facet_pool_open(&p, 2), FACET_OK);
    uint64_t before = facet_pool_cpu_ns(p);
    for (int round = 0; round < 1000 && facet_pool_cpu_ns(p) < before + 100000; round++)
        facet_pool_for(p, 16, burn, NULL);
    assert_true(facet_pool_cpu_ns(p) >= before + 100000);
    facet_pool_close(&p);
}

static void test_pool__zero_means_all_processors(void **state)
{
    struct facet_pool *p;
    assert_int_equal(facet_pool_open(&p, 0), FACET_OK);
    assert_true(facet_pool_threads(p) >= 1);
    assert_true(facet_pool_threads(p) <= facet_cpu_count());
    facet_pool_close(&p);
}

static void test_pool__too_many_threads_are_refused(void **state)
{
    struct facet_pool *p = (void *)1;
    assert_int_equal(facet_pool_open(&p, 100000), FACET_E_LIMIT);
    assert_null(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool__each_index_once_whatever_the_threads),
        cmocka_unit_test(test_pool__none_is_a_plain_loop),
        cmocka_unit_test(test_pool__many_short_jobs),
        cmocka_unit_test(test_pool__tells_the_time_of_its_threads),
        cmocka_unit_test(test_pool__zero_means_all_processors),
        cmocka_unit_test(test_pool__too_many_threads_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
