/* The room around small seeded networks: same answers as one recogniser, refusals, and a clean end. */
#include "lib/proc.h"
#include "lib/small_models.h"

#include "base/errors.h"
#include "base/thread.h"
#include "deploy/engine_room.h"
#include "models/models.h"
#include "stages/embed/embed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PICTURES 6

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

static struct facet_engine_room *open_room(const struct facet_engine_room_opts *o)
{
    struct facet_engine_room *r;
    must(facet_engine_room_open(&r, o));
    return r;
}

/* What one recogniser says about each picture. */
struct truth { struct facet_image img; int n; struct facet_recognised faces[FACET_MAX_FACES]; float *rows; };

static void learn(struct truth *t, size_t pictures)
{
    struct facet_recogniser_opts o = FACET_RECOGNISER_OPTS_INIT;
    struct facet_recogniser *r;
    o.threads = 1;
    must(facet_recogniser_open(&r, &o));
    for (size_t i = 0; i < pictures; i++) {
        struct facet_recognised *faces;
        t[i].img = small_noise(96 + 32 * (int)i, 96, i + 1);
        t[i].n = facet_recogniser_faces(r, &t[i].img, 0, &faces, NULL);
        assert_in_range(t[i].n, 1, FACET_MAX_FACES);
        t[i].rows = calloc((size_t)t[i].n, SMALL_DIM * sizeof(float));
        assert_non_null(t[i].rows);
        memcpy(t[i].faces, faces, (size_t)t[i].n * sizeof(*faces));
        for (int k = 0; k < t[i].n; k++)
            memcpy(t[i].rows + k * SMALL_DIM, faces[k].embedding, SMALL_DIM * sizeof(float));
    }
    facet_recogniser_close(&r);
}

static void forget(struct truth *t, size_t pictures)
{
    for (size_t i = 0; i < pictures; i++) {
        facet_image_fini(&t[i].img);
        free(t[i].rows);
    }
}

static void check_row(const float *a, const float *b)
{
    double cosine = 0;
    for (int i = 0; i < SMALL_DIM; i++)
        cosine += (double)a[i] * (double)b[i];
    assert_true(fabs(cosine - 1) < 1e-5);
}

static void check_list(const struct facet_face_list *l, const struct truth *t, bool has_embeddings)
{
    assert_int_equal(l->n, t->n);
    assert_int_equal(l->dim, SMALL_DIM);
    for (int i = 0; i < l->n; i++) {
        assert_memory_equal(&l->faces[i].box, &t->faces[i].box, sizeof(struct facet_box));
        assert_true(l->faces[i].score == t->faces[i].score);
        assert_true(l->faces[i].quality.score == t->faces[i].quality.score);
        if (has_embeddings)
            check_row(l->faces[i].embedding, t->rows + i * SMALL_DIM);
        else
            assert_null(l->faces[i].embedding);
    }
}

struct asker { struct facet_engine_room *room; const struct truth *truth; struct facet_thread thread; int errors, rounds; bool embed; };

static void ask(void *ctx)
{
    struct asker *a = ctx;
    for (int i = 0; i < a->rounds; i++) {
        struct facet_face_list l;
        int err = facet_engine_room_faces(a->room, &a->truth->img, a->embed, &l);
        a->errors += err != FACET_OK;
        if (!err)
            check_list(&l, a->truth, a->embed);
        facet_face_list_fini(&l);
    }
}

static void test_room__many_at_once_get_what_one_recogniser_says(void **state)
{
    struct truth t[PICTURES];
    struct asker a[PICTURES];
    struct facet_engine_room_stats s;
    learn(t, PICTURES);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){.detectors = 2, .threads = 2, .max_batch = 8});
    for (int i = 0; i < PICTURES; i++) {
        a[i] = (struct asker){.room = r, .truth = &t[i], .rounds = 8, .embed = i != 1};
        must(facet_thread_start(&a[i].thread, "asker", ask, &a[i]));
    }
    for (int i = 0; i < PICTURES; i++) {
        facet_thread_join(&a[i].thread);
        assert_int_equal(a[i].errors, 0);
    }
    facet_engine_room_stats(r, &s);
    assert_int_equal(s.requests, PICTURES * 8);
    assert_int_equal(s.refused + s.failed + s.inside, 0);
    assert_int_equal(s.detect.count, PICTURES * 8);
    assert_int_equal(s.embed.count, (PICTURES - 1) * 8);
    assert_true(s.chips > s.batches);
    facet_engine_room_close(&r);
    forget(t, PICTURES);
}

static void test_room__times_of_waiting_and_working_are_told_apart(void **state)
{
    struct truth t;
    struct facet_face_list l;
    learn(&t, 1);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){0});
    must(facet_engine_room_faces(r, &t.img, true, &l));
    assert_true(l.detect_ns > 0 && l.embed_ns > 0);
    facet_face_list_fini(&l);
    must(facet_engine_room_faces(r, &t.img, false, &l));
    assert_true(l.detect_ns > 0 && l.embed_ns == 0);
    facet_face_list_fini(&l);
    facet_engine_room_close(&r);
    forget(&t, 1);
}

/* Noise in which the detector sees nothing. */
static struct facet_image faceless(struct facet_engine_room *r)
{
    for (uint64_t seed = 1; seed < 1000; seed++) {
        struct facet_image img = small_noise(32, 32, seed);
        struct facet_face_list l;
        must(facet_engine_room_faces(r, &img, false, &l));
        int n = l.n;
        facet_face_list_fini(&l);
        if (!n)
            return img;
        facet_image_fini(&img);
    }
    fail_msg("every noise has a face");
    return (struct facet_image){0};
}

static void test_room__a_picture_without_faces_holds_up_nobody(void **state)
{
    struct facet_face_list l;
    struct truth t;
    learn(&t, 1);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){.deadline_ms = 30000});
    struct facet_image empty = faceless(r);
    must(facet_engine_room_faces(r, &empty, true, &l));
    assert_int_equal(l.n, 0);
    facet_face_list_fini(&l);
    must(facet_engine_room_faces(r, &t.img, true, &l));        /* at once: nobody is on the way any more */
    check_list(&l, &t, true);
    assert_true(l.queued_ns < 15000000000u);
    facet_face_list_fini(&l);
    facet_engine_room_close(&r);
    facet_image_fini(&empty);
    forget(&t, 1);
}

static unsigned inside(struct facet_engine_room *r)
{
    struct facet_engine_room_stats s;
    facet_engine_room_stats(r, &s);
    return s.inside;
}

static void test_room__who_comes_when_it_is_full_is_refused(void **state)
{
    struct facet_recogniser *lent, *none;
    struct facet_face_list l;
    struct truth t;
    learn(&t, 1);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){.detectors = 1, .max_waiting = 1});
    must(facet_engine_room_lend(r, &lent));
    struct asker waiting = {.room = r, .truth = &t, .rounds = 1, .embed = true};
    must(facet_thread_start(&waiting.thread, "waiting", ask, &waiting));
    WAIT_FOR(inside(r) == 2, 10000);
    assert_int_equal(facet_engine_room_faces(r, &t.img, true, &l), FACET_E_AGAIN);
    assert_int_equal(l.n, 0);
    assert_null(l.memory);
    assert_int_equal(facet_engine_room_lend(r, &none), FACET_E_AGAIN);
    assert_null(none);
    facet_engine_room_return(r, &lent);
    assert_null(lent);
    facet_thread_join(&waiting.thread);
    assert_int_equal(waiting.errors, 0);
    struct facet_engine_room_stats s;
    facet_engine_room_stats(r, &s);
    assert_int_equal(s.refused, 2);
    facet_engine_room_close(&r);
    forget(&t, 1);
}

static void test_room__a_lent_recogniser_embeds_through_the_room(void **state)
{
    struct truth t;
    struct facet_recognised *faces;
    struct facet_recogniser *lent;
    learn(&t, 1);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){0});
    must(facet_engine_room_lend(r, &lent));
    assert_int_equal(facet_recogniser_faces(lent, &t.img, 0, &faces, NULL), t.n);
    for (int i = 0; i < t.n; i++)
        check_row(faces[i].embedding, t.rows + i * SMALL_DIM);
    assert_int_equal(facet_recogniser_dim(lent), SMALL_DIM);
    assert_string_equal(facet_recogniser_contract(lent), facet_engine_room_contract(r));
    facet_engine_room_return(r, &lent);
    facet_engine_room_close(&r);
    forget(&t, 1);
}

static void test_room__chips_of_another_size_are_refused(void **state)
{
    struct facet_image img = small_noise(SMALL_CHIP, SMALL_CHIP + 1, 1);
    const struct facet_image *chip = &img;
    float out[SMALL_DIM];
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){0});
    assert_int_equal(facet_engine_room_embed(r, &chip, 1, out), FACET_E_INVALID);
    assert_non_null(strstr(facet_error_text(), "16x17"));
    facet_engine_room_close(&r);
    facet_image_fini(&img);
}

/* The stage `embed` gives the same with a room as with a network of its own. */
static void run_stage(const struct facet_embedder_opts *o, const struct facet_image *chip, float *out)
{
    struct facet_stage *stage;
    struct facet_packet *p;
    must(facet_packet_open(&p, SMALL_DIM));
    must(facet_stage_open(&stage, &facet_stage_embed, o));
    p->n_faces = 1;
    p->faces[0].wants_embedding = p->faces[0].has_chip = true;
    size_t size = chip->stride * (size_t)chip->height;
    must(facet_image_reserve(&p->faces[0].chip, &p->faces[0].chip_cap, FACET_PIXEL_RGB24, chip->width, chip->height));
    assert_true(p->faces[0].chip.stride == chip->stride);
    memcpy(p->faces[0].chip.data, chip->data, size);
    must(facet_stage_step(stage, p));
    assert_int_equal(p->embedded, 1);
    assert_true(p->faces[0].has_embedding);
    memcpy(out, p->faces[0].embedding, SMALL_DIM * sizeof(float));
    facet_stage_close(&stage);
    facet_packet_close(&p);
}

static void test_room__serves_the_stage_embed(void **state)
{
    float here[SMALL_DIM], there[SMALL_DIM];
    struct facet_image chip = small_noise(SMALL_CHIP, SMALL_CHIP, 3);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){.max_waiting = 1, .detectors = 1});
    struct facet_recogniser *lent;
    struct facet_embedder_opts o = {.model = facet_engine_room_model(r)};
    run_stage(&o, &chip, here);
    must(facet_engine_room_lend(r, &lent));        /* cameras do not wait in the line of detectors */
    o.elsewhere = facet_engine_room_embed_for_stage;
    o.elsewhere_ctx = r;
    run_stage(&o, &chip, there);
    check_row(here, there);
    facet_engine_room_return(r, &lent);
    facet_engine_room_close(&r);
    facet_image_fini(&chip);
}

static void close_room(void *ctx)
{
    facet_engine_room_close(ctx);
}

static void test_room__closing_sends_away_who_waits_and_waits_for_who_works(void **state)
{
    struct facet_recogniser *lent;
    struct facet_recognised *faces;
    struct facet_thread closer;
    struct truth t;
    learn(&t, 1);
    struct facet_engine_room *r = open_room(&(struct facet_engine_room_opts){.detectors = 1}), *closing = r;
    must(facet_engine_room_lend(r, &lent));
    struct asker waiting = {.room = r, .truth = &t, .rounds = 1, .embed = true};
    must(facet_thread_start(&waiting.thread, "waiting", ask, &waiting));
    WAIT_FOR(inside(r) == 2, 10000);
    must(facet_thread_start(&closer, "closer", close_room, &closing));
    facet_thread_join(&waiting.thread);
    assert_int_equal(waiting.errors, 1);
    assert_int_equal(facet_recogniser_faces(lent, &t.img, 0, &faces, NULL), t.n);     /* who works still can */
    facet_engine_room_return(r, &lent);
    facet_thread_join(&closer);
    facet_engine_room_close(&closing);
    forget(&t, 1);
}

static void test_room__what_cannot_be_opened_is_refused(void **state)
{
    struct facet_engine_room *r;
    const struct { struct facet_engine_room_opts o; int err; } bad[] = {
        {{.detector = "none"}, FACET_E_NOT_FOUND},
        {{.detector = SMALL_EMBEDDER}, FACET_E_UNSUPPORTED},
        {{.recogniser = SMALL_DETECTOR}, FACET_E_UNSUPPORTED},
        {{.contract = "00"}, FACET_E_CONTRACT},
        {{.detectors = 1000}, FACET_E_INVALID},
        {{.max_batch = -1}, FACET_E_INVALID},
        {{.backend = "abacus"}, FACET_E_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(facet_engine_room_open(&r, &bad[i].o), bad[i].err);
        assert_null(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room__many_at_once_get_what_one_recogniser_says),
        cmocka_unit_test(test_room__times_of_waiting_and_working_are_told_apart),
        cmocka_unit_test(test_room__a_picture_without_faces_holds_up_nobody),
        cmocka_unit_test(test_room__who_comes_when_it_is_full_is_refused),
        cmocka_unit_test(test_room__a_lent_recogniser_embeds_through_the_room),
        cmocka_unit_test(test_room__chips_of_another_size_are_refused),
        cmocka_unit_test(test_room__serves_the_stage_embed),
        cmocka_unit_test(test_room__closing_sends_away_who_waits_and_waits_for_who_works),
        cmocka_unit_test(test_room__what_cannot_be_opened_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
