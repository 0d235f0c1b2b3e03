/* Event stores over PostgreSQL by the cases of SQLite's; several servers on one database; servers that go away. */
#define FACET_TEST_POSTGRES
#include "lib/served.h"
#include "unit/store/events_cases.h"
#include "unit/store/fixture.h"

#include "store/erase.h"
#include "store/events.h"
#include "store/vault.h"

#include <stdatomic.h>

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

#define ADA "Ada Byron"

/* One who is known, seen, and waited for: the name stands in both stores. */
static struct facet_events *know(void **state, struct facet_gallery *g, struct facet_vault *v)
{
    struct store_place *p = *state;
    struct facet_events *e;
    struct facet_event ev = { .id = "event-1", .type = FACET_EVENT_IDENTITY, .identity = { .decision = FACET_KNOWN, .person = 1, .name = ADA } };
    assert_int_equal(facet_events_open(&e, &(struct facet_events_opts){ .where = p->where, .vault = v }), FACET_OK);
    assert_int_equal(add_person(g, ADA, 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_events_put(e, &ev, NULL), FACET_OK);
    return e;
}

static const struct facet_erase_report *erase(struct facet_gallery *g, struct facet_events *e, struct facet_vault *v)
{
    static struct facet_erase_report r;
    struct facet_erasing w = { .gallery = g, .events = e, .vault = v, .verify = true };
    if (facet_erase_person(&w, ADA, &r))
        fail_msg("%s", facet_error_text());
    assert_int_equal(r.events, 1);
    return &r;
}

static void run_sql(const char *sql)
{
    assert_int_equal(postgres_run(&room_server, sql), 0);
}

static bool tells(const struct facet_erase_report *r, const char *what, const char *where)
{
    for (int i = 0; i < r->n_found && i < FACET_ERASE_FOUND; i++)
        if (!strcmp(r->found[i].what, what) && strstr(r->found[i].path, where))
            return true;
    return false;
}

/* The server of these tests makes no use of old segments of its log again, so that even there nothing is left. */
static void test_erase__nothing_is_left_in_tables_and_log(void **state)
{
    struct facet_vault *v = vault_of(state);
    struct facet_gallery *g = open_with(state, v);
    struct facet_events *e = know(state, g, v);
    run_sql("ANALYZE");
    const struct facet_erase_report *r = erase(g, e, v);
    for (int i = 0; i < r->n_found && i < FACET_ERASE_FOUND; i++)
        print_error("%s in %s\n", r->found[i].what, r->found[i].path);
    assert_true(r->is_verified);
    assert_string_equal(r->unsearched, "");
    assert_true(r->bytes >= 1 << 20); /* segments of the log */
    run_sql("CHECKPOINT");
    assert_false(postgres_has(&room_server, ADA));
    assert_true(postgres_has(&room_server, "Bob"));
    facet_events_close(&e);
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

/* Each of them by something that is not ours to erase. */
static void test_erase__what_is_left_on_the_server_is_told(void **state)
{
    struct facet_vault *v = vault_of(state);
    struct facet_gallery *g = open_with(state, v);
    struct facet_events *e = know(state, g, v);
    assert_int_equal(facet_events_state_put(e, "camera of Ada Byron", "x", 1), FACET_OK);
    run_sql("CREATE TABLE facet_gallery.copy AS SELECT * FROM facet_gallery.templates");
    run_sql("ALTER SYSTEM SET wal_keep_size = '256MB'");
    run_sql("SELECT pg_reload_conf()");
    const struct facet_erase_report *r = erase(g, e, v);
    run_sql("ALTER SYSTEM RESET wal_keep_size");
    run_sql("SELECT pg_reload_conf()");
    assert_false(r->is_verified);
    assert_true(tells(r, "name", "facet_events.states.key"));
    assert_true(tells(r, "template as kept", "facet_gallery.copy.embedding"));
    assert_true(tells(r, "name", "pg_wal/"));
    facet_events_close(&e);
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

static void test_erase__a_user_without_rights_is_told_what_was_not_searched(void **state)
{
    struct store_place *p = *state;
    run_sql("DROP ROLE IF EXISTS small; CREATE ROLE small LOGIN; GRANT CREATE ON DATABASE postgres TO small");
    snprintf(p->where, sizeof(p->where), "postgresql://small@/postgres?host=%s", room_server.dir);
    struct facet_gallery *g = open_with(state, NULL);
    struct facet_events *e = know(state, g, NULL);
    const struct facet_erase_report *r = erase(g, e, NULL);
    assert_true(r->is_verified);
    assert_non_null(strstr(r->unsearched, "the write-ahead log of 'postgresql://small@/postgres"));
    assert_non_null(strstr(r->unsearched, "needs a superuser, or EXECUTE of pg_ls_waldir"));
    facet_events_close(&e);
    facet_gallery_close(&g);
    postgres_empty(&room_server);
    run_sql("REVOKE CREATE ON DATABASE postgres FROM small; DROP ROLE small");
}

static int count_change(void *ctx)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    return FACET_OK;
}

static void test_events__of_other_servers_are_told(void **state)
{
    struct store_place *p = *state;
    struct facet_events *a, *b;
    struct facet_event ev = { .id = "event-1", .type = FACET_EVENT_NEW };
    atomic_int heard = 0;
    bool is_new;
    assert_int_equal(facet_events_open(&a, &(struct facet_events_opts){ .where = p->where }), FACET_OK);
    assert_int_equal(facet_events_open(&b, &(struct facet_events_opts){ .where = p->where }), FACET_OK);
    assert_int_equal(facet_events_watch(b, count_change, &heard), FACET_OK);
    WAIT_FOR(atomic_load(&heard) == 1, 5000);          /* it listens */
    assert_int_equal(facet_events_put(a, &ev, &is_new), FACET_OK);
    WAIT_FOR(atomic_load(&heard) == 2, 1000);
    assert_int_equal(facet_events_put(a, &ev, &is_new), FACET_OK); /* again: no news */
    assert_false(is_new);
    snprintf(ev.id, sizeof(ev.id), "event-2");
    assert_int_equal(facet_events_put(b, &ev, &is_new), FACET_OK);
    WAIT_FOR(atomic_load(&heard) == 3, 1000);
    facet_events_unwatch(b);
    snprintf(ev.id, sizeof(ev.id), "event-3");
    assert_int_equal(facet_events_put(a, &ev, &is_new), FACET_OK);
    assert_int_equal(atomic_load(&heard), 3);
    facet_events_close(&a);
    facet_events_close(&b);
}

static void test_stream__tells_events_that_came_to_another_server(void **state)
{
    struct store_place *p = *state;
    struct served s;
    struct http_watch w;
    struct facet_events *other;
    struct facet_event ev = { .id = "from-the-other", .type = FACET_EVENT_NEW, .camera = "yard" };
    served_open(&s, false);
    assert_int_equal(facet_copy_text(s.site.store.events, sizeof(s.site.store.events), p->where), FACET_OK);
    served_restart(&s);
    assert_int_equal(facet_events_open(&other, &(struct facet_events_opts){ .where = p->where }), FACET_OK);
    http_watch_open(&w, &(struct http_ask){ .port = s.port, .path = "/v1/events/stream" });
    http_watch_for(&w, "retry: 2000", 5000);
    assert_int_equal(facet_events_put(other, &ev, NULL), FACET_OK);
    http_watch_for(&w, "from-the-other", 5000);
    http_watch_close(&w);
    facet_events_close(&other);
    served_close(&s);
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
        AT_PLACE(test_erase__nothing_is_left_in_tables_and_log),
        AT_PLACE(test_erase__what_is_left_on_the_server_is_told),
        AT_PLACE(test_erase__a_user_without_rights_is_told_what_was_not_searched),
        AT_PLACE(test_events__of_other_servers_are_told),
        AT_PLACE(test_stream__tells_events_that_came_to_another_server),
        AT_PLACE(test_store__goes_on_when_the_server_comes_back),
        AT_PLACE(test_open__refusals_name_the_server_and_no_password),
    };
    return failed + cmocka_run_group_tests(tests, NULL, room_server_close);
}
