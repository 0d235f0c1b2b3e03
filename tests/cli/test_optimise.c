/* facet models optimise: on a network of one layer, and what it refuses. Faces are in ../data. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    int err = cli_setup(state);
    if (!err)
        setenv("FACET_MODELS", cli_path(*state, "models"), 1);
    return err;
}

/* net.onnx: a depthwise convolution; none.onnx: a PReLU. */
static void take_networks(struct cli *c)
{
    char line[2048];
    const char *from = getenv("FACET_TEST_SOURCE");
    snprintf(line, sizeof(line), "cp %s/fuzz/corpus/onnx/conv_depthwise net.onnx && cp %s/fuzz/corpus/onnx/prelu_channel none.onnx", from, from);
    cli_shell(c, line);
    assert_code(c, 0);
}

static void test_optimise__weights_in_16_bits_are_a_file_that_loads(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise net.onnx --bf16 -o half.onnx && $FACET models info half.onnx");
    assert_code(c, 0);
    assert_says(c->out, "half.onnx: made");
    assert_says(c->out, "size ");
    assert_says(c->out, "cosine     not measured: --calibrate DIR gives pictures to compare on");
    assert_says(c->out, "Conv");
    cli_shell(c, "$FACET models optimise net.onnx --fp16 -o half.onnx --force --json");
    assert_code(c, 0);
    assert_says(c->out, "\"compressed_bytes\"");
    assert_says(c->out, "\"file\": \"half.onnx\"");
}

static void test_optimise__says_how_in_the_file(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise net.onnx --fp16 --prune 0.5 -o half.onnx && grep -a -o 'facet.made' half.onnx && "
                 "grep -a -o '\"from\": *\"net.onnx\"' half.onnx && grep -a -o '\"prune\": *0.5' half.onnx");
    assert_code(c, 0);
    assert_says(c->out, "pruned     50.0 %");
}

static void test_optimise__nothing_is_written_over(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "echo mine > half.onnx; $FACET models optimise net.onnx --bf16 -o half.onnx");
    assert_code(c, 3);
    assert_says(c->err, "'half.onnx' is there already; --force writes it anew");
    cli_shell(c, "cat half.onnx");
    assert_string_equal(c->out, "mine\n");
}

static void test_optimise__refuses_words_that_do_not_fit(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise net.onnx -o x.onnx");
    assert_says(c->err, "nothing to do");
    assert_code(c, 2);
    cli_shell(c, "$FACET models optimise net.onnx --int8 --bf16 -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "do not go together");
    cli_shell(c, "$FACET models optimise net.onnx --int8 -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "--int8 needs --calibrate DIR");
    cli_shell(c, "$FACET models optimise net.onnx --int8 --calibrate . -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "--like NAME says as which model");
    cli_shell(c, "$FACET models optimise net.onnx --int8 --method median -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "mse|minmax|percentile|entropy");
    cli_shell(c, "$FACET models optimise net.onnx --cluster 300 -o x.onnx");
    assert_code(c, 2);
    cli_shell(c, "$FACET models optimise net.onnx --cluster 1 -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "give 2 to 256");
    cli_shell(c, "$FACET models optimise net.onnx --prune 1.5 -o x.onnx");
    assert_code(c, 2);
    cli_shell(c, "$FACET models optimise");
    assert_code(c, 2);
    cli_shell(c, "ls x.onnx");
    assert_int_not_equal(c->code, 0);
}

static void test_optimise__refuses_what_it_cannot_use(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise none.onnx --cluster 16 -o x.onnx");
    assert_code(c, 3);
    assert_says(c->err, "no layer has constant weights");
    cli_shell(c, "$FACET models optimise nothing.onnx --bf16 -o x.onnx");
    assert_code(c, 3);
    cli_shell(c, "$FACET models optimise facenet-20180402 --bf16");
    assert_code(c, 3);
    assert_says(c->err, "run: facet models pull facenet-20180402");
    cli_shell(c, "$FACET models optimise nobody --bf16");
    assert_code(c, 3);
    assert_says(c->err, "there is no model 'nobody'");
    cli_shell(c, "mkdir empty; $FACET models optimise facenet-20180402 --int8 --calibrate empty");
    assert_code(c, 3);
    assert_says(c->err, "no picture or video lies in it");
    cli_shell(c, "$FACET models optimise facenet-20180402 --int8 --calibrate nowhere");
    assert_code(c, 3);
    assert_says(c->err, "there is no such folder");
    cli_shell(c, "$FACET models optimise mtcnn --bf16 -o x.onnx");
    assert_code(c, 2);
    assert_says(c->err, "has 3 networks");
    cli_shell(c, "ls -A models | grep -v lock");
    assert_string_equal(c->out, "");
}

/* A file that is fed as a model of the list is becomes one of the list, by the name it is given. */
static void test_optimise__registers_finds_and_removes(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise net.onnx --like yunet-n-320 --fp16 --as tiny-fp16 && $FACET models list && "
                 "$FACET models check tiny-fp16 && $FACET models info tiny-fp16");
    assert_code(c, 0);
    assert_says(c->out, "tiny-fp16                    detect  here");
    assert_says(c->out, "(made here)");
    assert_says(c->out, "tiny-fp16: whole");
    cli_shell(c, "$FACET models optimise net.onnx --like yunet-n-320 --fp16 --as tiny-fp16");
    assert_code(c, 3);
    assert_says(c->err, "the model 'tiny-fp16' is there already; --force makes it anew");
    cli_shell(c, "$FACET models optimise net.onnx --like yunet-n-320 --fp16 --as mtcnn");
    assert_code(c, 2);
    assert_says(c->err, "the manifest has one of that name");
    cli_shell(c, "$FACET models optimise net.onnx --like yunet-n-320 --fp16 --as ../tiny");
    assert_code(c, 2);
    cli_shell(c, "$FACET models pull tiny-fp16");
    assert_code(c, 3);
    assert_says(c->err, "it was made here from 'yunet-n-320'");
    cli_shell(c, "$FACET models optimise tiny-fp16 --bf16");
    assert_code(c, 3);
    assert_says(c->err, "it was made from 'yunet-n-320' already");
    cli_shell(c, "$FACET models rm tiny-fp16 && $FACET models list");
    assert_code(c, 0);
    assert_null(strstr(c->out, "(made here)"));
}

static void test_optimise__damage_is_told_and_left_out(void **state)
{
    struct cli *c = *state;
    take_networks(c);
    cli_shell(c, "$FACET models optimise net.onnx --like yunet-n-320 --fp16 --as tiny-fp16 && echo x >> models/tiny-fp16/model.onnx; "
                 "$FACET models check tiny-fp16");
    assert_code(c, 1);
    cli_shell(c, "echo '{}' > models/tiny-fp16/made.json; $FACET models list");
    assert_code(c, 0);
    assert_says(c->err, "is left out");
    assert_null(strstr(c->out, "(made here)"));
    cli_shell(c, "echo '{\"made\": 1, \"name\": \"tiny-fp16\", \"from\": \"gone\"}' > models/tiny-fp16/made.json; $FACET models list");
    assert_code(c, 0);
    assert_says(c->err, "no model 'gone'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_optimise__weights_in_16_bits_are_a_file_that_loads, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__says_how_in_the_file, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__nothing_is_written_over, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__refuses_words_that_do_not_fit, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__refuses_what_it_cannot_use, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__registers_finds_and_removes, setup, cli_teardown),
        cmocka_unit_test_setup_teardown(test_optimise__damage_is_told_and_left_out, setup, cli_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
