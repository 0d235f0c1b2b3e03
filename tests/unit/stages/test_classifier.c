#include "unit/store/fixture.h"

#include "base/str.h"
#include "stages/identify/classifier.h"
#include "stages/identify/similarity.h"

#define SMALL 32        /* numbers of an embedding where a gallery's are not asked for: training is quick */

static struct facet_examples people(int n, int each, float noise)
{
    struct facet_examples e = { .dim = SMALL };
    float c[SMALL], x[SMALL];
    for (int p = 0; p < n; p++)
        for (int t = 0; t < each; t++) {
            make_near(x, make_embedding(c, SMALL, (uint64_t)p + 1), SMALL, (uint64_t)(1000 * (p + 1) + t), noise);
            assert_int_equal(facet_examples_add(&e, 100 + p, x, 0.5f), FACET_OK);
        }
    return e;
}

static void test_judge__every_method_tells_clear_people_apart(void **state)
{
    struct facet_examples e = people(8, 5, 0.6f);
    for (int i = 0; facet_classifier_name(i); i++) {
        struct facet_judgement j;
        assert_int_equal(facet_classifier_judge(&j, facet_classifier_name(i), &e, 5, 1), FACET_OK);
        assert_int_equal(j.held, 40);
        if (j.right < 38)
            fail_msg("%s: %d of 40", facet_classifier_name(i), (int)j.right);
    }
    facet_examples_fini(&e);
}

static void test_judge__labels_without_meaning_are_not_learnt(void **state)
{
    struct facet_examples e = { .dim = SMALL };
    float x[SMALL];
    for (int i = 0; i < 80; i++)
        assert_int_equal(facet_examples_add(&e, i % 8, make_embedding(x, SMALL, (uint64_t)i), 0.5f), FACET_OK);
    for (int i = 0; facet_classifier_name(i); i++) {
        struct facet_judgement j;
        assert_int_equal(facet_classifier_judge(&j, facet_classifier_name(i), &e, 5, 1), FACET_OK);
        assert_true(j.accuracy < 0.35); /* held out really is held out */
    }
    facet_examples_fini(&e);
}

static void test_judge__needs_somebody_to_hold_out(void **state)
{
    struct facet_judgement j;
    struct facet_examples e = people(5, 1, 0.5f);
    assert_int_equal(facet_classifier_judge(&j, "svm", &e, 5, 1), FACET_E_INVALID);
    assert_int_equal(facet_classifier_judge(&j, "svm", &e, 1, 1), FACET_E_INVALID);
    facet_examples_fini(&e);
}

static void test_train__needs_two_people_and_a_known_method(void **state)
{
    struct facet_classifier *c;
    struct facet_examples e = people(1, 5, 0.5f);
    assert_int_equal(facet_classifier_train(&c, "svm", &e, 1), FACET_E_INVALID);
    assert_null(c);
    facet_examples_fini(&e);
    assert_int_equal(facet_classifier_train(&c, "svm", &e, 1), FACET_E_INVALID);
    e = people(3, 2, 0.5f);
    assert_int_equal(facet_classifier_train(&c, "forest", &e, 1), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "svm"));
    facet_examples_fini(&e);
}

static void check_bytes(const char *method)
{
    struct facet_examples e = people(4, 3, 0.5f);
    struct facet_classifier *a, *b, *again;
    struct facet_str bytes = FACET_STR_INIT, same = FACET_STR_INIT;
    assert_int_equal(facet_classifier_train(&a, method, &e, 7), FACET_OK);
    assert_int_equal(facet_classifier_train(&again, method, &e, 7), FACET_OK);
    assert_int_equal(facet_classifier_save(a, &bytes), FACET_OK);
    assert_int_equal(facet_classifier_save(again, &same), FACET_OK);
    assert_int_equal(bytes.len, same.len);
    assert_memory_equal(bytes.data, same.data, bytes.len); /* seeded */
    assert_int_equal(facet_classifier_load(&b, bytes.data, bytes.len), FACET_OK);
    assert_string_equal(facet_classifier_method(b), method);
    for (size_t i = 0; i < e.n; i++) {
        int64_t p, q;
        float cp, cq;
        assert_int_equal(facet_classifier_predict(a, e.x + i * SMALL, SMALL, &p, &cp), FACET_OK);
        assert_int_equal(facet_classifier_predict(b, e.x + i * SMALL, SMALL, &q, &cq), FACET_OK);
        assert_true(p == q && cp == cq && cp > 0 && cp <= 1);
        assert_int_equal(p, e.people[e.label[i]]);
    }
    int64_t p;
    float cp;
    assert_int_equal(facet_classifier_predict(a, e.x, SMALL - 1, &p, &cp), FACET_E_CONTRACT);
    facet_classifier_close(&b);
    for (size_t n = 0; n < bytes.len; n += 1 + n / 7)
        assert_int_equal(facet_classifier_load(&b, bytes.data, n), FACET_E_FORMAT);
    struct facet_rng rng;
    facet_rng_seed(&rng, 3);
    for (int i = 0; i < 300; i++) { /* flipped bits: refused, or a classifier that stays within its people */
        size_t at = facet_rng_below(&rng, i < 150 ? 40 : (uint32_t)bytes.len);
        bytes.data[at] ^= (char)(1 << facet_rng_below(&rng, 8));
        if (facet_classifier_load(&b, bytes.data, bytes.len) == FACET_OK)
            (void)facet_classifier_predict(b, e.x, SMALL, &p, &cp);
        facet_classifier_close(&b);
    }
    facet_classifier_close(&a);
    facet_classifier_close(&again);
    facet_str_fini(&bytes);
    facet_str_fini(&same);
    facet_examples_fini(&e);
}

static void test_bytes__come_back_and_are_doubted(void **state)
{
    for (int i = 0; facet_classifier_name(i); i++)
        check_bytes(facet_classifier_name(i));
}

static void test_gallery__keeps_one_until_people_change(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    struct facet_classifier *c;
    char method[16];
    bool is_stale, was_trained;
    assert_int_equal(add_person(g, "Ada", 1), FACET_OK);
    assert_int_equal(facet_classifier_of_gallery(&c, g, NULL, NULL), FACET_E_INVALID);
    assert_int_equal(add_person(g, "Bob", 2), FACET_OK);
    assert_int_equal(facet_classifier_state(g, method, &is_stale), FACET_E_NOT_FOUND);
    assert_int_equal(facet_classifier_train_gallery(&c, g, "knn"), FACET_OK);
    facet_classifier_close(&c);
    assert_int_equal(facet_classifier_of_gallery(&c, g, NULL, &was_trained), FACET_OK);
    assert_false(was_trained);
    assert_int_equal(facet_classifier_people(c), 2);
    facet_classifier_close(&c);
    assert_int_equal(add_person(g, "Eve", 3), FACET_OK);
    assert_int_equal(facet_classifier_state(g, method, &is_stale), FACET_OK);
    assert_string_equal(method, "knn");
    assert_true(is_stale);
    assert_int_equal(facet_classifier_of_gallery(&c, g, NULL, &was_trained), FACET_OK);
    assert_true(was_trained);
    assert_string_equal(facet_classifier_method(c), "knn");
    assert_int_equal(facet_classifier_people(c), 3);
    facet_classifier_close(&c);
    assert_int_equal(facet_classifier_of_gallery(&c, g, "svm", &was_trained), FACET_OK);
    assert_true(was_trained);
    facet_classifier_close(&c);
    assert_int_equal(facet_gallery_blob_put(g, "classifier", "rubbish", 7), FACET_OK);
    assert_int_equal(facet_classifier_of_gallery(&c, g, "svm", &was_trained), FACET_OK); /* mended */
    assert_true(was_trained);
    facet_classifier_close(&c);
    facet_gallery_close(&g);
}

static void test_head__tells_pairs_apart_that_it_never_saw(void **state)
{
    struct facet_examples e = people(24, 5, 0.6f);
    struct facet_head_judgement j;
    assert_int_equal(facet_head_judge(&j, &e, 4, 1), FACET_OK);
    assert_int_equal(j.pairs, 2 * 24 * 10);
    if (j.accuracy < 0.97 || j.distance_accuracy < 0.97)
        fail_msg("head %.4f, distance %.4f", j.accuracy, j.distance_accuracy);
    facet_examples_fini(&e);
}

static void test_head__bytes_come_back_and_are_doubted(void **state)
{
    struct facet_examples e = people(6, 3, 0.5f);
    struct facet_head *a, *b;
    struct facet_str bytes = FACET_STR_INIT;
    assert_int_equal(facet_head_train(&a, &e, 1), FACET_OK);
    assert_int_equal(facet_head_save(a, &bytes), FACET_OK);
    assert_int_equal(facet_head_load(&b, bytes.data, bytes.len), FACET_OK);
    assert_true(facet_head_score(a, e.x, e.x + SMALL) == facet_head_score(b, e.x, e.x + SMALL));
    assert_true(facet_head_score(a, e.x, e.x) > 0.5f);
    facet_head_close(&b);
    for (size_t n = 0; n < bytes.len; n += 13)
        assert_int_equal(facet_head_load(&b, bytes.data, n), FACET_E_FORMAT);
    memset(bytes.data + 12, 0xff, 4); /* a weight that is no number */
    assert_int_equal(facet_head_load(&b, bytes.data, bytes.len), FACET_E_FORMAT);
    facet_head_close(&a);
    facet_str_fini(&bytes);
    facet_examples_fini(&e);
}

static void test_head__needs_pairs_of_both_kinds(void **state)
{
    struct facet_head *h;
    struct facet_head_judgement j;
    struct facet_examples one = people(1, 5, 0.5f), single = people(5, 1, 0.5f), few = people(3, 3, 0.5f);
    assert_int_equal(facet_head_train(&h, &one, 1), FACET_E_INVALID);
    assert_int_equal(facet_head_train(&h, &single, 1), FACET_E_INVALID);
    assert_null(h);
    assert_int_equal(facet_head_judge(&j, &few, 4, 1), FACET_E_INVALID);
    facet_examples_fini(&one);
    facet_examples_fini(&single);
    facet_examples_fini(&few);
}

static void test_head__is_kept_until_people_change(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    struct facet_head *h;
    bool was_trained;
    float c[DIM], x[DIM];
    for (uint64_t i = 0; i < 9; i++)
        assert_int_equal(facet_gallery_add(g, i % 3 ? i % 3 == 1 ? "Ada" : "Bob" : "Eve",
                                           make_near(x, make_embedding(c, DIM, i % 3), DIM, 50 + i, 0.5f), DIM, NULL, NULL), FACET_OK);
    assert_int_equal(facet_head_of_gallery(&h, g, &was_trained), FACET_OK);
    assert_true(was_trained);
    facet_head_close(&h);
    assert_int_equal(facet_head_of_gallery(&h, g, &was_trained), FACET_OK);
    assert_false(was_trained);
    facet_head_close(&h);
    assert_int_equal(facet_gallery_delete(g, "Eve"), FACET_OK);
    assert_int_equal(facet_head_of_gallery(&h, g, &was_trained), FACET_OK);
    assert_true(was_trained);
    facet_head_close(&h);
    facet_gallery_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judge__every_method_tells_clear_people_apart),
        cmocka_unit_test(test_judge__labels_without_meaning_are_not_learnt),
        cmocka_unit_test(test_judge__needs_somebody_to_hold_out),
        cmocka_unit_test(test_train__needs_two_people_and_a_known_method),
        cmocka_unit_test(test_bytes__come_back_and_are_doubted),
        cmocka_unit_test(test_gallery__keeps_one_until_people_change),
        cmocka_unit_test(test_head__tells_pairs_apart_that_it_never_saw),
        cmocka_unit_test(test_head__bytes_come_back_and_are_doubted),
        cmocka_unit_test(test_head__needs_pairs_of_both_kinds),
        cmocka_unit_test(test_head__is_kept_until_people_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
