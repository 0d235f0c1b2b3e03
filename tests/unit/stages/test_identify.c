/* One embedding, one answer; on seeded people: a centre each, templates near it. */
#include "unit/store/fixture.h"

#include "stages/identify/classifier.h"
#include "stages/identify/identify.h"

#define NOISE 0.6f             /* cosine between two templates of a person: about 1 / (1 + 0.36) */

static void add_near(struct facet_gallery *g, const char *name, uint64_t centre, uint64_t seed, float quality)
{
    float c[DIM], e[DIM];
    struct facet_template t = { .quality = quality };
    make_near(e, make_embedding(c, DIM, centre), DIM, 1000 * centre + seed, NOISE);
    assert_int_equal(facet_gallery_add(g, name, e, DIM, &t, NULL), FACET_OK);
}

static const float *probe(float *out, uint64_t centre, uint64_t seed)
{
    float c[DIM];
    return make_near(out, make_embedding(c, DIM, centre), DIM, 777000 + 1000 * centre + seed, NOISE);
}

static struct facet_gallery *five_people(void)
{
    static const char *const names[] = { "Ada", "Bob", "Eve", "Kim", "Zoë" };
    struct facet_gallery *g = open_or_fail(":memory:");
    for (uint64_t p = 0; p < 5; p++)
        for (uint64_t t = 0; t < 6; t++)
            add_near(g, names[p], p + 1, t, 0.8f);
    return g;
}

static struct facet_identify_opts options(struct facet_gallery *g, enum facet_identify_method method)
{
    return (struct facet_identify_opts){ .gallery = g, .method = method, .threshold = 0.45, .calib_a = 10, .calib_b = -4.5 };
}

static void check_all(const struct facet_identify_opts *o)
{
    float e[DIM];
    struct facet_identity id;
    struct facet_person p;
    int named = 0, strangers = 0;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(facet_identify_one(o, probe(e, 1 + i % 5, i), &id), FACET_OK);
        if (id.decision != FACET_KNOWN)
            continue;
        named++;
        assert_int_equal(facet_gallery_person(o->gallery, id.name, &p), FACET_OK);
        assert_int_equal(p.id, id.person);
        assert_int_equal(p.id, 1 + i % 5);
        assert_true((double)id.cosine >= o->threshold && id.score > 0.4f && id.score < 1);
    }
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(facet_identify_one(o, make_embedding(e, DIM, 555000 + i), &id), FACET_OK);
        strangers += id.decision == FACET_UNKNOWN;
        assert_true(id.decision == FACET_KNOWN || (!id.person && !*id.name));
    }
    assert_true(named > 90);
    assert_int_equal(strangers, 100);
}

static void test_nearest__names_people_and_no_stranger(void **state)
{
    struct facet_gallery *g = five_people();
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_NEAREST);
    check_all(&o);
    facet_gallery_close(&g);
}

static void test_vote__names_people_and_no_stranger(void **state)
{
    struct facet_gallery *g = five_people();
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_VOTE);
    check_all(&o);
    facet_gallery_close(&g);
}

static void test_classifier__names_people_and_no_stranger(void **state)
{
    struct facet_gallery *g = five_people();
    for (int i = 0; facet_classifier_name(i); i++) {
        struct facet_classifier *c;
        struct facet_identify_opts o = options(g, FACET_IDENTIFY_CLASSIFIER);
        assert_int_equal(facet_classifier_of_gallery(&c, g, facet_classifier_name(i), NULL), FACET_OK);
        o.classifier = c;
        check_all(&o);
        facet_classifier_close(&c);
    }
    facet_gallery_close(&g);
}

static void test_nearest__a_narrow_lead_is_nobody(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float a[DIM], b[DIM];
    struct facet_identity id;
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_NEAREST);
    make_embedding(a, DIM, 1);
    assert_int_equal(facet_gallery_add(g, "Ada", a, DIM, NULL, NULL), FACET_OK);
    assert_int_equal(facet_gallery_add(g, "Twin", make_near(b, a, DIM, 2, 0.1f), DIM, NULL, NULL), FACET_OK);
    assert_int_equal(facet_identify_one(&o, a, &id), FACET_OK);
    assert_int_equal(id.decision, FACET_UNKNOWN);
    assert_true(id.cosine > 0.99f);
    o.margin = -1;
    assert_int_equal(facet_identify_one(&o, a, &id), FACET_OK);
    assert_string_equal(id.name, "Ada");
    facet_gallery_close(&g);
}

static void test_vote__many_outvote_the_nearest(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    struct facet_identity id;
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_VOTE);
    for (uint64_t t = 0; t < 6; t++)
        add_near(g, "Ada", 1, t, 0.8f);
    probe(e, 1, 3);
    struct facet_template blurred = { .quality = 0.1f };
    assert_int_equal(facet_gallery_add(g, "mislabelled", e, DIM, &blurred, NULL), FACET_OK);
    assert_int_equal(facet_identify_one(&o, e, &id), FACET_OK);
    assert_string_equal(id.name, "Ada");
    o.method = FACET_IDENTIFY_NEAREST;
    assert_int_equal(facet_identify_one(&o, e, &id), FACET_OK);
    assert_string_equal(id.name, "mislabelled");
    facet_gallery_close(&g);
}

static void test_identify__without_people_everyone_is_unknown(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    float e[DIM];
    struct facet_identity id;
    struct facet_identify_opts o = options(NULL, FACET_IDENTIFY_NEAREST);
    make_embedding(e, DIM, 1);
    assert_int_equal(facet_identify_one(&o, e, &id), FACET_OK);
    assert_int_equal(id.decision, FACET_UNKNOWN);
    assert_true(id.cosine == -1);
    o.gallery = g;
    for (int m = FACET_IDENTIFY_NEAREST; m <= FACET_IDENTIFY_VOTE; m++) {
        o.method = (enum facet_identify_method)m;
        assert_int_equal(facet_identify_one(&o, e, &id), FACET_OK);
        assert_int_equal(id.decision, FACET_UNKNOWN);
    }
    facet_gallery_close(&g);
}

static void test_identify__a_classifier_must_be_there(void **state)
{
    struct facet_gallery *g = five_people();
    float e[DIM];
    struct facet_identity id;
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_CLASSIFIER);
    assert_int_equal(facet_identify_one(&o, make_embedding(e, DIM, 1), &id), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "facet gallery train"));
    facet_gallery_close(&g);
}

static void test_classifier__who_has_left_is_not_named(void **state)
{
    struct facet_gallery *g = five_people();
    float e[DIM];
    struct facet_identity id;
    struct facet_classifier *c;
    struct facet_identify_opts o = options(g, FACET_IDENTIFY_CLASSIFIER);
    assert_int_equal(facet_classifier_of_gallery(&c, g, "svm", NULL), FACET_OK);
    assert_int_equal(facet_gallery_delete(g, "Ada"), FACET_OK);
    o.classifier = c;
    assert_int_equal(facet_identify_one(&o, probe(e, 1, 1), &id), FACET_OK);
    assert_int_equal(id.decision, FACET_UNKNOWN);
    facet_classifier_close(&c);
    facet_gallery_close(&g);
}

static void test_identify__what_is_no_embedding_is_refused(void **state)
{
    struct facet_gallery *g = five_people();
    float e[DIM] = { 0 };
    struct facet_identity id;
    for (int m = FACET_IDENTIFY_NEAREST; m <= FACET_IDENTIFY_VOTE; m++) {
        struct facet_identify_opts o = options(g, (enum facet_identify_method)m);
        assert_int_equal(facet_identify_one(&o, e, &id), FACET_E_INVALID);
    }
    facet_gallery_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest__names_people_and_no_stranger),
        cmocka_unit_test(test_vote__names_people_and_no_stranger),
        cmocka_unit_test(test_classifier__names_people_and_no_stranger),
        cmocka_unit_test(test_nearest__a_narrow_lead_is_nobody),
        cmocka_unit_test(test_vote__many_outvote_the_nearest),
        cmocka_unit_test(test_identify__without_people_everyone_is_unknown),
        cmocka_unit_test(test_identify__a_classifier_must_be_there),
        cmocka_unit_test(test_classifier__who_has_left_is_not_named),
        cmocka_unit_test(test_identify__what_is_no_embedding_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
