#include "lib/small_models.h"

#include "base/errors.h"
#include "deploy/nets.h"
#include "engine/plan.h"
#include "image/resize.h"
#include "models/models.h"
#include "stages/embed/embed.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch folder;

static int start(void **state)
{
    scratch_open(&folder);
    small_models(&folder);
    return 0;
}

static int stop(void **state)
{
    scratch_close(&folder);
    return 0;
}

static void must(int err)
{
    if (err < 0)
        fail_msg("%s", facet_error_text());
}

static struct facet_nets *open_nets(void)
{
    struct facet_nets *n;
    must(facet_nets_open(&n, &(struct facet_nets_opts){.threads = 1}));
    return n;
}

static struct facet_net_tensor input(const char *name, int64_t batch, int64_t side, const float *data)
{
    struct facet_net_tensor t = {.port = {.dtype = FACET_F32, .shape = {4, {batch, 3, side, side}}}, .data = data};
    snprintf(t.port.name, sizeof(t.port.name), "%s", name);
    return t;
}

static void test_nets__tell_what_they_take_and_give(void **state)
{
    struct facet_net_info info;
    struct facet_nets *n = open_nets();
    assert_int_equal(facet_nets_count(n), 2);
    must(facet_nets_info(n, SMALL_EMBEDDER, &info));
    assert_true(info.is_present);
    assert_string_equal(info.version, "1");
    assert_int_equal(info.n_inputs, 1);
    assert_string_equal(info.inputs[0].name, "data");
    assert_int_equal(info.inputs[0].dtype, FACET_F32);
    assert_int_equal(info.inputs[0].shape.rank, 4);
    assert_int_equal(info.inputs[0].shape.dim[0], -1);
    assert_int_equal(info.inputs[0].shape.dim[3], SMALL_CHIP);
    assert_int_equal(info.n_outputs, 1);
    assert_string_equal(info.outputs[0].name, "embedding");
    must(facet_nets_info(n, SMALL_DETECTOR, &info));
    assert_int_equal(info.n_outputs, 12);
    assert_string_equal(info.outputs[0].name, "cls_8");
    assert_int_equal(info.inputs[0].shape.dim[2], -1);
    facet_nets_close(&n);
}

/* What the embedder of the path of a face says of the same chips, but for the length. */
static void test_nets__run_as_the_path_does(void **state)
{
    struct facet_manifest *m;
    struct facet_embedder *e;
    struct facet_image chips[2];
    const struct facet_image *list[2] = {&chips[0], &chips[1]};
    float rows[2 * SMALL_DIM], data[2 * 3 * SMALL_CHIP * SMALL_CHIP];
    must(facet_manifest_open(&m, NULL));
    struct facet_embedder_opts eo = {.model = facet_manifest_find(m, SMALL_EMBEDDER)};
    must(facet_embedder_open(&e, &eo));
    for (int i = 0; i < 2; i++) {
        chips[i] = small_noise(SMALL_CHIP, SMALL_CHIP, (uint64_t)i + 1);
        facet_image_to_float(data + i * 3 * SMALL_CHIP * SMALL_CHIP, &chips[i], &eo.model->norm);
    }
    must(facet_embedder_run(e, list, 2, rows));
    struct facet_nets *n = open_nets();
    struct facet_net_tensor in = input("data", 2, SMALL_CHIP, data);
    struct facet_net_answer a;
    must(facet_nets_run(n, SMALL_EMBEDDER, &in, 1, &a));
    assert_int_equal(a.n, 1);
    assert_string_equal(a.outputs[0].port.name, "embedding");
    assert_int_equal(a.outputs[0].port.shape.dim[0], 2);
    assert_int_equal(a.outputs[0].port.shape.dim[1], SMALL_DIM);
    assert_true(a.worked_ns > 0);
    for (int i = 0; i < 2; i++) {
        const float *v = (const float *)a.outputs[0].data + i * SMALL_DIM;
        double ab = 0, aa = 0;
        for (int k = 0; k < SMALL_DIM; k++) {
            ab += (double)v[k] * (double)rows[i * SMALL_DIM + k];
            aa += (double)v[k] * (double)v[k];
        }
        assert_true(fabs(ab / sqrt(aa) - 1) < 1e-5);
        facet_image_fini(&chips[i]);
    }
    facet_net_answer_fini(&a);
    facet_nets_close(&n);
    facet_embedder_close(&e);
    facet_manifest_close(&m);
}

static void refuse(struct facet_nets *n, const char *name, const struct facet_net_tensor *in, int n_in, int err, const char *text)
{
    struct facet_net_answer a;
    assert_int_equal(facet_nets_run(n, name, in, n_in, &a), err);
    assert_int_equal(a.n, 0);
    assert_null(a.memory);
    if (!strstr(facet_error_text(), text))
        fail_msg("'%s' is not in: %s", text, facet_error_text());
}

static void test_nets__what_does_not_fit_is_refused(void **state)
{
    static const float data[2 * 3 * 32 * 32];
    struct facet_nets *n = open_nets();
    struct facet_net_tensor good = input("data", 1, SMALL_CHIP, data), bad = good;
    refuse(n, "nobody", &good, 1, FACET_E_NOT_FOUND, "there is no model 'nobody'");
    refuse(n, SMALL_EMBEDDER, &good, 0, FACET_E_INVALID, "has 1 inputs, not 0");
    refuse(n, SMALL_EMBEDDER, (struct facet_net_tensor[]){good, good}, 2, FACET_E_INVALID, "has 1 inputs, not 2");
    bad = input("date", 1, SMALL_CHIP, data);
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_INVALID, "input 'data' that was not given");
    bad = input("data", 1, SMALL_CHIP + 1, data);
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_INVALID, "?x3x16x16, not float32 of 1x3x17x17");
    bad = input("data", 0, SMALL_CHIP, data);
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_INVALID, "0x3x16x16");
    bad = input("data", FACET_MAX_INFER_BATCH + 1, SMALL_CHIP, data);
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_LIMIT, "batch of 33");
    bad = input("input", 1, 1 << 20, data);
    refuse(n, SMALL_DETECTOR, &bad, 1, FACET_E_LIMIT, "too large");
    bad = good;
    bad.port.dtype = FACET_I64;
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_INVALID, "int64");
    bad = good;
    bad.port.shape.rank = 3;
    refuse(n, SMALL_EMBEDDER, &bad, 1, FACET_E_INVALID, "1x3x16");
    facet_nets_close(&n);
}

static void test_nets__a_model_that_was_not_pulled_says_how_to(void **state)
{
    struct facet_net_info info;
    struct scratch empty;
    scratch_open(&empty);
    setenv("FACET_MODELS", empty.dir, 1);
    struct facet_nets *n = open_nets();
    must(facet_nets_look(n, SMALL_EMBEDDER, &info));
    assert_false(info.is_present);
    assert_int_equal(facet_nets_info(n, SMALL_EMBEDDER, &info), FACET_E_NOT_FOUND);
    assert_non_null(strstr(facet_error_text(), "facet models pull"));
    assert_int_equal(facet_nets_look(n, "nobody", &info), FACET_E_NOT_FOUND);
    facet_nets_close(&n);
    setenv("FACET_MODELS", scratch_path(&folder, "models"), 1);
    scratch_close(&empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets__tell_what_they_take_and_give),
        cmocka_unit_test(test_nets__run_as_the_path_does),
        cmocka_unit_test(test_nets__what_does_not_fit_is_refused),
        cmocka_unit_test(test_nets__a_model_that_was_not_pulled_says_how_to),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
