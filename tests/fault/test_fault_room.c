/* The engine room, networks that requests run, and requests of inference, without memory. */
#include "lib/small_models.h"

#include "fault.h"

#include "base/errors.h"
#include "deploy/engine_room.h"
#include "deploy/nets.h"
#include "serve/oip_request.h"
#include "serve/tf_request.h"

#include <stdlib.h>
#include <string.h>

static struct scratch folder;

static int start(void **state)
{
    scratch_open(&folder);
    small_models(&folder);
    return setenv("FACET_CACHE", "/dev/null/none", 1);     /* packed weights are kept nowhere: each call packs them */
}

static int stop(void **state)
{
    scratch_close(&folder);
    return 0;
}

static int open_room(void *ctx)
{
    struct facet_engine_room *r;
    int err = facet_engine_room_open(&r, &(struct facet_engine_room_opts){.detectors = 1, .threads = 1});
    assert_true(!err == !!r);
    facet_engine_room_close(&r);
    return err;
}

static void test_room__each_request_of_opening_may_fail(void **state)
{
    fault_loop(open_room, NULL);       /* of what is only looked at (caches, the machine) it can do without */
}

struct asking { struct facet_engine_room *room; struct facet_image img; };

static int ask_room(void *ctx)
{
    struct asking *a = ctx;
    struct facet_face_list l;
    int err = facet_engine_room_faces(a->room, &a->img, true, &l);
    assert_true(err ? !l.memory && !l.n : l.n > 0);
    facet_face_list_fini(&l);
    return err;
}

static void test_room__each_request_of_a_picture_may_fail(void **state)
{
    struct asking a = {.img = small_noise(96, 96, 1)};
    assert_int_equal(facet_engine_room_open(&a.room, &(struct facet_engine_room_opts){.detectors = 1, .threads = 1}), FACET_OK);
    assert_int_equal(ask_room(&a), FACET_OK);          /* buffers are there from now on */
    assert_int_equal(fault_loop(ask_room, &a), 0);
    assert_int_equal(ask_room(&a), FACET_OK);
    facet_engine_room_close(&a.room);
    facet_image_fini(&a.img);
}

static int run_net(void *ctx)
{
    static const float data[3 * SMALL_CHIP * SMALL_CHIP];
    struct facet_net_tensor in = {.port = {.name = "data", .dtype = FACET_F32, .shape = {4, {1, 3, SMALL_CHIP, SMALL_CHIP}}}, .data = data};
    struct facet_net_answer a;
    struct facet_nets *n;
    int err = facet_nets_open(&n, &(struct facet_nets_opts){.threads = 1});
    assert_true(!err == !!n);
    if (err)
        return err;
    err = facet_nets_run(n, SMALL_EMBEDDER, &in, 1, &a);
    assert_true(err ? !a.memory : a.n == 1);
    facet_net_answer_fini(&a);
    facet_nets_close(&n);
    return err;
}

static void test_nets__each_request_may_fail(void **state)
{
    fault_loop(run_net, NULL);
}

static int parse_oip(void *ctx)
{
    static const char json[] = "{\"id\":\"1\",\"inputs\":[{\"name\":\"a\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[[1,2]]},"
                               "{\"name\":\"b\",\"shape\":[1],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":4}}]}";
    char body[sizeof(json) + 4];
    struct facet__oip_request q;
    memcpy(body, json, sizeof(json));
    int err = facet__oip_request_parse(&q, body, sizeof(json) - 1 + 4, sizeof(json) - 1);
    facet__oip_request_fini(&q);
    return err;
}

static int parse_tf(void *ctx)
{
    static const char json[] = "{\"instances\":[{\"a\":[1,2],\"b\":1},{\"a\":[3,4],\"b\":2}]}";
    const struct facet_net_info info = {.name = "net", .n_inputs = 2, .inputs = {{.name = "a"}, {.name = "b"}}};
    struct facet__tf_request q;
    int err = facet__tf_request_parse(&q, &info, NULL, json, sizeof(json) - 1);
    facet__tf_request_fini(&q);
    return err;
}

static void test_requests__each_request_may_fail(void **state)
{
    assert_int_equal(fault_loop(parse_oip, NULL), 0);
    assert_int_equal(fault_loop(parse_tf, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__each_request_of_opening_may_fail),
        cmocka_unit_test(test_room__each_request_of_a_picture_may_fail),
        cmocka_unit_test(test_nets__each_request_may_fail),
        cmocka_unit_test(test_requests__each_request_may_fail),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
