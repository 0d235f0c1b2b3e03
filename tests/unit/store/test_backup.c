#include "unit/store/fixture.h"

#include "base/file.h"
#include "store/backup.h"
#include "store/vault.h"

#include <fcntl.h>
#include <sys/stat.h>

struct place { struct facet_vault *v, *other; char gallery[160], events[160], copy[160], events_copy[160]; };

static struct facet_vault *vault_of(struct room *r, const char *name)
{
    struct facet_vault *v;
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (facet_vault_open(&v, &(struct facet_vault_opts){ .key = path, .create = true }))
        fail_msg("%s", facet_error_text());
    return v;
}

static struct place open_place(struct room *r)
{
    struct place p = { .v = vault_of(r, "site.key"), .other = vault_of(r, "other.key") };
    snprintf(p.gallery, sizeof(p.gallery), "%s/gallery.db", r->dir);
    snprintf(p.events, sizeof(p.events), "%s/events.db", r->dir);
    snprintf(p.copy, sizeof(p.copy), "%s/copy.gallery", r->dir);
    snprintf(p.events_copy, sizeof(p.events_copy), "%s/copy.events", r->dir);
    char word[200];
    snprintf(word, sizeof(word), "file:%s/site.key", r->dir);
    setenv("FACET_SITE_KEY", word, 1);
    return p;
}

static void close_place(struct place *p)
{
    unsetenv("FACET_SITE_KEY");
    facet_vault_close(&p->v);
    facet_vault_close(&p->other);
}

static struct facet_gallery *open_at(const char *path, struct facet_vault *v)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(path);
    o.vault = v;
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

static struct facet_events *open_events(struct place *p)
{
    struct facet_events *e;
    if (facet_events_open(&e, &(struct facet_events_opts){ .where = p->events, .vault = p->v }))
        fail_msg("%s", facet_error_text());
    return e;
}

static void put_event(struct facet_events *e, int i, int64_t person, const char *name)
{
    struct facet_event ev = { .type = FACET_EVENT_IDENTITY, .captured_ms = i, .identity = { .decision = FACET_KNOWN, .person = person } };
    snprintf(ev.id, sizeof(ev.id), "event-%d", i);
    snprintf(ev.identity.name, sizeof(ev.identity.name), "%s", name);
    if (facet_events_put(e, &ev, NULL))
        fail_msg("%s", facet_error_text());
}

static bool is_there(struct facet_gallery *g, const char *name)
{
    struct facet_person p;
    return facet_gallery_person(g, name, &p) == FACET_OK;
}

static void test_backup__of_a_gallery_in_use_comes_back(void **state)
{
    struct place p = open_place(*state);
    struct facet_restore_report report = { 0 };
    struct facet_match m;
    struct stat st;
    float e[DIM];
    struct facet_gallery *g = open_at(p.gallery, p.v);
    for (uint64_t i = 1; i <= 3; i++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(add_person(g, name, i), FACET_OK);
    }
    assert_int_equal(facet_gallery_backup(p.gallery, p.copy), FACET_OK);
    assert_int_equal(stat(p.copy, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(add_person(g, "late", 9), FACET_OK);
    assert_int_equal(facet_gallery_rename(g, "person 1", "Ada"), FACET_OK);
    if (facet_gallery_restore(p.copy, p.gallery, p.v, &report))
        fail_msg("%s", facet_error_text());
    assert_int_equal(report.people, 3);
    assert_int_equal(report.templates, 3);
    assert_int_equal(report.erased_again, 0);
    assert_int_equal(facet_gallery_refresh(g), FACET_OK); /* who had it open sees it */
    assert_true(is_there(g, "person 1"));
    assert_false(is_there(g, "late"));
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, 1), DIM, 1, &m), 1);
    assert_string_equal(m.name, "person 1");
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    assert_int_equal(add_person(g, "person 4", 4), FACET_OK);
    facet_gallery_close(&g);
    close_place(&p);
}

static void test_restore__erases_again_who_was_erased_since(void **state)
{
    struct place p = open_place(*state);
    struct facet_restore_report report = { 0 };
    struct facet_person ada, bob;
    struct facet_event ev;
    struct facet_gallery *g = open_at(p.gallery, p.v);
    struct facet_events *e = open_events(&p);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_gallery_person(g, "Ada", &ada), FACET_OK);
    assert_int_equal(facet_gallery_person(g, "Bob", &bob), FACET_OK);
    put_event(e, 1, ada.id, "Ada");
    put_event(e, 2, bob.id, "Bob");
    assert_int_equal(facet_events_backup(p.events, p.events_copy), FACET_OK);
    assert_int_equal(facet_gallery_backup(p.gallery, p.copy), FACET_OK);
    assert_int_equal(facet_events_erase(e, ada.id, "Ada", NULL, NULL), FACET_OK);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_OK);
    assert_int_equal(facet_gallery_restore(p.copy, p.gallery, p.v, &report), FACET_OK);
    assert_int_equal(report.erased_again, 1);
    assert_int_equal(facet_gallery_refresh(g), FACET_OK);
    assert_false(is_there(g, "Ada"));
    assert_true(is_there(g, "Bob"));
    assert_int_equal(facet_events_restore(p.events_copy, p.events, p.v, g, &report), FACET_OK);
    assert_int_equal(report.events, 2);
    assert_int_equal(facet_events_get(e, "event-1", &ev), FACET_OK);
    assert_string_equal(ev.identity.name, "");
    assert_int_equal(facet_events_get(e, "event-2", &ev), FACET_OK);
    assert_string_equal(ev.identity.name, "Bob");
    facet_events_close(&e);
    facet_gallery_close(&g);
    assert_int_equal(facet_gallery_restore(p.copy, p.gallery, p.v, &report), FACET_OK); /* and the second time, too */
    g = open_at(p.gallery, p.v);
    assert_false(is_there(g, "Ada"));
    facet_gallery_close(&g);
    close_place(&p);
}

static void test_restore__refuses_another_key_and_other_files(void **state)
{
    struct room *r = *state;
    struct place p = open_place(r);
    struct facet_restore_report report = { 0 };
    char path[200];
    struct facet_gallery *g = open_at(p.gallery, p.v);
    struct facet_events *e = open_events(&p);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_backup(p.gallery, p.copy), FACET_OK);
    assert_int_equal(facet_events_backup(p.events, p.events_copy), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_gallery_restore(p.copy, p.gallery, p.other, &report), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "another site key"));
    assert_int_equal(facet_events_restore(p.events_copy, p.events, p.other, g, &report), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_restore(p.events_copy, p.gallery, p.v, &report), FACET_E_FORMAT);
    assert_int_equal(facet_events_restore(p.copy, p.events, p.v, g, &report), FACET_E_FORMAT);
    snprintf(path, sizeof(path), "%s/none", r->dir);
    assert_int_equal(facet_gallery_restore(path, p.gallery, p.v, &report), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_backup(path, p.copy), FACET_E_NOT_FOUND);
    assert_int_equal(facet_events_backup(path, p.events_copy), FACET_E_NOT_FOUND);
    assert_int_equal(facet_file_write_atomic(path, "this is no database, and never was one", 38), FACET_OK);
    assert_int_not_equal(facet_gallery_restore(path, p.gallery, p.v, &report), FACET_OK);
    assert_int_equal(facet_gallery_backup("postgresql://localhost/x", p.copy), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "pg_dump"));
    /* One byte of a template is another one. */
    int fd = open(p.copy, O_RDWR);
    static char data[1 << 20];
    ssize_t n = pread(fd, data, sizeof(data), 0);
    char *at = n > 0 ? memmem(data, (size_t)n, "Ada", 3) : NULL;
    assert_non_null(at);
    assert_int_equal(pwrite(fd, "Eve", 3, at - data), 3);
    for (ssize_t i = 8192; i + 64 < n; i += 512)
        assert_int_equal(pwrite(fd, "\xa5", 1, i), 1);
    close(fd);
    assert_int_equal(facet_gallery_restore(p.copy, p.gallery, p.v, &report), FACET_E_STORE);
    assert_int_equal(facet_gallery_refresh(g), FACET_OK);
    assert_true(is_there(g, "Bob")); /* nothing of it came in */
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_events_close(&e);
    facet_gallery_close(&g);
    close_place(&p);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_backup__of_a_gallery_in_use_comes_back),
        IN_ROOM(test_restore__erases_again_who_was_erased_since),
        IN_ROOM(test_restore__refuses_another_key_and_other_files),
    };
    unsetenv("FACET_SITE_KEY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
