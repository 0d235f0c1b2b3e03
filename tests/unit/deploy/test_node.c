#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "deploy/node_priv.h"
#include "flow/packet.h"
#include "lib/scratch.h"
#include "store/gallery.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct scratch scratch;
static const char *dir = scratch.dir;
static struct facet_site site;

static int make_site(void **state)
{
    (void)state;
    scratch_open(&scratch);
    if (facet_site_defaults(&site))
        return -1;
    snprintf(site.gallery.path, sizeof(site.gallery.path), "%s/gallery.db", dir);
    snprintf(site.store.events, sizeof(site.store.events), "%s/events.db", dir);
    setenv("FACET_DATA", dir, 1);
    return 0;
}

static int drop_site(void **state)
{
    (void)state;
    facet_site_fini(&site);
    scratch_close(&scratch);
    return 0;
}

static struct facet_node *open_server(void)
{
    struct facet_node *n;
    struct facet_node_opts o = { .site = &site, .role = FACET_NODE_SERVER };
    int err = facet_node_open(&n, &o);
    assert_string_equal(err ? facet_error_text() : "", "");
    return n;
}

static void test_node__a_server_makes_its_gallery(void **state)
{
    struct facet_node *n = open_server();
    (void)state;
    assert_non_null(facet_node_gallery(n));
    assert_string_equal(facet_gallery_path(facet_node_gallery(n)), site.gallery.path);
    assert_ptr_equal(facet_node_site(n), &site);
    facet_node_close(&n);
    assert_null(n);
    assert_true(facet_path_exists(site.gallery.path));
    facet_node_close(&n);
}

static void test_node__a_device_needs_a_camera(void **state)
{
    struct facet_node *n;
    struct facet_node_opts o = { .site = &site, .role = FACET_NODE_DEVICE };
    (void)state;
    assert_int_equal(facet_node_open(&n, &o), FACET_E_INVALID);
    assert_null(n);
}

static void test_node__unknown_models_are_refused(void **state)
{
    struct facet_node *n;
    struct facet_site wrong = site;
    struct facet_node_opts o = { .site = &wrong, .role = FACET_NODE_SERVER };
    (void)state;
    snprintf(wrong.models.detector, sizeof(wrong.models.detector), "nosuch");
    assert_int_equal(facet_node_open(&n, &o), FACET_E_NOT_FOUND);
    snprintf(wrong.models.detector, sizeof(wrong.models.detector), "facenet-20180402");
    assert_int_equal(facet_node_open(&n, &o), FACET_E_UNSUPPORTED);
    assert_non_null(strstr(facet_error_text(), "task"));
}

static void test_node__a_damaged_gallery_is_refused(void **state)
{
    struct facet_node *n;
    struct facet_site wrong = site;
    struct facet_node_opts o = { .site = &wrong, .role = FACET_NODE_SERVER };
    (void)state;
    snprintf(wrong.gallery.path, sizeof(wrong.gallery.path), "%s/no.db", dir);
    assert_int_equal(facet_file_write_atomic(wrong.gallery.path, "this is no gallery, it is a text of some length", 48), FACET_OK);
    assert_int_not_equal(facet_node_open(&n, &o), FACET_OK);
    assert_null(n);
}

static void test_node__runs_until_it_is_stopped_or_cancelled(void **state)
{
    atomic_int cancel = 1;
    struct facet_node_opts o = { .site = &site, .role = FACET_NODE_SERVER, .cancel = &cancel };
    struct facet_node *n = open_server();
    (void)state;
    facet_node_stop(n);
    assert_int_equal(facet_node_run(n), FACET_OK);
    facet_node_close(&n);
    assert_int_equal(facet_node_open(&n, &o), FACET_OK);
    assert_int_equal(facet_node_run(n), FACET_OK);
    facet_node_close(&n);
}

static void count(void *ctx, const struct facet_event *e)
{
    (void)e;
    ++*(int *)ctx;
}

static void test_node__tells_those_that_listen(void **state)
{
    struct facet_node *n = open_server();
    struct facet_event e = { .type = FACET_EVENT_NEW };
    int one = 0, two = 0, first, second;
    (void)state;
    assert_int_equal(facet_node_listen(n, count, &one, &first), FACET_OK);
    assert_int_equal(facet_node_listen(n, count, &two, &second), FACET_OK);
    facet__node_tell(n, &e);
    facet_node_unlisten(n, first);
    facet_node_unlisten(n, first);
    facet__node_tell(n, &e);
    assert_int_equal(one, 1);
    assert_int_equal(two, 2);
    facet_node_close(&n);
}

static void test_node__has_a_ceiling_of_listeners(void **state)
{
    struct facet_node *n = open_server();
    int told = 0, handle;
    (void)state;
    for (int i = 0; i < FACET__NODE_LISTENERS; i++)
        assert_int_equal(facet_node_listen(n, count, &told, &handle), FACET_OK);
    assert_int_equal(facet_node_listen(n, count, &told, &handle), FACET_E_LIMIT);
    facet_node_close(&n);
}

static void test_node__keeps_the_last_faces_of_each_camera(void **state)
{
    struct facet_node *n = open_server();
    struct facet_packet *p;
    struct facet_face seen[4];
    struct facet_frame frame = { .wall_ms = 1234 };
    struct facet_node_stats stats;
    int64_t when;
    (void)state;
    assert_int_equal(facet_packet_open(&p, 4), FACET_OK);
    p->n_faces = 2;
    p->faces[0].track = 7;
    p->faces[1].is_new_track = true;
    p->frame = &frame;
    facet__node_saw(n, p, "front");
    p->frame = NULL;
    p->n_faces = 0;
    facet__node_saw(n, p, "front");
    assert_int_equal(facet_node_faces(n, "front", seen, 4, &when), 2);
    assert_int_equal(seen[0].track, 7);
    assert_null(seen[0].embedding);
    assert_int_equal(when, 1234);
    assert_int_equal(facet_node_faces(n, "front", seen, 1, &when), 1);
    assert_int_equal(facet_node_faces(n, "back", seen, 4, &when), 0);
    assert_int_equal(when, 0);
    facet_node_stats(n, &stats);
    assert_int_equal(stats.frames, 1);
    assert_int_equal(stats.faces, 2);
    assert_int_equal(stats.tracks, 1);
    assert_true(stats.resident_bytes > 0);
    facet_packet_close(&p);
    facet_node_close(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_node__a_server_makes_its_gallery),
        cmocka_unit_test(test_node__a_device_needs_a_camera),
        cmocka_unit_test(test_node__unknown_models_are_refused),
        cmocka_unit_test(test_node__a_damaged_gallery_is_refused),
        cmocka_unit_test(test_node__runs_until_it_is_stopped_or_cancelled),
        cmocka_unit_test(test_node__tells_those_that_listen),
        cmocka_unit_test(test_node__has_a_ceiling_of_listeners),
        cmocka_unit_test(test_node__keeps_the_last_faces_of_each_camera),
    };
    return cmocka_run_group_tests(tests, make_site, drop_site);
}
