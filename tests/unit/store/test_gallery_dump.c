#include "unit/store/fixture.h"

#include "store/vault.h"

struct two { struct facet_gallery *server, *device; struct facet_vault *v, *other; };

static struct facet_vault *vault_of(struct room *r, const char *name)
{
    struct facet_vault *v;
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (facet_vault_open(&v, &(struct facet_vault_opts){ .key = path, .create = true }))
        fail_msg("%s", facet_error_text());
    return v;
}

static struct facet_gallery *open_with(struct room *r, const char *name, struct facet_vault *v)
{
    struct facet_gallery *g;
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    struct facet_gallery_opts o = new_gallery(path);
    o.vault = v;
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

static struct two open_two(struct room *r)
{
    struct two t = { .v = vault_of(r, "site.key"), .other = vault_of(r, "other.key") };
    t.server = open_with(r, "server.db", t.v);
    t.device = open_with(r, "device.db", t.v);
    for (uint64_t i = 1; i <= 5; i++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(add_person(t.server, name, i), FACET_OK);
    }
    assert_int_equal(facet_gallery_delete(t.server, "person 1"), FACET_OK); /* so that ids begin elsewhere */
    assert_int_equal(add_person(t.device, "somebody", 77), FACET_OK);
    return t;
}

static void close_two(struct two *t)
{
    facet_gallery_close(&t->server);
    facet_gallery_close(&t->device);
    facet_vault_close(&t->v);
    facet_vault_close(&t->other);
}

static bool file_has_template(const char *path, uint64_t seed)
{
    static char data[4 << 20];
    float e[DIM];
    make_embedding(e, DIM, seed);
    FILE *f = fopen(path, "rb");
    size_t n = f ? fread(data, 1, sizeof(data), f) : 0;
    if (f)
        fclose(f);
    return memmem(data, n, e + 10, 32) != NULL;
}

static void carry(struct two *t, uint64_t *version)
{
    void *data;
    size_t len;
    uint64_t sent = 0;
    assert_int_equal(facet_gallery_dump(t->server, t->v, &data, &len, &sent), FACET_OK);
    if (facet_gallery_load_dump(t->device, t->v, data, len, version))
        fail_msg("%s", facet_error_text());
    assert_int_equal(*version, sent);
    free(data);
}

static void test_dump__makes_the_other_gallery_the_same(void **state)
{
    struct two t = open_two(*state);
    struct facet_match a, b;
    struct facet_person p;
    uint64_t version = 0, kept = 0;
    float e[DIM];
    carry(&t, &version);
    assert_int_equal(facet_gallery_search(t.server, make_embedding(e, DIM, 3), DIM, 1, &a), 1);
    assert_int_equal(facet_gallery_search(t.device, e, DIM, 1, &b), 1);
    assert_string_equal(b.name, "person 3");
    assert_int_equal(a.person, b.person);
    assert_int_equal(a.template_id, b.template_id);
    assert_int_equal(facet_gallery_person(t.device, "somebody", &p), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_dump_version(t.device, &kept), FACET_OK);
    assert_int_equal(kept, version);
    assert_int_equal(facet_gallery_check(t.device), FACET_OK);
    close_two(&t);
}

static void test_dump__who_was_erased_is_erased_there_too(void **state)
{
    struct room *r = *state;
    struct two t = open_two(r);
    struct facet_person p;
    uint64_t version = 0;
    char path[200];
    snprintf(path, sizeof(path), "%s/device.db", r->dir);
    carry(&t, &version);
    assert_int_equal(facet_gallery_delete(t.server, "person 4"), FACET_OK);
    carry(&t, &version);
    assert_int_equal(facet_gallery_person(t.device, "person 4", &p), FACET_E_NOT_FOUND);
    facet_gallery_close(&t.device);
    for (uint64_t i = 2; i <= 5; i++)
        assert_false(file_has_template(path, i));
    close_two(&t);
}

static void test_dump__sealed_shows_nothing_and_wants_its_key(void **state)
{
    struct two t = open_two(*state);
    struct facet_person p;
    void *data, *plain;
    size_t len, plain_len;
    float e[DIM];
    assert_int_equal(facet_gallery_dump(t.server, t.v, &data, &len, NULL), FACET_OK);
    assert_null(memmem(data, len, "person", 6));
    make_embedding(e, DIM, 3);
    assert_null(memmem(data, len, e, 32));
    assert_int_equal(facet_gallery_load_dump(t.device, t.other, data, len, NULL), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_load_dump(t.device, NULL, data, len, NULL), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_dump(t.server, NULL, &plain, &plain_len, NULL), FACET_OK);
    assert_int_equal(facet_gallery_load_dump(t.device, t.v, plain, plain_len, NULL), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_person(t.device, "somebody", &p), FACET_OK);
    free(data);
    free(plain);
    close_two(&t);
}

static void test_dump__damaged_or_cut_off_changes_nothing(void **state)
{
    struct two t = open_two(*state);
    struct facet_person p;
    unsigned char *data;
    void *made;
    size_t len;
    assert_int_equal(facet_gallery_dump(t.server, NULL, &made, &len, NULL), FACET_OK);
    data = made;
    for (size_t n = 0; n < len; n += n < 200 ? 1 : 97)
        assert_int_not_equal(facet_gallery_load_dump(t.device, NULL, data, n, NULL), FACET_OK);
    static const struct { int at; unsigned char with; } changes[] = { { 0, 'X' }, { 4, 9 }, { 16, 5 }, { 20, 200 }, { 27, 255 }, { 28, 1 },
                                                                      { 36, 'z' } };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        unsigned char was = data[changes[i].at];
        data[changes[i].at] = changes[i].with;
        assert_int_not_equal(facet_gallery_load_dump(t.device, NULL, data, len, NULL), FACET_OK);
        data[changes[i].at] = was;
    }
    assert_int_equal(facet_gallery_person(t.device, "somebody", &p), FACET_OK);
    assert_int_equal(facet_gallery_check(t.device), FACET_OK);
    assert_int_equal(facet_gallery_load_dump(t.device, NULL, data, len, NULL), FACET_OK);
    free(made);
    close_two(&t);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open_quick, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_dump__makes_the_other_gallery_the_same),
        IN_ROOM(test_dump__who_was_erased_is_erased_there_too),
        IN_ROOM(test_dump__sealed_shows_nothing_and_wants_its_key),
        IN_ROOM(test_dump__damaged_or_cut_off_changes_nothing),
    };
    unsetenv("FACET_SITE_KEY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
