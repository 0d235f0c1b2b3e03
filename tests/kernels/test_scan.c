/* Every variant of the scan over int8 rows against a plain loop. */
#include "test.h"

#include "base/cpu.h"
#include "kernels/scan_cases.h"

static const uint32_t kinds[] = {
    0, FACET_CPU_AVX2, FACET_CPU_AVX2 | FACET_CPU_AVX512, FACET_CPU_AVX2 | FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI,
    FACET_CPU_NEON,
};

static void say(const char *line)
{
    print_error("%s\n", line);
}

static void test_scan__is_exact_in_every_kind(void **state)
{
    uint32_t have = facet_cpu_flags(NULL);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if ((kinds[i] & have) == kinds[i])
            assert_int_equal(scan_check(facet_scan_for(kinds[i]), say), 0);
}

static void test_scan_for__never_gives_what_was_not_flagged(void **state)
{
    assert_ptr_equal(facet_scan_for(0), &facet_scan_c);
    assert_string_not_equal(facet_scan_for(FACET_CPU_AVX2)->name, "avx512");
    assert_string_not_equal(facet_scan_for(FACET_CPU_AVX2 | FACET_CPU_AVX512)->name, "avx512-vnni");
    assert_string_not_equal(facet_scan_for(FACET_CPU_AVX512_BF16)->name, "avx512-vnni");
}

static void test_panel__holds_no_fewer_than_asked(void **state)
{
    for (int n = 1; n <= FACET_SCAN_QUERIES; n++)
        assert_in_range(facet_scan_panel_width(n), n, FACET_SCAN_QUERIES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scan__is_exact_in_every_kind),
        cmocka_unit_test(test_scan_for__never_gives_what_was_not_flagged),
        cmocka_unit_test(test_panel__holds_no_fewer_than_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
