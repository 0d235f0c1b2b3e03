#include "test.h"

#include "bench/findings.h"
#include "bench/tune_scan.h"

#include <stdlib.h>

static void note(struct facet_findings *f, int64_t frame, const float *left, int n)
{
    struct facet_frame picture = {.index = frame};
    struct facet_packet *p;
    assert_int_equal(facet_packet_open(&p, 0), 0);
    p->n_faces = n;
    for (int i = 0; i < n; i++)
        p->faces[i].box = (struct facet_box){left[i], 0, left[i] + 100, 100};
    facet_findings_note(f, p); /* no picture: an end of tracks */
    p->frame = &picture;
    facet_findings_note(f, p);
    p->frame = NULL;
    facet_packet_close(&p);
}

static void test_findings__same_faces_are_counted_once(void **state)
{
    struct facet_findings a = {0}, b = {0};
    note(&a, 0, (float[]){0, 1, 500}, 3);
    note(&a, 2, (float[]){0}, 1);
    note(&a, 3, (float[]){300, 0}, 2);
    note(&b, 0, (float[]){2, 520}, 2);             /* one of a's first two, not both; the last is too far off */
    note(&b, 1, (float[]){0}, 1);
    note(&b, 3, (float[]){0, 304, 301}, 3);
    assert_int_equal(a.n, 6);
    assert_int_equal(b.n, 6);
    assert_int_equal(facet_findings_same(&a, &b), 3);
    assert_int_equal(facet_findings_same(&b, &a), 3);
    free(a.at);
    free(b.at);
}

static void test_findings__none_are_none(void **state)
{
    struct facet_findings a = {0}, none = {0};
    note(&a, 7, (float[]){0}, 1);
    assert_int_equal(facet_findings_same(&a, &none), 0);
    assert_int_equal(facet_findings_same(&none, &a), 0);
    assert_int_equal(facet_findings_same(&none, &none), 0);
    free(a.at);
}

static void test_clips__are_told_by_their_names(void **state)
{
    assert_true(facet_tune_is_clip("a/b.mp4"));
    assert_true(facet_tune_is_clip("b.mkv"));
    assert_false(facet_tune_is_clip("b.jpg"));
    assert_false(facet_tune_is_clip("mp4"));
    assert_false(facet_tune_is_clip(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_findings__same_faces_are_counted_once),
        cmocka_unit_test(test_findings__none_are_none),
        cmocka_unit_test(test_clips__are_told_by_their_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
