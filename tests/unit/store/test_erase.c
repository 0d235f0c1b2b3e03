#include "unit/store/fixture.h"

#include "base/file.h"
#include "store/erase.h"
#include "store/vault.h"

#include <sqlite3.h>
#include <sys/stat.h>

/* A gallery, events and an outbox in which Ada is everywhere. */
struct site {
    struct facet_gallery *g;
    struct facet_events *e;
    struct facet_spool *s;
    struct facet_vault *v;
    char gallery[160], events[160], spool[160], cache[160];
    const char *spool_path, *place;
    struct facet_erasing w;
};

static void put_event(struct site *x, int i, int64_t person, const char *name)
{
    struct facet_event ev = { .type = FACET_EVENT_IDENTITY, .captured_ms = 1000, .identity = { .decision = FACET_KNOWN, .person = person } };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    snprintf(ev.camera, sizeof(ev.camera), "door");
    snprintf(ev.identity.name, sizeof(ev.identity.name), "%s", name);
    assert_int_equal(facet_events_put(x->e, &ev, NULL), FACET_OK);
    char text[200];
    snprintf(text, sizeof(text), "{\"name\":\"%s\"}", name);
    struct facet_spool_item item = { .class = FACET_SPOOL_EVENT, .payload = text, .len = strlen(text) };
    snprintf(item.id, sizeof(item.id), "event-%d", i);
    snprintf(item.topic, sizeof(item.topic), "facet/events");
    snprintf(item.person, sizeof(item.person), "%s", name);
    assert_int_equal(facet_spool_put(x->s, &item), FACET_OK);
}

static int64_t id_of(struct facet_gallery *g, const char *name)
{
    struct facet_person p;
    assert_int_equal(facet_gallery_person(g, name, &p), FACET_OK);
    return p.id;
}

static void open_site(struct site *x, struct room *r, bool sealed)
{
    char key[160];
    *x = (struct site){ .g = NULL };
    snprintf(key, sizeof(key), "%s/site.key", r->dir);
    snprintf(x->gallery, sizeof(x->gallery), "%s/gallery.db", r->dir);
    snprintf(x->events, sizeof(x->events), "%s/events.db", r->dir);
    snprintf(x->spool, sizeof(x->spool), "%s/outbox.db", r->dir);
    snprintf(x->cache, sizeof(x->cache), "%s/cache", r->dir);
    assert_int_equal(mkdir(x->cache, 0700), 0);
    if (sealed)
        assert_int_equal(facet_vault_open(&x->v, &(struct facet_vault_opts){ .key = key, .create = true }), FACET_OK);
    struct facet_gallery_opts go = new_gallery(x->gallery);
    go.vault = x->v;
    go.int8 = true;
    go.index_rows = 2;
    assert_int_equal(facet_gallery_open(&x->g, &go), FACET_OK);
    assert_int_equal(facet_events_open(&x->e, &(struct facet_events_opts){ .where = x->events, .vault = x->v }), FACET_OK);
    assert_int_equal(facet_spool_open(&x->s, &(struct facet_spool_opts){ .path = x->spool }), FACET_OK);
    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(add_person(x->g, i % 2 ? "Ada Byron" : "Bob", i), FACET_OK);
    assert_int_equal(add_person(x->g, "Countess", 50), FACET_OK);
    put_event(x, 1, id_of(x->g, "Ada Byron"), "Ada Byron");
    put_event(x, 2, id_of(x->g, "Bob"), "Bob");
    put_event(x, 3, id_of(x->g, "Countess"), "Countess");
    assert_int_equal(facet_gallery_merge(x->g, "Ada Byron", "Countess"), FACET_OK);
    assert_int_equal(facet_events_snapshot_put(x->e, "s1", id_of(x->g, "Ada Byron"), "her picture", 11, 1000), FACET_OK);
    assert_int_equal(facet_gallery_blob_put(x->g, "knn", "trained", 7), FACET_OK);
    facet_gallery_close(&x->g);
    assert_int_equal(facet_gallery_open(&x->g, &go), FACET_OK); /* plain: the index file is written now */
    x->spool_path = x->spool;
    x->place = x->cache;
    x->w = (struct facet_erasing){ .gallery = x->g, .events = x->e, .vault = x->v, .spools = &x->s, .spool_paths = &x->spool_path,
                                   .n_spools = 1, .places = &x->place, .n_places = 1, .verify = true };
}

static void close_site(struct site *x)
{
    facet_spool_close(&x->s);
    facet_events_close(&x->e);
    facet_gallery_close(&x->g);
    facet_vault_close(&x->v);
}

static void show(const struct facet_erase_report *o)
{
    for (int i = 0; i < o->n_found && i < FACET_ERASE_FOUND; i++)
        print_error("%s at %lld: %s\n", o->found[i].path, (long long)o->found[i].offset, o->found[i].what);
}

static void erase_ada(struct site *x)
{
    static struct facet_erase_report o;
    struct facet_person p;
    void *data;
    size_t len;
    if (facet_erase_person(&x->w, "Ada Byron", &o))
        fail_msg("%s", facet_error_text());
    show(&o);
    assert_true(o.was_known);
    assert_true(o.is_verified);
    assert_int_equal(o.n_found, 0);
    assert_int_equal(o.templates, 11);
    assert_int_equal(o.events, 2); /* one of the Countess */
    assert_int_equal(o.snapshots, 1);
    assert_int_equal(o.spooled, 1);
    assert_true(o.had_trained);
    assert_true(o.files >= 3);
    assert_true(o.bytes > 10000);
    assert_true(o.searched_for >= 24);
    assert_int_equal(facet_gallery_person(x->g, "Ada Byron", &p), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_person(x->g, "Bob", &p), FACET_OK);
    assert_int_equal(facet_gallery_blob_get(x->g, "knn", &data, &len, NULL), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_check(x->g), FACET_OK);
    assert_int_equal(facet_events_check(x->e), FACET_OK);
}

static void test_erase__leaves_nothing_of_a_sealed_person(void **state)
{
    struct site x;
    struct facet_event ev;
    open_site(&x, *state, true);
    erase_ada(&x);
    assert_int_equal(facet_events_get(x.e, "event-2", &ev), FACET_OK);
    assert_string_equal(ev.identity.name, "Bob");
    assert_int_equal(facet_events_get(x.e, "event-3", &ev), FACET_OK);
    assert_string_equal(ev.identity.name, "");
    close_site(&x);
}

static void test_erase__leaves_nothing_of_a_plain_person(void **state)
{
    struct site x;
    char index[200];
    open_site(&x, *state, false);
    snprintf(index, sizeof(index), "%s.index", x.gallery);
    assert_true(facet_path_exists(index));
    put_event(&x, 10, id_of(x.g, "Ada Byron"), "Ada Byron");
    static struct facet_erase_report o;
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK);
    show(&o);
    assert_true(o.is_verified);
    assert_int_equal(o.events, 3); /* one of the Countess */
    assert_false(facet_path_exists(index));
    close_site(&x);
}

static void test_verify__finds_what_was_left_elsewhere(void **state)
{
    struct site x;
    char path[200];
    float e[DIM];
    static struct facet_erase_report o;
    open_site(&x, *state, true);
    snprintf(path, sizeof(path), "%s/old-copy", x.cache);
    FILE *f = fopen(path, "w");
    make_embedding(e, DIM, 3);
    for (int i = 0; i < 300000; i++) /* over the ends of what is read at a time */
        fputs("fill", f);
    fwrite(e, 1, sizeof(e), f);
    fputs(" and Ada Byron, too", f);
    fclose(f);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK);
    assert_false(o.is_verified);
    assert_int_equal(o.n_found, 3);
    bool has_name = false, has_template = false;
    for (int i = 0; i < o.n_found; i++) {
        has_name = has_name || (!strcmp(o.found[i].what, "name") && o.found[i].offset == 1200000 + (int)sizeof(e) + 5);
        has_template = has_template || (!strcmp(o.found[i].what, "template") && o.found[i].offset == 1200000);
        assert_non_null(strstr(o.found[i].path, "old-copy"));
    }
    assert_true(has_name && has_template);
    unlink(path);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK); /* again, when she is long gone */
    assert_false(o.was_known);
    assert_true(o.is_verified);
    close_site(&x);
}

static void test_verify__a_longer_name_of_another_is_no_remains(void **state)
{
    struct site x;
    static struct facet_erase_report o;
    open_site(&x, *state, true);
    assert_int_equal(add_person(x.g, "Ada", 90), FACET_OK);
    assert_int_equal(facet_erase_person(&x.w, "Ada", &o), FACET_OK);
    show(&o);
    assert_true(o.is_verified);
    close_site(&x);
}

static void test_verify__lists_devices_that_have_not_confirmed(void **state)
{
    struct site x;
    static struct facet_erase_report o;
    open_site(&x, *state, true);
    uint64_t now = facet_gallery_version(x.g);
    assert_int_equal(facet_device_holds(x.e, "pi-1", now), FACET_OK);
    assert_int_equal(facet_device_holds(x.e, "pi-2", now + 1), FACET_OK);
    assert_int_equal(facet_device_holds(x.e, "pi-3", now), FACET_OK);
    assert_int_equal(facet_device_forget(x.e, "pi-3"), FACET_OK);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK);
    assert_int_equal(o.n_devices, 1);
    assert_string_equal(o.devices[0], "pi-1");
    assert_int_equal(facet_device_holds(x.e, "pi-1", (uint64_t)o.version), FACET_OK);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK);
    assert_int_equal(o.n_devices, 0);
    close_site(&x);
}

static void test_erase__says_so_when_a_reader_keeps_the_log(void **state)
{
    struct site x;
    static struct facet_erase_report o;
    sqlite3 *sql;
    open_site(&x, *state, true);
    assert_int_equal(sqlite3_open(x.events, &sql), SQLITE_OK);
    assert_int_equal(sqlite3_exec(sql, "BEGIN; SELECT count(*) FROM events", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_E_STORE);
    assert_false(o.is_verified);
    sqlite3_close(sql);
    assert_int_equal(facet_erase_person(&x.w, "Ada Byron", &o), FACET_OK); /* and goes on where it stopped */
    show(&o);
    assert_true(o.is_verified);
    close_site(&x);
}

static void test_erase__refuses_names_that_are_none(void **state)
{
    struct site x;
    static struct facet_erase_report o;
    char longest[FACET_MAX_NAME + 1];
    memset(longest, 'x', sizeof(longest));
    longest[FACET_MAX_NAME] = '\0';
    open_site(&x, *state, true);
    assert_int_equal(facet_erase_person(&x.w, "", &o), FACET_E_INVALID);
    assert_int_equal(facet_erase_person(&x.w, longest, &o), FACET_E_INVALID);
    assert_int_equal(facet_erase_person(&x.w, "Nobody at all", &o), FACET_OK);
    assert_false(o.was_known);
    assert_true(o.is_verified);
    assert_true(id_of(x.g, "Ada Byron") > 0);
    close_site(&x);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_erase__leaves_nothing_of_a_sealed_person),
        IN_ROOM(test_erase__leaves_nothing_of_a_plain_person),
        IN_ROOM(test_verify__finds_what_was_left_elsewhere),
        IN_ROOM(test_verify__a_longer_name_of_another_is_no_remains),
        IN_ROOM(test_verify__lists_devices_that_have_not_confirmed),
        IN_ROOM(test_erase__says_so_when_a_reader_keeps_the_log),
        IN_ROOM(test_erase__refuses_names_that_are_none),
    };
    unsetenv("FACET_SITE_KEY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
