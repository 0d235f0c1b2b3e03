#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/format/build.h"
#include "engine/format/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int64_t parameters(const struct facet_graph *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_values; i++)
        if (g->values[i].data)
            n += (int64_t)(g->values[i].bytes / 4);
    return n;
}

static int64_t macs(const struct facet_graph *g)
{
    int64_t n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += facet_node_macs(g, i);
    return n;
}

/* Multiply-accumulates as published, in millions; the networks' own lists of layers give them. */
static void test_build__every_architecture_is_sound(void **state)
{
    static const struct { const char *name, *output, *shape; int64_t parameters, mmacs; } cases[] = {
        {"facenet", "embedding", "?x512", 23512224, 1418},   {"mobilefacenet", "fc1", "?x128", 1022848, 221},
        {"pnet", "prob1", "?x2x?x?", 6632, 0},               {"rnet", "conv5-2", "?x4", 100178, 1},
        {"onet", "conv6-3", "?x10", 389040, 12},             {"mobilenetv2", "classes", "?x1000", 3539054, 300},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct facet_graph *g;
        char shape[64];
        assert_int_equal(facet_builder_find(cases[i].name)->build(&g, 1), 0);
        assert_int_equal(facet_graph_check(g), 0);
        assert_int_equal(facet_graph_infer(g), 0);
        int v = facet_graph_find(g, cases[i].output);
        assert_true(v >= 0);
        facet_shape_text(&g->values[v].shape, shape, sizeof(shape));
        assert_string_equal(shape, cases[i].shape);
        assert_int_equal(parameters(g), cases[i].parameters);
        if (cases[i].mmacs)
            assert_in_range(macs(g) / 1000000, cases[i].mmacs - 1, cases[i].mmacs + 1);
        facet_graph_free(&g);
    }
}

static void test_build__seed_decides_the_numbers(void **state)
{
    struct facet_graph *g[3];
    const uint64_t seeds[] = {7, 7, 8};
    for (int i = 0; i < 3; i++)
        assert_int_equal(facet_builder_find("pnet")->build(&g[i], seeds[i]), 0);
    int v = facet_graph_find(g[0], "conv1.weight");
    assert_memory_equal(g[0]->values[v].data, g[1]->values[v].data, g[0]->values[v].bytes);
    assert_memory_not_equal(g[0]->values[v].data, g[2]->values[v].data, g[0]->values[v].bytes);
    for (int i = 0; i < 3; i++)
        facet_graph_free(&g[i]);
}

static void test_build__unknown_names_find_nothing(void **state)
{
    assert_null(facet_builder_find("alexnet"));
    assert_null(facet_builder_find(""));
    assert_null(facet_importer_find("tflite3"));
    assert_non_null(facet_importer_find("caffe-swapped"));
}

static void test_build__importers_refuse_wrong_paths(void **state)
{
    struct facet_graph *g;
    const char *paths[] = {"/nowhere", "/nowhere"};
    assert_int_equal(facet_importer_find("facenet-npy")->import(&g, paths, 1), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "folder"));
    assert_int_equal(facet_importer_find("facenet-npy")->import(&g, (const char *[]){"/"}, 1), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "Conv2d_1a_3x3_kernel.npy"));
    assert_int_equal(facet_importer_find("onnx")->import(&g, paths, 2), FACET_E_INVALID);
    assert_int_equal(facet_importer_find("onnx")->import(&g, paths, 1), FACET_E_NOT_FOUND);
    assert_null(g);
}

static void test_build__facenet_layer_of_another_shape_is_refused(void **state)
{
    static const unsigned char array[] = "\x93NUMPY\1\0\x39\0{'descr': '|u1', 'fortran_order': False, 'shape': (1,), }\0";
    char dir[] = "/tmp/facet-build-XXXXXX", path[64];
    struct facet_graph *g;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/Conv2d_1a_3x3_kernel.npy", dir);
    assert_int_equal(facet_file_write_atomic(path, array, 10 + 57 + 1), 0);
    assert_int_equal(facet_importer_find("facenet-npy")->import(&g, (const char *[]){dir}, 1), FACET_E_FORMAT);
    unlink(path);
    rmdir(dir);
    assert_null(g);
    assert_non_null(strstr(facet_error_text(), "Conv2d_1a_3x3_kernel.npy': its shape"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build__every_architecture_is_sound),
        cmocka_unit_test(test_build__seed_decides_the_numbers),
        cmocka_unit_test(test_build__unknown_names_find_nothing),
        cmocka_unit_test(test_build__importers_refuse_wrong_paths),
        cmocka_unit_test(test_build__facenet_layer_of_another_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
