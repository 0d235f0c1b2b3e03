/* The same 100 chips through our engine and through OpenCV's DNN (tests/peers/opencv_embed.cpp): every
 * cosine 0.9999 or better. OpenCV 4.6 refuses Clip with inputs, so it gets the bounds as attributes;
 * it has no LpNormalization, which changes no cosine, and misreads a Gemm without a bias, so it gets a MatMul.
 * The weights are untouched. Nothing is stored: chips and embeddings live in a scratch folder. */
#include "data/real.h"

#include "bench/eval_faces.h"
#include "engine/format/onnx.h"
#include "stages/align/align.h"

#include <facet/error.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHIPS 100

struct chips { struct facet_image at[CHIPS]; };

static const char *peer(void)
{
    static char path[1024];
    const char *build = getenv("FACET_TEST_BUILD");
    snprintf(path, sizeof(path), "%s/tests/peers/opencv_embed", build ? build : "build");
    if (access(path, X_OK))
        fail_msg("'%s' is not there: apt-get install g++ libopencv-dnn-dev, then configure the build again "
                 "(meson setup --reconfigure)", path);
    return path;
}

/* Chips of the first face of every n-th picture of the list. */
static void cut_chips(struct chips *c, const struct facet_model_spec *s)
{
    size_t n;
    struct real_face *rows = real_table(real_data("lfw/reference_mtcnn.tsv"), &n);
    for (size_t i = 0; i < CHIPS; i++) {
        const struct real_face *f = &rows[i * (n / CHIPS)];
        struct facet_landmarks points;
        char name[256];
        snprintf(name, sizeof(name), "lfw/images/%s", f->picture);
        struct facet_image img = real_picture(name);
        for (int k = 0; k < FACET_LANDMARKS; k++)
            points.p[k] = (struct facet_point){f->v[5 + 2 * k], f->v[6 + 2 * k]};
        assert_ok(facet_image_init(&c->at[i], FACET_PIXEL_RGB24, s->chip.width, s->chip.height));
        assert_ok(facet_align_chip(&c->at[i], &img, &s->chip, (struct facet_box){f->v[0], f->v[1], f->v[2], f->v[3]}, &points));
        facet_image_fini(&img);
    }
    free(rows);
}

static const float *bound(const struct facet_graph *g, const struct facet_node *n, int input)
{
    return n->n_inputs > input && n->inputs[input] >= 0 ? g->values[n->inputs[input]].data : NULL;
}

static void rename_op(struct facet_node *n, const char *op)
{
    free(n->op);
    n->op = strdup(op);
}

/* The model's file for the peer. */
static void write_for_peer(const struct facet_model_spec *s, const char *path)
{
    struct facet_graph *g;
    assert_ok(facet_model_graph(&g, s, s->n_parts ? s->parts[0].name : ""));
    g->values[g->inputs[0]].shape.dim[0] = 1;
    assert_ok(facet_graph_infer(g));            /* OpenCV wants the outputs' shapes in the file */
    for (int i = 0; i < g->n_nodes; i++) {
        struct facet_node *n = &g->nodes[i];
        if (!strcmp(n->op, "LpNormalization"))
            rename_op(n, "Identity");
        if (!strcmp(n->op, "Gemm") && n->n_inputs == 2 && !n->n_attrs)
            rename_op(n, "MatMul");
        if (strcmp(n->op, "Clip"))
            continue;
        const float *low = bound(g, n, 1), *high = bound(g, n, 2);
        if (low)
            assert_ok(facet_graph_attr_float(g, i, "min", *low));
        if (high)
            assert_ok(facet_graph_attr_float(g, i, "max", *high));
        n->n_inputs = 1;
    }
    assert_ok(facet_onnx_save(g, path));
    facet_graph_free(&g);
}

static void write_inputs(const struct chips *c, const struct facet_model_spec *s, const char *path)
{
    size_t numbers = (size_t)s->width * (size_t)s->height * 3;
    float *v = malloc(numbers * sizeof(*v));
    FILE *f = fopen(path, "wb");
    assert_true(v && f);
    for (int i = 0; i < CHIPS; i++) {
        facet_image_to_float(v, &c->at[i], &s->norm);
        assert_int_equal(fwrite(v, sizeof(*v), numbers, f), numbers);
    }
    fclose(f);
    free(v);
}

static void run_peer(const struct facet_model_spec *s, const char *dir, float *out)
{
    char line[4096], path[512];
    snprintf(line, sizeof(line), "'%s' '%s/m.onnx' '%s/in.f32' %d 3 %d %d '%s/out.f32'", peer(), dir, dir, CHIPS, s->height,
             s->width, dir);
    int status = system(line);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    snprintf(path, sizeof(path), "%s/out.f32", dir);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(out, sizeof(*out), (size_t)s->dim * CHIPS, f), s->dim * CHIPS);
    fclose(f);
}

static double cosine(const float *a, const float *b, int dim)
{
    double ab = 0, aa = 0, bb = 0;
    for (int i = 0; i < dim; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return ab / sqrt(aa * bb);
}

static void embed_ours(const struct chips *c, const struct facet_model_spec *s, float *out)
{
    struct facet_embedder_opts o = FACET_EMBEDDER_OPTS_INIT;
    struct facet_embedder *e;
    const struct facet_image *list[CHIPS];
    o.model = s;
    for (int i = 0; i < CHIPS; i++)
        list[i] = &c->at[i];
    assert_ok(facet_embedder_open(&e, &o));
    assert_int_equal(facet_embedder_dim(e), s->dim);
    assert_int_equal(strlen(facet_embedder_contract(e)), 64);
    assert_ok(facet_embedder_run(e, list, CHIPS, out));
    facet_embedder_close(&e);
}

static void remove_scratch(const char *dir)
{
    static const char *const names[] = {"m.onnx", "in.f32", "out.f32"};
    char path[512];
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

static void check(const char *model)
{
    const struct facet_model_spec *s = real_model(model);
    struct chips *c = calloc(1, sizeof(*c));
    float *ours = calloc((size_t)s->dim * CHIPS, sizeof(float)), *theirs = calloc((size_t)s->dim * CHIPS, sizeof(float));
    char dir[] = "/tmp/facet-peer-XXXXXX", path[512];
    double least = 1;
    assert_non_null(mkdtemp(dir));
    cut_chips(c, s);
    snprintf(path, sizeof(path), "%s/m.onnx", dir);
    write_for_peer(s, path);
    snprintf(path, sizeof(path), "%s/in.f32", dir);
    write_inputs(c, s, path);
    run_peer(s, dir, theirs);
    embed_ours(c, s, ours);
    remove_scratch(dir);
    for (int i = 0; i < CHIPS; i++) {
        least = fmin(least, cosine(ours + i * s->dim, theirs + i * s->dim, s->dim));
        assert_true(fabs(cosine(ours + i * s->dim, ours + i * s->dim, s->dim) - 1) < 1e-5);
        facet_image_fini(&c->at[i]);
    }
    print_message("%s: %d chips, least cosine with OpenCV 1 - %.1e\n", model, CHIPS, 1 - least);
    assert_true(least >= 0.9999);
    free(ours);
    free(theirs);
    free(c);
}

static void test_embed__facenet_is_as_opencv(void **state)
{
    check("facenet-20180402");
}

static void test_embed__mobilefacenet_is_as_opencv(void **state)
{
    check("mobilefacenet-photo-analyze");
}

static void refuse(struct facet_embedder_opts o, int err, const char *says)
{
    struct facet_embedder *e;
    assert_int_equal(facet_embedder_open(&e, &o), err);
    assert_null(e);
    if (!strstr(facet_error_text(), says))
        fail_msg("'%s' does not say '%s'", facet_error_text(), says);
}

static void test_embed__what_cannot_be_used_is_refused(void **state)
{
    const struct facet_model_spec *good = real_model("mobilefacenet-photo-analyze");
    struct facet_model_spec bad = *good;
    refuse((struct facet_embedder_opts){0}, FACET_E_INVALID, "without a model");
    refuse((struct facet_embedder_opts){.model = real_model("mtcnn")}, FACET_E_UNSUPPORTED, "its task is 'detect'");
    refuse((struct facet_embedder_opts){.model = good, .max_batch = 1000}, FACET_E_INVALID, "1000 faces");
    bad.dim = 64;
    refuse((struct facet_embedder_opts){.model = &bad}, FACET_E_FORMAT, "64 numbers");
    bad.dim = 100000;
    refuse((struct facet_embedder_opts){.model = &bad}, FACET_E_FORMAT, "100000 numbers");
    bad = *good;
    bad.chip.width = 96;
    refuse((struct facet_embedder_opts){.model = &bad}, FACET_E_FORMAT, "96x112");
    bad = *good;
    snprintf(bad.output, sizeof(bad.output), "nothing");
    refuse((struct facet_embedder_opts){.model = &bad}, FACET_E_FORMAT, "'nothing'");
}

static void test_embed__a_chip_of_another_size_is_refused(void **state)
{
    struct facet_embedder_opts o = {.model = real_model("mobilefacenet-photo-analyze")};
    struct facet_embedder *e;
    struct facet_image chip;
    const struct facet_image *list = &chip;
    float out[128];
    assert_ok(facet_embedder_open(&e, &o));
    assert_ok(facet_image_init(&chip, FACET_PIXEL_RGB24, 100, 112));
    assert_int_equal(facet_embedder_run(e, &list, 1, out), FACET_E_INVALID);
    facet_image_fini(&chip);
    facet_embedder_close(&e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_embed__facenet_is_as_opencv),
        cmocka_unit_test(test_embed__mobilefacenet_is_as_opencv),
        cmocka_unit_test(test_embed__what_cannot_be_used_is_refused),
        cmocka_unit_test(test_embed__a_chip_of_another_size_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
