/* Detectors, chips, embedder and identities without memory, on small seeded networks; and what they
 * ask for once they are warm: nothing. */
#include "unit/store/fixture.h"

#include "fault.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/pool.h"
#include "engine/format/arch.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "models/models.h"
#include "stages/align/align.h"
#include "stages/detect/detect.h"
#include "stages/embed/embed.h"
#include "stages/identify/classifier.h"
#include "stages/identify/identify.h"

#include <sys/stat.h>

#define PARTS 3
#define FACES 12
#define EMBEDDING 32

typedef int build_fn(struct facet_graph **out, uint64_t seed);

/* --- networks --- */

/* Maps of three strides, of the layout that the decoder wants: scores, boxes, points. */
static int build_grid(struct facet_graph **out, const char *const *scores, int n_scores, int64_t anchors)
{
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "grid", facet__random_source(&r, 1));
    int x = facet__arch_input(&a, "input", 3, -1, -1);
    for (int64_t stride = 8; stride <= 32; stride *= 2)
        for (int i = 0; i < n_scores + 2; i++) {
            char name[32], raw[40];
            int64_t each = i < n_scores ? 1 : i == n_scores ? 4 : 10;
            snprintf(name, sizeof(name), "%s_%d", i < n_scores ? scores[i] : i == n_scores ? "bbox" : "kps", (int)stride);
            snprintf(raw, sizeof(raw), "%s_raw", name);
            int y = facet__arch_conv(&a, raw, x, 3, &(struct facet__conv){.out = each * anchors, .kh = stride, .kw = stride,
                                                                          .stride = stride, .has_bias = true});
            facet__arch_output(&a, facet__arch_plain(&a, "Sigmoid", name, &y, 1));
        }
    return facet__arch_end(&a, out);
}

static int build_yunet(struct facet_graph **out, uint64_t seed)
{
    return build_grid(out, (const char *const[]){"cls", "obj"}, 2, 1);
}

static int build_scrfd(struct facet_graph **out, uint64_t seed)
{
    return build_grid(out, (const char *const[]){"score"}, 1, 2);
}

static int build_small_embedder(struct facet_graph **out, uint64_t seed)
{
    struct facet__random r;
    struct facet__arch a;
    facet__arch_begin(&a, "embedder", facet__random_source(&r, seed));
    int x = facet__arch_input(&a, "data", 3, 16, 16);
    x = facet__arch_conv(&a, "conv", x, 3, &(struct facet__conv){.out = 8, .kh = 3, .kw = 3, .stride = 2, .has_bias = true});
    x = facet__arch_prelu(&a, "prelu", "prelu", x, 8, false);
    facet__arch_output(&a, facet__arch_dense(&a, "fc", facet__arch_flatten(&a, "flat", x), 8 * 7 * 7, EMBEDDING, true));
    return facet__arch_end(&a, out);
}

static int build_named(struct facet_graph **out, const char *name)
{
    return facet_builder_find(name)->build(out, 1);
}

static int build_pnet(struct facet_graph **out, uint64_t seed)
{
    return build_named(out, "pnet");
}

static int build_rnet(struct facet_graph **out, uint64_t seed)
{
    return build_named(out, "rnet");
}

static int build_onet(struct facet_graph **out, uint64_t seed)
{
    return build_named(out, "onet");
}

static int build_mobilefacenet(struct facet_graph **out, uint64_t seed)
{
    return build_named(out, "mobilefacenet");
}

/* --- models folder --- */

struct model {
    struct facet_model_spec spec;
    struct facet_model_file files[PARTS];
    struct facet_model_part parts[PARTS];
    char paths[PARTS][FACET_MAX_NAME + 32];
};

/* One part: its network into the mirror, its line into the spec. */
static void add_part(struct model *m, const struct room *r, const char *part, build_fn *build)
{
    size_t i = m->spec.n_parts++;
    struct facet_graph *g;
    struct stat st;
    char path[FACET_MAX_NAME + 128];
    snprintf(m->paths[i], sizeof(m->paths[i]), "models/%s%zu.onnx", m->spec.kind, i);
    snprintf(path, sizeof(path), "%s/%s", r->dir, m->paths[i]);
    if (build(&g, 1) || facet_onnx_save(g, path) || facet_sha256_file(path, m->files[i].sha256) || stat(path, &st))
        fail_msg("%s", facet_error_text());
    facet_graph_free(&g);
    m->files[i].path = m->paths[i];
    m->files[i].url = "https://facet.invalid/";
    m->files[i].bytes = st.st_size;
    m->parts[i].first = i;
    m->parts[i].count = 1;
    snprintf(m->parts[i].name, sizeof(m->parts[i].name), "%s", part);
    snprintf(m->parts[i].onnx, sizeof(m->parts[i].onnx), "%s.onnx", *part ? part : "model");
    m->spec.n_files = m->spec.n_parts;
}

static struct model *model_new(const char *name, const char *task, const char *kind)
{
    struct model *m = calloc(1, sizeof(*m));
    assert_non_null(m);
    snprintf(m->spec.name, sizeof(m->spec.name), "%s", name);
    snprintf(m->spec.version, sizeof(m->spec.version), "1");
    snprintf(m->spec.task, sizeof(m->spec.task), "%s", task);
    snprintf(m->spec.kind, sizeof(m->spec.kind), "%s", kind);
    snprintf(m->spec.importer, sizeof(m->spec.importer), "onnx");
    m->spec.licence = "MIT";
    m->spec.files = m->files;
    m->spec.parts = m->parts;
    m->spec.norm = (struct facet_norm){.mean = {127.5f, 127.5f, 127.5f}, .scale = {1 / 128.0f, 1 / 128.0f, 1 / 128.0f}, .planar = true};
    return m;
}

static void pull(struct model *m, const struct room *r)
{
    struct facet_pull_opts o = {.mirror = r->dir};
    if (facet_model_pull(&m->spec, &o))
        fail_msg("%s", facet_error_text());
}

static struct model *detector_model(const struct room *r, const char *kind)
{
    struct model *m = model_new(kind, "detect", kind);
    if (!strcmp(kind, "mtcnn")) {
        add_part(m, r, "pnet", build_pnet);
        add_part(m, r, "rnet", build_rnet);
        add_part(m, r, "onet", build_onet);
    } else {
        add_part(m, r, "", !strcmp(kind, "yunet") ? build_yunet : build_scrfd);
    }
    pull(m, r);
    return m;
}

static struct model *embedder_model(const struct room *r, build_fn *build, int side, int dim)
{
    struct model *m = model_new("embedder", "embed", "embedding");
    m->spec.width = m->spec.height = m->spec.chip.width = m->spec.chip.height = side;
    m->spec.chip.crop = FACET_CROP_SQUARE;
    m->spec.dim = dim;
    add_part(m, r, "", build);
    pull(m, r);
    return m;
}

/* A room with a models folder; packed weights are kept nowhere, so that each call packs them. */
static int open_room(void **state)
{
    struct room *r;
    char path[128];
    if (room_open_quick(state))
        return -1;
    r = *state;
    snprintf(path, sizeof(path), "%s/models", r->dir);
    setenv("FACET_MODELS", path, 1);
    setenv("FACET_CACHE", "/dev/null/none", 1);
    return facet_mkdirs(path);
}

static struct facet_image noise(int width, int height, uint64_t seed)
{
    struct facet_image img;
    struct facet_rng rng;
    facet_rng_seed(&rng, seed);
    assert_int_equal(facet_image_init(&img, FACET_PIXEL_RGB24, width, height), FACET_OK);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width * 3; x++)
            img.data[(size_t)y * img.stride + (size_t)x] = (uint8_t)facet_rng_below(&rng, 256);
    return img;
}

/* --- detectors --- */

struct detection { struct facet_detector_opts o; struct facet_image img; };

static int detect(void *ctx)
{
    const struct detection *d = ctx;
    struct facet_detection found[FACES];
    struct facet_detector *det;
    int err = facet_detector_open(&det, &d->o);
    assert_true(!err == !!det);
    if (!err) {
        int n = facet_detector_run(det, &d->img, found, FACES);
        err = n < 0 ? n : FACET_OK;
        /* Memory that came back is enough: the detector is whole after a failed frame. */
        if (err == FACET_E_NOMEM)
            assert_true(facet_detector_run(det, &d->img, found, FACES) >= 0);
    }
    facet_detector_close(&det);
    return err;
}

static struct facet_detector_opts low(const struct model *m)
{
    return (struct facet_detector_opts){.model = &m->spec, .threshold = {0.05f, 0.05f, 0.05f}, .max_side = 96};
}

static void each_request_fails(const struct room *r, const char *kind)
{
    struct model *m = detector_model(r, kind);
    struct detection d = {.o = low(m), .img = noise(48, 40, 1)};
    char cache[128];
    fault_loop(detect, &d);
    snprintf(cache, sizeof(cache), "%s/cache", r->dir);
    setenv("FACET_CACHE", cache, 1); /* and once more with packed weights that are kept */
    fault_loop(detect, &d);
    facet_image_fini(&d.img);
    free(m);
}

static void test_mtcnn__each_request_may_fail(void **state)
{
    each_request_fails(*state, "mtcnn");
}

/* With threads, halved pictures, faces that are followed, and two pictures at once. */
static int follow(void *ctx)
{
    struct detection d = *(struct detection *)ctx;
    const struct facet_box seeds[2] = {{4, 4, 24, 24}, {30, 10, 44, 24}};
    struct facet_detection found[FACES], others[FACES];
    struct facet_look both[2] = {{.img = &d.img, .n_seeds = -1, .out = found, .max = FACES},
                                 {.img = &d.img, .seeds = seeds, .n_seeds = 2, .out = others, .max = FACES}};
    struct facet_detector *det = NULL;
    int err = facet_pool_open(&d.o.pool, 2);
    if (!err)
        err = facet_detector_open(&det, &d.o);
    if (!err)
        err = facet_detector_follow(det, &d.img, seeds, 2, found, FACES);
    if (err >= 0)
        err = facet_detector_run(det, &d.img, found, FACES);
    if (err >= 0)
        err = facet_detector_look(det, both, 2);
    facet_detector_close(&det);
    facet_pool_close(&d.o.pool);
    return err < 0 ? err : FACET_OK;
}

static void test_mtcnn__each_request_of_threads_may_fail(void **state)
{
    struct model *m = detector_model(*state, "mtcnn");
    struct detection d = {.o = low(m), .img = noise(200, 160, 1)};
    d.o.min_face = 24;
    d.o.quick_pyramid = true;
    d.o.scan_every = 4;
    fault_loop(follow, &d);
    facet_image_fini(&d.img);
    free(m);
}

static void test_yunet__each_request_may_fail(void **state)
{
    each_request_fails(*state, "yunet");
}

static void test_scrfd__each_request_may_fail(void **state)
{
    each_request_fails(*state, "scrfd");
}

/* A dull picture warms it; busy ones come after. */
static void test_detectors__ask_for_nothing_per_frame(void **state)
{
    static const char *const kinds[] = {"mtcnn", "yunet", "scrfd"};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        struct model *m = detector_model(*state, kinds[k]);
        struct facet_detector_opts o = low(m);
        struct facet_detection found[FACES];
        struct facet_detector *d;
        struct facet_image grey = noise(160, 120, 0);
        o.threshold[0] = 0.5f;
        int faces = 0;
        facet_image_fill(&grey, 128, 128, 128);
        assert_int_equal(facet_detector_open(&d, &o), FACET_OK);
        assert_true(facet_detector_run(d, &grey, found, FACES) >= 0);
        unsigned long asked = 0;
        for (uint64_t i = 1; i <= 4; i++) {
            struct facet_image img = noise(160, 120, i);
            unsigned long before = fault_requests();
            int n = facet_detector_run(d, &img, found, FACES);
            asked += fault_requests() - before;
            assert_true(n >= 0);
            faces += n;
            facet_image_fini(&img);
        }
        facet_detector_close(&d);
        facet_image_fini(&grey);
        free(m);
        assert_true(faces > 0);
        if (asked)
            fail_msg("%s: %lu requests", kinds[k], asked);
    }
}

/* --- chips and embeddings --- */

struct embedding { struct facet_embedder_opts o; struct facet_image chips[FACES]; };

static int embed_all(struct facet_embedder *e, const struct embedding *c, int n)
{
    const struct facet_image *chips[FACES];
    float rows[FACES * FACET_MAX_EMBEDDING];
    for (int i = 0; i < n; i++)
        chips[i] = &c->chips[i];
    return facet_embedder_run(e, chips, n, rows);
}

static int embed(void *ctx)
{
    const struct embedding *c = ctx;
    struct facet_embedder *e;
    int err = facet_embedder_open(&e, &c->o);
    assert_true(!err == !!e);
    if (!err)
        err = embed_all(e, c, 1);
    if (!err) {
        err = embed_all(e, c, FACES);
        if (err == FACET_E_NOMEM)
            assert_int_equal(embed_all(e, c, FACES), FACET_OK);
    }
    facet_embedder_close(&e);
    return err;
}

static void open_chips(struct embedding *c, const struct model *m)
{
    c->o = (struct facet_embedder_opts){.model = &m->spec};
    for (uint64_t i = 0; i < FACES; i++)
        c->chips[i] = noise(m->spec.width, m->spec.height, i + 1);
}

static void close_chips(struct embedding *c)
{
    for (int i = 0; i < FACES; i++)
        facet_image_fini(&c->chips[i]);
}

static void test_embedder__each_request_may_fail(void **state)
{
    struct model *m = embedder_model(*state, build_small_embedder, 16, EMBEDDING);
    struct embedding c;
    open_chips(&c, m);
    fault_loop(embed, &c);
    close_chips(&c);
    free(m);
}

static void test_embedder__threads_that_share_faces_may_fail(void **state)
{
    struct model *m = embedder_model(*state, build_small_embedder, 16, EMBEDDING);
    struct embedding c;
    open_chips(&c, m);
    assert_int_equal(facet_pool_open(&c.o.pool, 2), FACET_OK);
    fault_loop(embed, &c);
    facet_pool_close(&c.o.pool);
    close_chips(&c);
    free(m);
}

static void test_embedder__gives_the_same_whoever_takes_the_faces(void **state)
{
    struct model *m = embedder_model(*state, build_small_embedder, 16, EMBEDDING);
    const struct facet_image *chips[FACES];
    float alone[FACES * EMBEDDING], shared[FACES * EMBEDDING];
    struct embedding c;
    open_chips(&c, m);
    for (int i = 0; i < FACES; i++)
        chips[i] = &c.chips[i];
    for (unsigned threads = 1; threads <= 3; threads++) {
        struct facet_embedder *e;
        assert_int_equal(facet_pool_open(&c.o.pool, threads), FACET_OK);
        if (facet_embedder_open(&e, &c.o))
            fail_msg("%s", facet_error_text());
        for (int n = 1; n <= FACES; n++) {
            assert_int_equal(facet_embedder_run(e, chips, n, threads == 1 ? alone : shared), FACET_OK);
            for (int i = 0; threads > 1 && i < n * EMBEDDING; i++)
                assert_true(fabsf(alone[i] - shared[i]) < 1e-6f);
        }
        facet_embedder_close(&e);
        facet_pool_close(&c.o.pool);
    }
    close_chips(&c);
    free(m);
}

static void test_embedder__asks_for_nothing_once_it_saw_its_largest_batch(void **state)
{
    struct model *m = embedder_model(*state, build_mobilefacenet, 112, 128);
    struct facet_embedder *e;
    struct embedding c;
    open_chips(&c, m);
    c.o.max_batch = 4;
    if (facet_embedder_open(&e, &c.o))
        fail_msg("%s", facet_error_text());
    assert_int_equal(embed_all(e, &c, 4), FACET_OK);
    unsigned long before = fault_requests();
    for (int n = 1; n <= 7; n += 2)
        assert_int_equal(embed_all(e, &c, n), FACET_OK);
    assert_int_equal(fault_requests(), before);
    facet_embedder_close(&e);
    close_chips(&c);
    free(m);
}

/* --- the stages, one after another --- */

struct path {
    struct facet_detector_opts detect;
    struct facet_align_opts align;
    struct facet_embedder_opts embed;
    struct facet_identify_opts identify;
    struct facet_frame frame;
    int rounds;
};

static int step_all(struct facet_stage **stages, int n, struct facet_packet *p, struct facet_frame *frame, int round)
{
    int err = FACET_OK;
    facet_packet_reset(p);
    frame->pts_ms = round * 40.0;
    p->frame = facet_frame_ref(frame);
    for (int i = 0; !err && i < n; i++) {
        err = facet_stage_step(stages[i], p);
        for (int k = 0; i == 0 && !err && k < p->n_faces; k++)
            p->faces[k].track = k + 1;
    }
    return err;
}

/* Opens the path, warms it with a frame, and counts what the frames after it ask for. */
static int walk(const struct path *c, unsigned long *asked)
{
    const struct { const struct facet_stage_ops *ops; const void *opts; } steps[] = {
        {&facet_stage_detect, &c->detect}, {&facet_stage_align, &c->align},
        {&facet_stage_embed, &c->embed}, {&facet_stage_identify, &c->identify}};
    struct facet_stage *stages[4] = {NULL};
    struct facet_packet *p = NULL;
    struct facet_frame frame = c->frame;
    int err = facet_packet_open(&p, EMBEDDING);
    for (int i = 0; !err && i < 4; i++) {
        err = facet_stage_open(&stages[i], steps[i].ops, steps[i].opts);
        assert_true(!err == !!stages[i]);
    }
    if (!err)
        err = step_all(stages, 4, p, &frame, 0);
    unsigned long before = fault_requests();
    for (int round = 1; !err && round < c->rounds; round++)
        err = step_all(stages, 4, p, &frame, round);
    *asked = fault_requests() - before;
    assert_true(err || p->embedded > 0);
    facet_packet_close(&p);
    for (int i = 0; i < 4; i++)
        facet_stage_close(&stages[i]);
    return err;
}

static int walk_once(void *ctx)
{
    unsigned long asked;
    return walk(ctx, &asked);
}

static struct facet_gallery *strangers(void)
{
    struct facet_gallery_opts o = new_gallery(":memory:");
    struct facet_gallery *g;
    float x[EMBEDDING];
    o.dim = EMBEDDING;
    assert_int_equal(facet_gallery_open(&g, &o), FACET_OK);
    for (uint64_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "person %d", (int)i);
        assert_int_equal(facet_gallery_add(g, name, make_embedding(x, EMBEDDING, i), EMBEDDING, NULL, NULL), FACET_OK);
    }
    return g;
}

static void test_stages__each_request_may_fail_and_frames_make_none(void **state)
{
    struct model *d = detector_model(*state, "yunet"), *e = embedder_model(*state, build_small_embedder, 16, EMBEDDING);
    struct facet_gallery *g = strangers();
    struct facet_classifier *classifier;
    struct path c = {.detect = low(d), .align = {.chip = e->spec.chip, .every_frame = true}, .embed = {.model = &e->spec},
                     .identify = {.gallery = g, .threshold = -1}, .rounds = 20};
    unsigned long asked;
    c.detect.max_faces = FACES;
    c.frame = (struct facet_frame){.refs = 1000, .image = noise(96, 64, 1)};
    if (walk(&c, &asked))
        fail_msg("%s", facet_error_text());
    assert_int_equal(asked, 0);
    c.identify.method = FACET_IDENTIFY_VOTE;
    assert_int_equal(walk(&c, &asked), FACET_OK);
    assert_int_equal(asked, 0);
    c.identify.method = FACET_IDENTIFY_CLASSIFIER;
    assert_int_equal(facet_classifier_of_gallery(&classifier, g, "svm", NULL), FACET_OK);
    c.identify.classifier = classifier;
    assert_int_equal(walk(&c, &asked), FACET_OK);
    assert_int_equal(asked, 0);
    c.rounds = 1;
    fault_loop(walk_once, &c);
    facet_classifier_close(&classifier);
    facet_image_fini(&c.frame.image);
    facet_gallery_close(&g);
    free(d);
    free(e);
}

int main(void)
{
#define IN_ROOM(t) cmocka_unit_test_setup_teardown(t, open_room, room_close)
    const struct CMUnitTest tests[] = {
        IN_ROOM(test_mtcnn__each_request_may_fail),
        IN_ROOM(test_mtcnn__each_request_of_threads_may_fail),
        IN_ROOM(test_yunet__each_request_may_fail),
        IN_ROOM(test_scrfd__each_request_may_fail),
        IN_ROOM(test_detectors__ask_for_nothing_per_frame),
        IN_ROOM(test_embedder__each_request_may_fail),
        IN_ROOM(test_embedder__threads_that_share_faces_may_fail),
        IN_ROOM(test_embedder__gives_the_same_whoever_takes_the_faces),
        IN_ROOM(test_embedder__asks_for_nothing_once_it_saw_its_largest_batch),
        IN_ROOM(test_stages__each_request_may_fail_and_frames_make_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
