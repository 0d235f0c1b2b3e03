/* What a node says of itself, and who is present, without memory. */
#include "test.h"

#include "fault.h"

#include "deploy/board.h"
#include "deploy/presence.h"

#include <facet/error.h>
#include <string.h>

static int hear(void *ctx, const char *topic, const char *payload, bool retain)
{
    ++*(int *)ctx;
    return FACET_OK;
}

static int tell(void *ctx)
{
    struct facet_board b;
    int said = 0;
    facet_board_init(&b);
    int err = facet_board_set(&b, 1, "a", "1", true);
    if (!err)
        err = facet_board_set(&b, 1, "a", "2", true);
    if (!err)
        err = facet_board_set(&b, 1, "b", "3", false);
    assert_int_equal(facet_board_flush(&b, hear, &said), FACET_OK);
    assert_int_equal(said, b.n); /* what is there is whole */
    facet_board_fini(&b);
    return err;
}

static int look(void *ctx)
{
    struct facet_presence *p;
    int err = facet_presence_open(&p, 1000);
    assert_true(!err == !!p);
    facet_presence_close(&p);
    return err;
}

static void test_board__without_memory(void **state)
{
    assert_int_equal(fault_loop(tell, NULL), 0);
}

static void test_presence__without_memory(void **state)
{
    assert_int_equal(fault_loop(look, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_board__without_memory),
        cmocka_unit_test(test_presence__without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
