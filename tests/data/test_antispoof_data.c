/* MiniFASNet on photographs: how many it holds for real. These are files shown to the network as they are;
 * attacks in front of a camera are not among the data (docs/antispoof.md). */
#include "data/real.h"

#include "flow/stage.h"
#include "stages/antispoof/antispoof.h"

#include <facet/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct facet_antispoof *open_judge(void)
{
    struct facet_antispoof_opts o = { .model = real_model("antispoof-minifasnet") };
    struct facet_antispoof *a = NULL;
    assert_ok(facet_antispoof_open(&a, &o));
    return a;
}

/* Every n-th row, so that the pictures are of many people. FACET_TEST_PHOTOS asks for more of them. */
static void test_antispoof__most_photographs_of_lfw_look_real(void **state)
{
    const char *asked = getenv("FACET_TEST_PHOTOS");
    size_t n = 0, want = asked ? (size_t)strtoul(asked, NULL, 10) : 60, real_ones = 0, seen = 0;
    struct real_face *rows = real_table(real_data("lfw/reference_mtcnn.tsv"), &n);
    struct facet_antispoof *a = open_judge();
    assert_true(want > 0 && n >= want);
    for (size_t i = 0; i < n && seen < want; i += n / want, seen++) {
        char name[256];
        float real = -1;
        snprintf(name, sizeof(name), "lfw/images/%s", rows[i].picture);
        struct facet_image img = real_picture(name);
        assert_ok(facet_antispoof_look(a, &img, (struct facet_box){ rows[i].v[0], rows[i].v[1], rows[i].v[2], rows[i].v[3] }, &real));
        assert_true(real >= 0 && real <= 1);
        real_ones += real >= 0.5f;
        facet_image_fini(&img);
    }
    print_message("%zu of %zu photographs look real\n", real_ones, seen);
    assert_true(real_ones * 100 >= seen * 85);
    facet_antispoof_close(&a);
    free(rows);
}

static void test_antispoof__an_empty_box_is_refused(void **state)
{
    struct facet_antispoof *a = open_judge();
    struct facet_image img = real_picture("group/ivan.jpg");
    float real;
    assert_int_equal(facet_antispoof_look(a, &img, (struct facet_box){ 10, 10, 10, 40 }, &real), FACET_E_INVALID);
    facet_image_fini(&img);
    facet_antispoof_close(&a);
}

/* The stage takes the recogniser's faces away unless they are real, and says what it cannot judge. */
static void test_antispoof__small_faces_are_not_judged(void **state)
{
    struct facet_antispoof_opts o = { .model = real_model("antispoof-minifasnet"), .min_face = 60 };
    struct facet_stage *s = NULL;
    struct facet_packet *p = NULL;
    struct facet_frame frame = { .image = real_picture("group/ivan.jpg") };
    assert_ok(facet_stage_open(&s, &facet_stage_antispoof, &o));
    assert_ok(facet_packet_open(&p, 0));
    p->frame = &frame;
    p->n_faces = 1;
    p->faces[0].box = (struct facet_box){ 277, 90, 325, 153 };     /* 48 pixels wide */
    p->faces[0].track = 1;
    p->faces[0].wants_embedding = p->faces[0].has_chip = true;
    assert_ok(facet_stage_step(s, p));
    assert_int_equal(p->faces[0].live, FACET_LIVE_UNJUDGED);
    assert_false(p->faces[0].wants_embedding);
    facet_stage_close(&s);
    o.min_face = -1;
    p->faces[0].wants_embedding = true;
    assert_ok(facet_stage_open(&s, &facet_stage_antispoof, &o));
    assert_ok(facet_stage_step(s, p));
    assert_int_not_equal(p->faces[0].live, FACET_LIVE_UNJUDGED);
    assert_true(p->faces[0].live_score > 0);
    p->frame = NULL;
    facet_packet_close(&p);
    facet_stage_close(&s);
    facet_image_fini(&frame.image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_antispoof__most_photographs_of_lfw_look_real),
        cmocka_unit_test(test_antispoof__an_empty_box_is_refused),
        cmocka_unit_test(test_antispoof__small_faces_are_not_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
