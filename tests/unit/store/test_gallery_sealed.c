/* Galleries with a site key: nothing readable at rest, opened by that key alone, made from older ones. */
#include "unit/store/fixture.h"

#include "base/file.h"
#include "store/vault.h"

#include <sqlite3.h>

static struct facet_vault *vault_of(struct room *r, const char *name)
{
    struct facet_vault *v;
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", r->dir, name);
    if (facet_vault_open(&v, &(struct facet_vault_opts){ .key = path, .create = true }))
        fail_msg("%s", facet_error_text());
    return v;
}

static struct facet_gallery *open_sealed(const char *path, struct facet_vault *v)
{
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = new_gallery(path);
    o.vault = v;
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

static int try_open(const char *path, struct facet_vault *v, bool read_only)
{
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = { .path = path, .vault = v, .read_only = read_only };
    int err = facet_gallery_open(&g, &o);
    assert_true(!err == !!g);
    facet_gallery_close(&g);
    return err;
}

static void run_sql(const char *path, const char *text)
{
    sqlite3 *sql;
    assert_int_equal(sqlite3_open(path, &sql), SQLITE_OK);
    if (sqlite3_exec(sql, text, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(sql));
    sqlite3_close(sql);
}

static bool folder_has(const struct room *r, const void *bytes, size_t len)
{
    static const char *const ends[] = { "", "-wal", "-shm", ".index" };
    static char data[8 << 20];
    bool has = false;
    for (int i = 0; i < 4; i++) {
        char path[200];
        snprintf(path, sizeof(path), "%s%s", r->path, ends[i]);
        FILE *f = fopen(path, "rb");
        size_t n = f ? fread(data, 1, sizeof(data), f) : 0;
        if (f)
            fclose(f);
        has = has || memmem(data, n, bytes, len);
    }
    return has;
}

static bool has_template(const struct room *r, uint64_t seed)
{
    float e[DIM];
    make_embedding(e, DIM, seed);
    return folder_has(r, e + 10, 32);
}

static void expect_best(struct facet_gallery *g, uint64_t seed, const char *name)
{
    float e[DIM];
    struct facet_match m;
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, seed), DIM, 1, &m), 1);
    assert_string_equal(m.name, name);
    assert_true(m.cosine > 0.99f);
}

static void test_sealed__templates_are_readable_with_the_key_alone(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = vault_of(r, "site.key"), *other = vault_of(r, "other.key");
    struct facet_gallery *g = open_sealed(r->path, v);
    struct facet_gallery_info info;
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    expect_best(g, 1, "Ada");
    assert_false(has_template(r, 1));
    facet_gallery_close(&g);
    g = open_sealed(r->path, v);
    expect_best(g, 2, "Bob");
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_true(info.is_sealed);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
    assert_false(has_template(r, 1) || has_template(r, 2));
    assert_int_equal(try_open(r->path, other, false), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "another site key"));
    assert_int_equal(try_open(r->path, NULL, true), FACET_E_PERMISSION);
    assert_non_null(strstr(facet_error_text(), "FACET_SITE_KEY"));
    assert_int_equal(try_open(r->path, v, true), FACET_OK);
    facet_vault_close(&v);
    facet_vault_close(&other);
}

static void test_sealed__every_change_keeps_it_so(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = vault_of(r, "site.key");
    struct facet_gallery *g = open_sealed(r->path, v);
    char path[200];
    int people = 0, templates = 0;
    int64_t ids[4];
    int n = 0;
    for (uint64_t i = 1; i <= 4; i++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(add_person(g, name, i), FACET_OK);
    }
    assert_int_equal(facet_gallery_merge(g, "person 1", "person 2"), FACET_OK);
    assert_int_equal(facet_gallery_rename(g, "person 1", "Ada"), FACET_OK);
    expect_best(g, 2, "Ada");
    assert_int_equal(facet_gallery_former_ids(g, 1, ids, 4, &n), FACET_OK);
    assert_int_equal(n, 1);
    assert_int_equal(ids[0], 2);
    assert_int_equal(facet_gallery_delete(g, "person 3"), FACET_OK);
    snprintf(path, sizeof(path), "%s/x.jsonl", r->dir);
    assert_int_equal(facet_gallery_export(g, path), FACET_OK);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_OK);
    assert_int_equal(facet_gallery_import(g, path, &people, &templates), FACET_OK);
    assert_int_equal(people, 1);
    assert_int_equal(templates, 2);
    assert_int_equal(facet_gallery_import(g, path, &people, &templates), FACET_OK); /* the same embeddings are known again */
    assert_int_equal(templates, 0);
    expect_best(g, 2, "Ada");
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    for (uint64_t i = 1; i <= 4; i++)
        assert_false(has_template(r, i));
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

static void test_plain__is_sealed_when_a_key_comes(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(r->path);
    o.int8 = true;
    o.index_rows = 2;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    for (uint64_t i = 1; i <= 40; i++)
        assert_int_equal(add_person(g, i <= 20 ? "Ada" : "Bob", i), FACET_OK);
    assert_int_equal(facet_gallery_blob_put(g, "knn", "what was trained on them", 24), FACET_OK);
    facet_gallery_close(&g);
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK); /* writes the index file */
    facet_gallery_close(&g);
    char index[200];
    snprintf(index, sizeof(index), "%s.index", r->path);
    assert_true(facet_path_exists(index));
    assert_true(has_template(r, 1));
    struct facet_vault *v = vault_of(r, "site.key");
    o.vault = v;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    expect_best(g, 33, "Bob");
    for (uint64_t i = 1; i <= 40; i++)
        assert_false(has_template(r, i));
    assert_false(folder_has(r, "what was trained", 16));
    assert_int_equal(facet_gallery_blob_put(g, "knn", "what was trained on them", 24), FACET_OK);
    assert_false(folder_has(r, "what was trained", 16));
    void *data;
    size_t len;
    assert_int_equal(facet_gallery_blob_get(g, "knn", &data, &len, NULL), FACET_OK);
    assert_memory_equal(data, "what was trained on them", 24);
    free(data);
    assert_false(facet_path_exists(index));
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    assert_false(facet_path_exists(index)); /* nor is one made later */
    expect_best(g, 7, "Ada");
    facet_gallery_close(&g);
    facet_vault_close(&v);
}

static void test_plain__stays_so_without_a_key_and_for_readers(void **state)
{
    struct room *r = *state;
    struct facet_gallery_info info;
    struct facet_vault *v = vault_of(r, "site.key");
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_false(info.is_sealed);
    facet_gallery_close(&g);
    assert_int_equal(try_open(r->path, v, true), FACET_OK);
    assert_int_equal(try_open(r->path, NULL, false), FACET_OK);
    assert_true(has_template(r, 1));
    facet_vault_close(&v);
}

/* The key is found where it is configured, so that no caller needs to know of it. */
static void test_plain__is_sealed_with_a_configured_key(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    facet_gallery_close(&g);
    setenv("FACET_SITE_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    g = open_or_fail(r->path);
    expect_best(g, 1, "Ada");
    assert_false(has_template(r, 1));
    facet_gallery_close(&g);
    setenv("FACET_SITE_KEY", "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
    assert_int_equal(try_open(r->path, NULL, false), FACET_E_PERMISSION);
    setenv("FACET_SITE_KEY", "file:/nowhere/site.key", 1);
    assert_int_equal(try_open(r->path, NULL, false), FACET_E_NOT_FOUND);
    unsetenv("FACET_SITE_KEY");
    assert_int_equal(try_open(r->path, NULL, false), FACET_E_PERMISSION);
}

static void test_sealed__changed_and_swapped_rows_are_damage(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = vault_of(r, "site.key");
    static const char *const changes[] = {
        "UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE person = 2) WHERE person = 1",
        "UPDATE keys SET wrapped = x'00' WHERE person = 1",
        "DELETE FROM keys WHERE person = 1",
        "UPDATE templates SET embedding = (SELECT embedding FROM templates WHERE person = 2) WHERE person = 1",
        "UPDATE templates SET person = 2 WHERE person = 1",
        "UPDATE templates SET embedding = zeroblob(512) WHERE person = 1",
    };
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        char path[200];
        snprintf(path, sizeof(path), "%s/%zu.db", r->dir, i);
        struct facet_gallery *g = open_sealed(path, v);
        assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
        assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
        facet_gallery_close(&g);
        run_sql(path, changes[i]);
        if (try_open(path, v, false) != FACET_E_STORE || !strstr(facet_error_text(), "damaged"))
            fail_msg("%s: %s", changes[i], facet_error_text());
    }
    facet_vault_close(&v);
}

static void make_old(const char *path, int schema)
{
    char name[512];
    uint8_t *sql;
    size_t len;
    const char *root = getenv("FACET_TEST_SOURCE");
    snprintf(name, sizeof(name), "%s/tests/fixtures/galleries/schema%d.sql", root ? root : ".", schema);
    if (facet_file_read(name, 1 << 20, &sql, &len))
        fail_msg("%s", facet_error_text());
    run_sql(path, (const char *)sql);
    free(sql);
}

/* Files that old programs wrote (tests/fixtures/galleries): with and without a key nobody is lost. */
static void test_old__galleries_come_up_to_date_plain_and_sealed(void **state)
{
    struct room *r = *state;
    struct facet_vault *v = vault_of(r, "site.key");
    for (int i = 0; i < 4; i++) {
        struct facet_gallery *g;
        struct facet_gallery_info info;
        char path[200];
        bool seal = i % 2;
        snprintf(path, sizeof(path), "%s/old%d.db", r->dir, i);
        make_old(path, 1 + i / 2);
        assert_int_equal(try_open(path, NULL, true), FACET_E_PERMISSION);
        assert_non_null(strstr(facet_error_text(), "open it once for writing"));
        g = open_sealed(path, seal ? v : NULL);
        assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
        assert_int_equal(info.schema, 3);
        assert_int_equal(info.people, 3);
        assert_int_equal(info.is_sealed, seal);
        expect_best(g, 1, "person 1");
        expect_best(g, 3, "person 3");
        assert_int_equal(add_person(g, "person 4", 4), FACET_OK);
        assert_int_equal(facet_gallery_delete(g, "person 2"), FACET_OK);
        assert_int_equal(facet_gallery_check(g), FACET_OK);
        facet_gallery_close(&g);
        snprintf(r->path, sizeof(r->path), "%.100s", path);
        assert_int_equal(has_template(r, 1), !seal);
        assert_false(has_template(r, 2));
    }
    facet_vault_close(&v);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_sealed__templates_are_readable_with_the_key_alone),
        IN_ROOM(test_sealed__every_change_keeps_it_so),
        IN_ROOM(test_plain__is_sealed_when_a_key_comes),
        IN_ROOM(test_plain__stays_so_without_a_key_and_for_readers),
        IN_ROOM(test_plain__is_sealed_with_a_configured_key),
        IN_ROOM(test_sealed__changed_and_swapped_rows_are_damage),
        IN_ROOM(test_old__galleries_come_up_to_date_plain_and_sealed),
    };
    unsetenv("FACET_SITE_KEY");
    unsetenv("CREDENTIALS_DIRECTORY");
    setenv("FACET_CONFIG", "/nonexistent", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
