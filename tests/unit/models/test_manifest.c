#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHA "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define FILES "    files: [{path: a/b.onnx, url: 'https://host/b.onnx', sha256: " SHA ", bytes: 10}]\n"
#define HEAD "manifest: 1\nmodels:\n"
#define TERMS "    title: T\n    licence: MIT\n    commercial: yes\n    source: S\n    importer: onnx\n"
#define INPUT "    input: {width: 112, height: 96, mean: [1, 2, 3], scale: 0.5, order: bgr}\n"
#define DETECT(name) "  - name: " name "\n    version: 1\n    task: detect\n    kind: yunet\n" TERMS FILES INPUT
#define EMBED_WITHOUT(name) "  - name: " name "\n    version: 1\n    task: embed\n    kind: embedding\n" TERMS FILES INPUT
#define CHIP "    chip: {crop: box, margin: 0.1, margin_px: 16, outside: -1}\n"
#define EMBED(name) EMBED_WITHOUT(name) CHIP "    dim: 128\n    threshold: 0.4\n"

static int parse(struct facet_manifest **m, const char *text)
{
    return facet_manifest_parse(m, text, strlen(text), "m.yaml");
}

static void refused(const char *text, int err, const char *why)
{
    struct facet_manifest *m;
    int got = parse(&m, text);
    if (got != err || !strstr(facet_error_text(), why))
        fail_msg("%d, '%s' lacks '%s'", got, facet_error_text(), why);
    assert_null(m);
}

static void test_manifest__members_are_read(void **state)
{
    struct facet_manifest *m;
    assert_int_equal(parse(&m, HEAD EMBED("emb") "    default: true\n    output: out\n    preprocessing: 3\n"), 0);
    const struct facet_model_spec *s = facet_manifest_find(m, "emb");
    assert_non_null(s);
    assert_ptr_equal(s, facet_manifest_default(m, "embed"));
    assert_string_equal(s->files[0].path, "models/a/b.onnx");
    assert_int_equal(s->files[0].bytes, 10);
    assert_int_equal(s->n_parts, 1);
    assert_string_equal(s->parts[0].onnx, "model.onnx");
    assert_int_equal(s->width, 112);
    assert_int_equal(s->chip.height, 96);
    assert_true(s->norm.swap_rb && s->norm.planar && s->norm.mean[2] == 3 && s->norm.scale[1] == 0.5f);
    assert_true(s->chip.crop == FACET_CROP_BOX && s->chip.margin_px == 16 && s->chip.outside == -1);
    assert_int_equal(s->dim, 128);
    assert_int_equal(s->preprocessing, 3);
    assert_true(s->commercial);
    facet_manifest_close(&m);
    assert_null(m);
}

static void test_manifest__parts_have_their_files(void **state)
{
    struct facet_manifest *m;
    const char *text = HEAD "  - name: two\n    version: 1\n    task: detect\n    kind: mtcnn\n" TERMS INPUT
        "    parts:\n"
        "      - name: p\n        files: [{path: p.txt, url: 'https://h/p', sha256: " SHA ", bytes: 1},"
        " {path: p.bin, url: 'https://h/p', sha256: " SHA ", bytes: 2}]\n"
        "      - name: q\n        files: [{path: q.txt, url: 'https://h/q', sha256: " SHA ", bytes: 3}]\n";
    assert_int_equal(parse(&m, text), 0);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    assert_int_equal(s->n_files, 3);
    assert_int_equal(s->parts[1].first, 2);
    assert_int_equal(s->parts[0].count, 2);
    assert_string_equal(s->parts[1].onnx, "q.onnx");
    facet_manifest_close(&m);
}

static void test_manifest__similarity_needs_its_points(void **state)
{
    struct facet_manifest *m;
    const char *tail = "    dim: 2\n    threshold: 0\n";
    struct facet_str s = FACET_STR_INIT;
    facet_str_printf(&s, "%s%s", HEAD EMBED_WITHOUT("x")
                     "    chip: {crop: similarity, points: [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10.5]]}\n", tail);
    assert_int_equal(parse(&m, s.data), 0);
    assert_true(facet_manifest_at(m, 0)->chip.points.p[4].y == 10.5f);
    facet_manifest_close(&m);
    facet_str_fini(&s);
    refused(HEAD EMBED_WITHOUT("x") "    chip: {crop: similarity}\n    dim: 2\n", FACET_E_FORMAT, "five points");
    refused(HEAD EMBED_WITHOUT("x") "    chip: {crop: similarity, points: [[1, 2], [3, 4], [5, 6], [7, 8], [9, x]]}\n",
            FACET_E_FORMAT, "five points of two");
}

static void test_manifest__thresholds_follow_the_table(void **state)
{
    struct facet_manifest *m;
    double c;
#define ROW(far, cos) "      - {far: " far ", far_low: 0, far_high: 1, cosine: " cos ", tar: 0.9, errors: 10, pairs: 1000}\n"
    assert_int_equal(parse(&m, HEAD EMBED("emb") "    thresholds:\n" ROW("0.01", "0.2") ROW("0.001", "0.3")), 0);
    const struct facet_model_spec *s = facet_manifest_at(m, 0);
    assert_int_equal(facet_model_threshold(s, 0, &c), 0);
    assert_true(c == 0.4);
    assert_int_equal(facet_model_threshold(s, 0.005, &c), 0);
    assert_true(c == 0.3);
    assert_int_equal(facet_model_threshold(s, 0.05, &c), 0);
    assert_true(c == 0.2);
    assert_int_equal(facet_model_threshold(s, 1e-4, &c), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "0.001"));
    facet_manifest_close(&m);
    refused(HEAD EMBED("emb") "    thresholds:\n" ROW("0.001", "0.3") ROW("0.01", "0.2"), FACET_E_FORMAT, "low to high");
    refused(HEAD EMBED("emb") "    thresholds: [{far: 1}]\n", FACET_E_FORMAT, "is missing");
}

static void test_manifest__scores_are_calibrated(void **state)
{
    struct facet_manifest *m;
    assert_int_equal(parse(&m, HEAD EMBED("plain") EMBED("fit") "    calibration: {a: 10, b: -4}\n"), 0);
    const struct facet_model_spec *plain = facet_manifest_at(m, 0), *fit = facet_manifest_at(m, 1);
    assert_true(fabs(facet_model_score(plain, 0.4) - 0.5) < 1e-9);
    assert_true(facet_model_score(plain, 1) == 1 && facet_model_score(plain, -1) == 0);
    assert_true(fabs(facet_model_score(fit, 0.4) - 0.5) < 1e-9);
    assert_true(facet_model_score(fit, 0.9) > 0.99);
    facet_manifest_close(&m);
}

static void test_manifest__contract_changes_with_what_matters(void **state)
{
    struct facet_manifest *m;
    char a[65], b[65], c[65];
    assert_int_equal(parse(&m, HEAD EMBED("a") EMBED("b") EMBED("c") "    preprocessing: 2\n"), 0);
    struct facet_model_spec same = *facet_manifest_at(m, 2);
    assert_int_equal(facet_model_contract(facet_manifest_at(m, 0), a), 0);
    assert_int_equal(facet_model_contract(facet_manifest_at(m, 1), b), 0);
    assert_int_equal(facet_model_contract(&same, c), 0);
    assert_string_not_equal(a, b);
    same.preprocessing = 3;
    assert_int_equal(facet_model_contract(&same, b), 0);
    assert_string_not_equal(b, c);
    same.preprocessing = 2;
    same.threshold = 0.9; /* how a score is used is not what an embedding is */
    assert_int_equal(facet_model_contract(&same, b), 0);
    assert_string_equal(b, c);
    facet_manifest_close(&m);
}

static void test_manifest__unknown_name_lists_near_ones(void **state)
{
    struct facet_manifest *m;
    assert_int_equal(parse(&m, HEAD DETECT("yunet-320") DETECT("yunet-640") EMBED("emb")), 0);
    assert_null(facet_manifest_find(m, "yunet"));
    assert_non_null(strstr(facet_error_text(), "yunet-320 yunet-640"));
    assert_null(strstr(facet_error_text(), "emb"));
    assert_null(facet_manifest_find(m, "other"));
    assert_non_null(strstr(facet_error_text(), "emb"));
    assert_null(facet_manifest_default(m, "detect"));
    assert_null(facet_manifest_data_find(m, "x"));
    facet_manifest_close(&m);
}

static void test_manifest__wrong_members_are_refused_with_their_line(void **state)
{
    refused("models: []\n", FACET_E_UNSUPPORTED, "manifest: 1");
    refused("manifest: 2\nmodels: []\n", FACET_E_UNSUPPORTED, "manifest: 1");
    refused("manifest: 1\n", FACET_E_FORMAT, "'models' is no list");
    refused("manifest: 1\nmodels: []\nmodel: x\n", FACET_E_FORMAT, "line 3");
    refused(HEAD DETECT("a") "    tresholds: []\n", FACET_E_FORMAT, "tresholds");
    refused(HEAD DETECT("a") DETECT("a"), FACET_E_FORMAT, "there twice");
    refused(HEAD DETECT("A b"), FACET_E_FORMAT, "characters");
    refused(HEAD DETECT("../x"), FACET_E_FORMAT, "characters");
    refused(HEAD DETECT("a") "    default: true\n" DETECT("b") "    default: true\n", FACET_E_FORMAT, "default of task");
    refused(HEAD EMBED_WITHOUT("a"), FACET_E_FORMAT, "'chip' is missing");
    refused(HEAD EMBED_WITHOUT("a") CHIP, FACET_E_FORMAT, "'dim'");
    refused(HEAD EMBED_WITHOUT("a") CHIP "    dim: 128\n", FACET_E_FORMAT, "'threshold' is missing");
    refused(HEAD EMBED_WITHOUT("a") CHIP "    dim: 3000\n", FACET_E_FORMAT, "'dim' is out of bounds");
    refused(HEAD EMBED_WITHOUT("a") CHIP "    dim: 1.5\n", FACET_E_FORMAT, "whole number");
    refused(HEAD EMBED_WITHOUT("a") "    chip: {crop: round}\n", FACET_E_FORMAT, "'crop'");
    refused(HEAD "  - name: a\n", FACET_E_FORMAT, "'version' is missing");
    refused(HEAD "  - name: a\n    version: 1\n    task: dream\n", FACET_E_FORMAT, "detect, embed, other");
    refused(HEAD "  - name: a\n    version: 1\n    task: other\n    kind: k\n    importer: zip\n", FACET_E_FORMAT, "importer");
}

static void file_refused(const char *file, const char *why)
{
    struct facet_str s = FACET_STR_INIT;
    facet_str_printf(&s, "%s    files: [%s]\n%s", HEAD "  - name: a\n    version: 1\n    task: other\n    kind: k\n" TERMS,
                     file, INPUT);
    refused(s.data, FACET_E_FORMAT, why);
    facet_str_fini(&s);
}

static void test_manifest__wrong_files_are_refused(void **state)
{
    file_refused("{path: ../x, url: 'https://h/x', sha256: " SHA ", bytes: 1}", "below the mirror");
    file_refused("{path: /etc/x, url: 'https://h/x', sha256: " SHA ", bytes: 1}", "below the mirror");
    file_refused("{path: a/../x, url: 'https://h/x', sha256: " SHA ", bytes: 1}", "below the mirror");
    file_refused("{path: x, url: 'https://h/x', sha256: abc, bytes: 1}", "sha256");
    file_refused("{path: x, url: 'https://h/x', bytes: 1}", "sha256");
    file_refused("{path: x, url: 'ftp://h/x', sha256: " SHA ", bytes: 1}", "url");
    file_refused("{path: x, url: 'https://h/x', sha256: " SHA ", bytes: 0}", "bytes");
    file_refused("{path: x, url: 'https://h/x', sha256: " SHA ", bytes: 99999999999}", "bytes");
    file_refused("{path: x, url: 'https://h/x', sha256: " SHA ", bytes: 1, size: 1}", "size");
    file_refused("", "'files' is not a list");
    file_refused("{table: ../x.tsv}", "beside the manifest");
}

static void table_refused(const char *rows, int err, const char *why)
{
    char dir[] = "/tmp/facet-table-XXXXXX", path[64], origin[64];
    struct facet_str s = FACET_STR_INIT;
    struct facet_manifest *m;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/t.tsv", dir);
    snprintf(origin, sizeof(origin), "%s/m.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(rows, f);
    fclose(f);
    facet_str_puts(&s, HEAD "  - name: a\n    version: 1\n    task: other\n    kind: k\n" TERMS
                   "    files: [{table: t.tsv, path: p/, url: 'https://h/'}]\n" INPUT);
    int got = facet_manifest_parse(&m, s.data, s.len, origin);
    if (got != err || (err && !strstr(facet_error_text(), why)))
        fail_msg("%d, '%s' lacks '%s'", got, facet_error_text(), why);
    if (!err)
        assert_string_equal(facet_manifest_at(m, 0)->files[1].url, why);
    facet_manifest_close(&m);
    facet_str_fini(&s);
    remove(path);
    remove(dir);
}

static void test_manifest__tables_are_read(void **state)
{
    table_refused("file\tbytes\tsha256\na.npy\t10\t" SHA "\nb.npy\t20\t" SHA "\n", FACET_OK, "https://h/b.npy");
    table_refused("file\tsha256\n", FACET_E_FORMAT, "first line");
    table_refused("file\tbytes\tsha256\na.npy\t10\n", FACET_E_FORMAT, "line 2: a row has three columns");
    table_refused("file\tbytes\tsha256\na.npy\t10\t" SHA "\tx\n", FACET_E_FORMAT, "three columns");
    table_refused("file\tbytes\tsha256\n../a\t10\t" SHA "\n", FACET_E_FORMAT, "below the mirror");
}

static void test_manifest__ours_is_sound(void **state)
{
    struct facet_manifest *m;
    if (facet_manifest_open(&m, NULL))
        fail_msg("%s", facet_error_text());
    assert_string_equal(facet_manifest_default(m, "detect")->name, "mtcnn");
    const struct facet_model_spec *s = facet_manifest_default(m, "embed");
    assert_string_equal(s->name, "facenet-20180402");
    assert_int_equal(s->n_files, 490);
    assert_int_equal(s->dim, 512);
    for (size_t i = 0; i < facet_manifest_count(m); i++)
        if (facet_manifest_at(m, i)->is_default)
            assert_true(facet_manifest_at(m, i)->commercial);
    assert_int_equal(facet_manifest_data_find(m, "hamilton")->n_files, 4);
    facet_manifest_close(&m);
}

static void test_manifest__absent_file_is_named(void **state)
{
    struct facet_manifest *m;
    assert_int_equal(facet_manifest_open(&m, "/nowhere/m.yaml"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/nowhere/m.yaml"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__members_are_read),
        cmocka_unit_test(test_manifest__parts_have_their_files),
        cmocka_unit_test(test_manifest__similarity_needs_its_points),
        cmocka_unit_test(test_manifest__thresholds_follow_the_table),
        cmocka_unit_test(test_manifest__scores_are_calibrated),
        cmocka_unit_test(test_manifest__contract_changes_with_what_matters),
        cmocka_unit_test(test_manifest__unknown_name_lists_near_ones),
        cmocka_unit_test(test_manifest__wrong_members_are_refused_with_their_line),
        cmocka_unit_test(test_manifest__wrong_files_are_refused),
        cmocka_unit_test(test_manifest__tables_are_read),
        cmocka_unit_test(test_manifest__ours_is_sound),
        cmocka_unit_test(test_manifest__absent_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
