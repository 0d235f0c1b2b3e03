/* Reading a model, planning it and binding it with every allocation failing once. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "fault.h"
#include "../unit/engine/fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int parse(void *ctx)
{
    const struct op_case *c = ctx;
    struct facet_graph *g = NULL;
    int err = facet_onnx_parse(&g, c->model, c->model_len, c->name);
    facet_graph_free(&g);
    return err;
}

static int plan(void *ctx, const char *backend, enum facet_precision precision)
{
    const struct op_case *c = ctx;
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    int err = facet_onnx_parse(&g, c->model, c->model_len, c->name);
    if (!err)
        err = facet_plan_open(&p, &g, &(struct facet_plan_opts){.backend = backend, .precision = precision});
    if (!err)
        err = facet_exec_open(&e, p, NULL);
    if (!err)
        err = facet_exec_run(e);
    facet_exec_close(&e);
    facet_plan_close(&p);
    facet_graph_free(&g);
    return err;
}

static int plan_ref(void *ctx)
{
    return plan(ctx, "ref", FACET_PRECISION_MODEL);
}

static int plan_cpu(void *ctx)
{
    return plan(ctx, "cpu", FACET_PRECISION_MODEL);
}

static int plan_bf16(void *ctx)
{
    int err = plan(ctx, "ref", FACET_PRECISION_BF16);
    return err ? err : plan(ctx, "cpu", FACET_PRECISION_BF16);
}

/* A sweep without memory leaves dead nodes and goes on: calls that can do without are fine. */
static void for_cases(fault_fn *fn)
{
    static const char *const names[] = {"conv_group", "gemm", "prelu_channel", "concat", "resize_sizes", "reshape_batch", "slice_step",
                                        "qdq_residual", "qdq_concat", "qdq_signed", "qdq_mixed", "conv_integer_zeros", "dynamic_quantize"};
    struct op_fixture f;
    struct op_case c;
    unsigned tried = 0;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c))
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (strcmp(names[i], c.name) == 0) {
                fault_loop(fn, &c);
                tried++;
            }
    op_fixture_close(&f);
    assert_int_equal(tried, sizeof(names) / sizeof(names[0]));
}

static void test_engine__parsing_survives_failed_allocations(void **state)
{
    for_cases(parse);
}

static void test_engine__planning_on_ref_survives_failed_allocations(void **state)
{
    for_cases(plan_ref);
}

static void test_engine__planning_on_cpu_survives_failed_allocations(void **state)
{
    for_cases(plan_cpu);
}

/* A plan file that cannot be read or written for want of memory is none; the plan itself must come or fail. */
static int load_cached(void *ctx)
{
    struct facet_plan *p = NULL;
    const char *dir = ctx;
    char model[128];
    snprintf(model, sizeof(model), "%s/net.onnx", dir);
    int err = facet_plan_load(&p, model, &(struct facet_plan_opts){.cache = true, .cache_dir = dir});
    facet_plan_close(&p);
    return err;
}

static int drop_file(void *ctx, const char *path)
{
    return unlink(path);
}

static int load_first(void *ctx)
{
    char packed[128];
    snprintf(packed, sizeof(packed), "%s/packed", (const char *)ctx);
    if (facet_path_is_dir(packed))
        facet_walk(packed, 1, drop_file, NULL);
    return load_cached(ctx);
}

static void test_engine__plan_files_survive_failed_allocations(void **state)
{
    char dir[] = "/tmp/facet-fault-XXXXXX", model[64], packed[64];
    struct facet_graph *g = NULL;
    assert_non_null(mkdtemp(dir));
    snprintf(model, sizeof(model), "%s/net.onnx", dir);
    snprintf(packed, sizeof(packed), "%s/packed", dir);
    assert_int_equal(facet_builder_find("pnet")->build(&g, 1), FACET_OK);
    assert_int_equal(facet_onnx_save(g, model), FACET_OK);
    facet_graph_free(&g);
    assert_int_equal(utimensat(AT_FDCWD, model, (struct timespec[2]){{1000000000, 0}, {1000000000, 0}}, 0), 0);
    fault_loop(load_first, dir);
    fault_loop(load_cached, dir);
    assert_int_equal(facet_walk(dir, 2, drop_file, NULL), 0);
    rmdir(packed);
    assert_int_equal(rmdir(dir), 0);
}

static void test_engine__planning_in_16_bits_survives_failed_allocations(void **state)
{
    for_cases(plan_bf16);
}

static void test_engine__running_allocates_nothing(void **state)
{
    struct op_fixture f;
    struct op_case c;
    op_fixture_open(&f);
    while (op_fixture_next(&f, &c)) {
        struct facet_graph *g = NULL;
        struct facet_plan *p = NULL;
        struct facet_exec *e = NULL;
        if (strncmp(c.name, "no_", 3) == 0 || facet_onnx_parse(&g, c.model, c.model_len, c.name))
            continue;
        struct facet_shape s[FIXTURE_MAX_TENSORS];
        for (uint32_t i = 0; i < c.n_in; i++)
            s[i] = c.in[i].shape;
        assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
        assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
        assert_int_equal(facet_exec_bind(e, s, (int)c.n_in), FACET_OK);
        for (uint32_t i = 0; i < c.n_in; i++)
            memcpy(facet_exec_input(e, (int)i)->data, c.in[i].data, (size_t)facet_shape_count(&s[i]) * facet_dtype_size(c.in[i].dtype));
        unsigned long before = fault_requests();
        assert_int_equal(facet_exec_run(e), FACET_OK);
        assert_int_equal(facet_exec_bind(e, s, (int)c.n_in), FACET_OK);
        assert_int_equal(fault_requests(), before);
        facet_exec_close(&e);
        facet_plan_close(&p);
    }
    op_fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_engine__parsing_survives_failed_allocations),
        cmocka_unit_test(test_engine__planning_on_ref_survives_failed_allocations),
        cmocka_unit_test(test_engine__planning_on_cpu_survives_failed_allocations),
        cmocka_unit_test(test_engine__plan_files_survive_failed_allocations),
        cmocka_unit_test(test_engine__planning_in_16_bits_survives_failed_allocations),
        cmocka_unit_test(test_engine__running_allocates_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
