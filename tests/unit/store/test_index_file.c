/* An index as a file: what comes back is what was written, and nothing else is believed. */
#include "unit/store/fixture.h"

#include "base/cpu.h"
#include "base/file.h"
#include "base/hash.h"
#include "store/index.h"

#include <sys/stat.h>

#define TIE_A { CONTRACT_A, "0123456789abcdef0123456789abcdef", DIM }
static const struct facet_index_tie tie_a = TIE_A;

static struct facet_index *fill(int rows, int people)
{
    struct facet_index *x;
    float e[DIM];
    assert_int_equal(facet_index_open(&x, DIM, true), FACET_OK);
    for (int p = 0; p < people; p++) {
        char name[32];
        snprintf(name, sizeof(name), "person %d", p);
        assert_int_equal(facet_index_add_person(x, 5 + 2 * p, name), FACET_OK);
    }
    for (int t = 0; t < rows; t++)
        assert_int_equal(facet_index_add_row(x, 5 + 2 * (t % people), 10 + t, 0.5f, make_embedding(e, DIM, (uint64_t)t)), FACET_OK);
    return x;
}

static void write_index(const char *path, int rows, int people)
{
    struct facet_index *x = fill(rows, people);
    if (facet_index_write(x, path, &tie_a))
        fail_msg("%s", facet_error_text());
    facet_index_unref(&x);
}

static void check_same(const struct facet_index *a, const struct facet_index *b, int k)
{
    struct facet_match x[64], y[64];
    float q[DIM];
    for (uint64_t seed = 0; seed < 5; seed++) {
        make_embedding(q, DIM, 3 * seed);
        int n = facet_index_search(a, q, k, facet_cpu_flags(NULL), x);
        assert_int_equal(facet_index_search(b, q, k, 0, y), n);
        for (int i = 0; i < n; i++) {
            assert_true(x[i].person == y[i].person && x[i].template_id == y[i].template_id && x[i].cosine == y[i].cosine);
            assert_true(x[i].quality == y[i].quality);
            assert_string_equal(x[i].name, y[i].name);
        }
    }
}

static void test_file__gives_back_what_was_written(void **state)
{
    const struct room *r = *state;
    static const int rows[] = { 0, 1, 15, 16, 17, 4095, 4096, 4097, 9000 };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct facet_index *x = fill(rows[i], 37), *mapped;
        assert_int_equal(facet_index_write(x, r->path, &tie_a), FACET_OK);
        if (facet_index_map(&mapped, r->path, &tie_a))
            fail_msg("%s", facet_error_text());
        assert_int_equal(facet_index_check(mapped), FACET_OK);
        assert_int_equal(facet_index_rows(mapped), rows[i]);
        assert_int_equal(facet_index_people(mapped), 37);
        assert_int_equal(facet_index_last_person(mapped), 5 + 2 * 36);
        assert_int_equal(facet_index_last_template(mapped), rows[i] ? 9 + rows[i] : 0);
        assert_true(facet_index_is_mapped(mapped) && facet_index_has_person(mapped, 5) && !facet_index_has_person(mapped, 6));
        check_same(x, mapped, 8);
        facet_index_unref(&x);
        facet_index_unref(&mapped);
    }
}

static void test_file__is_for_its_owner_alone(void **state)
{
    const struct room *r = *state;
    struct stat st;
    write_index(r->path, 20, 3);
    assert_int_equal(stat(r->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_mapped__grows_like_any_other_and_is_written_again(void **state)
{
    const struct room *r = *state;
    struct facet_index *mapped, *next, *whole = fill(4160, 20), *again;
    float e[DIM];
    write_index(r->path, 4130, 20);
    assert_int_equal(facet_index_map(&mapped, r->path, &tie_a), FACET_OK);
    assert_int_equal(facet_index_fork(&next, mapped), FACET_OK);
    for (int t = 4130; t < 4160; t++)
        assert_int_equal(facet_index_add_row(next, 5 + 2 * (t % 20), 10 + t, 0.5f, make_embedding(e, DIM, (uint64_t)t)), FACET_OK);
    assert_int_equal(facet_index_rows(mapped), 4130);
    check_same(next, whole, 10);
    assert_int_equal(facet_index_write(next, r->path, &tie_a), FACET_OK);   /* over the file that is mapped */
    facet_index_unref(&mapped);
    check_same(next, whole, 10);
    assert_int_equal(facet_index_map(&again, r->path, &tie_a), FACET_OK);
    check_same(again, whole, 10);
    assert_int_equal(facet_index_add_person(again, 1000, "newcomer"), FACET_OK);
    assert_int_equal(facet_index_add_row(again, 1000, 9999, 1, make_embedding(e, DIM, 77777)), FACET_OK);
    struct facet_match m;
    assert_int_equal(facet_index_search(again, e, 1, 0, &m), 1);
    assert_string_equal(m.name, "newcomer");
    facet_index_unref(&again);
    facet_index_unref(&next);
    facet_index_unref(&whole);
}

static void refuse(const char *path, const struct facet_index_tie *tie, int code, const char *why)
{
    struct facet_index *x;
    assert_int_equal(facet_index_map(&x, path, tie), code);
    assert_null(x);
    if (!strstr(facet_error_text(), why))
        fail_msg("'%s' does not say '%s'", facet_error_text(), why);
}

static void test_map__refuses_what_it_was_not_made_for(void **state)
{
    const struct room *r = *state;
    struct facet_index_tie contract = TIE_A, tag = TIE_A, dim = TIE_A;
    refuse(r->path, &tie_a, FACET_E_NOT_FOUND, "gallery.db");
    write_index(r->path, 20, 3);
    memcpy(contract.contract, CONTRACT_B, 64);
    tag.tag[31] = '0';
    dim.dim = 512;
    refuse(r->path, &contract, FACET_E_CONTRACT, "another recogniser");
    refuse(r->path, &dim, FACET_E_CONTRACT, "another recogniser");
    refuse(r->path, &tag, FACET_E_CONTRACT, "another state");
}

static void change(const char *path, size_t at, int with)
{
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_file_read(path, 1 << 26, &data, &len), FACET_OK);
    assert_true(at < len);
    data[at] = (uint8_t)(data[at] ^ with);
    assert_int_equal(facet_file_write_atomic(path, data, len), FACET_OK);
    free(data);
}

static void test_map__refuses_other_files_and_damage(void **state)
{
    const struct room *r = *state;
    struct stat st;
    assert_int_equal(facet_file_write_atomic(r->path, "short", 5), FACET_OK);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "no search index");
    write_index(r->path, 5000, 3);
    assert_int_equal(stat(r->path, &st), 0);
    size_t end = (size_t)st.st_size;
    change(r->path, 0, 1);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "no search index");
    change(r->path, 0, 1);
    change(r->path, 8, 1);
    refuse(r->path, &tie_a, FACET_E_UNSUPPORTED, "version 3");
    change(r->path, 8, 1);
    change(r->path, 20, 1);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "its head");
    change(r->path, 20, 1);
    change(r->path, end - 1, 1);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "of its people");
    change(r->path, end - 1, 1);
    assert_int_equal(truncate(r->path, (off_t)end - 1), 0);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "shorter or longer");
    assert_int_equal(truncate(r->path, 100), 0);
    refuse(r->path, &tie_a, FACET_E_FORMAT, "no search index");
}

static void test_map__refuses_a_damaged_last_block(void **state)
{
    const struct room *r = *state;
    write_index(r->path, 30, 3);
    change(r->path, 4096 + 5, 1);
    struct facet_index *x;
    assert_int_equal(facet_index_map(&x, r->path, &tie_a), FACET_E_FORMAT);
}

static void test_search__refuses_a_damaged_block(void **state)
{
    const struct room *r = *state;
    struct facet_index *x;
    struct facet_match m;
    float q[DIM];
    int found;
    write_index(r->path, 8192, 3);
    change(r->path, 4096 + 77777, 64);
    assert_int_equal(facet_index_map(&x, r->path, &tie_a), FACET_OK);
    make_embedding(q, DIM, 1);
    assert_int_equal(facet_index_search(x, q, 1, 0, &m), FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "block 0"));
    struct facet_search_opts o = FACET_SEARCH_OPTS_INIT;
    assert_int_equal(facet_index_search_many(x, q, 1, &o, 0, &m, &found), FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "block 0"));
    assert_int_equal(facet_index_check(x), FACET_E_STORE);
    facet_index_unref(&x);
}

static void test_write__refuses_float(void **state)
{
    const struct room *r = *state;
    struct facet_index *x;
    assert_int_equal(facet_index_open(&x, DIM, false), FACET_OK);
    assert_int_equal(facet_index_write(x, r->path, &tie_a), FACET_E_INVALID);
    assert_false(facet_path_exists(r->path));
    facet_index_unref(&x);
}

static void test_write__that_fails_leaves_nothing(void **state)
{
    struct facet_index *x = fill(3, 1);
    assert_true(facet_index_write(x, "/nowhere/at/all.index", &tie_a) < 0);
    facet_index_unref(&x);
}

/* Behind two blocks; a search that is answered by another template does not meet it. */
static void test_search__meets_damage_of_what_rounding_took(void **state)
{
    const struct room *r = *state;
    struct facet_index *x;
    struct facet_match m;
    float q[DIM];
    size_t block = ((size_t)DIM + 3) / 4 * 64 * 256 + 4096 * 16, row = ((size_t)DIM + 3) / 4 * 4 + 12;
    size_t fine = (4096 + 2 * block + 4095) / 4096 * 4096;
    write_index(r->path, 8192, 30);
    change(r->path, fine + 7 * row + 2, 1);
    change(r->path, fine + 9 * row + row - 1, 1);
    assert_int_equal(facet_index_map(&x, r->path, &tie_a), FACET_OK);
    assert_int_equal(facet_index_check(x), FACET_OK);
    assert_int_equal(facet_index_search(x, make_embedding(q, DIM, 8), 1, 0, &m), 1);
    assert_int_equal(facet_index_search(x, make_embedding(q, DIM, 7), 1, 0, &m), FACET_E_STORE);
    assert_non_null(strstr(facet_error_text(), "template 7 differs"));
    assert_int_equal(facet_index_search(x, make_embedding(q, DIM, 9), 1, 0, &m), FACET_E_STORE);
    facet_index_unref(&x);
}

static void test_erase__leaves_nobody_even_where_it_is_mapped(void **state)
{
    const struct room *r = *state;
    struct facet_index *x;
    struct facet_match m = { .cosine = 0 };
    float q[DIM];
    write_index(r->path, 8192, 30);
    assert_int_equal(facet_index_map(&x, r->path, &tie_a), FACET_OK);
    make_embedding(q, DIM, 7);
    assert_int_equal(facet_index_search(x, q, 1, 0, &m), 1);
    assert_true(m.cosine > 0.98f);
    assert_int_equal(facet_index_erase(r->path), FACET_OK);
    assert_false(facet_path_exists(r->path));
    assert_int_equal(facet_index_search(x, q, 1, facet_cpu_flags(NULL), &m), 1);
    assert_true(m.cosine == 0);
    facet_index_unref(&x);
    assert_int_equal(facet_index_erase(r->path), FACET_OK);   /* there is none: fine */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file__gives_back_what_was_written, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_search__meets_damage_of_what_rounding_took, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_file__is_for_its_owner_alone, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_mapped__grows_like_any_other_and_is_written_again, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_map__refuses_what_it_was_not_made_for, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_map__refuses_other_files_and_damage, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_map__refuses_a_damaged_last_block, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_search__refuses_a_damaged_block, room_open, room_close),
        cmocka_unit_test_setup_teardown(test_write__refuses_float, room_open, room_close),
        cmocka_unit_test(test_write__that_fails_leaves_nothing),
        cmocka_unit_test_setup_teardown(test_erase__leaves_nobody_even_where_it_is_mapped, room_open, room_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
