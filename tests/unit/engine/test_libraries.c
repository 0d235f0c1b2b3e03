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

static void use_fake(const char *how)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/unit/engine/fake-openvino.so", getenv("FACET_TEST_BUILD"));
    setenv("FACET_OPENVINO_LIB", path, 1);
    setenv("FACET_FAKE_OPENVINO", how, 1);
}

static int run_rnet(enum facet_precision precision)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    const struct facet_shape s = { 4, { 1, 3, 24, 24 } };
    assert_int_equal(facet_builder_find("rnet")->build(&g, 1), FACET_OK);
    int err = facet_plan_open(&p, &g, &(struct facet_plan_opts){ .backend = "openvino", .precision = precision });
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

static void assert_run_refused(const char *how, int code, const char *word)
{
    use_fake(how);
    int err = run_rnet(FACET_PRECISION_F32);
    if (err != code || !strstr(facet_error_text(), word))
        fail_msg("'%s': %d, '%s' is not in: %s", how, err, word, facet_error_text());
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_openvino__that_starts_nothing_is_not_here(void **state)
{
    use_fake("hollow");
    assert_refused("openvino", "starts nothing");
    use_fake("start");
    assert_refused("openvino", "OpenVINO cannot start");
    assert_non_null(strstr(facet_error_text(), "the fake would not"));
    use_fake("mute");
    assert_refused("openvino", "OpenVINO cannot tell its version");
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_openvino__without_a_version_has_one(void **state)
{
    const struct facet_backend_ops *b = NULL;
    char version[64] = "";
    use_fake("nameless");
    assert_int_equal(facet_backend_find(&b, "openvino"), FACET_OK);
    assert_int_equal(b->available(version, sizeof(version)), FACET_OK);
    assert_string_equal(version, "?");
    use_fake("well");
    assert_int_equal(b->available(version, sizeof(version)), FACET_OK);
    assert_string_equal(version, "2099.9.9");
    unsetenv("FACET_OPENVINO_LIB");
}

static void test_openvino__every_step_that_fails_is_told(void **state)
{
    assert_run_refused("well", FACET_OK, "");
    assert_run_refused("read", FACET_E_UNSUPPORTED, "read the network: ");
    assert_run_refused("reshape", FACET_E_UNSUPPORTED, "take these shapes");
    assert_run_refused("compile", FACET_E_UNSUPPORTED, "compile the network");
    assert_run_refused("request", FACET_E_UNSUPPORTED, "make a request");
    assert_run_refused("port", FACET_E_UNSUPPORTED, "give a port");
    assert_run_refused("tensor", FACET_E_UNSUPPORTED, "make a tensor");
    assert_run_refused("put", FACET_E_UNSUPPORTED, "take a tensor");
    assert_run_refused("run", FACET_E_UNSUPPORTED, "OpenVINO cannot run: GENERAL_ERROR");
}

static void test_openvino__that_sees_another_network_is_refused(void **state)
{
    assert_run_refused("inputs", FACET_E_UNSUPPORTED, "OpenVINO sees 2 inputs, not 1");
    assert_run_refused("outputs", FACET_E_INTERNAL, "1 outputs, not 1 and 2");
    assert_run_refused("huge", FACET_E_LIMIT, "16 are the most");
    assert_run_refused("types", FACET_E_UNSUPPORTED, "another type than float32");
}

static void test_openvino__that_takes_another_precision_is_refused(void **state)
{
    assert_run_refused("precision", FACET_E_UNSUPPORTED, "OpenVINO has no f32");
    assert_run_refused("speechless", FACET_E_UNSUPPORTED, "OpenVINO has no f32");
    use_fake("well");
    assert_int_equal(run_rnet(FACET_PRECISION_BF16), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "OpenVINO has no bf16"));
    unsetenv("FACET_OPENVINO_LIB");
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
