#include "unit/store/fixture.h"

#include "base/base64.h"
#include "base/file.h"

#define HEAD "{\"facet\":\"gallery\",\"format\":1,\"contract\":\"" CONTRACT_A "\",\"model\":\"seeded\",\"dim\":128}\n"

static void fill(struct facet_gallery *g)
{
    float e[DIM];
    struct facet_template t = { .quality = 0.7f, .source = "ada \"1\".jpg", .source_sha256 = CONTRACT_B, .created_ms = 1234567890123 };
    assert_int_equal(facet_gallery_add(g, "Ada", make_embedding(e, DIM, 1), DIM, &t, NULL), FACET_OK);
    assert_int_equal(add_person(g, "Ada", 2), FACET_OK);
    assert_int_equal(add_person(g, "Zoë 李", 3), FACET_OK);
}

struct seen { int n; float sum; };

static int look(void *ctx, const struct facet_template *t, const float *e)
{
    struct seen *s = ctx;
    s->n++;
    if (*t->source) {
        assert_string_equal(t->source, "ada \"1\".jpg");
        assert_string_equal(t->source_sha256, CONTRACT_B);
        assert_true(t->quality == 0.7f);
        assert_int_equal(t->created_ms, 1234567890123);
        float want[DIM];
        assert_memory_equal(make_embedding(want, DIM, 1), e, sizeof(want));
    }
    return 0;
}

static void test_export__import_brings_everything_back(void **state)
{
    struct room *r = *state;
    struct facet_gallery *a = open_or_fail(":memory:"), *b = open_or_fail(":memory:");
    struct seen seen = { 0 };
    int people, templates;
    fill(a);
    assert_int_equal(facet_gallery_export(a, r->path), FACET_OK);
    assert_int_equal(facet_gallery_import(b, r->path, &people, &templates), FACET_OK);
    assert_int_equal(people, 2);
    assert_int_equal(templates, 3);
    assert_int_equal(facet_gallery_templates(b, NULL, look, &seen), FACET_OK);
    assert_int_equal(seen.n, 3);
    float e[DIM];
    struct facet_match m;
    assert_int_equal(facet_gallery_search(b, make_embedding(e, DIM, 3), DIM, 1, &m), 1);
    assert_string_equal(m.name, "Zoë 李");
    assert_int_equal(facet_gallery_import(b, r->path, &people, &templates), FACET_OK); /* again: nothing new */
    assert_int_equal(people + templates, 0);
    assert_int_equal(facet_gallery_check(b), FACET_OK);
    facet_gallery_close(&a);
    facet_gallery_close(&b);
}

static void test_export__is_its_owners_alone(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(":memory:");
    char cmd[256];
    fill(g);
    assert_int_equal(facet_gallery_export(g, r->path), FACET_OK);
    snprintf(cmd, sizeof(cmd), "find '%s' -type f -perm 600 | grep -q . && ! find '%s' -name '*.part' | grep -q .", r->dir, r->dir);
    assert_int_equal(system(cmd), 0);
    facet_gallery_close(&g);
}

static void test_export__to_nowhere_is_refused(void **state)
{
    struct room *r = *state;
    struct facet_gallery *g = open_or_fail(":memory:");
    char path[160];
    snprintf(path, sizeof(path), "%s/no/such/folder", r->dir);
    assert_int_equal(facet_gallery_export(g, path), FACET_E_NOT_FOUND);
    assert_int_not_equal(facet_gallery_export(g, r->dir), FACET_OK); /* a folder */
    facet_gallery_close(&g);
}

static void expect(const char *text, int err, const char *words)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    struct facet_gallery_info info;
    int people = 7, templates = 7;
    assert_int_equal(add_person(g, "here before", 1), FACET_OK);
    int got = facet_gallery_import_text(g, text, strlen(text), "x.jsonl", &people, &templates);
    if (got != err || (err && !strstr(facet_error_text(), words)))
        fail_msg("%s instead of %s: %s", facet_error_name(got), facet_error_name(err), facet_error_text());
    if (err) {
        assert_int_equal(people + templates, 0);
        assert_int_equal(facet_gallery_info(g, &info), FACET_OK);
        assert_int_equal(info.people, 1);
        assert_int_equal(info.templates, 1);
        assert_int_equal(facet_gallery_version(g), 1);
    }
    facet_gallery_close(&g);
}

static void test_import__what_is_no_export_is_refused(void **state)
{
    expect("", FACET_E_FORMAT, "empty");
    expect("\n", FACET_E_FORMAT, "line 1");
    expect("hello", FACET_E_FORMAT, "line 1");
    expect("[]\n", FACET_E_FORMAT, "no object");
    expect("{}\n", FACET_E_FORMAT, "no exported gallery");
    expect("{\"facet\":\"gallery\",\"format\":2}\n", FACET_E_UNSUPPORTED, "newer");
}

static void test_import__other_contract_or_dim_is_refused(void **state)
{
    expect("{\"facet\":\"gallery\",\"format\":1,\"contract\":\"" CONTRACT_B "\",\"dim\":128}\n", FACET_E_CONTRACT, "line 1");
    expect("{\"facet\":\"gallery\",\"format\":1,\"contract\":\"" CONTRACT_A "\",\"dim\":512}\n", FACET_E_CONTRACT, "128");
}

static void test_import__people_without_templates_are_people(void **state)
{
    expect(HEAD, FACET_OK, "");
    expect(HEAD "\n{\"person\":\"Ada\",\"later\":[1,2]}\n\n{\"person\":\"Bob\"}", FACET_OK, "");
}

static void test_import__one_bad_line_undoes_all(void **state)
{
    expect(HEAD "{\"person\":\"Ada\"}\n{\"person\":\"a\\nb\"}\n", FACET_E_INVALID, "line 3");
    expect(HEAD "{\"person\":\"Ada\"}\n{\"name\":\"Bob\"}\n", FACET_E_FORMAT, "names no person");
    expect(HEAD "{\"person\":\"Ada\"}\n{\"person\":\"Bob\"", FACET_E_FORMAT, "line 3");
    expect(HEAD "{\"person\":\"Ada\",\"embedding\":\"AAAA\"}\n", FACET_E_FORMAT, "3 bytes");
    expect(HEAD "{\"person\":\"Ada\",\"embedding\":\"!!!!\"}\n", FACET_E_FORMAT, "base64");
    expect(HEAD "{\"person\":\"Ada\",\"quality\":7,\"embedding\":\"AAAA\"}\n", FACET_E_FORMAT, "quality");
    expect(HEAD "{\"person\":\"Ada\",\"source_sha256\":\"x\",\"embedding\":\"AAAA\"}\n", FACET_E_FORMAT, "source_sha256");
}

static void import_numbers(const float *e, int err, const char *words)
{
    char code[FACET_BASE64_SIZE(DIM * 4)], text[2048];
    facet_base64_encode(code, e, DIM * sizeof(*e));
    snprintf(text, sizeof(text), HEAD "{\"person\":\"Ada\",\"embedding\":\"%s\"}\n", code);
    expect(text, err, words);
}

static void test_import__embeddings_are_doubted(void **state)
{
    float e[DIM] = { 1 };
    import_numbers(e, FACET_OK, "");
    e[0] = 0.5f;
    import_numbers(e, FACET_E_INVALID, "length");
    e[0] = NAN;
    import_numbers(e, FACET_E_INVALID, "not finite");
}

static void test_import__a_line_without_end_is_refused(void **state)
{
    size_t len = 200000;
    char *text = malloc(len + 1);
    memset(text, 'x', len);
    text[len] = '\0';
    expect(text, FACET_E_LIMIT, "too long");
    free(text);
}

static void expect_info(struct room *r, const char *head, int err, const char *words)
{
    struct facet_gallery_info info;
    FILE *f = fopen(r->path, "w");
    assert_non_null(f);
    assert_true(fputs(head, f) >= 0 && fclose(f) == 0);
    assert_int_equal(facet_gallery_import_info(r->path, &info), err);
    if (err)
        assert_non_null(strstr(facet_error_text(), words));
    else
        assert_int_equal(info.dim, DIM);
}

static void test_import_info__refuses_what_import_would(void **state)
{
    struct room *r = *state;
    expect_info(r, HEAD, FACET_OK, "");
    expect_info(r, "", FACET_E_FORMAT, "line 1");
    expect_info(r, "[]\n", FACET_E_FORMAT, "no object");
    expect_info(r, "{}\n", FACET_E_FORMAT, "no exported gallery");
    expect_info(r, "{\"facet\":\"gallery\",\"format\":2}\n", FACET_E_UNSUPPORTED, "newer");
}

static void test_import__missing_file_is_named(void **state)
{
    struct facet_gallery *g = open_or_fail(":memory:");
    assert_int_equal(facet_gallery_import(g, "/no/such/file", NULL, NULL), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/no/such/file"));
    facet_gallery_close(&g);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, room_open, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_export__import_brings_everything_back),
        IN_ROOM(test_export__is_its_owners_alone),
        IN_ROOM(test_export__to_nowhere_is_refused),
        cmocka_unit_test(test_import__what_is_no_export_is_refused),
        cmocka_unit_test(test_import__other_contract_or_dim_is_refused),
        cmocka_unit_test(test_import__people_without_templates_are_people),
        cmocka_unit_test(test_import__one_bad_line_undoes_all),
        cmocka_unit_test(test_import__embeddings_are_doubted),
        cmocka_unit_test(test_import__a_line_without_end_is_refused),
        IN_ROOM(test_import_info__refuses_what_import_would),
        cmocka_unit_test(test_import__missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
