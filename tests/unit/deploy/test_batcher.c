/* Batches with a fake network that doubles numbers. */
#include "test.h"

#include "base/errors.h"
#include "base/thread.h"
#include "deploy/batcher.h"

#include <stdio.h>
#include <string.h>

#define DIM 2
#define BAD 255            /* a chip that the network cannot take */
#define LONG_MS 30000      /* would be noticed */

struct net { int runs, sizes[64]; };

static int run_net(void *ctx, const struct facet_image *const *chips, int n, float *out)
{
    struct net *net = ctx;
    net->sizes[net->runs++ % 64] = n;
    for (int i = 0; i < n; i++) {
        if (chips[i]->data[0] == BAD)
            return facet_fail(FACET_E_INTERNAL, "cannot use chip %d", i);
        out[i * DIM] = (float)chips[i]->data[0];
        out[i * DIM + 1] = 2 * (float)chips[i]->data[0];
    }
    return FACET_OK;
}

static struct facet_batcher *open_batcher(struct net *net, int max_batch, double deadline_ms)
{
    struct facet_batcher *b;
    const struct facet_batcher_opts o = {.run = run_net, .ctx = net, .dim = DIM, .max_batch = max_batch, .deadline_ms = deadline_ms};
    *net = (struct net){0};
    assert_int_equal(facet_batcher_open(&b, &o), FACET_OK);
    return b;
}

/* Chips with the numbers first, first + 1, ... */
struct caller {
    struct facet_batcher *b;
    struct facet_thread thread;
    uint8_t pixels[64];
    struct facet_image images[64];
    const struct facet_image *chips[64];
    float out[64 * DIM];
    struct facet_batcher_times times;
    bool was_expected;
    int n, err;
    char text[128];
};

static void prepare(struct caller *c, struct facet_batcher *b, int first, int n, bool was_expected)
{
    *c = (struct caller){.b = b, .n = n, .was_expected = was_expected};
    for (int i = 0; i < n; i++) {
        c->pixels[i] = (uint8_t)(first + i);
        c->images[i] = (struct facet_image){FACET_PIXEL_GRAY8, 1, 1, 1, &c->pixels[i]};
        c->chips[i] = &c->images[i];
    }
}

static void call(void *ctx)
{
    struct caller *c = ctx;
    c->err = facet_batcher_run(c->b, c->chips, c->n, c->was_expected, c->out, &c->times);
    snprintf(c->text, sizeof(c->text), "%s", facet_error_text());
}

static void check_rows(const struct caller *c)
{
    assert_int_equal(c->err, FACET_OK);
    for (int i = 0; i < c->n; i++) {
        assert_true(c->out[i * DIM] == (float)c->pixels[i]);
        assert_true(c->out[i * DIM + 1] == 2 * (float)c->pixels[i]);
    }
}

static void test_batcher__callers_on_the_way_share_a_run(void **state)
{
    struct net net;
    struct caller c[3];
    struct facet_batcher *b = open_batcher(&net, 16, LONG_MS);
    for (int i = 0; i < 3; i++)
        facet_batcher_expect(b, 1);
    for (int i = 0; i < 3; i++) {
        prepare(&c[i], b, 10 * i, i + 1, true);
        assert_int_equal(facet_thread_start(&c[i].thread, "caller", call, &c[i]), FACET_OK);
    }
    for (int i = 0; i < 3; i++) {
        facet_thread_join(&c[i].thread);
        check_rows(&c[i]);
    }
    assert_int_equal(net.runs, 1);
    assert_int_equal(net.sizes[0], 6);
    struct facet_batcher_stats s;
    facet_batcher_stats(b, &s);
    assert_int_equal(s.batches, 1);
    assert_int_equal(s.chips, 6);
    assert_int_equal(s.largest, 6);
    facet_batcher_close(&b);
}

static void test_batcher__a_caller_alone_does_not_wait(void **state)
{
    struct net net;
    struct caller c;
    struct facet_batcher *b = open_batcher(&net, 16, LONG_MS);
    prepare(&c, b, 1, 1, false);
    call(&c);
    check_rows(&c);
    assert_true(c.times.queued_ns < (uint64_t)LONG_MS * 1000000u / 2);
    facet_batcher_close(&b);
}

static void test_batcher__who_does_not_come_is_waited_for_until_the_deadline(void **state)
{
    struct net net;
    struct caller c;
    struct facet_batcher *b = open_batcher(&net, 16, 5);
    facet_batcher_expect(b, 1);
    prepare(&c, b, 1, 2, false);
    call(&c);
    check_rows(&c);
    assert_true(c.times.queued_ns >= 5000000u);
    facet_batcher_expect(b, -1);
    facet_batcher_close(&b);
}

static void test_batcher__more_chips_than_a_batch_are_several(void **state)
{
    struct net net;
    struct caller c;
    struct facet_batcher *b = open_batcher(&net, 4, 0);
    prepare(&c, b, 0, 10, false);
    call(&c);
    check_rows(&c);
    assert_int_equal(net.runs, 3);
    assert_int_equal(net.sizes[2], 2);
    facet_batcher_close(&b);
}

static void test_batcher__many_callers_at_once_get_their_own_rows(void **state)
{
    struct net net;
    struct caller c[16];
    struct facet_batcher *b = open_batcher(&net, 5, 1);
    for (int i = 0; i < 16; i++) {
        prepare(&c[i], b, 10 * i, 1 + i % 7, false);
        assert_int_equal(facet_thread_start(&c[i].thread, "caller", call, &c[i]), FACET_OK);
    }
    for (int i = 0; i < 16; i++) {
        facet_thread_join(&c[i].thread);
        check_rows(&c[i]);
    }
    facet_batcher_close(&b);
}

static void test_batcher__a_bad_chip_fails_its_caller_alone(void **state)
{
    struct net net;
    struct caller good, bad;
    struct facet_batcher *b = open_batcher(&net, 16, LONG_MS);
    facet_batcher_expect(b, 1);
    facet_batcher_expect(b, 1);
    prepare(&good, b, 7, 3, true);
    prepare(&bad, b, BAD, 1, true);
    assert_int_equal(facet_thread_start(&good.thread, "good", call, &good), FACET_OK);
    assert_int_equal(facet_thread_start(&bad.thread, "bad", call, &bad), FACET_OK);
    facet_thread_join(&good.thread);
    facet_thread_join(&bad.thread);
    check_rows(&good);
    assert_int_equal(bad.err, FACET_E_INTERNAL);
    assert_string_equal(bad.text, "cannot use chip 0");
    facet_batcher_close(&b);
}

static void test_batcher__a_bad_chip_in_a_long_call_ends_it_and_the_next_is_served(void **state)
{
    struct net net;
    struct caller c;
    struct facet_batcher *b = open_batcher(&net, 2, 0);
    prepare(&c, b, 1, 9, false);
    c.pixels[3] = BAD;
    call(&c);
    assert_int_equal(c.err, FACET_E_INTERNAL);
    assert_int_equal(net.runs, 2);
    prepare(&c, b, 1, 3, false);
    call(&c);
    check_rows(&c);
    facet_batcher_close(&b);
}

static void test_batcher__no_chips_are_no_run_and_fewer_are_refused(void **state)
{
    struct net net;
    struct caller c;
    struct facet_batcher *b = open_batcher(&net, 2, 0);
    prepare(&c, b, 1, 0, false);
    call(&c);
    assert_int_equal(c.err, FACET_OK);
    c.n = -1;
    call(&c);
    assert_int_equal(c.err, FACET_E_INVALID);
    assert_int_equal(net.runs, 0);
    facet_batcher_close(&b);
}

static void test_batcher__options_out_of_range_are_refused(void **state)
{
    struct facet_batcher *b;
    struct net net;
    const struct facet_batcher_opts bad[] = {
        {.run = run_net, .ctx = &net, .dim = 0, .max_batch = 1},
        {.run = run_net, .ctx = &net, .dim = 1, .max_batch = 0},
        {.run = run_net, .ctx = &net, .dim = 1, .max_batch = 1, .deadline_ms = -1},
        {.run = run_net, .ctx = &net, .dim = 1, .max_batch = 1, .deadline_ms = 1e9},
        {.dim = 1, .max_batch = 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(facet_batcher_open(&b, &bad[i]), FACET_E_INVALID);
        assert_null(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_batcher__callers_on_the_way_share_a_run),
        cmocka_unit_test(test_batcher__a_caller_alone_does_not_wait),
        cmocka_unit_test(test_batcher__who_does_not_come_is_waited_for_until_the_deadline),
        cmocka_unit_test(test_batcher__more_chips_than_a_batch_are_several),
        cmocka_unit_test(test_batcher__many_callers_at_once_get_their_own_rows),
        cmocka_unit_test(test_batcher__a_bad_chip_fails_its_caller_alone),
        cmocka_unit_test(test_batcher__a_bad_chip_in_a_long_call_ends_it_and_the_next_is_served),
        cmocka_unit_test(test_batcher__no_chips_are_no_run_and_fewer_are_refused),
        cmocka_unit_test(test_batcher__options_out_of_range_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
