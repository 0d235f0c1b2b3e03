/* Real recognisers and the detector in 8 bits: few pictures to calibrate with, none of the evaluated ones. */
#include "data/real.h"

#include "base/file.h"
#include "base/str.h"
#include "bench/agree.h"
#include "bench/eval_verify.h"
#include "bench/optimise.h"
#include "models/made.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct facet_manifest *manifest;

/* The models folder is the build's own, where the pulled ones are: what is made here goes again. */
static void forget(const char *name)
{
    const struct facet_model_spec *s = facet_manifest_find(manifest, name);
    if (s && *s->made_from)
        assert_ok(facet_model_remove(s));
}

static void open_again(void)
{
    facet_manifest_close(&manifest);
    assert_ok(facet_manifest_open(&manifest, NULL));
}

static struct facet_optimise_opts opts_for(const char *model, const char *name)
{
    real_model(model);
    open_again();
    forget(name);
    open_again();
    struct facet_optimise_opts o = {.manifest = manifest, .to = FACET_OPTIMISE_INT8, .method = FACET_QUANT_MSE, .most_kept = -1, .tried = 3};
    o.model = facet_manifest_find(manifest, model);
    o.name = name;
    return o;
}

static void tell(const struct facet_optimise_result *r)
{
    for (size_t i = 0; i < r->n_parts; i++)
        print_message("%s %s: loss mean %.5f worst %.5f on %zu, %zu of %zu layers kept, %.2f -> %.2f MB\n", r->name, r->parts[i].name,
                      r->parts[i].loss.mean, r->parts[i].loss.worst, r->parts[i].held, r->parts[i].kept, r->parts[i].n_layers,
                      (double)r->parts[i].bytes[0] / 1e6, (double)r->parts[i].bytes[1] / 1e6);
}

static void test_optimise__int8_mobilefacenet_keeps_its_accuracy(void **state)
{
    struct facet_optimise_opts o = opts_for("mobilefacenet-photo-analyze", "test-mobilefacenet-int8");
    struct facet_optimise_result *r = calloc(1, sizeof(*r));
    struct facet_verify_result *v = calloc(1, sizeof(*v));
    char contract[2][65];
    o.calibrate = real_data("gallery-bbt");
    assert_ok(facet_optimise(r, &o));
    tell(r);
    assert_true(1 - r->parts[0].loss.mean >= 0.995);
    assert_true(r->parts[0].bytes[0] > 3 * r->parts[0].bytes[1]);
    open_again();
    struct facet_verify_opts e = {.first_fold = 1, .last_fold = 1, .pairs = real_data("lfw/pairs.txt"), .dir = real_data("lfw/images")};
    e.detector = facet_manifest_find(manifest, "mtcnn");
    e.recogniser = facet_manifest_find(manifest, "test-mobilefacenet-int8");
    assert_ok(facet_eval_verify(v, &e));
    print_message("fold 1: %.4f, %.1f s\n", v->folds.accuracy, v->seconds);
    assert_true(v->folds.accuracy >= 0.985);
    assert_ok(facet_model_contract(e.recogniser, contract[0]));
    assert_ok(facet_model_contract(facet_manifest_find(manifest, "mobilefacenet-photo-analyze"), contract[1]));
    assert_string_not_equal(contract[0], contract[1]);
    forget("test-mobilefacenet-int8");
    facet_optimise_fini(r);
    free(r);
    free(v);
}

static void test_optimise__int8_facenet_answers_alike(void **state)
{
    struct facet_optimise_opts o = opts_for("facenet-20180402", "test-facenet-int8");
    struct facet_optimise_result *r = calloc(1, sizeof(*r));
    o.calibrate = real_data("gallery-bbt");
    o.no_list = true;
    o.most_kept = 0;
    assert_ok(facet_optimise(r, &o));
    tell(r);
    assert_true(1 - r->parts[0].loss.mean >= 0.995);
    assert_true(r->parts[0].bytes[0] > 3.5 * (double)r->parts[0].bytes[1]);
    open_again();
    forget("test-facenet-int8");
    facet_optimise_fini(r);
    free(r);
}

static void assert_same_faces(const char *folder, size_t most)
{
    struct facet_agree a;
    struct facet_agree_opts g = {.dir = real_data(folder), .most = most};
    g.a = facet_manifest_find(manifest, "mtcnn");
    g.b = facet_manifest_find(manifest, "test-mtcnn-int8");
    assert_ok(facet_agree_measure(&a, &g));
    print_message("%s: %zu and %zu faces, %zu the same at IoU 0.9 (mean overlap %.4f)\n", folder, a.faces_a, a.faces_b, a.same, a.overlap);
    assert_true(a.faces_a > 80);
    assert_true(a.share >= 0.99);
}

/* Whoever changes what a model keeps beside its parts has no model any more. */
static void spoil_floats(const char *name)
{
    char path[1024], dir[900];
    uint8_t *text;
    size_t len;
    assert_ok(facet_models_dir(dir, sizeof(dir)));
    snprintf(path, sizeof(path), "%s/%s/made.json", dir, name);
    assert_ok(facet_file_read(path, 1 << 20, &text, &len));
    char *at = strstr((char *)text, "\"pnet\"");
    assert_non_null(at);
    memcpy(at, "\"pnot\"", 6);
    assert_ok(facet_file_write_atomic(path, text, len));
    open_again();
    assert_null(facet_manifest_find(manifest, name));
    memcpy(at, "\"pnet\"", 6);
    assert_ok(facet_file_write_atomic(path, text, len));
    free(text);
    open_again();
}

static void test_optimise__int8_mtcnn_finds_the_same_faces(void **state)
{
    struct facet_optimise_opts o = opts_for("mtcnn", "test-mtcnn-int8");
    struct facet_optimise_result *r = calloc(1, sizeof(*r));
    o.calibrate = real_data("gallery-bbt");
    o.pictures = 20;
    assert_ok(facet_optimise(r, &o));
    tell(r);
    open_again();
    assert_same_faces("group", 0);
    assert_same_faces("lfw/images", 100);
    spoil_floats("test-mtcnn-int8");
    forget("test-mtcnn-int8");
    facet_optimise_fini(r);
    free(r);
}

static void test_optimise__a_folder_without_faces_is_refused(void **state)
{
    struct facet_optimise_opts o = opts_for("facenet-20180402", "test-nothing-int8");
    struct facet_optimise_result *r = calloc(1, sizeof(*r));
    char dir[] = "/tmp/facet-calib-XXXXXX", line[4200];
    assert_non_null(mkdtemp(dir));
    snprintf(line, sizeof(line), "%s/no-faces.jpg", dir);
    assert_int_equal(symlink(real_data("group/no-faces.jpg"), line), 0);
    o.calibrate = dir;
    assert_int_equal(facet_optimise(r, &o), FACET_E_NO_FACE);
    assert_non_null(strstr(facet_error_text(), "no face was found in 1 pictures"));
    open_again();
    assert_null(facet_manifest_find(manifest, "test-nothing-int8"));
    unlink(line);
    rmdir(dir);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_optimise__int8_mobilefacenet_keeps_its_accuracy),
        cmocka_unit_test(test_optimise__int8_facenet_answers_alike),
        cmocka_unit_test(test_optimise__int8_mtcnn_finds_the_same_faces),
        cmocka_unit_test(test_optimise__a_folder_without_faces_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    facet_manifest_close(&manifest);
    return failed;
}
