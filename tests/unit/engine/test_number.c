/* Numbers of 8 and 16 bits: every one of them, and how reals are rounded. */
#include "test.h"

#include "engine/number.h"

#include <math.h>

static void test_number__every_half_comes_back(void **state)
{
    for (uint32_t h = 0; h < 65536; h++) {
        float x = facet_f16_real((uint16_t)h), b = facet_bf16_real((uint16_t)h);
        if (isnan(x))
            assert_true(isnan(facet_f16_real(facet_f16_store(x))));
        else
            assert_int_equal(facet_f16_store(x), h);
        if (isnan(b))
            assert_true(isnan(facet_bf16_real(facet_bf16_store(b))));
        else
            assert_int_equal(facet_bf16_store(b), h);
    }
}

static void test_number__halves_round_to_the_nearest_even(void **state)
{
    assert_int_equal(facet_f16_store(1 + 0x1p-11f), 0x3c00);         /* a tie, down to the even one */
    assert_int_equal(facet_f16_store(1 + 3 * 0x1p-11f), 0x3c02);     /* a tie, up */
    assert_int_equal(facet_f16_store(1 + 0x1.1p-11f), 0x3c01);
    assert_int_equal(facet_f16_store(65519), 0x7bff);
    assert_int_equal(facet_f16_store(65520), 0x7c00);                /* too large: infinite */
    assert_int_equal(facet_f16_store(0x1p-25f), 0);                  /* half of the least: down to zero */
    assert_int_equal(facet_f16_store(-0x1.8p-24f), 0x8002);
    assert_int_equal(facet_f16_store(0x1.fffp-15f), 0x0400);         /* up into full precision */
    assert_int_equal(facet_bf16_store(1 + 0x1p-8f), 0x3f80);
    assert_int_equal(facet_bf16_store(1 + 3 * 0x1p-8f), 0x3f82);
    assert_int_equal(facet_bf16_store(-3.4e38f), 0xff80);
}

static void test_number__bytes_round_and_saturate(void **state)
{
    assert_int_equal(facet_quantise(0.5f, 1, 0, 0, 255), 0);
    assert_int_equal(facet_quantise(1.5f, 1, 0, 0, 255), 2);
    assert_int_equal(facet_quantise(2.5f, 1, 1, 0, 255), 3);
    assert_int_equal(facet_quantise(-1, 0.5f, 128, 0, 255), 126);
    assert_int_equal(facet_quantise(1e30f, 1e-3f, 3, 0, 255), 255);
    assert_int_equal(facet_quantise(-INFINITY, 1, 3, -128, 127), -128);
    assert_int_equal(facet_quantise(NAN, 1, 3, 0, 255), 0);
}

static void test_number__rows_mean_what_one_number_does(void **state)
{
    const struct facet_quant q = {.scale = 0.25f, .zero = 10};
    const float x[4] = {-2.5f, 0, 0.3f, 100};
    float back[4];
    uint8_t u[4];
    int8_t i[4];
    uint16_t h[4];
    facet_numbers_store(u, FACET_U8, &q, x, 4);
    facet_numbers_real(back, u, FACET_U8, &q, 4);
    assert_int_equal(u[0], 0);
    assert_int_equal(u[2], 11);
    assert_float_equal(back[3], 61.25f, 0);
    facet_numbers_store(i, FACET_I8, &q, x, 4);
    assert_int_equal(i[3], 127);
    facet_numbers_store(h, FACET_BF16, NULL, x, 4);
    facet_numbers_real(back, h, FACET_BF16, NULL, 4);
    assert_float_equal(back[0], -2.5f, 0);
    assert_float_equal(back[2], 0.30078125f, 0);
    facet_numbers_store(h, FACET_F16, NULL, x, 4);
    facet_numbers_real(back, h, FACET_F16, NULL, 4);
    assert_float_equal(back[3], 100, 0);
}

static void test_number__meanings_differ_by_scale_zero_and_axis(void **state)
{
    float scales[1] = {1};
    const struct facet_quant a = {.scale = 1}, b = {.scale = 1, .zero = 1}, c = {.scale = 2}, d = {.scale = 1, .scales = scales, .n_scales = 1};
    assert_true(facet_quant_same(&a, &a));
    assert_false(facet_quant_same(&a, &b));
    assert_false(facet_quant_same(&a, &c));
    assert_false(facet_quant_same(&d, &d));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_number__every_half_comes_back),
        cmocka_unit_test(test_number__halves_round_to_the_nearest_even),
        cmocka_unit_test(test_number__bytes_round_and_saturate),
        cmocka_unit_test(test_number__rows_mean_what_one_number_does),
        cmocka_unit_test(test_number__meanings_differ_by_scale_zero_and_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
