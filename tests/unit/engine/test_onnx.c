#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/format/onnx.h"
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A protobuf message by hand: length-delimited fields nested one into the other. */
static size_t wrap(uint8_t *out, unsigned field, const uint8_t *inner, size_t len)
{
    uint8_t head[12] = {(uint8_t)(field << 3 | 2)};
    size_t n = 1, rest = len;
    for (; rest > 0x7f; rest >>= 7)
        head[n++] = (uint8_t)(rest & 0x7f) | 0x80;
    head[n++] = (uint8_t)rest;
    memmove(out + n, inner, len); /* inner may be out itself */
    memcpy(out, head, n);
    return n + len;
}

static struct op_case first_case(struct op_fixture *f, const char *name)
{
    struct op_case c;
    op_fixture_open(f);
    while (op_fixture_next(f, &c))
        if (strcmp(c.name, name) == 0)
            return c;
    fail_msg("the fixture has no case '%s'", name);
    return c;
}

static void test_onnx__comes_back_as_saved(void **state)
{
    struct op_fixture f;
    struct op_case c = first_case(&f, "conv_group");
    struct facet_graph *g = NULL, *again = NULL;
    char path[] = "/tmp/facet-onnx-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(facet_onnx_parse(&g, c.model, c.model_len, "a"), FACET_OK);
    assert_int_equal(facet_onnx_save(g, path), FACET_OK);
    assert_int_equal(facet_onnx_load(&again, path), FACET_OK);
    assert_int_equal(again->n_nodes, g->n_nodes);
    assert_int_equal(again->opset, 13);
    assert_int_equal(facet_node_int(&again->nodes[0], "group", 1), 2);
    int w = facet_graph_find(g, "w"), w2 = facet_graph_find(again, "w");
    assert_int_equal(again->values[w2].bytes, g->values[w].bytes);
    assert_memory_equal(again->values[w2].data, g->values[w].data, g->values[w].bytes);
    assert_string_not_equal(again->hash, "");
    unlink(path);
    facet_graph_free(&g);
    facet_graph_free(&again);
    op_fixture_close(&f);
}

static void test_onnx__any_truncation_is_refused(void **state)
{
    struct op_fixture f;
    struct op_case c = first_case(&f, "conv_3x3");
    for (uint32_t len = 0; len < c.model_len; len++) {
        struct facet_graph *g = NULL;
        int err = facet_onnx_parse(&g, c.model, len, "cut.onnx");
        if (err != FACET_E_FORMAT && err != FACET_E_UNSUPPORTED)
            fail_msg("%u of %u bytes: %d", len, c.model_len, err);
        assert_non_null(strstr(facet_error_text(), "cut.onnx"));
        assert_null(g);
    }
    op_fixture_close(&f);
}

static void test_onnx__deep_nesting_is_refused_before_unpacking(void **state)
{
    static uint8_t message[65536];
    size_t len = 0;
    for (int i = 0; i < 2001; i++) { /* model.graph.node.attribute.g.node.attribute.g ... */
        static const unsigned fields[] = {6, 5, 1};
        len = wrap(message, fields[i % 3], message, len);
    }
    len = wrap(message, 7, message, len);
    struct facet_graph *g = NULL;
    assert_int_equal(facet_onnx_parse(&g, message, len, "deep.onnx"), FACET_E_LIMIT);
    assert_non_null(strstr(facet_error_text(), "deep.onnx"));
}

static void test_onnx__too_many_parts_are_refused_before_unpacking(void **state)
{
    size_t parts = (1u << 20) + 16, len = 0;
    uint8_t *graph = malloc(2 * parts + 16), *model = malloc(2 * parts + 32);
    assert_non_null(graph);
    assert_non_null(model);
    for (size_t i = 0; i < parts; i++) { /* empty nodes */
        graph[len++] = 1 << 3 | 2;
        graph[len++] = 0;
    }
    len = wrap(model, 7, graph, len);
    struct facet_graph *g = NULL;
    assert_int_equal(facet_onnx_parse(&g, model, len, "many.onnx"), FACET_E_LIMIT);
    free(graph);
    free(model);
}

static void test_onnx__text_is_no_model(void **state)
{
    static const char text[] = "this is no model at all";
    struct facet_graph *g = NULL;
    assert_int_equal(facet_onnx_parse(&g, (const uint8_t *)text, sizeof(text), "text.onnx"), FACET_E_FORMAT);
}

static void test_onnx__an_absent_file_is_named(void **state)
{
    struct facet_graph *g = NULL;
    assert_int_equal(facet_onnx_load(&g, "/nowhere/x.onnx"), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "/nowhere/x.onnx"));
}

/* Saves a graph built by hand and reads it again: what facet_onnx_load says of it. */
static int reload(struct facet_graph **g)
{
    char path[] = "/tmp/facet-onnx-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(facet_onnx_save(*g, path), FACET_OK);
    facet_graph_free(g);
    int err = facet_onnx_load(g, path);
    unlink(path);
    return err;
}

static struct facet_graph *two_nodes(void)
{
    struct facet_graph *g = NULL;
    struct facet_shape s = {2, {2, 3}};
    assert_int_equal(facet_graph_new(&g, "built", 13), FACET_OK);
    int in = facet_graph_input(g, "in", FACET_F32, &s);
    int a = facet_graph_node(g, "Relu", "a", &in, 1, NULL), b = facet_graph_node(g, "Tanh", "b", &a, 1, NULL);
    assert_int_equal(facet_graph_output(g, b), FACET_OK);
    return g;
}

static void test_onnx__a_cycle_is_refused(void **state)
{
    struct facet_graph *g = two_nodes();
    g->nodes[0].inputs[0] = facet_graph_find(g, "b");
    assert_int_equal(reload(&g), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "depends on its own output"));
}

static void test_onnx__nodes_out_of_order_are_put_in_order(void **state)
{
    struct facet_graph *g = two_nodes();
    struct facet_node first = g->nodes[0];
    g->nodes[0] = g->nodes[1];
    g->nodes[1] = first;
    assert_int_equal(reload(&g), FACET_OK);
    assert_string_equal(g->nodes[0].op, "Relu");
    facet_graph_free(&g);
}

static void test_onnx__an_input_made_nowhere_is_named(void **state)
{
    struct facet_graph *g = two_nodes();
    g->nodes[1].inputs[0] = facet_graph_value(g, "ghost");
    assert_int_equal(reload(&g), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "'ghost' is made nowhere"));
}

static void test_onnx__an_unknown_operator_is_named_with_node_and_model(void **state)
{
    struct facet_graph *g = two_nodes();
    int b = facet_graph_find(g, "b");
    int c = facet_graph_node(g, "Einsum", "c", &b, 1, NULL);
    assert_int_equal(facet_graph_output(g, c), FACET_OK);
    assert_int_equal(reload(&g), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "Einsum"));
    assert_non_null(strstr(facet_error_text(), "node 'c'"));
    assert_non_null(strstr(facet_error_text(), "/tmp/facet-onnx-"));
}

static void test_onnx__metadata_comes_back(void **state)
{
    struct facet_graph *g = two_nodes();
    assert_int_equal(facet_graph_meta_set(g, "facet.precision", "bf16"), FACET_OK);
    assert_int_equal(facet_graph_meta_set(g, "facet.made", "{\"from\":\"x\"}"), FACET_OK);
    assert_int_equal(facet_graph_meta_set(g, "facet.precision", "int8"), FACET_OK);
    assert_int_equal(reload(&g), FACET_OK);
    assert_int_equal(g->n_meta, 2);
    assert_string_equal(facet_graph_meta(g, "facet.precision"), "int8");
    assert_string_equal(facet_graph_meta(g, "facet.made"), "{\"from\":\"x\"}");
    assert_null(facet_graph_meta(g, "facet"));
    facet_graph_free(&g);
}

static void test_onnx__too_much_metadata_is_refused(void **state)
{
    struct facet_graph *g = two_nodes();
    char key[16];
    for (int i = 0; i < 300; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        assert_int_equal(facet_graph_meta_set(g, key, ""), FACET_OK);
    }
    assert_int_equal(reload(&g), FACET_E_LIMIT);
    assert_non_null(strstr(facet_error_text(), "metadata"));
}

static void test_onnx__weights_of_every_type_come_back(void **state)
{
    static const enum facet_dtype types[] = {FACET_U8, FACET_I8, FACET_F16, FACET_BF16, FACET_I32, FACET_F64};
    static const uint8_t bytes[3 * 8] = {1, 200, 3, 4, 255, 0, 7, 128, 9, 10, 11, 60, 13, 14, 15, 63, 17, 18, 19, 64, 21, 22, 23, 65};
    struct facet_graph *g = two_nodes();
    struct facet_shape s = {1, {3}};
    char name[16];
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        assert_true(facet_graph_const(g, name, types[i], &s, bytes) >= 0);
    }
    assert_int_equal(reload(&g), FACET_OK);
    for (int i = 0; i < 6; i++) {
        snprintf(name, sizeof(name), "w%d", i);
        const struct facet_value *v = &g->values[facet_graph_find(g, name)];
        assert_int_equal(v->dtype, types[i]);
        assert_int_equal(v->bytes, 3 * facet_dtype_size(types[i]));
        assert_memory_equal(v->data, bytes, v->bytes);
    }
    facet_graph_free(&g);
}

static void test_onnx__values_that_passes_store_are_not_written(void **state)
{
    struct facet_graph *g = two_nodes();
    struct facet_value *v = &g->values[facet_graph_find(g, "a")];
    v->is_stored = true;
    v->store = FACET_BF16;
    assert_int_equal(facet_onnx_save(g, "/tmp/facet-never-written.onnx"), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "'a'"));
    facet_graph_free(&g);
}

static void test_onnx__a_graph_changed_by_passes_is_not_written(void **state)
{
    struct facet_graph *g = two_nodes();
    g->nodes[0].epi.act = FACET_ACT_RELU;
    assert_int_equal(facet_onnx_save(g, "/tmp/facet-never-written.onnx"), FACET_E_INVALID);
    assert_false(facet_path_exists("/tmp/facet-never-written.onnx"));
    facet_graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onnx__comes_back_as_saved),
        cmocka_unit_test(test_onnx__any_truncation_is_refused),
        cmocka_unit_test(test_onnx__deep_nesting_is_refused_before_unpacking),
        cmocka_unit_test(test_onnx__too_many_parts_are_refused_before_unpacking),
        cmocka_unit_test(test_onnx__text_is_no_model),
        cmocka_unit_test(test_onnx__an_absent_file_is_named),
        cmocka_unit_test(test_onnx__a_cycle_is_refused),
        cmocka_unit_test(test_onnx__nodes_out_of_order_are_put_in_order),
        cmocka_unit_test(test_onnx__an_input_made_nowhere_is_named),
        cmocka_unit_test(test_onnx__an_unknown_operator_is_named_with_node_and_model),
        cmocka_unit_test(test_onnx__metadata_comes_back),
        cmocka_unit_test(test_onnx__too_much_metadata_is_refused),
        cmocka_unit_test(test_onnx__weights_of_every_type_come_back),
        cmocka_unit_test(test_onnx__values_that_passes_store_are_not_written),
        cmocka_unit_test(test_onnx__a_graph_changed_by_passes_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
