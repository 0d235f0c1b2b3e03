/* Events, vault, dumps and erasure without memory: each says so, and what is on disk stays whole. */
#include "unit/store/fixture.h"

#include "fault.h"

#include "store/erase.h"
#include "store/events.h"
#include "store/vault.h"

struct errand { struct room *r; char events[160], key[160]; };

static int open_vault(struct errand *x, struct facet_vault **v)
{
    return facet_vault_open(v, &(struct facet_vault_opts){ .key = x->key, .create = true });
}

static struct facet_event known(int i)
{
    struct facet_event ev = { .type = FACET_EVENT_IDENTITY, .identity = { .decision = FACET_KNOWN, .person = 1, .name = "person 1" } };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    return ev;
}

static int ignore(void *ctx, int64_t seq, const struct facet_event *ev)
{
    return FACET_OK;
}

static int keep_and_ask(void *ctx)
{
    struct errand *x = ctx;
    struct facet_vault *v = NULL;
    struct facet_events *e = NULL;
    struct facet_events_filter f = FACET_EVENTS_FILTER_INIT;
    struct facet_event ev = known(1);
    void *data = NULL;
    size_t len;
    int err = open_vault(x, &v);
    if (!err)
        err = facet_events_open(&e, &(struct facet_events_opts){ .where = x->events, .vault = v });
    if (!err)
        err = facet_events_put(e, &ev, NULL);
    if (!err)
        err = facet_events_snapshot_put(e, "s", 0, "picture", 7, 1);
    if (!err)
        err = facet_events_snapshot_get(e, "s", &data, &len);
    f.name = "person 1";
    if (!err)
        err = facet_events_query(e, &f, ignore, NULL);
    free(data);
    facet_events_close(&e);
    facet_vault_close(&v);
    return err;
}

static int seal_gallery(void *ctx)
{
    struct errand *x = ctx;
    struct facet_vault *v = NULL;
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = { .path = x->r->path };
    int err = open_vault(x, &v);
    o.vault = v;
    if (!err)
        err = facet_gallery_open(&g, &o);
    facet_gallery_close(&g);
    facet_vault_close(&v);
    return err;
}

static int dump_and_load(void *ctx)
{
    struct errand *x = ctx;
    struct facet_vault *v = NULL;
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = { .path = x->r->path };
    void *data = NULL;
    size_t len = 0;
    int err = open_vault(x, &v);
    o.vault = v;
    if (!err)
        err = facet_gallery_open(&g, &o);
    if (!err)
        err = facet_gallery_dump(g, v, &data, &len, NULL);
    if (!err)
        err = facet_gallery_load_dump(g, v, data, len, NULL);
    free(data);
    facet_gallery_close(&g);
    facet_vault_close(&v);
    return err;
}

static int erase(void *ctx)
{
    struct errand *x = ctx;
    static struct facet_erase_report report;
    struct facet_gallery *g = NULL;
    struct facet_vault *v = NULL;
    struct facet_gallery_opts o = { .path = x->r->path };
    int err = open_vault(x, &v);
    o.vault = v;
    if (!err)
        err = facet_gallery_open(&g, &o);
    struct facet_erasing w = { .gallery = g, .vault = v, .verify = true };
    if (!err)
        err = facet_erase_person(&w, "person 2", &report);
    assert_true(!err || !report.is_verified);
    facet_gallery_close(&g);
    facet_vault_close(&v);
    return err;
}

static struct errand make(struct room *r)
{
    struct errand x = { .r = r };
    snprintf(x.events, sizeof(x.events), "%s/events.db", r->dir);
    snprintf(x.key, sizeof(x.key), "%s/site.key", r->dir);
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(add_person(g, "person 1", 1), FACET_OK);
    assert_int_equal(add_person(g, "person 2", 2), FACET_OK);
    facet_gallery_close(&g);
    return x;
}

static void expect_whole(struct errand *x, int people)
{
    struct facet_vault *v;
    struct facet_gallery *g;
    struct facet_gallery_info info;
    struct facet_gallery_opts o = { .path = x->r->path };
    assert_int_equal(open_vault(x, &v), FACET_OK);
    o.vault = v;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_int_equal(info.people, people);
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

static void test_events__are_kept_or_there_is_no_memory(void **state)
{
    struct errand x = make(*state);
    fault_loop(keep_and_ask, &x);
}

static void test_sealing__is_done_or_leaves_it_plain(void **state)
{
    struct errand x = make(*state);
    fault_loop(seal_gallery, &x);
    expect_whole(&x, 2);
}

static void test_dump__is_loaded_or_changes_nothing(void **state)
{
    struct errand x = make(*state);
    fault_loop(dump_and_load, &x);
    expect_whole(&x, 2);
}

static void test_erasure__is_done_or_can_be_done_again(void **state)
{
    struct errand x = make(*state);
    fault_loop(erase, &x);
    expect_whole(&x, 1);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open_quick, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_events__are_kept_or_there_is_no_memory),
        IN_ROOM(test_sealing__is_done_or_leaves_it_plain),
        IN_ROOM(test_dump__is_loaded_or_changes_nothing),
        IN_ROOM(test_erasure__is_done_or_can_be_done_again),
    };
    unsetenv("FACET_SITE_KEY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
