#include "test.h"

#include "base/errors.h"
#include "engine/graph.h"

#include <string.h>

static const struct facet_shape four = {1, {4}};

/* in -> Relu -> a -> Tanh -> b (output) */
static struct facet_graph *small_graph(void)
{
    struct facet_graph *g = NULL;
    assert_int_equal(facet_graph_new(&g, "small", 13), FACET_OK);
    int in = facet_graph_input(g, "in", FACET_F32, &four);
    int a = facet_graph_node(g, "Relu", "a", &in, 1, NULL);
    int b = facet_graph_node(g, "Tanh", "b", &a, 1, NULL);
    assert_int_equal(facet_graph_output(g, b), FACET_OK);
    return g;
}

static void test_graph__values_are_found_by_name(void **state)
{
    struct facet_graph *g = small_graph();
    assert_int_equal(facet_graph_find(g, "a"), 1);
    assert_int_equal(facet_graph_find(g, "missing"), -1);
    assert_int_equal(g->values[1].producer, 0);
    facet_graph_free(&g);
    assert_null(g);
}

static void test_graph__holds_thousands_of_values(void **state)
{
    struct facet_graph *g = small_graph();
    int v = facet_graph_find(g, "b");
    for (int i = 0; i < 5000 && v >= 0; i++)
        v = facet_graph_node(g, "Relu", NULL, &v, 1, NULL);
    assert_true(v >= 0);
    assert_int_equal(g->n_nodes, 5002);
    assert_int_equal(facet_graph_find(g, g->values[4000].name), 4000);
    facet_graph_free(&g);
}

static void test_graph__refuses_a_second_producer(void **state)
{
    struct facet_graph *g = small_graph();
    int in = 0;
    assert_int_equal(facet_graph_node(g, "Relu", "a", &in, 1, NULL), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "'a' is given twice"));
    assert_int_equal(facet_graph_node(g, "Relu", "in", &in, 1, NULL), FACET_E_FORMAT);
    facet_graph_free(&g);
}

static void test_graph__refuses_a_constant_of_free_or_huge_size(void **state)
{
    struct facet_graph *g = small_graph();
    float x = 0;
    struct facet_shape free_dim = {1, {-1}}, huge = {2, {INT64_MAX / 2, 4}}, deep = {FACET_MAX_DIMS + 1, {1}};
    assert_int_equal(facet_graph_const(g, "c", FACET_F32, &free_dim, &x), FACET_E_LIMIT);
    assert_int_equal(facet_graph_const(g, "c", FACET_F32, &huge, &x), FACET_E_LIMIT);
    assert_int_equal(facet_graph_const(g, "c", FACET_F32, &deep, &x), FACET_E_LIMIT);
    facet_graph_free(&g);
}

static void test_graph__refuses_an_output_that_is_no_value(void **state)
{
    struct facet_graph *g = small_graph();
    assert_int_equal(facet_graph_output(g, 99), FACET_E_INVALID);
    facet_graph_free(&g);
}

static void test_graph__attributes_come_back(void **state)
{
    struct facet_graph *g = small_graph();
    int64_t pads[4] = {1, 2, 3, 4}, out[2] = {0};
    assert_int_equal(facet_graph_attr_ints(g, 0, "pads", pads, 4), FACET_OK);
    assert_int_equal(facet_graph_attr_int(g, 0, "group", 8), FACET_OK);
    assert_int_equal(facet_graph_attr_string(g, 0, "mode", "nearest"), FACET_OK);
    assert_int_equal(facet_graph_attr_float(g, 0, "alpha", 0.5f), FACET_OK);
    assert_int_equal(facet_graph_attr_int(g, 0, "group", 9), FACET_OK);
    const struct facet_node *n = &g->nodes[0];
    assert_int_equal(n->n_attrs, 4);
    assert_int_equal(facet_node_ints(n, "pads", out, 2), 4);
    assert_int_equal(out[1], 2);
    assert_int_equal(facet_node_int(n, "group", 1), 9);
    assert_string_equal(facet_node_string(n, "mode", ""), "nearest");
    assert_true(facet_node_float(n, "alpha", 0) == 0.5f);
    facet_graph_free(&g);
}

static void test_graph__absent_or_mistyped_attribute_gives_the_fallback(void **state)
{
    struct facet_graph *g = small_graph();
    assert_int_equal(facet_graph_attr_float(g, 0, "group", 8), FACET_OK);
    assert_int_equal(facet_node_int(&g->nodes[0], "group", 1), 1);
    assert_int_equal(facet_node_ints(&g->nodes[0], "group", NULL, 0), 0);
    assert_null(facet_node_attr(&g->nodes[0], "none"));
    facet_graph_free(&g);
}

static void test_graph__sweep_drops_what_nothing_needs(void **state)
{
    struct facet_graph *g = small_graph();
    int a = facet_graph_find(g, "a");
    int dead = facet_graph_node(g, "Exp", "dead", &a, 1, NULL);
    facet_graph_node(g, "Sqrt", "dead2", &dead, 1, NULL);
    facet_graph_sweep(g);
    assert_int_equal(g->n_nodes, 2);
    assert_string_equal(g->nodes[1].op, "Tanh");
    facet_graph_free(&g);
}

static void test_graph__replacing_a_value_rewires_uses_and_outputs(void **state)
{
    struct facet_graph *g = small_graph();
    int in = facet_graph_find(g, "in"), a = facet_graph_find(g, "a"), b = facet_graph_find(g, "b");
    facet_graph_replace_value(g, a, in);
    facet_graph_replace_value(g, b, a);
    assert_int_equal(g->nodes[1].inputs[0], in);
    assert_int_equal(g->outputs[0], a);
    assert_int_equal(facet_graph_uses(g, a), 1);
    facet_graph_free(&g);
}

static void test_graph__sort_brings_producers_first(void **state)
{
    struct facet_graph *g = small_graph();
    struct facet_node first = g->nodes[0];
    g->nodes[0] = g->nodes[1];
    g->nodes[1] = first;
    g->values[facet_graph_find(g, "a")].producer = 1;
    g->values[facet_graph_find(g, "b")].producer = 0;
    assert_int_equal(facet_graph_sort(g), FACET_OK);
    assert_string_equal(g->nodes[0].op, "Relu");
    facet_graph_free(&g);
}

static void test_graph__sort_refuses_a_cycle_by_name(void **state)
{
    struct facet_graph *g = small_graph();
    g->nodes[0].inputs[0] = facet_graph_find(g, "b");
    assert_int_equal(facet_graph_sort(g), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "depends on its own output"));
    facet_graph_free(&g);
}

static void test_graph__made_up_names_avoid_those_of_a_file(void **state)
{
    struct facet_graph *g;
    const struct facet_shape s = {1, {1}};
    float one = 1;
    assert_int_equal(facet_graph_new(&g, "named", 13), FACET_OK);
    assert_int_equal(facet_graph_const(g, "facet:1", FACET_F32, &s, &one), 0);
    assert_int_equal(facet_graph_const(g, NULL, FACET_F32, &s, &one), 1);
    assert_string_equal(g->values[1].name, "facet:2");
    facet_graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_graph__made_up_names_avoid_those_of_a_file),
        cmocka_unit_test(test_graph__values_are_found_by_name),
        cmocka_unit_test(test_graph__holds_thousands_of_values),
        cmocka_unit_test(test_graph__refuses_a_second_producer),
        cmocka_unit_test(test_graph__refuses_a_constant_of_free_or_huge_size),
        cmocka_unit_test(test_graph__refuses_an_output_that_is_no_value),
        cmocka_unit_test(test_graph__attributes_come_back),
        cmocka_unit_test(test_graph__absent_or_mistyped_attribute_gives_the_fallback),
        cmocka_unit_test(test_graph__sweep_drops_what_nothing_needs),
        cmocka_unit_test(test_graph__replacing_a_value_rewires_uses_and_outputs),
        cmocka_unit_test(test_graph__sort_brings_producers_first),
        cmocka_unit_test(test_graph__sort_refuses_a_cycle_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
