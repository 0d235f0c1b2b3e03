#include "unit/store/fixture.h"

#include "base/str.h"

#include <pthread.h>
#include <stdatomic.h>

static void test_open__new_gallery_is_empty_and_whole(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    struct facet_gallery_info info;
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_string_equal(info.contract, CONTRACT_A);
    assert_string_equal(info.model, "seeded");
    assert_int_equal(info.dim, DIM);
    assert_int_equal(info.people + info.templates, 0);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
    assert_null(g);
    facet_gallery_close(&g);
}

static void test_open__people_come_back(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    float e[DIM];
    struct facet_template about = { .quality = 0.75f, .source = "ada.jpg", .source_sha256 = CONTRACT_B, .created_ms = 77 };
    int64_t id = 0;
    assert_int_equal(facet_gallery_add(g, "Ada", make_embedding(e, DIM, 1), DIM, &about, &id), FACET_OK);
    assert_true(id > 0);
    facet_gallery_close(&g);

    struct facet_gallery_opts o = { .path = r->path, .read_only = true };
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    struct facet_person p;
    assert_int_equal(facet_gallery_person(g, "Ada", &p), FACET_OK);
    assert_int_equal(p.templates, 1);
    assert_int_equal(p.created_ms, 77);
    struct facet_match m;
    assert_int_equal(facet_gallery_search(g, e, DIM, 1, &m), 1);
    assert_string_equal(m.name, "Ada");
    assert_int_equal(m.template_id, id);
    assert_true(fabsf(m.cosine - 1) < 1e-5f);
    facet_gallery_close(&g);
}

static void test_open__in_memory_needs_no_file(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_OK);
    facet_gallery_close(&g);
    assert_int_not_equal(access(":memory:", F_OK), 0);
}

static void test_open__new_files_are_their_owners_alone(void **state)
{
    if (!room_is_file())
        skip();
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    char cmd[256];
    snprintf(cmd, sizeof(cmd), "! find '%s' -name 'gallery*' -perm /077 | grep -q .", r->dir);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(system(cmd), 0);
    facet_gallery_close(&g);
}

static void test_open__missing_one_says_how_to_make_it(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = r->path };
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_NOT_FOUND);
    assert_null(g);
    assert_non_null(strstr(facet_error_text(), r->path));
    assert_non_null(strstr(facet_error_text(), "facet enroll"));
    assert_int_not_equal(access(r->path, F_OK), 0);
}

static void test_open__other_contract_is_refused(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    facet_gallery_close(&g);
    struct facet_gallery_opts o = new_gallery(r->path);
    o.contract = CONTRACT_B, o.model = "other";
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_CONTRACT);
    assert_non_null(strstr(facet_error_text(), "'seeded'"));
    assert_non_null(strstr(facet_error_text(), "'other'"));
    o = new_gallery(r->path);
    o.dim = 512;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_CONTRACT);
}

static void test_open__creation_needs_contract_and_dim(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(r->path);
    o.contract = NULL;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_INVALID);
    o.contract = "short";
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_INVALID);
    o = new_gallery(r->path);
    o.dim = 0;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_INVALID);
    o.dim = FACET_MAX_EMBEDDING + 1;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_E_INVALID);
    g = open_or_fail(r->path); /* the failures left nothing in the way */
    facet_gallery_close(&g);
}

static void test_add__bad_embeddings_are_refused(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    make_embedding(e, DIM, 1);
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM - 1, NULL, NULL), FACET_E_CONTRACT);
    e[5] = NAN;
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, NULL, NULL), FACET_E_INVALID);
    make_embedding(e, DIM, 1);
    for (int i = 0; i < DIM; i++)
        e[i] *= 2;
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, NULL, NULL), FACET_E_INVALID);
    struct facet_person p;
    assert_int_equal(facet_gallery_person(g, "Ada", &p), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_version(g), 0);
    facet_gallery_close(&g);
}

static void test_add__bad_names_and_facts_are_refused(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    make_embedding(e, DIM, 1);
    assert_int_equal(add_person(g, "", 1), FACET_E_INVALID);
    assert_int_equal(add_person(g, "a\nb", 1), FACET_E_INVALID);
    assert_int_equal(add_person(g, "unknown", 1), FACET_E_INVALID);
    struct facet_template t = { .quality = NAN };
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, &t, NULL), FACET_E_INVALID);
    t.quality = 1.5f;
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, &t, NULL), FACET_E_INVALID);
    t = (struct facet_template){ .source_sha256 = "abc" };
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, &t, NULL), FACET_E_INVALID);
    facet_gallery_close(&g);
}

static void test_add__the_same_picture_twice_is_refused(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    make_embedding(e, DIM, 1);
    struct facet_template t = { .source_sha256 = CONTRACT_A };
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, &t, NULL), FACET_OK);
    assert_int_equal(facet_gallery_add(g, "Ada", e, DIM, &t, NULL), FACET_E_EXISTS);
    bool has;
    assert_int_equal(facet_gallery_has_source(g, "Ada", CONTRACT_A, &has), FACET_OK);
    assert_true(has);
    assert_int_equal(facet_gallery_has_source(g, "Ada", CONTRACT_B, &has), FACET_OK);
    assert_false(has);
    assert_int_equal(facet_gallery_has_source(g, "Bob", CONTRACT_A, &has), FACET_OK);
    assert_false(has);
    assert_int_equal(facet_gallery_has_source(g, "Ada", "abc", &has), FACET_E_INVALID);
    assert_int_equal(facet_gallery_add(g, "Bob", e, DIM, &t, NULL), FACET_OK); /* another face of it */
    struct facet_match m[3];
    assert_int_equal(facet_gallery_search(g, e, DIM, 3, m), 2);
    facet_gallery_close(&g);
}

static void test_search__is_refused_for_what_is_no_embedding(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM] = { 0 };
    struct facet_match m;
    assert_int_equal(facet_gallery_search(g, e, DIM, 1, &m), FACET_E_INVALID);
    e[0] = 1;
    assert_int_equal(facet_gallery_search(g, e, DIM, 1, &m), 0);
    assert_int_equal(facet_gallery_search(g, e, DIM + 1, 1, &m), FACET_E_CONTRACT);
    assert_int_equal(facet_gallery_search(g, e, DIM, -1, &m), FACET_E_INVALID);
    facet_gallery_close(&g);
}

static void test_rename__moves_the_name_alone(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    uint64_t before = facet_gallery_version(g);
    assert_int_equal(facet_gallery_rename(g, "Ada", "Ada Lovelace"), FACET_OK);
    assert_int_equal(facet_gallery_version(g), before + 1);
    float e[DIM];
    struct facet_match m;
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, 1), DIM, 1, &m), 1);
    assert_string_equal(m.name, "Ada Lovelace");
    facet_gallery_close(&g);
}

static void test_rename__refusals_change_nothing(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    uint64_t before = facet_gallery_version(g);
    assert_int_equal(facet_gallery_rename(g, "Ada", "Bob"), FACET_E_EXISTS);
    assert_int_equal(facet_gallery_rename(g, "Eve", "Eva"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_rename(g, "Ada", "unknown"), FACET_E_INVALID);
    assert_int_equal(facet_gallery_rename(g, "Ada", ""), FACET_E_INVALID);
    assert_int_equal(facet_gallery_version(g), before);
    facet_gallery_close(&g);
}

static void test_merge__templates_move_and_doubles_go(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    struct facet_template t = { .source_sha256 = CONTRACT_A };
    assert_int_equal(facet_gallery_add(g, "Ada", make_embedding(e, DIM, 1), DIM, &t, NULL), FACET_OK);
    assert_int_equal(facet_gallery_add(g, "Ada L", e, DIM, &t, NULL), FACET_OK);
    assert_int_equal(add_person(g, "Ada L", 2), FACET_OK);
    assert_int_equal(facet_gallery_merge(g, "Ada", "Ada L"), FACET_OK);
    struct facet_person p;
    assert_int_equal(facet_gallery_person(g, "Ada", &p), FACET_OK);
    assert_int_equal(p.templates, 2);
    assert_int_equal(facet_gallery_person(g, "Ada L", &p), FACET_E_NOT_FOUND);
    struct facet_match m[2];
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, 2), DIM, 2, m), 1);
    assert_string_equal(m[0].name, "Ada");
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
}

static void test_merge__with_itself_or_nobody_is_refused(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_merge(g, "Ada", "Ada"), FACET_E_INVALID);
    assert_int_equal(facet_gallery_merge(g, "Ada", "Eve"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_merge(g, "Eve", "Ada"), FACET_E_NOT_FOUND);
    struct facet_person p;
    assert_int_equal(facet_gallery_person(g, "Ada", &p), FACET_OK);
    facet_gallery_close(&g);
}

static int collect(void *ctx, const struct facet_person *p)
{
    facet_str_puts(ctx, p->name);
    return strcmp(p->name, "stop") ? 0 : 42;
}

static void test_people__come_by_name_until_told_to_stop(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    struct facet_str text = FACET_STR_INIT;
    assert_int_equal(add_person(g, "c", 1), FACET_OK);
    assert_int_equal(add_person(g, "a", 2), FACET_OK);
    assert_int_equal(add_person(g, "b", 3), FACET_OK);
    assert_int_equal(facet_gallery_people(g, collect, &text), FACET_OK);
    assert_string_equal(facet_str_text(&text), "abc");
    assert_int_equal(add_person(g, "stop", 4), FACET_OK);
    assert_int_equal(add_person(g, "z", 5), FACET_OK);
    facet_str_clear(&text);
    assert_int_equal(facet_gallery_people(g, collect, &text), 42);
    assert_string_equal(facet_str_text(&text), "abcstop");
    facet_str_fini(&text);
    facet_gallery_close(&g);
}

static int rename_back(void *ctx, const struct facet_template *t, const float *embedding)
{
    return facet_gallery_rename(ctx, "Ada", "Ada"); /* EXISTS: but no deadlock */
}

static void test_templates__callback_may_call_the_gallery(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_templates(g, "Ada", rename_back, g), FACET_E_EXISTS);
    assert_int_equal(facet_gallery_templates(g, "Eve", rename_back, g), FACET_E_NOT_FOUND);
    facet_gallery_close(&g);
}

static void test_delete__takes_templates_and_what_was_trained(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    void *data;
    size_t len;
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_gallery_blob_put(g, "classifier", "weights", 7), FACET_OK);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_OK);
    assert_int_equal(facet_gallery_blob_get(g, "classifier", &data, &len, NULL), FACET_E_NOT_FOUND);
    float e[DIM];
    struct facet_match m[2];
    assert_int_equal(facet_gallery_search(g, make_embedding(e, DIM, 1), DIM, 2, m), 1);
    assert_string_equal(m[0].name, "Bob");
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_delete_template(g, m[0].template_id), FACET_OK);
    assert_int_equal(facet_gallery_delete_template(g, m[0].template_id), FACET_E_NOT_FOUND);
    assert_int_equal(facet_gallery_search(g, e, DIM, 2, m), 0);
    facet_gallery_close(&g);
}

static bool file_holds(const char *path, const void *needle, size_t n)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    static char data[8 << 20];
    size_t len = fread(data, 1, sizeof(data), f);
    fclose(f);
    return memmem(data, len, needle, n) != NULL;
}

static void test_delete__bytes_are_gone_from_file_and_log(void **state)
{
    if (!room_is_file())
        skip();
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    char wal[160];
    float e[DIM];
    snprintf(wal, sizeof(wal), "%s-wal", r->path);
    make_embedding(e, DIM, 4711);
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(add_person(g, "others", i), FACET_OK);
    assert_int_equal(add_person(g, "Zenobia of Palmyra", 4711), FACET_OK);
    assert_true(file_holds(wal, e + 3, 32) || file_holds(r->path, e + 3, 32)); /* the search works */
    assert_int_equal(facet_gallery_delete(g, "Zenobia of Palmyra"), FACET_OK);
    for (int i = 0; i + 8 <= DIM; i += 8) {
        assert_false(file_holds(wal, e + i, 32));
        assert_false(file_holds(r->path, e + i, 32));
    }
    assert_false(file_holds(wal, "Zenobia", 7));
    assert_false(file_holds(r->path, "Zenobia", 7));
    facet_gallery_close(&g);
}

static void test_close__tidies_the_log_away(void **state)
{
    if (!room_is_file())
        skip();
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    char cmd[256];
    snprintf(cmd, sizeof(cmd), "! ls '%s' | grep -q shm", r->dir);
    assert_int_not_equal(system(cmd), 0); /* a log is in use */
    facet_gallery_close(&g);
    assert_int_equal(system(cmd), 0); /* and closing tidies up */
}

static void test_read_only__refuses_every_change(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(r->path);
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    facet_gallery_close(&g);
    struct facet_gallery_opts o = { .path = r->path, .read_only = true };
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_rename(g, "Ada", "Eve"), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_blob_put(g, "x", "y", 1), FACET_E_PERMISSION);
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    facet_gallery_close(&g);
}

static void test_blob__comes_back_with_its_version(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    void *data;
    size_t len;
    uint64_t version;
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_gallery_blob_put(g, "classifier", "one", 3), FACET_OK);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_gallery_blob_get(g, "classifier", &data, &len, &version), FACET_OK);
    assert_int_equal(len, 3);
    assert_memory_equal(data, "one", 3);
    assert_int_equal(version, 1);
    assert_int_equal(facet_gallery_version(g), 2);
    free(data);
    assert_int_equal(facet_gallery_blob_get(g, "other", &data, &len, &version), FACET_E_NOT_FOUND);
    assert_null(data);
    facet_gallery_close(&g);
}

static void test_refresh__sees_what_another_connection_did(void **state)
{
    struct room *r = *state;
    struct facet_gallery *a = open_or_fail(r->path), *b = open_or_fail(r->path);
    float e[DIM];
    struct facet_match m[3];
    assert_int_equal(add_person(a, "Ada", 1), FACET_OK);
    make_embedding(e, DIM, 1);
    assert_int_equal(facet_gallery_search(b, e, DIM, 1, m), 0);
    assert_int_equal(facet_gallery_refresh(b), FACET_OK);
    assert_int_equal(facet_gallery_search(b, e, DIM, 1, m), 1);
    assert_int_equal(add_person(a, "Bob", 2), FACET_OK);
    assert_int_equal(add_person(b, "Eve", 3), FACET_OK); /* a writer looks by itself */
    assert_int_equal(facet_gallery_search(b, e, DIM, 3, m), 3);
    assert_int_equal(facet_gallery_version(b), 3);
    facet_gallery_close(&a);
    facet_gallery_close(&b);
}

struct race { struct facet_gallery *g; atomic_bool is_done; int wrong; };

static void *search_on(void *ctx)
{
    struct race *r = ctx;
    float e[DIM];
    struct facet_match m[4];
    make_embedding(e, DIM, 0);
    while (!atomic_load(&r->is_done)) {
        int n = facet_gallery_search(r->g, e, DIM, 4, m);
        r->wrong += n < 1 || strcmp(m[0].name, "person 0");
    }
    return NULL;
}

static void test_search__runs_beside_a_writer(void **state)
{
    struct race r = { .g = open_or_fail(":memory:") };
    pthread_t thread;
    char name[32];
    assert_int_equal(add_person(r.g, "person 0", 0), FACET_OK);
    assert_int_equal(pthread_create(&thread, NULL, search_on, &r), 0);
    for (uint64_t i = 1; i < 600; i++) {
        snprintf(name, sizeof(name), "person %d", (int)(i % 150));
        assert_int_equal(add_person(r.g, name, i), FACET_OK);
        if (i % 200 == 0)
            assert_int_equal(facet_gallery_delete(r.g, "person 7"), FACET_OK);
    }
    atomic_store(&r.is_done, true);
    pthread_join(thread, NULL);
    assert_int_equal(r.wrong, 0);
    facet_gallery_close(&r.g);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_open__new_gallery_is_empty_and_whole),
        IN_ROOM(test_open__people_come_back),
        cmocka_unit_test(test_open__in_memory_needs_no_file),
        IN_ROOM(test_open__new_files_are_their_owners_alone),
        IN_ROOM(test_open__missing_one_says_how_to_make_it),
        IN_ROOM(test_open__other_contract_is_refused),
        IN_ROOM(test_open__creation_needs_contract_and_dim),
        cmocka_unit_test(test_add__bad_embeddings_are_refused),
        cmocka_unit_test(test_add__bad_names_and_facts_are_refused),
        cmocka_unit_test(test_add__the_same_picture_twice_is_refused),
        cmocka_unit_test(test_search__is_refused_for_what_is_no_embedding),
        cmocka_unit_test(test_rename__moves_the_name_alone),
        cmocka_unit_test(test_rename__refusals_change_nothing),
        cmocka_unit_test(test_merge__templates_move_and_doubles_go),
        cmocka_unit_test(test_merge__with_itself_or_nobody_is_refused),
        cmocka_unit_test(test_people__come_by_name_until_told_to_stop),
        cmocka_unit_test(test_templates__callback_may_call_the_gallery),
        cmocka_unit_test(test_delete__takes_templates_and_what_was_trained),
        IN_ROOM(test_delete__bytes_are_gone_from_file_and_log),
        IN_ROOM(test_close__tidies_the_log_away),
        IN_ROOM(test_read_only__refuses_every_change),
        cmocka_unit_test(test_blob__comes_back_with_its_version),
        IN_ROOM(test_refresh__sees_what_another_connection_did),
        cmocka_unit_test(test_search__runs_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, room_server_close);
}
