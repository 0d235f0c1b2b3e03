/* Plans on a small network with everything passes work on: batch norms, PReLU, residuals, a scaled
 * residual, concats, a pool, a Reshape that fixes the batch. Every pass is switched off in turn. */
#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/log.h"
#include "base/rng.h"
#include "engine/format/onnx.h"
#include "engine/plan.h"
#include "engine/plan_priv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct net {
    struct facet_graph *g;
    struct facet_rng rng;
    int numbered;
};

static int constant(struct net *n, int rank, int64_t a, int64_t b, int64_t c, int64_t d, float lo, float hi)
{
    struct facet_shape s = {rank, {a, b, c, d}};
    int64_t count = facet_shape_count(&s);
    float *data = malloc((size_t)count * sizeof(float));
    assert_non_null(data);
    for (int64_t i = 0; i < count; i++)
        data[i] = lo + (hi - lo) * facet_rng_uniform(&n->rng);
    return facet_graph_const_take(n->g, NULL, FACET_F32, &s, data);
}

static int node(struct net *n, const char *op, const int *in, int n_in, int *at)
{
    char name[32];
    snprintf(name, sizeof(name), "v%d", n->numbered++);
    int v = facet_graph_node(n->g, op, name, in, n_in, at);
    assert_true(v >= 0);
    return v;
}

static int conv(struct net *n, int x, int from, int to, int k)
{
    int in[3] = {x, constant(n, 4, to, from, k, k, -0.3f, 0.3f), constant(n, 1, to, 0, 0, 0, -0.5f, 0.5f)}, at;
    int v = node(n, "Conv", in, 3, &at);
    int64_t pads[4] = {k / 2, k / 2, k / 2, k / 2};
    assert_int_equal(facet_graph_attr_ints(n->g, at, "pads", pads, 4), FACET_OK);
    return v;
}

static int batchnorm(struct net *n, int x, int c)
{
    int in[5] = {x, constant(n, 1, c, 0, 0, 0, 0.5f, 1.5f), constant(n, 1, c, 0, 0, 0, -1, 1),
                 constant(n, 1, c, 0, 0, 0, -1, 1), constant(n, 1, c, 0, 0, 0, 0.5f, 2)};
    return node(n, "BatchNormalization", in, 5, NULL);
}

static int binary(struct net *n, const char *op, int a, int b)
{
    int in[2] = {a, b};
    return node(n, op, in, 2, NULL);
}

static int concat(struct net *n, const int *in, int n_in)
{
    int at, v = node(n, "Concat", in, n_in, &at);
    assert_int_equal(facet_graph_attr_int(n->g, at, "axis", 1), FACET_OK);
    return v;
}

static struct facet_graph *make_net(void)
{
    struct net n = {0};
    struct facet_shape in = {4, {1, 3, 12, 10}}, list = {1, {2}};
    int64_t target[2] = {1, -1};
    facet_rng_seed(&n.rng, 5);
    assert_int_equal(facet_graph_new(&n.g, "net", 13), FACET_OK);
    int x = facet_graph_input(n.g, "in", FACET_F32, &in);
    x = batchnorm(&n, conv(&n, x, 3, 16, 3), 16);
    x = binary(&n, "PRelu", x, constant(&n, 3, 16, 1, 1, 0, 0, 0.5f));
    for (int i = 0; i < 2; i++) { /* x + scale * conv, as in Inception-ResNet */
        int branch[2] = {conv(&n, x, 16, 8, 1), conv(&n, x, 16, 24, 3)};
        branch[0] = node(&n, "Relu", &branch[0], 1, NULL);
        branch[1] = node(&n, "Relu", &branch[1], 1, NULL);
        int up = conv(&n, concat(&n, branch, 2), 32, 16, 1);
        int sum = binary(&n, "Add", x, binary(&n, "Mul", up, constant(&n, 0, 0, 0, 0, 0, 0.17f, 0.17f)));
        x = node(&n, "Relu", &sum, 1, NULL);
    }
    int mean = node(&n, "GlobalAveragePool", &x, 1, NULL);
    int rows = binary(&n, "Reshape", mean, facet_graph_const(n.g, "target", FACET_I64, &list, target));
    int out = binary(&n, "MatMul", rows, constant(&n, 2, 16, 7, 0, 0, -1, 1));
    out = binary(&n, "Add", out, constant(&n, 1, 7, 0, 0, 0, -1, 1));
    out = node(&n, "Identity", &out, 1, NULL);
    assert_int_equal(facet_graph_output(n.g, out), FACET_OK);
    assert_int_equal(facet_graph_output(n.g, x), FACET_OK);
    return n.g;
}

struct result {
    float row[2 * 7], map[2 * 16 * 12 * 10];
    size_t peak;
    int n_nodes;
};

static void fill(struct facet_tensor *t)
{
    struct facet_rng rng;
    facet_rng_seed(&rng, 99);
    for (int64_t i = 0; i < facet_shape_count(&t->shape); i++)
        ((float *)t->data)[i] = facet_rng_normal(&rng);
}

static void run_net(const struct facet_plan_opts *o, int64_t batch, struct result *r)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_shape in = {4, {batch, 3, 12, 10}};
    if (facet_plan_open(&p, &g, o) || facet_exec_open(&e, p, NULL) || facet_exec_bind(e, &in, 1))
        fail_msg("%s", facet_error_text());
    assert_null(g);
    fill(facet_exec_input(e, 0));
    assert_int_equal(facet_exec_run(e), FACET_OK);
    assert_int_equal(facet_exec_run(e), FACET_OK); /* inputs outlive a run */
    memset(r, 0, sizeof(*r));
    memcpy(r->row, facet_exec_output(e, 0)->data, (size_t)batch * 7 * sizeof(float));
    memcpy(r->map, facet_exec_output(e, 1)->data, (size_t)batch * 16 * 120 * sizeof(float));
    r->peak = facet_exec_peak_bytes(e);
    r->n_nodes = facet_plan_graph(p)->n_nodes;
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static double distance(const struct result *a, const struct result *b)
{
    double worst = 0;
    for (size_t i = 0; i < sizeof(a->row) / sizeof(float); i++)
        worst = fmax(worst, fabs((double)a->row[i] - b->row[i]));
    for (size_t i = 0; i < sizeof(a->map) / sizeof(float); i++)
        worst = fmax(worst, fabs((double)a->map[i] - b->map[i]));
    return worst;
}

static void each_backend_and_batch(void (*check)(const char *backend, int64_t batch, const struct result *plain))
{
    static const char *const backends[] = {"ref", "cpu"};
    for (int64_t batch = 1; batch <= 2; batch++) {
        struct result plain;
        run_net(&(struct facet_plan_opts){.backend = "ref", .passes_off = FACET_PASS_ALL}, batch, &plain);
        for (size_t b = 0; b < 2; b++)
            check(backends[b], batch, &plain);
    }
}

static void check_each_pass(const char *backend, int64_t batch, const struct result *plain)
{
    for (unsigned flag = 1; flag <= FACET_PASS_ALL; flag <<= 1) {
        struct result with, without;
        run_net(&(struct facet_plan_opts){.backend = backend, .passes = flag}, batch, &with);
        run_net(&(struct facet_plan_opts){.backend = backend, .passes_off = flag}, batch, &without);
        if (distance(&with, plain) > 1e-4 || distance(&without, plain) > 1e-4)
            fail_msg("pass 0x%x on %s, batch %d: off by %g alone, %g without it", flag, backend, (int)batch,
                     distance(&with, plain), distance(&without, plain));
    }
}

static void test_plan__no_pass_changes_a_result(void **state)
{
    each_backend_and_batch(check_each_pass);
}

static void test_plan__passes_leave_the_nodes_that_matter(void **state)
{
    struct result plain, fused;
    run_net(&(struct facet_plan_opts){.backend = "ref", .passes_off = FACET_PASS_ALL}, 1, &plain);
    run_net(&(struct facet_plan_opts){.backend = "ref", .passes_off = FACET_PASS_LAYOUT}, 1, &fused);
    /* 7 convolutions, 2 concats, pool, Reshape, Gemm; gone are batch norm, activations, sums, scales */
    assert_int_equal(fused.n_nodes, 12);
    assert_true(fused.peak < plain.peak);
}

static void test_plan__reused_memory_is_smaller(void **state)
{
    struct result all, apart;
    run_net(&(struct facet_plan_opts){.backend = "cpu"}, 1, &all);
    run_net(&(struct facet_plan_opts){.backend = "cpu", .passes_off = FACET_PASS_REUSE_MEMORY}, 1, &apart);
    assert_true(all.peak * 2 < apart.peak);
}

static void test_plan__binding_again_gives_the_same_numbers(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    float first[7];
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    for (int round = 0; round < 3; round++) {
        struct facet_shape in = {4, {1 + round % 2, 3, 12, 10}};
        assert_int_equal(facet_exec_bind(e, &in, 1), FACET_OK);
        fill(facet_exec_input(e, 0));
        assert_int_equal(facet_exec_run(e), FACET_OK);
        if (round == 0)
            memcpy(first, facet_exec_output(e, 0)->data, sizeof(first));
        assert_memory_equal(first, facet_exec_output(e, 0)->data, sizeof(first));
    }
    facet_exec_close(&e);
    facet_plan_close(&p);
}

/* What one large picture took is given back, but not while sizes that need it come again and again. */
static void test_plan__memory_shrinks_after_the_largest_is_long_ago(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    struct facet_shape large = {4, {64, 3, 12, 10}}, small = {4, {1, 3, 12, 10}}, two = {4, {2, 3, 12, 10}};
    for (int i = 0; i < 200; i++) {
        assert_int_equal(facet_exec_bind(e, i % 2 ? &large : &small, 1), FACET_OK);
        assert_true(i == 0 || e->arena_cap >= 64 * 3 * 120 * sizeof(float));
    }
    size_t most = e->arena_cap;
    for (int i = 0; i < 100; i++)
        assert_int_equal(facet_exec_bind(e, i % 2 ? &two : &small, 1), FACET_OK);
    assert_true(e->arena_cap < most / 2); /* scratch stays whatever the batch */
    assert_int_equal(facet_exec_bind(e, &two, 1), FACET_OK);
    fill(facet_exec_input(e, 0));
    assert_int_equal(facet_exec_run(e), FACET_OK);
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_plan__wrong_shapes_are_refused_by_name(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_shape wrong[] = {{4, {1, 3, 12, 11}}, {3, {3, 12, 10}}, {4, {0, 3, 12, 10}}, {4, {-1, 3, 12, 10}},
                                  {4, {INT64_MAX / 2, 3, 12, 10}}};
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(facet_exec_bind(e, &wrong[i], 1), FACET_E_INVALID);
        assert_non_null(strstr(facet_error_text(), "'in'"));
    }
    assert_int_equal(facet_exec_bind(e, wrong, 2), FACET_E_INVALID);
    assert_null(facet_exec_input(e, 1));
    assert_null(facet_exec_output_named(e, "none"));
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_plan__a_batch_too_large_for_memory_is_refused(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    struct facet_shape huge = {4, {1 << 30, 3, 12, 10}}, one = {4, {1, 3, 12, 10}};
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    assert_int_equal(facet_exec_open(&e, p, NULL), FACET_OK);
    assert_int_equal(facet_exec_bind(e, &huge, 1), FACET_E_LIMIT);
    assert_int_equal(facet_exec_run(e), FACET_E_INVALID);
    assert_int_equal(facet_exec_bind(e, &one, 1), FACET_OK);
    facet_exec_close(&e);
    facet_plan_close(&p);
}

static void test_plan__an_unknown_back_end_is_refused(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_plan *p = NULL;
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){.backend = "abacus"}), FACET_E_NOT_FOUND);
    assert_null(p);
    assert_null(g);
}

/* ---- declining ---- */

static struct facet_graph *declined_net(void)
{
    struct facet_graph *g = NULL;
    struct facet_shape s = {2, {1, 4}};
    assert_int_equal(facet_graph_new(&g, "declined", 13), FACET_OK);
    int v = facet_graph_input(g, "in", FACET_F32, &s);
    v = facet_graph_node(g, "Ceil", "c", &v, 1, NULL);
    v = facet_graph_node(g, "Elu", "d", &v, 1, NULL);
    assert_int_equal(facet_graph_output(g, v), FACET_OK);
    return g;
}

static void count_line(void *ctx, enum facet_log_level level, const char *topic, const char *text)
{
    *(int *)ctx += level == FACET_LOG_WARN && strstr(text, "declines") != NULL;
}

static void test_plan__declined_nodes_run_on_ref_with_one_warning(void **state)
{
    struct facet_graph *g = declined_net();
    struct facet_plan *p = NULL;
    int warnings = 0;
    facet_log_set(count_line, &warnings, FACET_LOG_WARN);
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    facet_log_set(NULL, NULL, FACET_LOG_ERROR);
    int on_ref = 0;
    for (int i = 0; i < facet_plan_graph(p)->n_nodes; i++)
        on_ref += strcmp(facet_plan_backend_of(p, i), "ref") == 0;
    assert_int_equal(warnings, on_ref > 0);
    facet_plan_close(&p);
}

static void test_plan__strict_refuses_what_is_declined(void **state)
{
    struct facet_graph *g = declined_net();
    struct facet_plan *p = NULL;
    assert_int_equal(facet_plan_open(&p, &g, NULL), FACET_OK);
    bool declines = strcmp(facet_plan_backend_of(p, 0), "ref") == 0 || strcmp(facet_plan_backend_of(p, 1), "ref") == 0;
    facet_plan_close(&p);
    g = declined_net();
    int err = facet_plan_open(&p, &g, &(struct facet_plan_opts){.strict = true});
    assert_int_equal(err, declines ? FACET_E_UNSUPPORTED : FACET_OK);
    if (err)
        assert_non_null(strstr(facet_error_text(), "declines"));
    facet_plan_close(&p);
}

/* ---- packed weights from the cache ---- */

static void load_cached(const char *model, const char *dir, bool *from_cache, float row[7])
{
    struct facet_plan *p = NULL;
    struct facet_exec *e = NULL;
    if (facet_plan_load(&p, model, &(struct facet_plan_opts){.cache = true, .cache_dir = dir}) || facet_exec_open(&e, p, NULL))
        fail_msg("%s", facet_error_text());
    *from_cache = facet_plan_from_cache(p);
    fill(facet_exec_input(e, 0));
    assert_int_equal(facet_exec_run(e), FACET_OK);
    memcpy(row, facet_exec_output(e, 0)->data, 7 * sizeof(float));
    facet_exec_close(&e);
    facet_plan_close(&p);
}

/* The one pack in dir/packed, whatever its name; a plan file is there beside it where loading took long. */
static int find_pack(void *ctx, const char *path)
{
    if (strcmp(facet_path_ext(path), "pack") == 0)
        snprintf(ctx, 512, "%s", path);
    return 0;
}

static int drop_file(void *ctx, const char *path)
{
    return unlink(path);
}

static void test_plan__weights_come_from_the_cache_the_second_time(void **state)
{
    char dir[] = "/tmp/facet-plan-XXXXXX", model[64], packed[64], pack[512] = "";
    float first[7], again[7];
    bool from_cache;
    assert_non_null(mkdtemp(dir));
    snprintf(model, sizeof(model), "%s/net.onnx", dir);
    snprintf(packed, sizeof(packed), "%s/packed", dir);
    struct facet_graph *g = make_net();
    assert_int_equal(facet_onnx_save(g, model), FACET_OK);
    facet_graph_free(&g);
    load_cached(model, dir, &from_cache, first);
    assert_false(from_cache);
    load_cached(model, dir, &from_cache, again);
    assert_true(from_cache);
    assert_memory_equal(first, again, sizeof(first));
    assert_int_equal(facet_walk(packed, 1, find_pack, pack), FACET_OK);
    assert_int_equal(truncate(pack, 1000), 0); /* damaged: built again, and well the time after */
    load_cached(model, dir, &from_cache, again);
    assert_false(from_cache);
    assert_memory_equal(first, again, sizeof(first));
    load_cached(model, dir, &from_cache, again);
    assert_true(from_cache);
    assert_int_equal(facet_walk(dir, 2, drop_file, NULL), FACET_OK);
    rmdir(packed);
    rmdir(dir);
}

/* ---- cuts ---- */

static void test_cuts__only_values_that_stand_alone(void **state)
{
    struct facet_graph *g = make_net();
    struct facet_cut cuts[64];
    assert_int_equal(facet_graph_infer(g), FACET_OK);
    size_t n = facet_graph_cuts(g, cuts, 64);
    assert_true(n >= 4 && n < 64);
    assert_string_equal(g->nodes[cuts[0].node].op, "Conv");
    assert_int_equal(cuts[0].bytes, 16 * 120 * 4);
    for (size_t i = 0; i < n; i++) /* never inside the two branches */
        assert_string_not_equal(g->nodes[cuts[i].node].op, "Concat");
    assert_int_equal(facet_graph_cuts(g, NULL, 0), n);
    facet_graph_free(&g);
}

static void test_cuts__macs_count_what_convolutions_do(void **state)
{
    struct facet_graph *g = make_net();
    assert_int_equal(facet_graph_infer(g), FACET_OK);
    assert_int_equal(facet_node_macs(g, 0), 16 * 3 * 9 * 120);
    assert_int_equal(facet_node_macs(g, 1), 0);
    facet_graph_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__no_pass_changes_a_result),
        cmocka_unit_test(test_plan__passes_leave_the_nodes_that_matter),
        cmocka_unit_test(test_plan__reused_memory_is_smaller),
        cmocka_unit_test(test_plan__binding_again_gives_the_same_numbers),
        cmocka_unit_test(test_plan__memory_shrinks_after_the_largest_is_long_ago),
        cmocka_unit_test(test_plan__wrong_shapes_are_refused_by_name),
        cmocka_unit_test(test_plan__a_batch_too_large_for_memory_is_refused),
        cmocka_unit_test(test_plan__an_unknown_back_end_is_refused),
        cmocka_unit_test(test_plan__declined_nodes_run_on_ref_with_one_warning),
        cmocka_unit_test(test_plan__strict_refuses_what_is_declined),
        cmocka_unit_test(test_plan__weights_come_from_the_cache_the_second_time),
        cmocka_unit_test(test_cuts__only_values_that_stand_alone),
        cmocka_unit_test(test_cuts__macs_count_what_convolutions_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
