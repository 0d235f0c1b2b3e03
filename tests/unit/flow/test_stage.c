#include "test.h"

#include "fake_stages.h"

#include "base/errors.h"

#include <string.h>

static void test_stage__counts_time_for_its_step(void **state)
{
    struct facet_stage *s;
    struct facet_packet *p;
    struct fake_opts o = {0};
    assert_int_equal(facet_stage_open(&s, &fake_worker, &o), FACET_OK);
    assert_int_equal(facet_packet_open(&p, 0), FACET_OK);
    assert_int_equal(facet_stage_step(s, p), FACET_OK);
    uint64_t once = p->step_ns[FACET_STEP_DETECT];
    assert_true(once > 0);
    assert_int_equal(p->step_ns[FACET_STEP_TRACK], 0);
    assert_int_equal(facet_stage_step(s, p), FACET_OK);
    assert_true(p->step_ns[FACET_STEP_DETECT] > once);
    assert_ptr_equal(facet_stage_ops_of(s), &fake_worker);
    assert_int_equal(((struct fake *)facet_stage_state(s))->steps, 2);
    facet_packet_close(&p);
    facet_stage_close(&s);
    assert_null(s);
    facet_stage_close(&s);
}

static void test_stage__failure_of_a_step_is_passed_on(void **state)
{
    struct facet_stage *s;
    struct facet_packet *p;
    struct fake_opts o = {.fail_at = 1};
    assert_int_equal(facet_stage_open(&s, &fake_worker, &o), FACET_OK);
    assert_int_equal(facet_packet_open(&p, 0), FACET_OK);
    assert_int_equal(facet_stage_step(s, p), FACET_E_IO);
    facet_packet_close(&p);
    facet_stage_close(&s);
}

static void test_stage__that_cannot_open_is_closed(void **state)
{
    struct facet_stage *s = (void *)1;
    struct fake_opts o = {.fail_open = 1};
    assert_int_equal(facet_stage_open(&s, &fake_worker, &o), FACET_E_NOT_FOUND);
    assert_null(s);
    assert_non_null(strstr(facet_error_text(), "no model"));
}

/* Each has its share of the time; a stage that takes them one by one is asked so. */
static void test_stage__counts_time_of_packets_together(void **state)
{
    const struct facet_stage_ops *const kinds[] = {&fake_worker, &fake_gatherer};
    struct fake_opts o = {.fail_at = 5};
    for (size_t k = 0; k < 2; k++) {
        struct facet_stage *s;
        struct facet_packet *p[3];
        assert_int_equal(facet_stage_open(&s, kinds[k], &o), FACET_OK);
        for (int i = 0; i < 3; i++)
            assert_int_equal(facet_packet_open(&p[i], 0), FACET_OK);
        assert_int_equal(facet_stage_step_together(s, p, 3), FACET_OK);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(p[i]->n_faces, 1);
            assert_int_equal(p[i]->step_ns[FACET_STEP_TRACK], 0);
        }
        assert_int_equal(((struct fake *)facet_stage_state(s))->most, k ? 3 : 0);
        assert_int_equal(facet_stage_step_together(s, p, 3), FACET_E_IO);
        for (int i = 0; i < 3; i++)
            facet_packet_close(&p[i]);
        facet_stage_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stage__counts_time_for_its_step),
        cmocka_unit_test(test_stage__counts_time_of_packets_together),
        cmocka_unit_test(test_stage__failure_of_a_step_is_passed_on),
        cmocka_unit_test(test_stage__that_cannot_open_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
