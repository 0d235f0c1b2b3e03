/* The index file of a gallery: used while it is true, and never longer. */
#include "unit/store/fixture.h"

#include "base/file.h"
#include "store/gallery_priv.h"

#include <sqlite3.h>

#define PEOPLE 60

static struct facet_gallery *open_int8(const char *path, bool read_only)
{
    struct facet_gallery *g = NULL;
    struct facet_gallery_opts o = new_gallery(path);
    o.int8 = true;
    o.index_rows = 50;
    o.read_only = read_only;
    o.create = !read_only;
    if (facet_gallery_open(&g, &o))
        fail_msg("%s", facet_error_text());
    return g;
}

static void fill(const char *path)
{
    struct facet_gallery *g = open_int8(path, false);
    for (int i = 0; i < PEOPLE; i++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", i);
        assert_int_equal(add_person(g, name, (uint64_t)i), FACET_OK);
    }
    facet_gallery_close(&g);
    g = open_int8(path, false);    /* writes the file */
    facet_gallery_close(&g);
}

static bool has_file(const struct room *r)
{
    char path[160];
    snprintf(path, sizeof(path), "%s.index", r->path);
    return facet_path_exists(path);
}

static bool opens_mapped(const struct room *r)
{
    struct facet_gallery *g = open_int8(r->path, true);
    bool is = facet__gallery_has_map(g);
    facet_gallery_close(&g);
    return is;
}

static void finds(struct facet_gallery *g, const char *name, uint64_t seed)
{
    struct facet_match m = { .name = "" };
    float e[DIM];
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, seed), DIM, 1, &m), 1);
    if (!name) {
        assert_true(m.cosine < 0.9f);
        return;
    }
    assert_string_equal(m.name, name);
    assert_true(m.cosine > 0.98f);
}

static void finds_in_file(const struct room *r, const char *name, uint64_t seed)
{
    struct facet_gallery *g = open_int8(r->path, true);
    finds(g, name, seed);
    facet_gallery_close(&g);
}

static void test_index__is_kept_and_mapped(void **state)
{
    const struct room *r = *state;
    fill(r->path);
    assert_true(has_file(r));
    assert_true(opens_mapped(r));
    finds_in_file(r, "person 7", 7);
}

static void test_index__of_few_is_not_kept(void **state)
{
    const struct room *r = *state;
    struct facet_gallery *g = open_int8(r->path, false);
    assert_int_equal(add_person(g, "Ann", 1), FACET_OK);
    facet_gallery_close(&g);
    g = open_int8(r->path, false);
    facet_gallery_close(&g);
    assert_false(has_file(r));
}

static void test_index__additions_are_read_behind_it(void **state)
{
    const struct room *r = *state;
    fill(r->path);
    struct facet_gallery *g = open_int8(r->path, false);
    assert_true(facet__gallery_has_map(g));
    assert_int_equal(add_person(g, "newcomer", 1001), FACET_OK);
    finds(g, "newcomer", 1001);
    facet_gallery_close(&g);
    assert_true(opens_mapped(r));
    finds_in_file(r, "newcomer", 1001);
    finds_in_file(r, "person 3", 3);
}

static void test_index__ends_with_every_other_change(void **state)
{
    const struct room *r = *state;
    for (int i = 0; i < 3; i++) {
        fill(r->path);
        assert_true(opens_mapped(r));
        struct facet_gallery *g = open_int8(r->path, false);
        if (i == 0)
            assert_int_equal(facet_gallery_delete(g, "person 9"), FACET_OK);
        if (i == 1)
            assert_int_equal(facet_gallery_rename(g, "person 9", "somebody"), FACET_OK);
        if (i == 2)
            assert_int_equal(facet_gallery_merge(g, "person 8", "person 9"), FACET_OK);
        finds(g, i == 0 ? NULL : i == 1 ? "somebody" : "person 8", 9);
        assert_false(has_file(r));
        facet_gallery_close(&g);
        assert_false(opens_mapped(r));
        finds_in_file(r, i == 0 ? NULL : i == 1 ? "somebody" : "person 8", 9);
        assert_int_equal(unlink(r->path), 0);
    }
}

static void test_index__is_not_believed_after_a_program_that_does_not_know_it(void **state)
{
    const struct room *r = *state;
    sqlite3 *db;
    fill(r->path);
    assert_int_equal(sqlite3_open(r->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM templates WHERE person = 10; DELETE FROM people WHERE id = 10;"
                                      "UPDATE meta SET value = value + 1 WHERE key = 'people_version'", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_false(opens_mapped(r));
    finds_in_file(r, NULL, 9);
    struct facet_gallery *g = open_int8(r->path, false);   /* and is made anew */
    facet_gallery_close(&g);
    assert_true(opens_mapped(r));
    finds_in_file(r, NULL, 9);
}

static void test_index__of_another_state_is_not_believed(void **state)
{
    const struct room *r = *state;
    char index[160], kept[160];
    uint8_t *data;
    size_t len;
    fill(r->path);
    snprintf(index, sizeof(index), "%s.index", r->path);
    snprintf(kept, sizeof(kept), "%s.kept", r->path);
    assert_int_equal(rename(index, kept), 0);
    struct facet_gallery *g = open_int8(r->path, false);   /* makes a new one with a new tag */
    facet_gallery_close(&g);
    assert_true(opens_mapped(r));
    assert_int_equal(facet_file_read(kept, 1 << 26, &data, &len), FACET_OK);
    assert_int_equal(facet_file_write_atomic(index, data, len), FACET_OK);
    free(data);
    assert_false(opens_mapped(r));
    finds_in_file(r, "person 3", 3);
}

static void damage(const struct room *r, size_t at)
{
    char index[160];
    uint8_t *data;
    size_t len;
    snprintf(index, sizeof(index), "%s.index", r->path);
    assert_int_equal(facet_file_read(index, 1 << 26, &data, &len), FACET_OK);
    data[at < len ? at : len - 1] ^= 1;
    assert_int_equal(facet_file_write_atomic(index, data, len), FACET_OK);
    free(data);
}

static void test_index__that_is_damaged_is_made_anew(void **state)
{
    const struct room *r = *state;
    fill(r->path);
    damage(r, SIZE_MAX);
    assert_false(opens_mapped(r));
    finds_in_file(r, "person 3", 3);
    struct facet_gallery *g = open_int8(r->path, false);
    facet_gallery_close(&g);
    assert_true(opens_mapped(r));
}

static void test_index__damage_met_by_a_search_is_mended(void **state)
{
    const struct room *r = *state;
    struct facet_gallery *g = open_int8(r->path, false);
    float e[DIM];
    struct facet_template t = { .quality = 1 };
    for (int i = 0; i < 4200; i++)
        assert_int_equal(facet_gallery_add(g, "Ann", make_embedding(e, DIM, (uint64_t)i), DIM, &t, NULL), FACET_OK);
    facet_gallery_close(&g);
    g = open_int8(r->path, false);
    facet_gallery_close(&g);
    damage(r, 5000);
    g = open_int8(r->path, false);
    assert_true(facet__gallery_has_map(g));
    struct facet_match m[2];
    int found[2];
    float two[2 * DIM];
    make_embedding(two, DIM, 5);
    make_embedding(two + DIM, DIM, 4150);
    struct facet_search_opts o = { .k = 1 };
    assert_int_equal(facet_gallery_search_many(g, two, 2, DIM, &o, m, found), FACET_OK);
    assert_true(m[0].cosine > 0.98f && m[1].cosine > 0.98f);
    assert_false(facet__gallery_has_map(g));
    facet_gallery_close(&g);
}

static void test_search_many__refuses_what_search_refuses(void **state)
{
    const struct room *r = *state;
    struct facet_gallery *g = open_int8(r->path, false);
    struct facet_match m[2];
    int found[2];
    float two[2 * DIM] = { 0 };
    struct facet_search_opts o = { .k = 1 };
    make_embedding(two, DIM, 5);
    assert_int_equal(facet_gallery_search_many(g, two, 2, DIM, &o, m, found), FACET_E_INVALID);   /* the second is zeros */
    assert_int_equal(facet_gallery_search_many(g, two, 1, DIM + 1, &o, m, found), FACET_E_CONTRACT);
    assert_int_equal(facet_gallery_search_many(g, two, -1, DIM, &o, m, found), FACET_E_INVALID);
    o.k = -1;
    assert_int_equal(facet_gallery_search_many(g, two, 1, DIM, &o, m, found), FACET_E_INVALID);
    o.k = 1;
    assert_int_equal(facet_gallery_search_many(g, two, 1, DIM, &o, m, found), FACET_OK);
    assert_int_equal(found[0], 0);
    facet_gallery_close(&g);
}

#define IN_ROOM(test) cmocka_unit_test_setup_teardown(test, room_open_quick, room_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_index__is_kept_and_mapped),
        IN_ROOM(test_index__of_few_is_not_kept),
        IN_ROOM(test_index__additions_are_read_behind_it),
        IN_ROOM(test_index__ends_with_every_other_change),
        IN_ROOM(test_index__is_not_believed_after_a_program_that_does_not_know_it),
        IN_ROOM(test_index__of_another_state_is_not_believed),
        IN_ROOM(test_index__that_is_damaged_is_made_anew),
        IN_ROOM(test_index__damage_met_by_a_search_is_mended),
        IN_ROOM(test_search_many__refuses_what_search_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
