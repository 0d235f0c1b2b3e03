/* Every variant of the dot products against C, on random and edge input of every small length. */
#include "test.h"

#include "base/cpu.h"
#include "base/dot.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

#define MAX 1030

static const uint32_t kinds[] = { 0, FACET_CPU_AVX2, FACET_CPU_AVX2 | FACET_CPU_AVX512, FACET_CPU_NEON };

/* Calls fn with each variant that this processor can run. */
static void each_variant(void (*fn)(const struct facet_dot_ops *, struct facet_rng *))
{
    uint32_t have = facet_cpu_flags(NULL);
    struct facet_rng rng;
    facet_rng_seed(&rng, 7);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((kinds[i] & have) == kinds[i])
            fn(facet_dot_for(kinds[i]), &rng);
}

static void compare_f32(const struct facet_dot_ops *ops, struct facet_rng *rng)
{
    float a[MAX + 1], b[MAX + 1];
    for (size_t i = 0; i <= MAX; i++)
        a[i] = facet_rng_normal(rng), b[i] = facet_rng_normal(rng);
    for (size_t n = 0; n < MAX; n += n < 140 ? 1 : 89) {
        double want = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            want += (double)a[i + 1] * (double)b[i];
            size += fabs((double)a[i + 1] * (double)b[i]);
        }
        if (fabs((double)ops->f32(a + 1, b, n) - want) > 1e-6 * size + 1e-30)
            fail_msg("%s differs at %zu numbers", ops->name, n);
    }
}

static void test_dot_f32__is_the_sum_of_products(void **state)
{
    each_variant(compare_f32);
}

static void compare_i8(const struct facet_dot_ops *ops, struct facet_rng *rng)
{
    int8_t a[MAX + 1], b[MAX + 1];
    for (int extreme = 0; extreme < 2; extreme++) {
        for (size_t i = 0; i <= MAX; i++) {
            a[i] = extreme ? -128 : (int8_t)facet_rng_below(rng, 256);
            b[i] = extreme ? -128 : (int8_t)facet_rng_below(rng, 256);
        }
        for (size_t n = 0; n < MAX; n += n < 140 ? 1 : 89)
            if (ops->i8(a + 1, b, n) != facet_dot_c.i8(a + 1, b, n))
                fail_msg("%s differs at %zu numbers", ops->name, n);
    }
}

static void test_dot_i8__is_exact(void **state)
{
    each_variant(compare_i8);
}

static void test_dot_for__gives_c_without_flags(void **state)
{
    assert_ptr_equal(facet_dot_for(0), &facet_dot_c);
}

static void test_dot_for__never_gives_what_was_not_flagged(void **state)
{
    assert_string_not_equal(facet_dot_for(FACET_CPU_AVX2)->name, "avx512");
    assert_string_not_equal(facet_dot_for(FACET_CPU_AVX512_VNNI)->name, "avx512");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dot_f32__is_the_sum_of_products),
        cmocka_unit_test(test_dot_i8__is_exact),
        cmocka_unit_test(test_dot_for__gives_c_without_flags),
        cmocka_unit_test(test_dot_for__never_gives_what_was_not_flagged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
