#include "test.h"

#include "base/cpu.h"
#include "kernels/cases.h"
#include "kernels/stored.h"

#include <stdio.h>
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
    assert_string_equal(k.kind, kind);
    assert_int_equal(kernels_check(&k, say), 0);
    assert_int_equal(stored_check(&k, say), 0);
}

static void test_kernels__c_agree_with_themselves_in_parts(void **state)
{
    check_kind(0, "c");
}

#if defined(__x86_64__)
static void test_kernels__avx2_mean_what_c_means(void **state)
{
    check_kind(FACET_CPU_AVX2, "avx2");
}

static void test_kernels__avx512_mean_what_c_means(void **state)
{
    check_kind(FACET_CPU_AVX2 | FACET_CPU_AVX512, "avx512");
}

static void test_kernels__avx512_with_vnni_and_bf16_mean_what_c_means(void **state)
{
    check_kind(FACET_CPU_AVX2 | FACET_CPU_AVX512 | FACET_CPU_AVX512_VNNI | FACET_CPU_AVX512_BF16, "avx512");
}
#elif defined(__aarch64__)
static void test_kernels__neon_mean_what_c_means(void **state)
{
    check_kind(FACET_CPU_NEON, "neon");
}
#endif

static void test_kernels__unknown_flags_leave_c(void **state)
{
    struct facet_kernels k;
    facet_kernels_init(&k, 1u << 31);
    assert_string_equal(k.kind, "c");
    assert_null(k.wino_f32);
}

static int wrong_lines;
static void count_line(const char *line)
{
    wrong_lines++;
}

static void broken_binary(enum facet_binary op, const float *a, size_t a_px, const float *b, size_t b_px,
                          float *out, size_t out_px, size_t pixels, size_t channels)
{
    for (size_t i = 0; i < channels; i++)
        out[i] = -7;
}

static void test_kernels__a_wrong_kernel_is_found(void **state)
{
    struct facet_kernels k;
    facet_kernels_init(&k, 0);
    k.binary_f32 = broken_binary;
    wrong_lines = 0;
    assert_true(kernels_check(&k, count_line) > 0);
    assert_true(wrong_lines > 0);
}

static void broken_conv(const struct facet_conv *c, size_t p0, size_t p1, void *scratch)
{
}

static void test_kernels__a_wrong_kernel_on_stored_numbers_is_found(void **state)
{
    struct facet_kernels k;
    facet_kernels_init(&k, 0);
    k.conv_u8 = broken_conv;
    wrong_lines = 0;
    assert_true(stored_check(&k, count_line) > 0);
    assert_true(wrong_lines > 0);
}

static void test_kernels__padding_never_counts_as_a_maximum(void **state)
{
    struct facet_kernels k;
    float in[4] = { -5, -6, -7, -8 }, out[4] = { 0 };
    struct facet_conv c = { .in = in, .out = out, .n = 1, .ih = 2, .iw = 2, .ic = 1, .oh = 2, .ow = 2, .oc = 1, .in_px = 1,
                            .out_px = 1, .kh = 3, .kw = 3, .sy = 2, .sx = 2, .dy = 1, .dx = 1, .pt = 1, .pl = 1 };
    facet_kernels_init(&k, facet_cpu_flags(NULL));
    k.maxpool_f32(&c, 0, 2);
    assert_true(out[0] == -5 && out[3] == -8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels__c_agree_with_themselves_in_parts),
#if defined(__x86_64__)
        cmocka_unit_test(test_kernels__avx2_mean_what_c_means),
        cmocka_unit_test(test_kernels__avx512_mean_what_c_means),
        cmocka_unit_test(test_kernels__avx512_with_vnni_and_bf16_mean_what_c_means),
#elif defined(__aarch64__)
        cmocka_unit_test(test_kernels__neon_mean_what_c_means),
#endif
        cmocka_unit_test(test_kernels__unknown_flags_leave_c),
        cmocka_unit_test(test_kernels__a_wrong_kernel_is_found),
        cmocka_unit_test(test_kernels__a_wrong_kernel_on_stored_numbers_is_found),
        cmocka_unit_test(test_kernels__padding_never_counts_as_a_maximum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
