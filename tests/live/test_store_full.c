/* A disk of one megabyte that fills up (with its log first: each event is on disk by itself). What was reported stays,
 * what does not fit is refused, and room makes it go on. */
#include "test.h"

#include "base/errors.h"
#include "store/events.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* In a mount table of our own: nothing is left behind. */
static bool make_disk(const char *dir)
{
    return !unshare(CLONE_NEWNS) && !mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) && !mount("facet", dir, "tmpfs", 0, "size=1m");
}

static struct facet_event event_number(int i)
{
    struct facet_event ev = { .type = FACET_EVENT_NEW, .captured_ms = 1000 + i };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    snprintf(ev.camera, sizeof(ev.camera), "door");
    return ev;
}

static void test_events__on_a_full_disk_are_refused_and_none_is_lost(void **state)
{
    char dir[] = "/tmp/facet-full-XXXXXX", where[64];
    struct facet_events *e;
    struct facet_events_filter all = FACET_EVENTS_FILTER_INIT;
    int64_t count = 0;
    int n = 0, err = FACET_OK;
    assert_non_null(mkdtemp(dir));
    if (!make_disk(dir)) {
        rmdir(dir);
        print_message("needs the right to mount a file system\n");
        skip();
    }
    snprintf(where, sizeof(where), "%s/events.db", dir);
    assert_int_equal(facet_events_open(&e, &(struct facet_events_opts){ .where = where }), FACET_OK);
    for (; !err && n < 100000; n++) {
        struct facet_event ev = event_number(n);
        err = facet_events_put(e, &ev, NULL);
    }
    assert_int_equal(err, FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "full"));
    n--;
    assert_true(n > 10);
    for (int i = 0; i < 5; i++) { /* and again, without harm */
        struct facet_event ev = event_number(n);
        if (facet_events_put(e, &ev, NULL) == FACET_OK)
            n++;
    }
    assert_int_equal(facet_events_count(e, &all, &count), FACET_OK);
    assert_int_equal(count, n);
    facet_events_close(&e);
    assert_int_equal(facet_events_open(&e, &(struct facet_events_opts){ .where = where }), FACET_OK);
    assert_int_equal(facet_events_count(e, &all, &count), FACET_OK);
    assert_int_equal(count, n);
    assert_int_equal(facet_events_check(e), FACET_OK);
    assert_int_equal(mount("facet", dir, "tmpfs", MS_REMOUNT, "size=8m"), 0);
    struct facet_event ev = event_number(n);
    if (facet_events_put(e, &ev, NULL))
        fail_msg("%s", facet_error_text());
    facet_events_close(&e);
    (void)umount2(dir, MNT_DETACH);
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events__on_a_full_disk_are_refused_and_none_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
