/* Events, messages and the queue on disk without memory: ours, and SQLite's. */
#include "test.h"

#include "fault.h"
#include "sqlite_memory.h"

#include "base/str.h"
#include "store/spool.h"
#include "wire/message.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int event_there_and_back(void *ctx)
{
    struct facet_event e = {.id = "a", .type = FACET_EVENT_NEW, .has_box = true}, back;
    struct facet_str s = FACET_STR_INIT;
    int err = facet_event_to_json(&e, &s);
    if (!err)
        err = facet_event_from_json(&back, s.data, s.len);
    assert_true(err || !strcmp(back.id, "a"));
    facet_str_fini(&s);
    return err;
}

static int message_there_and_back(void *ctx)
{
    struct facet_message m = {.kind = FACET_MESSAGE_STORED, .stored = {.n = 1, .ids = {"a"}}}, back;
    struct facet_str s = FACET_STR_INIT;
    int err = facet_message_pack(&m, &s);
    if (!err)
        err = facet_message_unpack(&back, s.data, s.len);
    assert_true(err || back.stored.n == 1);
    if (!err)
        facet_message_fini(&back);
    facet_str_fini(&s);
    return err;
}

/* An item that was put although the errand failed later is there the next time: that is not a failure. */
static int queue(void *path)
{
    struct facet_spool *s;
    struct facet_spool_opts o = {.path = path};
    struct facet_spool_item item = {.id = "a", .topic = "t", .payload = "x", .len = 1}, out = {0};
    int err = facet_spool_open(&s, &o);
    assert_true(!err == !!s);
    if (!err)
        err = facet_spool_put(s, &item);
    if (err == FACET_E_EXISTS)
        err = FACET_OK;
    if (!err)
        err = facet_spool_next(s, 0, &out);
    if (err == FACET_E_END)
        err = FACET_OK;
    assert_true(err || !out.payload || !strcmp(out.payload, "x"));
    if (!err && out.payload)
        err = facet_spool_ack(s, out.seq);
    free(out.payload);
    facet_spool_close(&s);
    return err;
}

static void test_events__without_memory(void **state)
{
    assert_int_equal(fault_loop(event_there_and_back, NULL), 0);
}

static void test_messages__without_memory(void **state)
{
    assert_int_equal(fault_loop(message_there_and_back, NULL), 0);
}

static void test_queue__without_memory(void **state)
{
    char dir[] = "/tmp/facet-fault-XXXXXX", path[64], command[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/out.db", dir);
    (void)fault_loop(queue, path); /* SQLite can do without some of what it asks for */
    snprintf(command, sizeof(command), "rm -r '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__without_memory),
        cmocka_unit_test(test_messages__without_memory),
        cmocka_unit_test(test_queue__without_memory),
    };
    return cmocka_run_group_tests(tests, sqlite_use_our_memory, NULL);
}
