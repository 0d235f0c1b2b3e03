/* P-Net in 8 bits: every kind gives what C gives, bit by bit before softmax, whatever the strips. */
#include "test.h"

#include "base/cpu.h"
#include "kernels/cases.h"
#include "kernels/pnet_u8.h"

#include <stdlib.h>
#include <string.h>

static void say(const char *line)
{
    print_error("%s\n", line);
}

static void check_kind(uint32_t need, const char *kind)
{
    struct facet_kernels k;
    if ((facet_cpu_flags(NULL) & need) != need) {
        print_message("this processor has no %s\n", kind);
        skip();
    }
    facet_kernels_init(&k, need);
    assert_int_equal(pnet_u8_check(&k, say), 0);
}

static void test_pnet_u8__c_does_not_depend_on_strips(void **state)
{
    check_kind(0, "c");
}

#if defined(__x86_64__)
static void test_pnet_u8__avx2_is_c_bit_by_bit(void **state)
{
    check_kind(FACET_CPU_AVX2, "avx2");
}

static void test_pnet_u8__avx512_without_vnni_is_c_bit_by_bit(void **state)
{
    check_kind(FACET_CPU_AVX2 | FACET_CPU_AVX512, "avx512");
}

static void test_pnet_u8__vnni_is_c_bit_by_bit(void **state)
{
    check_kind(FACET_CPU_AVX2 | FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI, "avx512 with vnni");
}
#elif defined(__aarch64__)
static void test_pnet_u8__neon_is_c_bit_by_bit(void **state)
{
    check_kind(FACET_CPU_NEON, "neon");
}
#endif

/* A picture so bright, and steps so small, that every number of the layers saturates. */
static void test_pnet_u8__saturates_at_both_ends(void **state)
{
    struct facet_kernels c, k;
    struct pnet_u8_data d;
    facet_kernels_init(&c, 0);
    facet_kernels_init(&k, facet_cpu_flags(NULL));
    for (int sign = -1; sign <= 1; sign += 2) {
        pnet_u8_data_open(&d, 1, 30, 50, 0.1f, false);
        for (int i = 0; i < 3 * 30 * 50; i++)
            d.in[i] = (float)sign * 1e9f;
        pnet_u8_run(&c, &d, 0);
        float *want = malloc(d.plane * 6 * sizeof(float));
        memcpy(want, d.out, d.plane * 6 * sizeof(float));
        pnet_u8_run(&k, &d, 3);
        assert_memory_equal(d.out, want, d.plane * 6 * sizeof(float));
        free(want);
        pnet_u8_data_close(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pnet_u8__c_does_not_depend_on_strips),
#if defined(__x86_64__)
        cmocka_unit_test(test_pnet_u8__avx2_is_c_bit_by_bit),
        cmocka_unit_test(test_pnet_u8__avx512_without_vnni_is_c_bit_by_bit),
        cmocka_unit_test(test_pnet_u8__vnni_is_c_bit_by_bit),
#elif defined(__aarch64__)
        cmocka_unit_test(test_pnet_u8__neon_is_c_bit_by_bit),
#endif
        cmocka_unit_test(test_pnet_u8__saturates_at_both_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
