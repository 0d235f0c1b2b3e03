/* Other engines' libraries that are absent, another's, or misbehave: refused with the reason, never believed. */
#include "test.h"

#include "base/errors.h"
#include "engine/backend.h"
#include "engine/format/build.h"
#include "engine/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct { const char *name, *variable, *package; } engines[] = {
    { "onnxruntime", "FACET_ORT_LIB", "bench-rivals.sh" },
    { "openvino", "FACET_OPENVINO_LIB", "pip install openvino" },
    { "tensorflow", "FACET_TENSORFLOW_LIB", "pip install tensorflow-cpu" },
};
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

static void assert_refused(const char *name, const char *word)
{
    const struct facet_backend_ops *b = &facet_backend_cpu;
    assert_int_equal(facet_backend_find(&b, name), FACET_E_UNSUPPORTED);
    assert_null(b);
    if (!strstr(facet_error_text(), word))
        fail_msg("'%s' is not in: %s", word, facet_error_text());
}

static void test_library__that_is_not_there_is_refused_with_its_name(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        setenv(engines[i].variable, "/nonexistent/lib.so", 1);
        assert_refused(engines[i].name, engines[i].variable);
        assert_non_null(strstr(facet_error_text(), "/nonexistent/lib.so"));
        unsetenv(engines[i].variable);
    }
}

static void test_library__of_something_else_is_refused_with_what_to_do(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        setenv(engines[i].variable, "libm.so.6", 1);
        assert_refused(engines[i].name, "it is another or too old");
        assert_non_null(strstr(facet_error_text(), engines[i].package));
        unsetenv(engines[i].variable);
    }
}

static void test_library__that_is_no_library_is_refused(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        setenv(engines[i].variable, "/proc/self/status", 1);
        assert_refused(engines[i].name, "cannot be opened");
        unsetenv(engines[i].variable);
    }
}

static void test_library__folder_without_it_is_refused(void **state)
{
    for (size_t i = 0; i < ENGINES; i++) {
        setenv(engines[i].variable, "/proc/self", 1);
        assert_refused(engines[i].name, "in the folder");
        unsetenv(engines[i].variable);
    }
}

/* ---- one that misbehaves ---- */

struct fake { const char *engine, *file, *variable, *way; };
static const struct fake openvino = { "openvino", "fake-openvino.so", "FACET_OPENVINO_LIB", "FACET_FAKE_OPENVINO" };
static const struct fake tensorflow = { "tensorflow", "fake-tensorflow.so", "FACET_TENSORFLOW_LIB", "FACET_FAKE_TENSORFLOW" };

static void use_fake(const struct fake *f, const char *how)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/engine/%s", getenv("FACET_TEST_BUILD"), f->file);
    setenv(f->variable, path, 1);
    setenv(f->way, how, 1);
}

static int run_rnet(const struct fake *f, enum facet_precision precision)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    const struct facet_shape s = { 4, { 1, 3, 24, 24 } };
    assert_int_equal(facet_builder_find("rnet")->build(&g, 1), FACET_OK);
    int err = facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = f->engine, .precision = precision });
    if (!err)
        err = facet_exec_open(&e, p, NULL);
    if (!err)
        err = facet_exec_bind(e, &s, 1);
    if (!err)
        err = facet_exec_run(e);
    facet_exec_close(&e);
    facet_plan_close(&p);
    return err;
}

static void assert_run_refused(const struct fake *f, const char *how, int code, const char *word)
{
    use_fake(f, how);
    int err = run_rnet(f, FACET_PRECISION_F32);
    if (err != code || !strstr(facet_error_text(), word))
        fail_msg("'%s': %d, '%s' is not in: %s", how, err, word, facet_error_text());
    unsetenv(f->variable);
}

static void test_openvino__that_starts_nothing_is_not_here(void **state)
{
    use_fake(&openvino, "hollow");
    assert_refused("openvino", "starts nothing");
    use_fake(&openvino, "start");
    assert_refused("openvino", "OpenVINO cannot start");
    assert_non_null(strstr(facet_error_text(), "the fake would not"));
    use_fake(&openvino, "mute");
    assert_refused("openvino", "OpenVINO cannot tell its version");
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_openvino__without_a_version_has_one(void **state)
{
    const struct facet_backend_ops *b = NULL;
    char version[64] = "";
    use_fake(&openvino, "nameless");
    assert_int_equal(facet_backend_find(&b, "openvino"), FACET_OK);
    assert_int_equal(b->available(version, sizeof(version)), FACET_OK);
    assert_string_equal(version, "?");
    use_fake(&openvino, "well");
    assert_int_equal(b->available(version, sizeof(version)), FACET_OK);
    assert_string_equal(version, "2099.9.9");
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_openvino__every_step_that_fails_is_told(void **state)
{
    assert_run_refused(&openvino, "well", FACET_OK, "");
    assert_run_refused(&openvino, "read", FACET_E_UNSUPPORTED, "read the network: ");
    assert_run_refused(&openvino, "reshape", FACET_E_UNSUPPORTED, "take these shapes");
    assert_run_refused(&openvino, "compile", FACET_E_UNSUPPORTED, "compile the network");
    assert_run_refused(&openvino, "request", FACET_E_UNSUPPORTED, "make a request");
    assert_run_refused(&openvino, "port", FACET_E_UNSUPPORTED, "give a port");
    assert_run_refused(&openvino, "tensor", FACET_E_UNSUPPORTED, "make a tensor");
    assert_run_refused(&openvino, "put", FACET_E_UNSUPPORTED, "take a tensor");
    assert_run_refused(&openvino, "run", FACET_E_UNSUPPORTED, "OpenVINO cannot run: GENERAL_ERROR");
}

static void test_openvino__that_sees_another_network_is_refused(void **state)
{
    assert_run_refused(&openvino, "inputs", FACET_E_UNSUPPORTED, "OpenVINO sees 2 inputs, not 1");
    assert_run_refused(&openvino, "outputs", FACET_E_INTERNAL, "1 outputs, not 1 and 2");
    assert_run_refused(&openvino, "huge", FACET_E_LIMIT, "16 are the most");
    assert_run_refused(&openvino, "types", FACET_E_UNSUPPORTED, "another type than float32");
}

static void test_openvino__that_takes_another_precision_is_refused(void **state)
{
    assert_run_refused(&openvino, "precision", FACET_E_UNSUPPORTED, "OpenVINO has no f32");
    assert_run_refused(&openvino, "speechless", FACET_E_UNSUPPORTED, "OpenVINO has no f32");
    use_fake(&openvino, "well");
    assert_int_equal(run_rnet(&openvino, FACET_PRECISION_BF16), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "OpenVINO has no bf16"));
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_tensorflow__every_step_that_fails_is_told(void **state)
{
    assert_run_refused(&tensorflow, "graph", FACET_E_NOMEM, "");
    assert_run_refused(&tensorflow, "kind", FACET_E_UNSUPPORTED, "TensorFlow has no operation 'Placeholder'");
    assert_run_refused(&tensorflow, "finish", FACET_E_UNSUPPORTED, "TensorFlow cannot make a Placeholder: the fake would not");
    assert_run_refused(&tensorflow, "hollow", FACET_E_UNSUPPORTED, "TensorFlow made no Placeholder");
    assert_run_refused(&tensorflow, "constant", FACET_E_UNSUPPORTED, "keep a constant");
    assert_run_refused(&tensorflow, "small", FACET_E_NOMEM, "(Conv)");
    assert_run_refused(&tensorflow, "options", FACET_E_NOMEM, "");
    assert_run_refused(&tensorflow, "config", FACET_E_UNSUPPORTED, "number of threads");
    assert_run_refused(&tensorflow, "session", FACET_E_UNSUPPORTED, "start a session");
    assert_run_refused(&tensorflow, "idle", FACET_E_UNSUPPORTED, "started no session");
    assert_run_refused(&tensorflow, "input", FACET_E_UNSUPPORTED, "takes no input of this shape");
    assert_run_refused(&tensorflow, "run", FACET_E_UNSUPPORTED, "TensorFlow cannot run: no reason is given");
}

/* Outputs of one order fit, those of the other do not. */
static void test_tensorflow__outputs_are_not_believed(void **state)
{
    use_fake(&tensorflow, "well");
    int one = run_rnet(&tensorflow, FACET_PRECISION_F32);
    setenv("FACET_FAKE_FIRST", "two", 1);
    int other = run_rnet(&tensorflow, FACET_PRECISION_F32);
    unsetenv("FACET_FAKE_FIRST");
    assert_int_equal(one + other, FACET_E_UNSUPPORTED);
    assert_true(one == FACET_OK || other == FACET_OK);
    assert_run_refused(&tensorflow, "type", FACET_E_UNSUPPORTED, "another size or type");
    assert_run_refused(&tensorflow, "size", FACET_E_UNSUPPORTED, "another size or type");
    assert_run_refused(&tensorflow, "nothing", FACET_E_UNSUPPORTED, "another size or type");
}

static void test_tensorflow__without_its_16_bits_refuses_them(void **state)
{
    use_fake(&tensorflow, "well");
    setenv("TF_ENABLE_ONEDNN_OPTS", "0", 1);
    assert_int_equal(run_rnet(&tensorflow, FACET_PRECISION_BF16), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "TensorFlow has no bf16"));
    unsetenv("TF_ENABLE_ONEDNN_OPTS");
    unsetenv("FACET_TENSORFLOW_LIB");
}

static void test_tensorflow__without_a_version_has_one(void **state)
{
    const struct facet_backend_ops *b = NULL;
    char version[64] = "";
    use_fake(&tensorflow, "nameless");
    assert_int_equal(facet_backend_find(&b, "tensorflow"), FACET_OK);
    assert_int_equal(b->available(version, sizeof(version)), FACET_OK);
    assert_string_equal(version, "?");
    unsetenv("FACET_TENSORFLOW_LIB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_library__that_is_not_there_is_refused_with_its_name),
        cmocka_unit_test(test_library__of_something_else_is_refused_with_what_to_do),
        cmocka_unit_test(test_library__that_is_no_library_is_refused),
        cmocka_unit_test(test_library__folder_without_it_is_refused),
        cmocka_unit_test(test_openvino__that_starts_nothing_is_not_here),
        cmocka_unit_test(test_openvino__without_a_version_has_one),
        cmocka_unit_test(test_openvino__every_step_that_fails_is_told),
        cmocka_unit_test(test_openvino__that_sees_another_network_is_refused),
        cmocka_unit_test(test_openvino__that_takes_another_precision_is_refused),
        cmocka_unit_test(test_tensorflow__every_step_that_fails_is_told),
        cmocka_unit_test(test_tensorflow__outputs_are_not_believed),
        cmocka_unit_test(test_tensorflow__without_its_16_bits_refuses_them),
        cmocka_unit_test(test_tensorflow__without_a_version_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
