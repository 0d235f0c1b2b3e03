/* Reports, races, and what other engines are given, with every allocation failing once. */
#include "test.h"

#include "base/errors.h"
#include "base/str.h"
#include "bench/race.h"
#include "bench/report.h"
#include "engine/backend.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "fault.h"

#include <stdlib.h>
#include <string.h>

static int report(void *ctx)
{
    struct facet_report r;
    struct facet_str s = FACET_STR_INIT;
    const struct facet_stat stat = { .median = 2, .low = 1, .high = 3, .best = 1, .n = 3 };
    facet_report_init(&r, "engine", 1);
    facet_report_table(&r, "networks", "Networks");
    facet_report_row(&r);
    facet_report_text(&r, "network", "pnet");
    facet_report_stat(&r, "ms", &stat, 2);
    facet_report_note(&r, "seeded");
    facet_report_note(&r, "twice");
    facet_report_table(&r, "layers", "Layers");
    facet_report_row(&r);
    facet_report_int(&r, "bytes", 3);
    if (!r.err)
        facet_report_write_markdown(&r, &s);
    int err = r.err ? r.err : s.err;
    facet_str_fini(&s);
    facet_report_fini(&r);
    return err;
}

static int nothing(void *ctx)
{
    return FACET_OK;
}

static int race(void *ctx)
{
    struct facet_race r = { .rounds = 3, .warmup = 1 };
    struct facet_stat s;
    int a = facet_race_add(&r, "a", nothing, NULL), b = facet_race_add(&r, "b", nothing, NULL);
    int err = facet_race_run(&r);
    if (!err)
        err = facet_race_stat(&r, a, &s);
    if (!err)
        err = facet_race_ratio(&r, a, b, &s);
    facet_race_fini(&r);
    return err;
}

static bool but_pools(const struct facet_graph *g, int node)
{
    return strcmp(g->nodes[node].op, "MaxPool") != 0;
}

static int groups(void *ctx)
{
    static const struct facet_backend_ops picky = { .name = "picky", .supports = but_pools };
    struct facet_graph *g = NULL;
    int err = facet_builder_find("onet")->build(&g, 3);
    if (!err)
        err = facet_graph_infer(g);
    if (!err)
        err = facet_pass_subgraphs(g, &picky);
    facet_graph_free(&g);
    return err;
}

static int write_bytes(void *ctx)
{
    uint8_t *data = NULL;
    size_t len = 0;
    struct facet_graph *g = NULL;
    int err = facet_builder_find("rnet")->build(&g, 3);
    if (!err)
        err = facet_onnx_write(g, &data, &len);
    free(data);
    facet_graph_free(&g);
    return err;
}

static void test_report__survives_failed_allocations(void **state)
{
    assert_int_equal(fault_loop(report, NULL), 0);
}

static void test_race__survives_failed_allocations(void **state)
{
    assert_int_equal(fault_loop(race, NULL), 0);
}

static void test_subgraphs__survive_failed_allocations(void **state)
{
    assert_int_equal(fault_loop(groups, NULL), 0);
}

static void test_onnx__survives_failed_allocations_when_written_to_memory(void **state)
{
    assert_int_equal(fault_loop(write_bytes, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report__survives_failed_allocations),
        cmocka_unit_test(test_race__survives_failed_allocations),
        cmocka_unit_test(test_subgraphs__survive_failed_allocations),
        cmocka_unit_test(test_onnx__survives_failed_allocations_when_written_to_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
