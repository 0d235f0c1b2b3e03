/* Event stores over PostgreSQL by the cases of SQLite's; several servers on one database; servers that go away. */
#define FACET_TEST_POSTGRES
#include "unit/store/events_cases.h"
#include "unit/store/fixture.h"

#include "store/erase.h"
#include "store/events.h"
#include "store/vault.h"

static int place_open(void **state)
{
    struct store_place *p = calloc(1, sizeof(*p));
    if (!p)
        return -1;
    snprintf(p->dir, sizeof(p->dir), "/tmp/facet-test-XXXXXX");
    if (!mkdtemp(p->dir))
        return -1;
    if (!*room_server.dir)
        postgres_open(&room_server);
    if (!room_server.proc.pid)
        postgres_start(&room_server);
    postgres_empty(&room_server);
    snprintf(p->where, sizeof(p->where), "%s", room_server.url);
    *state = p;
    return 0;
}

static int place_close(void **state)
{
    struct store_place *p = *state;
    char cmd[320];
    snprintf(cmd, sizeof(cmd), "rm -rf '%.200s'", p->dir);
    int rc = system(cmd);
    free(p);
    return rc;
}

static struct facet_vault *vault_of(void **state)
{
    struct store_place *p = *state;
    struct facet_vault *v;
    char path[300];
    snprintf(path, sizeof(path), "%.200s/site.key", p->dir);
    if (facet_vault_open(&v, &(struct facet_vault_opts){ .key = path, .create = true }))
        fail_msg("%s", facet_error_text());
    return v;
}

static struct facet_gallery *open_with(void **state, struct facet_vault *v)
{
    struct store_place *p = *state;
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(p->where);
    o.vault = v;
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

static bool finds(struct facet_gallery *g, uint64_t seed, const char *name)
{
    float e[DIM];
    struct facet_match m;
    return facet_gallery_search(g, make_embedding(e, DIM, seed), DIM, 1, &m) == 1 && !strcmp(m.name, name) && m.cosine > 0.99f;
}

/* Nobody asks: it comes by itself. */
static void test_gallery__changes_reach_other_servers_within_a_second(void **state)
{
    struct facet_gallery *a = open_with(state, NULL), *b = open_with(state, NULL);
    for (uint64_t i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(add_person(i % 2 ? a : b, name, i), FACET_OK);
        WAIT_FOR(finds(i % 2 ? b : a, i, name), 1000);
    }
    assert_int_equal(facet_gallery_rename(b, "person 1", "Ada"), FACET_OK);
    WAIT_FOR(finds(a, 1, "Ada"), 1000);
    assert_int_equal(facet_gallery_delete(a, "Ada"), FACET_OK);
    WAIT_FOR(!finds(b, 1, "Ada"), 1000);
    assert_int_equal(facet_gallery_check(a), FACET_OK);
    facet_gallery_close(&a);
    facet_gallery_close(&b);
}

static void test_gallery__sealed_is_searched_by_all_who_have_the_key(void **state)
{
    struct facet_vault *v = vault_of(state), *w = vault_of(state);
    struct facet_gallery *a = open_with(state, v), *b = open_with(state, w), *c;
    struct store_place *p = *state;
    assert_int_equal(add_person(a, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_merge(a, "Ada", "Nobody"), FACET_E_NOT_FOUND);
    WAIT_FOR(finds(b, 1, "Ada"), 1000);
    struct facet_gallery_opts o = { .path = p->where };
    assert_int_equal(facet_gallery_open(&c, &o), FACET_E_PERMISSION);
    facet_gallery_close(&a);
    facet_gallery_close(&b);
    facet_vault_close(&v);
    facet_vault_close(&w);
}

static void test_erase__nothing_is_left_in_the_tables(void **state)
{
    struct facet_vault *v = vault_of(state);
    struct facet_gallery *g = open_with(state, v);
    struct facet_events *e;
    struct store_place *p = *state;
    static struct facet_erase_report r;
    struct facet_event ev = { .id = "event-1", .type = FACET_EVENT_IDENTITY, .identity = { .decision = FACET_KNOWN, .person = 1, .name = "Ada Byron" } };
    assert_int_equal(facet_events_open(&e, &(struct facet_events_opts){ .where = p->where, .vault = v }), FACET_OK);
    assert_int_equal(add_person(g, "Ada Byron", 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_OK);
    struct facet_erasing w = { .gallery = g, .events = e, .vault = v, .verify = true };
    if (facet_erase_person(&w, "Ada Byron", &r))
        fail_msg("%s", facet_error_text());
    assert_true(r.is_verified);
    assert_int_equal(r.events, 1);
    assert_int_equal(postgres_run(&room_server, "CHECKPOINT"), 0);
    assert_false(postgres_has(&room_server, "Ada Byron"));
    assert_true(postgres_has(&room_server, "Bob"));
    facet_events_close(&e);
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

static void test_store__goes_on_when_the_server_comes_back(void **state)
{
    struct store_place *p = *state;
    struct facet_gallery *a = open_with(state, NULL), *b = open_with(state, NULL);
    struct facet_events *e;
    struct facet_event ev = { .id = "event-1", .type = FACET_EVENT_NEW }, got;
    bool is_new = false;
    assert_int_equal(facet_events_open(&e, &(struct facet_events_opts){ .where = p->where }), FACET_OK);
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_OK);
    assert_int_equal(add_person(a, "Ada", 1), FACET_OK);
    postgres_stop(&room_server);
    snprintf(ev.id, sizeof(ev.id), "event-2");
    assert_int_equal(facet_events_put(e, &ev, &is_new), FACET_E_STORE);
    assert_false(is_new);
    assert_int_equal(add_person(a, "Bob", 2), FACET_E_STORE);
    assert_true(finds(a, 1, "Ada")); /* searching needs no server */
    postgres_start(&room_server);
    if (facet_events_put(e, &ev, &is_new))
        fail_msg("%s", facet_error_text());
    assert_true(is_new);
    assert_int_equal(facet_events_get(e, "event-1", &got), FACET_OK);
    assert_int_equal(add_person(a, "Bob", 2), FACET_OK);
    WAIT_FOR(finds(b, 2, "Bob"), 5000); /* it listens again */
    facet_events_close(&e);
    facet_gallery_close(&a);
    facet_gallery_close(&b);
}

static void test_open__refusals_name_the_server_and_no_password(void **state)
{
    struct facet_events *e;
    struct facet_events_opts o = { .where = "postgresql://facet:s3cret@/nowhere?host=/nonexistent&password=s3cret" };
    assert_int_equal(facet_events_open(&e, &o), FACET_E_STORE);
    assert_null(strstr(facet_error_text(), "s3cret"));
    assert_non_null(strstr(facet_error_text(), "facet@/nowhere"));
    struct store_place *p = *state;
    struct facet_gallery *g;
    struct facet_gallery_opts go = { .path = p->where };
    assert_int_equal(facet_gallery_open(&g, &go), FACET_E_NOT_FOUND);
    o = (struct facet_events_opts){ .where = p->where, .read_only = true };
    assert_int_equal(facet_events_open(&e, &o), FACET_E_NOT_FOUND);
    o.read_only = false;
    assert_int_equal(facet_events_open(&e, &o), FACET_OK);
    facet_events_close(&e);
    assert_int_equal(postgres_run(&room_server, "UPDATE facet_events.meta SET value = '99' WHERE key = 'schema'"), 0);
    assert_int_equal(facet_events_open(&e, &o), FACET_E_UNSUPPORTED);
}

int main(void)
{
    events_place_open = place_open;
    events_place_close = place_close;
    unsetenv("FACET_SITE_KEY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    int failed = _cmocka_run_group_tests("events over PostgreSQL", events_cases, n_events_cases, NULL, NULL);
#define AT_PLACE(t) cmocka_unit_test_setup_teardown(t, place_open, place_close)
    const struct CMUnitTest tests[] = {
        AT_PLACE(test_gallery__changes_reach_other_servers_within_a_second),
        AT_PLACE(test_gallery__sealed_is_searched_by_all_who_have_the_key),
        AT_PLACE(test_erase__nothing_is_left_in_the_tables),
        AT_PLACE(test_store__goes_on_when_the_server_comes_back),
        AT_PLACE(test_open__refusals_name_the_server_and_no_password),
    };
    return failed + cmocka_run_group_tests(tests, NULL, room_server_close);
}
