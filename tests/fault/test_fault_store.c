/* The gallery and the classifiers without memory: ours, and SQLite's. */
#include "unit/store/fixture.h"

#include "fault.h"
#include "sqlite_memory.h"

#include "base/str.h"
#include "stages/identify/classifier.h"
#include "stages/identify/similarity.h"
#include "store/index.h"

/* --- whole errands --- */

static int open_new(void *ctx)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(":memory:");
    int err = facet_gallery_open(&g, &o);
    assert_true(!err == !!g);
    facet_gallery_close(&g);
    return err;
}

static int open_file(void *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = path };
    int err = facet_gallery_open(&g, &o);
    assert_true(!err == !!g);
    facet_gallery_close(&g);
    return err;
}

static int add_and_search(void *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = path };
    struct facet_match m[2];
    float e[DIM];
    int err = facet_gallery_open(&g, &o);
    if (!err)
        err = add_person(g, "Eve", 99);
    if (!err) {
        int n = facet_gallery_search(g, make_embedding(e, DIM, 99), DIM, 2, m);
        err = n < 0 ? n : FACET_OK;
        assert_true(err || !strcmp(m[0].name, "Eve"));
    }
    if (!err)
        err = facet_gallery_delete(g, "Eve");
    facet_gallery_close(&g);
    return err;
}

static int change(void *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = { .path = path };
    int err = facet_gallery_open(&g, &o);
    if (!err)
        err = facet_gallery_rename(g, "person 1", "person 7");
    if (!err)
        err = facet_gallery_rename(g, "person 7", "person 1");
    facet_gallery_close(&g);
    /* Where the first came through and the second did not, the next try must find it as it was. */
    if (err && !facet_gallery_open(&g, &o)) {
        (void)facet_gallery_rename(g, "person 7", "person 1");
        facet_gallery_close(&g);
    }
    return err;
}

/* --- the index in a file --- */

static struct facet_gallery_opts int8_gallery(const char *path)
{
    struct facet_gallery_opts o = new_gallery(path);
    o.int8 = true;
    o.index_rows = 2;
    return o;
}

static int open_mapped(void *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = int8_gallery(path);
    o.read_only = true;
    o.create = false;
    int err = facet_gallery_open(&g, &o);
    assert_true(!err == !!g);
    facet_gallery_close(&g);
    return err;
}

static int search_many(void *path)
{
    struct facet_gallery *g;
    struct facet_gallery_opts o = int8_gallery(path);
    struct facet_search_opts so = { .k = 2 };
    struct facet_match m[40];
    int found[20];
    float queries[20 * DIM];
    int err = facet_gallery_open(&g, &o);
    for (uint64_t i = 0; i < 20; i++)
        make_embedding(queries + i * DIM, DIM, i);
    if (!err)
        err = facet_gallery_search_many(g, queries, 20, DIM, &so, m, found);
    if (!err)
        assert_string_equal(m[2].name, "person 1");
    facet_gallery_close(&g);
    return err;
}

static int write_index(void *path)
{
    struct facet_index *x;
    struct facet_index_tie tie = { CONTRACT_A, "0123456789abcdef0123456789abcdef", DIM };
    float e[DIM];
    int err = facet_index_open(&x, DIM, true);
    if (!err)
        err = facet_index_add_person(x, 1, "Ann");
    for (uint64_t i = 0; !err && i < 20; i++)
        err = facet_index_add_row(x, 1, (int64_t)i + 1, 1, make_embedding(e, DIM, i));
    if (!err)
        err = facet_index_write(x, path, &tie);
    facet_index_unref(&x);
    return err;
}

struct text { char data[1 << 16]; size_t len; };

static int import(void *ctx)
{
    const struct text *t = ctx;
    struct facet_gallery *g;
    struct facet_gallery_opts o = new_gallery(":memory:");
    int people = 0, err = facet_gallery_open(&g, &o);
    if (!err)
        err = facet_gallery_import_text(g, t->data, t->len, "x", &people, NULL);
    assert_true(err ? people == 0 : people == 3);
    facet_gallery_close(&g);
    return err;
}

static struct facet_examples examples(void)
{
    struct facet_examples e = { .dim = 16 };
    float x[16];
    for (uint64_t i = 0; i < 6; i++)
        if (facet_examples_add(&e, (int64_t)i % 2, make_embedding(x, 16, i % 2), 1))
            break;
    return e;
}

static int train(void *method)
{
    struct facet_examples e = examples();
    struct facet_classifier *c = NULL, *again = NULL;
    struct facet_str bytes = FACET_STR_INIT;
    int err = e.n == 6 ? facet_classifier_train(&c, method, &e, 1) : FACET_E_NOMEM;
    if (!err)
        err = facet_classifier_save(c, &bytes);
    if (!err)
        err = facet_classifier_load(&again, bytes.data, bytes.len);
    facet_str_fini(&bytes);
    facet_classifier_close(&c);
    facet_classifier_close(&again);
    facet_examples_fini(&e);
    return err;
}

static int train_head(void *ctx)
{
    struct facet_examples e = examples();
    struct facet_head *h = NULL;
    int err = e.n == 6 ? facet_head_train(&h, &e, 1) : FACET_E_NOMEM;
    assert_true(!err == !!h);
    facet_head_close(&h);
    facet_examples_fini(&e);
    return err;
}

static void make_people(const char *path)
{
    struct facet_gallery *g = open_or_fail(path);
    assert_int_equal(add_person(g, "person 1", 1), FACET_OK);
    assert_int_equal(add_person(g, "person 2", 2), FACET_OK);
    assert_int_equal(add_person(g, "person 3", 3), FACET_OK);
    facet_gallery_close(&g);
}

/* What came of it is whole, with the three people and nobody else. */
static void check_people(const char *path)
{
    struct facet_gallery *g = open_or_fail(path);
    struct facet_gallery_info info;
    assert_int_equal(facet_gallery_check(g), FACET_OK);
    assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
    assert_int_equal(info.people, 3);
    facet_gallery_close(&g);
}

static void test_gallery__opens_or_says_there_is_no_memory(void **state)
{
    struct room *r = *state;
    make_people(r->path);
    fault_loop(open_new, NULL);
    fault_loop(open_file, r->path);
    check_people(r->path);
}

static void test_gallery__adds_and_searches_or_leaves_it_whole(void **state)
{
    struct room *r = *state;
    make_people(r->path);
    fault_loop(change, r->path);
    check_people(r->path);
}

static void test_gallery__a_failed_addition_can_be_done_again(void **state)
{
    struct room *r = *state;
    make_people(r->path);
    fault_loop(add_and_search, r->path);
}

static void test_import__is_all_or_nothing_without_memory(void **state)
{
    struct room *r = *state;
    static struct text t;
    make_people(r->path);
    struct facet_gallery *g = open_or_fail(r->path);
    char path[160];
    snprintf(path, sizeof(path), "%s/x.jsonl", r->dir);
    assert_int_equal(facet_gallery_export(g, path), FACET_OK);
    facet_gallery_close(&g);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    t.len = fread(t.data, 1, sizeof(t.data), f);
    fclose(f);
    fault_loop_any_code(import, &t);
}

static void test_index_file__is_used_or_done_without(void **state)
{
    struct room *r = *state;
    char path[160];
    make_people(r->path);
    struct facet_gallery_opts o = int8_gallery(r->path);
    struct facet_gallery *g;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    facet_gallery_close(&g);
    fault_loop(open_mapped, r->path);
    fault_loop(search_many, r->path);
    check_people(r->path);
    snprintf(path, sizeof(path), "%s/alone.index", r->dir);
    assert_int_equal(fault_loop(write_index, path), 0);
}

static void test_training__gives_a_classifier_or_none(void **state)
{
    for (int i = 0; facet_classifier_name(i); i++) {
        char method[16];
        snprintf(method, sizeof(method), "%s", facet_classifier_name(i));
        assert_int_equal(fault_loop(train, method), 0);
    }
    assert_int_equal(fault_loop(train_head, NULL), 0);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open_quick, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_gallery__opens_or_says_there_is_no_memory),
        IN_ROOM(test_gallery__adds_and_searches_or_leaves_it_whole),
        IN_ROOM(test_gallery__a_failed_addition_can_be_done_again),
        IN_ROOM(test_import__is_all_or_nothing_without_memory),
        IN_ROOM(test_index_file__is_used_or_done_without),
        cmocka_unit_test(test_training__gives_a_classifier_or_none),
    };
    return cmocka_run_group_tests(tests, sqlite_use_our_memory, NULL);
}
