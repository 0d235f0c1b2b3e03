/* Networks written here as text, with weights encoded by hand as Caffe's wire format. */
#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "engine/format/caffe.h"

#include <string.h>

/* ---- weights ---- */

static void put_varint(struct facet_str *s, uint64_t v)
{
    for (; v > 127; v >>= 7)
        facet_str_append(s, &(unsigned char){(unsigned char)(v | 128)}, 1);
    facet_str_append(s, &(unsigned char){(unsigned char)v}, 1);
}

static void put_bytes(struct facet_str *s, unsigned field, const void *data, size_t len)
{
    put_varint(s, field << 3 | 2);
    put_varint(s, len);
    facet_str_append(s, data, len);
}

static void put_message(struct facet_str *s, unsigned field, struct facet_str *m)
{
    put_bytes(s, field, m->data, m->len);
    facet_str_fini(m);
}

/* A blob of 0, 1, 2 ... times `step`; is_old writes num, channels, height, width instead of a shape. */
static void put_blob(struct facet_str *layer, unsigned field, const int64_t *dims, int rank, float step, bool is_old)
{
    struct facet_str blob = FACET_STR_INIT, shape = FACET_STR_INIT, packed = FACET_STR_INIT, data = FACET_STR_INIT;
    size_t n = 1;
    for (int i = 0; i < rank; i++) {
        n *= (size_t)dims[i];
        put_varint(&packed, (uint64_t)dims[i]);
    }
    for (int i = 0; is_old && i < 4; i++) {
        put_varint(&blob, (unsigned)(i + 1) << 3);
        put_varint(&blob, i < 4 - rank ? 1 : (uint64_t)dims[i - 4 + rank]);
    }
    for (size_t i = 0; i < n; i++)
        facet_str_append(&data, &(float){(float)i * step}, 4);
    put_message(&blob, 5, &data);
    put_bytes(&shape, 1, packed.data, packed.len);
    facet_str_fini(&packed);
    if (!is_old)
        put_message(&blob, 7, &shape);
    facet_str_fini(&shape);
    put_message(layer, field, &blob);
}

struct shape { int rank; int64_t dims[4]; };

/* Appends a layer with up to three blobs; the old form has other field numbers. */
static void put_layer(struct facet_str *net, const char *name, const struct shape *blobs, int n, bool is_old)
{
    struct facet_str layer = FACET_STR_INIT;
    put_bytes(&layer, is_old ? 4 : 1, name, strlen(name));
    for (int i = 0; i < n; i++)
        put_blob(&layer, is_old ? 6 : 7, blobs[i].dims, blobs[i].rank, (float)(i + 1), is_old);
    put_message(net, is_old ? 2 : 100, &layer);
}

/* ---- parsing ---- */

static int parse(struct facet_graph **out, const char *text, const struct facet_str *weights, bool is_swapped)
{
    struct facet_caffe_source s = {.text = text, .text_len = strlen(text), .text_origin = "net.prototxt",
                                   .weights = (const uint8_t *)weights->data, .weights_len = weights->len,
                                   .weights_origin = "net.caffemodel", .is_swapped = is_swapped};
    return facet_caffe_parse(out, &s);
}

static const float *numbers(const struct facet_graph *g, const char *name)
{
    int v = facet_graph_find(g, name);
    assert_true(v >= 0);
    assert_non_null(g->values[v].data);
    return g->values[v].data;
}

static void shape_is(const struct facet_graph *g, int value, const char *want)
{
    char text[64];
    facet_shape_text(&g->values[value].shape, text, sizeof(text));
    assert_string_equal(text, want);
}

#define DATA(c, h, w) "input: 'data' input_dim: 1 input_dim: " #c " input_dim: " #h " input_dim: " #w "\n"
#define CONV "layer { name: 'conv' type: 'Convolution' bottom: 'data' top: 'conv'\n" \
             " convolution_param { num_output: 2 kernel_h: 2 kernel_w: 3 } }\n"
#define FC "layer { name: 'fc' type: 'InnerProduct' bottom: 'conv' top: 'fc' inner_product_param { num_output: 2 } }\n"

static const struct shape conv_blobs[] = {{4, {2, 1, 2, 3}}, {1, {2}}};

static void test_caffe__upright_network_keeps_its_numbers(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV, &w, false), 0);
    assert_int_equal(facet_graph_infer(g), 0);
    assert_true(numbers(g, "conv.weight")[2] == 2);
    shape_is(g, facet_graph_find(g, "conv.weight"), "2x1x2x3");
    assert_string_equal(g->values[g->outputs[0]].name, "conv");
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__size_is_free_when_no_layer_needs_it(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    put_layer(&w, "fc", (struct shape[]){{2, {2, 40}}, {1, {2}}}, 2, false);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV, &w, false), 0);
    shape_is(g, g->inputs[0], "?x1x?x?");
    facet_graph_free(&g);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV FC, &w, false), 0);
    shape_is(g, g->inputs[0], "?x1x5x7");
    assert_int_equal(facet_graph_infer(g), 0);
    shape_is(g, g->outputs[0], "?x2");
    facet_graph_free(&g);
    facet_str_fini(&w);
}

/* Published 5 wide and 7 high means 7 wide and 5 high upright; kernel and rows are turned with it. */
static void test_caffe__swapped_network_is_made_upright(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    put_layer(&w, "fc", (struct shape[]){{2, {2, 40}}, {1, {2}}}, 2, false);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV FC, &w, true), 0);
    shape_is(g, g->inputs[0], "?x1x7x5");
    shape_is(g, facet_graph_find(g, "conv.weight"), "2x1x3x2");
    const float *k = numbers(g, "conv.weight"); /* file: 0 1 2 / 3 4 5 */
    assert_true(k[0] == 0 && k[1] == 3 && k[2] == 1 && k[3] == 4 && k[4] == 2 && k[5] == 5);
    const float *row = numbers(g, "fc.weight"); /* the map: published 4x5, upright 5 high and 4 wide */
    assert_true(row[0] == 0 && row[1] == 5 && row[2] == 10 && row[4] == 1 && row[20] == 20 && row[21] == 25);
    assert_int_equal(facet_graph_infer(g), 0);
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__old_blobs_and_layers_are_read(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, true);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV, &w, false), 0);
    assert_true(numbers(g, "conv.bias")[1] == 2);
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__layers_in_place_leave_the_name_to_the_last(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    put_layer(&w, "slope", (struct shape[]){{1, {2}}}, 1, false);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV
                           "layer { name: 'slope' type: 'PReLU' bottom: 'conv' top: 'conv' }\n"
                           "layer { name: 'drop' type: 'Dropout' bottom: 'conv' top: 'conv' }", &w, false), 0);
    assert_int_equal(g->n_nodes, 2);
    assert_int_equal(g->n_outputs, 1);
    assert_string_equal(g->values[g->outputs[0]].name, "conv");
    assert_string_equal(g->nodes[1].op, "PRelu");
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__pools_round_up(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    assert_int_equal(parse(&g, DATA(1, 7, 8) CONV
                           "layer { name: 'pool' type: 'Pooling' bottom: 'conv' top: 'pool'\n"
                           " pooling_param { pool: MAX kernel_size: 3 stride: 2 } }\n"
                           "layer { name: 'flat' type: 'Flatten' bottom: 'pool' top: 'flat' }", &w, false), 0);
    assert_int_equal(facet_node_int(&g->nodes[1], "ceil_mode", 0), 1);
    assert_int_equal(facet_graph_infer(g), 0);
    shape_is(g, g->outputs[0], "?x18"); /* 6x6 -> 3x3 */
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__normalisation_divides_by_its_factor(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    put_layer(&w, "bn", (struct shape[]){{1, {2}}, {1, {2}}, {1, {1}}}, 3, false);
    put_layer(&w, "scale", (struct shape[]){{1, {2}}, {1, {2}}}, 2, false);
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV
                           "layer { name: 'bn' type: 'BatchNorm' bottom: 'conv' top: 'conv' }\n"
                           "layer { name: 'scale' type: 'Scale' bottom: 'conv' top: 'conv' scale_param { bias_term: true } }\n"
                           "layer { name: 'prob' type: 'Softmax' bottom: 'conv' top: 'prob' }", &w, false), 0);
    assert_true(numbers(g, "bn.mean")[1] == 0); /* factor 0: no statistics */
    assert_true(numbers(g, "bn.gamma")[1] == 1);
    assert_int_equal(facet_graph_check(g), 0);
    assert_int_equal(facet_graph_infer(g), 0);
    facet_graph_free(&g);
    facet_str_fini(&w);
}

static void test_caffe__several_inputs_are_summed_and_joined(void **state)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "none", NULL, 0, false);
    assert_int_equal(parse(&g, "layer { name: 'data' type: 'Input' top: 'data' input_param { shape { dim: [1, 3, 4, 4] } } }\n"
                           "layer { name: 'r' type: 'ReLU' bottom: 'data' top: 'r' relu_param { negative_slope: 0.1 } }\n"
                           "layer { name: 's' type: 'Eltwise' bottom: 'data' bottom: 'r' bottom: 'r' top: 's' }\n"
                           "layer { name: 'c' type: 'Concat' bottom: 's' bottom: 'data' top: 'c' }", &w, false), 0);
    assert_int_equal(facet_graph_infer(g), 0);
    assert_string_equal(g->nodes[0].op, "LeakyRelu");
    shape_is(g, g->outputs[0], "?x6x?x?");
    facet_graph_free(&g);
    facet_str_fini(&w);
}

/* ---- refusals ---- */

static void refused(const char *text, int err, const char *why)
{
    struct facet_str w = FACET_STR_INIT;
    struct facet_graph *g;
    put_layer(&w, "conv", conv_blobs, 2, false);
    put_layer(&w, "fc", (struct shape[]){{2, {2, 41}}, {1, {2}}}, 2, false);
    int got = parse(&g, text, &w, false);
    if (got != err || !strstr(facet_error_text(), why))
        fail_msg("%d, '%s' lacks '%s'", got, facet_error_text(), why);
    assert_null(g);
    facet_str_fini(&w);
}

static void test_caffe__unknown_layers_are_named(void **state)
{
    refused(DATA(1, 5, 7) "\nlayer { name: 'odd' type: 'Crop' bottom: 'data' top: 'odd' }", FACET_E_UNSUPPORTED,
            "'net.prototxt' line 3: layer 'odd' (Crop)");
    refused(DATA(1, 5, 7) "layers { name: 'odd' type: CONVOLUTION }", FACET_E_UNSUPPORTED, "upgrade_net_proto_text");
}

static void test_caffe__weights_that_do_not_fit_are_refused(void **state)
{
    refused(DATA(2, 5, 7) CONV, FACET_E_FORMAT, "blob 0 of layer 'conv' has another shape");
    refused(DATA(1, 5, 7) CONV FC, FACET_E_FORMAT, "blob 0 of layer 'fc'");
    refused(DATA(1, 5, 7) CONV "layer { name: 'p' type: 'PReLU' bottom: 'conv' top: 'p' }", FACET_E_FORMAT,
            "0 blobs for layer 'p'");
}

static void test_caffe__impossible_shapes_are_refused(void **state)
{
    refused(DATA(1, 1, 7) CONV, FACET_E_UNSUPPORTED, "impossible shape");
    refused(DATA(1, 0, 7) CONV, FACET_E_FORMAT, "input_dim");
    refused("input: 'data' input_dim: 1 input_dim: 3", FACET_E_FORMAT, "four dimensions");
    refused(DATA(1, 5, 7) "layer { name: 'conv' type: 'Convolution' bottom: 'data' top: 'conv' }", FACET_E_UNSUPPORTED,
            "num_output or kernel_size is missing");
}

static void test_caffe__broken_wiring_is_refused(void **state)
{
    refused(DATA(1, 5, 7) "layer { name: 'r' type: 'ReLU' bottom: 'dat' top: 'r' }", FACET_E_UNSUPPORTED,
            "no layer before it makes its input 'dat'");
    refused(DATA(1, 5, 7) "layer { name: 'r' type: 'ReLU' top: 'r' }", FACET_E_UNSUPPORTED, "0 inputs and needs 1");
    refused(DATA(1, 5, 7) "layer { name: 'r' type: 'ReLU' bottom: 'data' }", FACET_E_UNSUPPORTED, "no output");
    refused(DATA(1, 5, 7) "layer { name: 'r' type: 'ReLU' bottom: 'data' bottom: 'data' top: 'r' }",
            FACET_E_UNSUPPORTED, "more inputs");
    refused("", FACET_E_FORMAT, "no input or no layers");
    refused(DATA(1, 5, 7), FACET_E_FORMAT, "no input or no layers");
}

static void test_caffe__pools_that_differ_are_refused(void **state)
{
    refused(DATA(1, 5, 7) "layer { name: 'p' type: 'Pooling' bottom: 'data' top: 'p' pooling_param "
            "{ pool: STOCHASTIC kernel_size: 2 } }", FACET_E_UNSUPPORTED, "STOCHASTIC");
    refused(DATA(1, 5, 7) "layer { name: 'p' type: 'Pooling' bottom: 'data' top: 'p' pooling_param "
            "{ kernel_size: 1 stride: 2 } }", FACET_E_UNSUPPORTED, "gaps");
    refused(DATA(1, 6, 6) "layer { name: 'p' type: 'Pooling' bottom: 'data' top: 'p' pooling_param "
            "{ pool: AVE kernel_size: 3 stride: 2 pad: 1 } }", FACET_E_UNSUPPORTED, "beyond the padding");
}

static void test_caffe__damaged_weights_are_refused(void **state)
{
    struct facet_graph *g;
    struct facet_str junk = FACET_STR_INIT, empty = FACET_STR_INIT;
    facet_str_puts(&junk, "\xff\xff\xff\xff not a network");
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV, &junk, false), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "net.caffemodel"));
    assert_int_equal(parse(&g, DATA(1, 5, 7) CONV, &empty, false), FACET_E_FORMAT);
    assert_non_null(strstr(facet_error_text(), "net.caffemodel"));
    facet_str_fini(&junk);
}

static void test_caffe__number_of_files_is_checked(void **state)
{
    struct facet_graph *g;
    const char *paths[] = {"a", "b", "c"};
    assert_int_equal(facet_import_caffe.import(&g, paths, 3), FACET_E_INVALID);
    assert_int_equal(facet_import_caffe.import(&g, paths, 2), FACET_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_caffe__upright_network_keeps_its_numbers),
        cmocka_unit_test(test_caffe__size_is_free_when_no_layer_needs_it),
        cmocka_unit_test(test_caffe__swapped_network_is_made_upright),
        cmocka_unit_test(test_caffe__old_blobs_and_layers_are_read),
        cmocka_unit_test(test_caffe__layers_in_place_leave_the_name_to_the_last),
        cmocka_unit_test(test_caffe__pools_round_up),
        cmocka_unit_test(test_caffe__normalisation_divides_by_its_factor),
        cmocka_unit_test(test_caffe__several_inputs_are_summed_and_joined),
        cmocka_unit_test(test_caffe__unknown_layers_are_named),
        cmocka_unit_test(test_caffe__weights_that_do_not_fit_are_refused),
        cmocka_unit_test(test_caffe__impossible_shapes_are_refused),
        cmocka_unit_test(test_caffe__broken_wiring_is_refused),
        cmocka_unit_test(test_caffe__pools_that_differ_are_refused),
        cmocka_unit_test(test_caffe__damaged_weights_are_refused),
        cmocka_unit_test(test_caffe__number_of_files_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
