#include "test.h"

#include "base/errors.h"
#include "base/file.h"
#include "engine/format/build.h"
#include "engine/format/onnx.h"
#include "engine/plan_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder with a model file and a cache, all gone at the end of the test. */
struct room {
    char dir[32], model[64], packed[64];
    struct facet_plan_opts o;
    bool from_cache;
};

/* An hour old: a younger file may change without a trace in its times and is not believed. */
static void make_old(const char *path, long seconds)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    struct timespec t[2] = {st.st_atim, {st.st_mtim.tv_sec - seconds, st.st_mtim.tv_nsec}};
    assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

static void save_model(struct room *r, const char *builder, uint64_t seed)
{
    struct facet_graph *g = NULL;
    assert_int_equal(facet_builder_find(builder)->build(&g, seed), FACET_OK);
    assert_int_equal(facet_onnx_save(g, r->model), FACET_OK);
    facet_graph_free(&g);
    make_old(r->model, 3600);
}

static void room_open(struct room *r, const char *builder)
{
    *r = (struct room){.dir = "/tmp/facet-plans-XXXXXX"};
    assert_non_null(mkdtemp(r->dir));
    snprintf(r->model, sizeof(r->model), "%s/net.onnx", r->dir);
    snprintf(r->packed, sizeof(r->packed), "%s/packed", r->dir);
    r->o = (struct facet_plan_opts){.cache = true, .cache_dir = r->dir};
    save_model(r, builder, 1);
}

static int drop(void *ctx, const char *path)
{
    return unlink(path);
}

static void room_close(struct room *r)
{
    assert_int_equal(facet_walk(r->dir, 2, drop, NULL), 0);
    rmdir(r->packed);
    assert_int_equal(rmdir(r->dir), 0);
}

/* The one file of the cache with that extension. */
struct search { const char *ext; char path[256]; int n; };

static int look(void *ctx, const char *path)
{
    struct search *s = ctx;
    if (strcmp(facet_path_ext(path), s->ext))
        return 0;
    snprintf(s->path, sizeof(s->path), "%s", path);
    s->n++;
    return 0;
}

static struct search find(const struct room *r, const char *ext)
{
    struct search s = {.ext = ext};
    if (facet_path_is_dir(r->packed))
        assert_int_equal(facet_walk(r->packed, 1, look, &s), 0);
    return s;
}

/* Sums of all outputs, and the bytes of the first one, for an input that is always the same. */
struct answer { float first[64]; double sum; };

static struct answer run(struct facet_plan *p)
{
    struct answer a = {{0}, 0};
    struct facet_exec *e = NULL;
    struct facet_shape in = p->g->values[p->g->inputs[0]].shape;
    for (int d = 0; d < in.rank; d++)
        in.dim[d] = in.dim[d] > 0 ? in.dim[d] : d == 0 ? 2 : 31;
    if (facet_exec_open(&e, p, NULL) || facet_exec_bind(e, &in, 1))
        fail_msg("%s", facet_error_text());
    float *x = facet_exec_input(e, 0)->data;
    for (int64_t i = 0; i < facet_shape_count(&in); i++)
        x[i] = (float)(i * 7919 % 1000) / 500 - 1;
    assert_int_equal(facet_exec_run(e), FACET_OK);
    for (int o = 0; o < p->g->n_outputs; o++) {
        const struct facet_tensor *t = facet_exec_output(e, o);
        int64_t n = facet_shape_count(&t->shape);
        for (int64_t i = 0; i < n; i++)
            a.sum += (double)((const float *)t->data)[i] * (double)(i % 7 + 1);
        if (o == 0)
            memcpy(a.first, t->data, (n < 64 ? (size_t)n : 64) * sizeof(float));
    }
    facet_exec_close(&e);
    return a;
}

static struct answer load(struct room *r)
{
    struct facet_plan *p = NULL;
    if (facet_plan_load(&p, r->model, &r->o))
        fail_msg("%s", facet_error_text());
    r->from_cache = facet_plan_from_cache(p);
    struct answer a = run(p);
    facet_plan_close(&p);
    return a;
}

static void assert_same(struct answer a, struct answer b)
{
    assert_memory_equal(a.first, b.first, sizeof(a.first));
    assert_memory_equal(&a.sum, &b.sum, sizeof(a.sum));
}

static int64_t inode_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (int64_t)st.st_ino : -1;
}

/* ---- what it is for ---- */

static void comes_back_bit_by_bit(enum facet_precision precision)
{
    for (int i = 0; facet_builders[i]; i++) {
        struct room r;
        struct facet_plan *p = NULL;
        room_open(&r, facet_builders[i]->name);
        struct facet_plan_opts plain = {.precision = precision};
        r.o.precision = precision;
        if (facet_plan_load(&p, r.model, &plain))
            fail_msg("%s", facet_error_text());
        struct answer never = run(p);
        facet_plan_close(&p);
        struct answer first = load(&r);
        assert_false(r.from_cache);
        struct answer again = load(&r);
        assert_true(r.from_cache);
        assert_same(never, first);
        assert_same(never, again);
        assert_int_equal(find(&r, "plan").n, 1);
        room_close(&r);
    }
}

static void test_plan_cache__every_network_comes_back_bit_by_bit(void **state)
{
    comes_back_bit_by_bit(FACET_PRECISION_F32);
}

static void test_plan_cache__so_does_it_in_bfloat16(void **state)
{
    comes_back_bit_by_bit(FACET_PRECISION_BF16);
}

/* The content is the same: the way goes over the model file, once, and its packed weights are found by content. */
static void test_plan_cache__a_touched_model_keeps_its_packed_weights(void **state)
{
    struct room r;
    room_open(&r, "rnet");
    struct answer first = load(&r);
    int64_t pack = inode_of(find(&r, "pack").path), plan = inode_of(find(&r, "plan").path);
    make_old(r.model, 1);
    assert_same(load(&r), first);
    assert_true(r.from_cache);
    assert_int_equal(inode_of(find(&r, "pack").path), pack);
    assert_int_not_equal(inode_of(find(&r, "plan").path), plan);
    room_close(&r);
}

static void test_plan_cache__names_attributes_and_metadata_come_back(void **state)
{
    struct facet_graph *g = NULL;
    struct facet_plan *p = NULL, *q = NULL;
    struct facet__plan_origin origin = {.key = strdup("k"), .pack = strdup("w"), .model = {1, 2, 3, 4, 5}}, back;
    uint8_t *data;
    size_t len;
    assert_int_equal(facet_builder_find("mobilefacenet")->build(&g, 1), FACET_OK);
    assert_int_equal(facet_graph_meta_set(g, "facet.made", "{\"by\": \"hand\"}"), FACET_OK);
    assert_int_equal(facet_plan_open(&p, &g, &(struct facet_plan_opts){.backend = "ref"}), FACET_OK);
    assert_int_equal(facet__plan_bytes(p, &origin, &data, &len), FACET_OK);
    assert_int_equal(facet__plan_of_bytes(&q, &back, data, len, "again"), FACET_OK);
    assert_string_equal(back.key, "k");
    assert_int_equal(back.model.ctime_ns, 5);
    assert_string_equal(facet_graph_meta(q->g, "facet.made"), "{\"by\": \"hand\"}");
    assert_string_equal(q->g->name, "again");
    assert_int_equal(q->g->n_nodes, p->g->n_nodes);
    for (int i = 0; i < p->g->n_nodes; i++) {
        const struct facet_node *a = &p->g->nodes[i], *b = &q->g->nodes[i];
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->op, b->op);
        assert_ptr_equal(a->kind, b->kind);
        assert_memory_equal(&a->epi, &b->epi, sizeof(a->epi));
        assert_int_equal(a->n_attrs, b->n_attrs);
        for (int k = 0; k < a->n_attrs; k++)
            assert_string_equal(a->attrs[k].name, b->attrs[k].name);
    }
    for (int v = 0; v < p->g->n_values; v++) {
        assert_int_equal(facet_graph_find(q->g, p->g->values[v].name), v);
        assert_true(facet_shape_equal(&p->g->values[v].shape, &q->g->values[v].shape));
    }
    facet__plan_origin_fini(&origin);
    facet__plan_origin_fini(&back);
    facet_plan_close(&p);
    facet_plan_close(&q);
    free(data);
}

/* ---- refusals ---- */

static uint8_t *plan_file(const char *builder, size_t *len)
{
    struct room r;
    uint8_t *data;
    room_open(&r, builder);
    load(&r);
    assert_int_equal(facet_file_read(find(&r, "plan").path, 1 << 24, &data, len), FACET_OK);
    room_close(&r);
    const char *corpus = getenv("FACET_PLAN_CORPUS"); /* where to leave seeds for fuzz_plan */
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", corpus ? corpus : "", builder);
    if (corpus)
        assert_int_equal(facet_file_write_atomic(path, data + FACET__PLAN_HEAD, *len - FACET__PLAN_HEAD), FACET_OK);
    return data;
}

static int parse(const uint8_t *data, size_t len)
{
    struct facet_plan *p = NULL;
    struct facet__plan_origin origin;
    int err = facet__plan_of_bytes(&p, &origin, data, len, "test");
    if (!err)
        facet__plan_origin_fini(&origin);
    facet_plan_close(&p);
    return err;
}

static void test_plan_cache__any_damaged_byte_is_noticed(void **state)
{
    size_t len;
    uint8_t *data = plan_file("rnet", &len);
    assert_int_equal(parse(data, len), FACET_OK);
    for (size_t i = 0; i < len; i += i < 4096 ? 1 : 61) {
        data[i] ^= 0x10;
        assert_int_equal(parse(data, len), FACET_E_FORMAT);
        data[i] ^= 0x10;
    }
    free(data);
}

static void test_plan_cache__any_truncation_is_noticed(void **state)
{
    size_t len;
    uint8_t *data = plan_file("rnet", &len);
    for (size_t n = 0; n < len; n += n < 256 ? 1 : 97)
        assert_int_equal(parse(data, n), FACET_E_FORMAT);
    free(data);
}

/* With a checksum that fits, parsing itself must stand: cut short it is refused, turned it is refused or read. */
static void test_plan_cache__sealed_nonsense_is_survived(void **state)
{
    size_t len;
    uint8_t *data = plan_file("pnet", &len), *copy = malloc(len);
    assert_non_null(copy);
    for (size_t i = FACET__PLAN_HEAD; i < len; i += i < 3000 ? 1 : 37)
        for (int k = 0; k < 2; k++) {
            memcpy(copy, data, len);
            copy[i] ^= k ? 0xff : 0x01;
            facet__plan_seal(copy, len);
            parse(copy, len);
        }
    for (size_t n = FACET__PLAN_HEAD; n < len; n += n < 3000 ? 1 : 37) {
        uint8_t *part = malloc(n);     /* of just this size: a sanitizer sees a byte too far */
        assert_non_null(part);
        memcpy(part, data, n);
        facet__plan_seal(part, n);
        assert_int_equal(parse(part, n), FACET_E_FORMAT);
        free(part);
    }
    free(copy);
    free(data);
}

static void test_plan_cache__a_changed_model_is_read_anew(void **state)
{
    struct room r;
    struct stat st;
    room_open(&r, "pnet");
    struct answer old = load(&r);
    assert_int_equal(stat(r.model, &st), 0);
    save_model(&r, "pnet", 2); /* the same size, and made to have the same time */
    assert_int_equal(utimensat(AT_FDCWD, r.model, (struct timespec[2]){st.st_atim, st.st_mtim}, 0), 0);
    struct answer new = load(&r);
    assert_false(r.from_cache);
    assert_memory_not_equal(old.first, new.first, sizeof(old.first));
    assert_same(load(&r), new);
    assert_true(r.from_cache);
    room_close(&r);
}

static void test_plan_cache__a_young_model_is_not_believed(void **state)
{
    struct room r;
    room_open(&r, "pnet");
    make_old(r.model, -7200); /* in the future */
    struct answer a = load(&r);
    assert_int_equal(find(&r, "plan").n, 0);
    assert_same(load(&r), a);
    assert_true(r.from_cache); /* the packed weights, by content */
    room_close(&r);
}

static void test_plan_cache__damaged_weights_are_packed_anew(void **state)
{
    struct room r;
    struct stat st;
    room_open(&r, "rnet");
    struct answer a = load(&r);
    struct search pack = find(&r, "pack");
    assert_int_equal(stat(pack.path, &st), 0);
    int fd = open(pack.path, O_RDWR);
    assert_int_equal(pwrite(fd, "\xff\xff\xff\xff", 4, st.st_size - 64), 4);
    close(fd);
    assert_int_equal(utimensat(AT_FDCWD, pack.path, (struct timespec[2]){st.st_atim, st.st_mtim}, 0), 0);
    assert_same(load(&r), a);
    assert_false(r.from_cache);
    assert_same(load(&r), a);
    assert_true(r.from_cache);
    assert_int_equal(truncate(pack.path, 4096), 0);
    assert_same(load(&r), a);
    assert_false(r.from_cache);
    assert_int_equal(unlink(find(&r, "pack").path), 0);
    assert_same(load(&r), a);
    assert_false(r.from_cache);
    room_close(&r);
}

/* Touched, but whole: read through once, and then trusted again. */
static void test_plan_cache__weights_in_another_file_are_checked_and_kept(void **state)
{
    struct room r;
    room_open(&r, "rnet");
    struct answer a = load(&r);
    make_old(find(&r, "pack").path, 10);
    int64_t plan = inode_of(find(&r, "plan").path);
    assert_same(load(&r), a);
    assert_true(r.from_cache);
    assert_int_not_equal(inode_of(find(&r, "plan").path), plan); /* says whom it trusts now */
    plan = inode_of(find(&r, "plan").path);
    assert_same(load(&r), a);
    assert_int_equal(inode_of(find(&r, "plan").path), plan);
    room_close(&r);
}

static void test_plan_cache__a_damaged_plan_is_written_anew(void **state)
{
    struct room r;
    room_open(&r, "onet");
    struct answer a = load(&r);
    struct search plan = find(&r, "plan");
    static const long lengths[] = {0, 1, 40, 1000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        assert_int_equal(truncate(plan.path, lengths[i]), 0);
        assert_same(load(&r), a);
        assert_true(facet_path_exists(plan.path));
        struct stat st;
        assert_int_equal(stat(plan.path, &st), 0);
        assert_true(st.st_size > 1000);
    }
    room_close(&r);
}

static void test_plan_cache__files_that_others_may_write_are_not_read(void **state)
{
    struct room r;
    room_open(&r, "pnet");
    struct answer a = load(&r);
    struct search plan = find(&r, "plan");
    struct facet_map map;
    assert_int_equal(chmod(plan.path, 0620), 0);
    assert_int_equal(facet_map_open_own(&map, plan.path, 1 << 20, NULL), FACET_E_PERMISSION);
    assert_same(load(&r), a); /* and replaced by one that nobody else may write */
    assert_int_equal(facet_map_open_own(&map, plan.path, 1 << 20, NULL), FACET_OK);
    facet_map_close(&map);
    assert_int_equal(chmod(r.packed, 0777), 0);
    assert_int_equal(facet_map_open_own(&map, plan.path, 1 << 20, NULL), FACET_E_PERMISSION);
    assert_same(load(&r), a);
    assert_false(r.from_cache);
    assert_int_equal(chmod(r.packed, 0755), 0);
    room_close(&r);
}

static void test_plan_cache__a_plan_under_another_name_is_refused(void **state)
{
    struct room r, other;
    uint8_t *data;
    size_t len;
    room_open(&r, "pnet");
    room_open(&other, "rnet");
    struct answer a = load(&r);
    load(&other);
    assert_int_equal(facet_file_read(find(&other, "plan").path, 1 << 20, &data, &len), FACET_OK);
    assert_int_equal(facet_file_write_own(find(&r, "plan").path, data, len, NULL), FACET_OK);
    free(data);
    assert_same(load(&r), a);
    room_close(&r);
    room_close(&other);
}

static void test_plan_cache__other_options_have_their_own_plan(void **state)
{
    struct room r;
    room_open(&r, "pnet");
    load(&r);
    r.o.passes_off = FACET_PASS_FUSE_NETWORK;
    load(&r);
    assert_false(r.from_cache);
    load(&r);
    assert_true(r.from_cache);
    assert_int_equal(find(&r, "plan").n, 2);
    r.o = (struct facet_plan_opts){.cache = true, .cache_dir = r.dir, .backend = "ref"};
    load(&r);
    assert_false(r.from_cache); /* ref packs nothing, so nothing is kept */
    assert_int_equal(find(&r, "plan").n, 2);
    room_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_cache__every_network_comes_back_bit_by_bit),
        cmocka_unit_test(test_plan_cache__so_does_it_in_bfloat16),
        cmocka_unit_test(test_plan_cache__a_touched_model_keeps_its_packed_weights),
        cmocka_unit_test(test_plan_cache__names_attributes_and_metadata_come_back),
        cmocka_unit_test(test_plan_cache__any_damaged_byte_is_noticed),
        cmocka_unit_test(test_plan_cache__any_truncation_is_noticed),
        cmocka_unit_test(test_plan_cache__sealed_nonsense_is_survived),
        cmocka_unit_test(test_plan_cache__a_changed_model_is_read_anew),
        cmocka_unit_test(test_plan_cache__a_young_model_is_not_believed),
        cmocka_unit_test(test_plan_cache__damaged_weights_are_packed_anew),
        cmocka_unit_test(test_plan_cache__weights_in_another_file_are_checked_and_kept),
        cmocka_unit_test(test_plan_cache__a_damaged_plan_is_written_anew),
        cmocka_unit_test(test_plan_cache__files_that_others_may_write_are_not_read),
        cmocka_unit_test(test_plan_cache__a_plan_under_another_name_is_refused),
        cmocka_unit_test(test_plan_cache__other_options_have_their_own_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
