/* The engine room on real weights and faces: what many get at once is what one recogniser says. */
#include "data/real.h"

#include "base/thread.h"
#include "deploy/engine_room.h"

#include <facet/error.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ASKERS 4
#define ROUNDS 3

static const char *const pictures[ASKERS] = {"group/multiface.jpg", "group/t1.jpg", "lfw/images/Aaron_Patterson_0001.jpg", "group/t1.jpg"};

struct asker {
    struct facet_engine_room *room;
    struct facet_image img;
    struct facet_thread thread;
    struct facet_recognised faces[FACET_MAX_FACES];
    float *rows;
    int n, dim, errors, different;
    double worst;
};

static void learn(struct facet_recogniser *r, struct asker *a, const char *picture)
{
    struct facet_recognised *faces;
    a->img = real_picture(picture);
    a->n = facet_recogniser_faces(r, &a->img, 0, &faces, NULL);
    assert_in_range(a->n, 1, FACET_MAX_FACES);
    a->dim = facet_recogniser_dim(r);
    a->rows = calloc((size_t)a->n * (size_t)a->dim, sizeof(float));
    assert_non_null(a->rows);
    memcpy(a->faces, faces, (size_t)a->n * sizeof(*faces));
    for (int i = 0; i < a->n; i++)
        memcpy(a->rows + (size_t)i * (size_t)a->dim, faces[i].embedding, (size_t)a->dim * sizeof(float));
}

static double cosine(const float *a, const float *b, int dim)
{
    double sum = 0;
    for (int i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static void compare(struct asker *a, const struct facet_face_list *l)
{
    if (l->n != a->n) {
        a->different++;
        return;
    }
    for (int i = 0; i < l->n; i++) {
        double c = cosine(l->faces[i].embedding, a->rows + (size_t)i * (size_t)a->dim, a->dim);
        a->worst = fmin(a->worst, c);
        a->different += memcmp(&l->faces[i].box, &a->faces[i].box, sizeof(struct facet_box)) != 0;
    }
}

static void ask(void *ctx)
{
    struct asker *a = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        struct facet_face_list l;
        int err = facet_engine_room_faces(a->room, &a->img, true, &l);
        a->errors += err != FACET_OK;
        if (!err)
            compare(a, &l);
        facet_face_list_fini(&l);
    }
}

static void check_model(const char *detector, const char *recogniser)
{
    struct facet_recogniser_opts ro = {.detector = detector, .recogniser = recogniser, .threads = 1};
    struct asker a[ASKERS];
    struct facet_recogniser *one;
    struct facet_engine_room *room;
    struct facet_engine_room_stats s;
    memset(a, 0, sizeof(a));
    real_model(detector);
    real_model(recogniser);
    assert_ok(facet_recogniser_open(&one, &ro));
    for (int i = 0; i < ASKERS; i++)
        learn(one, &a[i], pictures[i]);
    facet_recogniser_close(&one);
    assert_ok(facet_engine_room_open(&room, &(struct facet_engine_room_opts){.detector = detector, .recogniser = recogniser}));
    for (int i = 0; i < ASKERS; i++) {
        a[i].room = room;
        a[i].worst = 1;
        assert_ok(facet_thread_start(&a[i].thread, "asker", ask, &a[i]));
    }
    for (int i = 0; i < ASKERS; i++)
        facet_thread_join(&a[i].thread);
    facet_engine_room_stats(room, &s);
    facet_engine_room_close(&room);
    for (int i = 0; i < ASKERS; i++) {
        print_message("%s: %d faces, worst cosine %.7f\n", pictures[i], a[i].n, a[i].worst);
        assert_int_equal(a[i].errors + a[i].different, 0);
        assert_true(a[i].worst > 0.99999);
        facet_image_fini(&a[i].img);
        free(a[i].rows);
    }
    print_message("%d requests, %d chips in %d batches, at most %d at once\n", (int)s.requests, (int)s.chips, (int)s.batches,
                  (int)s.largest_batch);
    assert_true(s.batches < s.chips);
}

static void test_room__facenet_says_the_same_to_many(void **state)
{
    check_model("mtcnn", "facenet-20180402");
}

static void test_room__mobilefacenet_says_the_same_to_many(void **state)
{
    check_model("mtcnn", "mobilefacenet-photo-analyze");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__facenet_says_the_same_to_many),
        cmocka_unit_test(test_room__mobilefacenet_says_the_same_to_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
