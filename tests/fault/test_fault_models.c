/* Importers, builders and the manifest, on the fuzz targets' corpus. */
#include "test.h"

#include "fault.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/format/build.h"
#include "engine/format/caffe.h"
#include "engine/format/npy.h"
#include "models/models.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct input { uint8_t *data; size_t len; };

static struct input input_open(const char *name)
{
    struct input in;
    char path[4096];
    snprintf(path, sizeof(path), "%s/fuzz/corpus/%s", getenv("FACET_TEST_SOURCE"), name);
    if (facet_file_read(path, 1 << 20, &in.data, &in.len))
        fail_msg("%s", facet_error_text());
    return in;
}

static int import_caffe(void *ctx)
{
    const struct input *in = ctx;
    size_t text = strlen((const char *)in->data);
    struct facet_caffe_source s = {.text = (const char *)in->data, .text_len = text, .weights = in->data + text + 1,
                                   .weights_len = in->len - text - 1, .text_origin = "t", .weights_origin = "w",
                                   .is_swapped = true};
    struct facet_graph *g;
    int err = facet_caffe_parse(&g, &s);
    assert_true(!err == !!g);
    facet_graph_free(&g);
    return err;
}

static int read_npy(void *ctx)
{
    const struct input *in = ctx;
    struct facet_shape shape;
    float *v;
    int err = facet_npy_parse(&v, &shape, in->data, in->len, "npy");
    assert_true(!err == !!v);
    free(v);
    return err;
}

static int build(void *ctx)
{
    struct facet_graph *g;
    int err = facet_builder_find(ctx)->build(&g, 1);
    assert_true(!err == !!g);
    facet_graph_free(&g);
    return err;
}

static int read_manifest(void *ctx)
{
    const struct input *in = ctx;
    struct facet_manifest *m;
    char contract[65];
    int err = facet_manifest_parse(&m, (const char *)in->data, in->len, "m.yaml");
    assert_true(!err == !!m);
    if (!err)
        err = facet_model_contract(facet_manifest_at(m, 0), contract);
    facet_manifest_close(&m);
    return err;
}

static void over(fault_fn *fn, const char *name)
{
    struct input in = input_open(name);
    assert_int_equal(fault_loop(fn, &in), 0);
    free(in.data);
}

static void test_models__each_request_of_an_importer_may_fail(void **state)
{
    over(import_caffe, "caffe/mtcnn");
    over(import_caffe, "caffe/norm");
    over(read_npy, "npy/fortran");
}

static void test_models__each_request_of_a_builder_may_fail(void **state)
{
    static char pnet[] = "pnet";
    assert_int_equal(fault_loop(build, pnet), 0);
}

static void test_models__each_request_of_the_manifest_may_fail(void **state)
{
    over(read_manifest, "manifest/both");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models__each_request_of_an_importer_may_fail),
        cmocka_unit_test(test_models__each_request_of_a_builder_may_fail),
        cmocka_unit_test(test_models__each_request_of_the_manifest_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
