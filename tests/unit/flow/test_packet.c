#include "test.h"

#include "base/errors.h"
#include "flow/packet.h"

static void test_packet__has_room_for_all_faces(void **state)
{
    struct facet_packet *p;
    assert_int_equal(facet_packet_open(&p, 128), FACET_OK);
    for (int i = 0; i < FACET_MAX_FACES; i++) {
        assert_non_null(p->faces[i].embedding);
        p->faces[i].embedding[0] = (float)i;
        p->faces[i].embedding[127] = (float)i;
    }
    assert_true(p->faces[7].embedding[127] == 7);
    facet_packet_close(&p);
    assert_null(p);
    facet_packet_close(&p);
}

static void test_packet__without_embeddings_has_none(void **state)
{
    struct facet_packet *p;
    assert_int_equal(facet_packet_open(&p, 0), FACET_OK);
    assert_null(p->faces[0].embedding);
    facet_packet_close(&p);
}

static void test_packet__absurd_dimension_is_refused(void **state)
{
    struct facet_packet *p = (void *)1;
    assert_int_equal(facet_packet_open(&p, FACET_MAX_EMBEDDING + 1), FACET_E_INVALID);
    assert_null(p);
    assert_int_equal(facet_packet_open(&p, -1), FACET_E_INVALID);
}

static void test_packet__reset_drops_the_frame_and_keeps_memory(void **state)
{
    struct facet_packet *p;
    struct facet_frame_pool *frames;
    assert_int_equal(facet_frame_pool_open(&frames, 1), FACET_OK);
    assert_int_equal(facet_packet_open(&p, 4), FACET_OK);
    struct facet_face *f = &p->faces[3];
    float *embedding = f->embedding;
    for (int round = 0; round < 3; round++) {
        /* One frame in the pool: the second round would wait for ever had the first kept it. */
        assert_int_equal(facet_frame_get(&p->frame, frames, FACET_PIXEL_GRAY8, 8, 8), FACET_OK);
        p->n_faces = 4;
        f->track = 9;
        f->has_chip = true;
        f->identity.name[0] = 'x';
        assert_int_equal(facet_packet_chip(p, f, FACET_PIXEL_RGB24, 4, 4), FACET_OK);
        p->cpu_ns = 5;
        p->n_ended = 2;
        facet_packet_reset(p);
        assert_null(p->frame);
        assert_int_equal(p->n_faces + p->n_ended + (int)p->cpu_ns, 0);
        assert_int_equal(f->track, 0);
        assert_false(f->has_chip);
        assert_int_equal(f->identity.name[0], 0);
        assert_null(f->chip.data);
        assert_ptr_equal(f->embedding, embedding);
    }
    facet_packet_close(&p);
    facet_frame_pool_close(&frames);
}

/* Whichever faces had them: what a crowd needed once is not kept for ever. */
static void test_packet__keeps_the_memory_of_a_few_chips_for_any_face(void **state)
{
    struct facet_packet *p;
    assert_int_equal(facet_packet_open(&p, 4), FACET_OK);
    for (int i = 0; i < 40; i++)
        assert_int_equal(facet_packet_chip(p, &p->faces[i], FACET_PIXEL_RGB24, 16, 16), FACET_OK);
    const uint8_t *first = p->faces[0].chip.data;
    facet_packet_reset(p);
    int kept = 0;
    for (int i = 0; i < FACET_SPARE_CHIPS; i++)
        kept += p->spare[i].image.data != NULL;
    for (int i = 0; i < FACET_MAX_FACES; i++)
        kept += p->faces[i].chip.data != NULL;
    assert_int_equal(kept, FACET_SPARE_CHIPS);
    for (int round = 0; round < 700; round++) {
        assert_int_equal(facet_packet_chip(p, &p->faces[round % 9], FACET_PIXEL_RGB24, 8, 8), FACET_OK);
        assert_ptr_equal(p->faces[round % 9].chip.data, first);
        facet_packet_reset(p);
    }
    for (int i = 0; i < FACET_SPARE_CHIPS; i++)
        assert_int_equal(p->spare[i].image.data != NULL, i == 0);
    assert_int_equal(facet_packet_chip(p, &p->faces[9], FACET_PIXEL_RGB24, 0, 8), FACET_E_INVALID);
    facet_packet_close(&p);
}

static void test_packet__close_returns_swapped_faces_whole(void **state)
{
    struct facet_packet *p;
    assert_int_equal(facet_packet_open(&p, 4), FACET_OK);
    struct facet_face first = p->faces[0];
    p->faces[0] = p->faces[5];
    p->faces[5] = first;
    assert_int_equal(
        facet_image_reserve(&p->faces[0].chip, &p->faces[0].chip_cap, FACET_PIXEL_RGB24, 4, 4), 0);
    facet_packet_close(&p);
}

static void test_steps__have_names(void **state)
{
    assert_string_equal(facet_step_names[FACET_STEP_INGEST], "ingest");
    assert_string_equal(facet_step_names[FACET_STEP_PUBLISH], "publish");
    for (int i = 0; i < FACET_STEPS; i++)
        assert_non_null(facet_step_names[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packet__has_room_for_all_faces),
        cmocka_unit_test(test_packet__without_embeddings_has_none),
        cmocka_unit_test(test_packet__absurd_dimension_is_refused),
        cmocka_unit_test(test_packet__reset_drops_the_frame_and_keeps_memory),
        cmocka_unit_test(test_packet__keeps_the_memory_of_a_few_chips_for_any_face),
        cmocka_unit_test(test_packet__close_returns_swapped_faces_whole),
        cmocka_unit_test(test_steps__have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
