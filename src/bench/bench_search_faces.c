/* What int8 costs on real faces: pictures of a folder through detector and recogniser, each embedding then searched
 * among all the others, in float32 and in int8. Nothing of it is kept. */
#include "bench/bench_search.h"

#include "base/cpu.h"
#include "base/errors.h"
#include "base/file.h"
#include "deploy/recogniser.h"
#include "media/picture.h"
#include "models/models.h"
#include "store/index.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FAR 0.005                   /* a difference of scores that is told */
#define MAX_PICTURES 20000

struct faces {
    const struct facet_bench_search_opts *o;
    struct facet_recogniser *recogniser;
    int dim;
    float *rows;                    /* n x dim */
    char (*person)[FACET_MAX_NAME];
    size_t n, pictures;
};

/* The person's name is the file's, without the number at its end. */
static void name_of(char out[FACET_MAX_NAME], const char *path)
{
    const char *base = facet_path_base(path);
    size_t len = strcspn(base, ".");
    while (len > 1 && strchr("0123456789_", base[len - 1]))
        len--;
    len = len < FACET_MAX_NAME - 1 ? len : FACET_MAX_NAME - 1;
    memcpy(out, base, len);
    out[len] = '\0';
}

static int grow(struct faces *f)
{
    if (f->n & (f->n - 1))
        return FACET_OK;
    size_t more = f->n ? 2 * f->n : 1;
    float *rows = realloc(f->rows, more * (size_t)f->dim * sizeof(float));
    if (rows)
        f->rows = rows;
    void *person = rows ? realloc(f->person, more * sizeof(*f->person)) : NULL;
    if (!person)
        return facet_fail_nomem();
    f->person = person;
    return FACET_OK;
}

/* The largest face of each picture; pictures without one, or that are none, are left out. */
static int add_picture(void *ctx, const char *path)
{
    struct faces *f = ctx;
    struct facet_image img = { 0 };
    struct facet_recognised *found = NULL;
    if (f->o->cancel && *f->o->cancel)
        return facet_fail(FACET_E_CANCELLED, "cancelled");
    if (f->n >= MAX_PICTURES || (f->o->max_pictures && f->pictures >= (size_t)f->o->max_pictures))
        return FACET_E_END;
    if (facet_picture_read(&img, path))
        return FACET_OK;
    f->pictures++;
    int n = facet_recogniser_find(f->recogniser, &img, FACET_PAD, &found, NULL);
    int err = n > 0 ? facet_recogniser_embed(f->recogniser, 1) : n;
    facet_image_fini(&img);
    if (err >= 0 && n > 0)
        err = grow(f);
    if (err < 0 || n <= 0)
        return err < 0 ? err : FACET_OK;
    memcpy(f->rows + f->n * (size_t)f->dim, found[0].embedding, (size_t)f->dim * sizeof(float));
    name_of(f->person[f->n++], path);
    return FACET_OK;
}

static int fill(struct facet_index **out, const struct faces *f, bool int8)
{
    int err = facet_index_open(out, f->dim, int8);
    for (size_t i = 0; !err && i < f->n; i++) {
        err = facet_index_add_person(*out, (int64_t)i + 1, f->person[i]);
        if (!err)
            err = facet_index_add_row(*out, (int64_t)i + 1, (int64_t)i + 1, 1, f->rows + i * (size_t)f->dim);
    }
    return err;
}

/* The best other than the query itself. */
static const struct facet_match *other(const struct facet_match two[2], size_t self)
{
    return &two[two[0].template_id == (int64_t)self + 1];
}

struct tally { size_t same_row, same_person, mated, mated_same; double worst; uint64_t pairs, far; };

static int compare_one(struct tally *t, const struct faces *f, struct facet_index *exact, struct facet_index *coarse, size_t q)
{
    struct facet_match a[2], b[2];
    uint32_t flags = facet_cpu_flags(NULL);
    const float *query = f->rows + q * (size_t)f->dim;
    int n = facet_index_nearest(exact, query, 2, flags, a);
    if (n == 2)
        n = facet_index_nearest(coarse, query, 2, flags, b);
    if (n != 2)
        return n < 0 ? n : FACET_OK;
    const struct facet_match *want = other(a, q), *got = other(b, q);
    bool is_same = !strcmp(want->name, got->name), is_mated = !strcmp(want->name, f->person[q]);
    t->same_row += want->template_id == got->template_id;
    t->same_person += is_same;
    t->mated += is_mated;
    t->mated_same += is_mated && is_same;
    return FACET_OK;
}

/* All pairs: how far int8 scores lie from float32 ones. */
static void compare_pairs(struct tally *t, const struct faces *f)
{
    float scale = facet__int8_scale(f->dim);
    int8_t *bytes = malloc(f->n * (size_t)f->dim + 1);
    size_t dim = (size_t)f->dim;
    for (size_t i = 0; bytes && i < f->n; i++)
        facet__to_int8(bytes + i * dim, f->rows + i * dim, f->dim, scale);
    for (size_t i = 0; bytes && i < f->n; i++) {
        for (size_t j = 0; j < i; j++, t->pairs++) {
            double real = 0;
            int32_t sum = 0;
            for (size_t d = 0; d < dim; d++) {
                real += (double)(f->rows[i * dim + d] * f->rows[j * dim + d]);
                sum += bytes[i * dim + d] * bytes[j * dim + d];
            }
            double differs = fabs(real - sum / ((double)scale * (double)scale));
            t->far += differs > FAR;
            t->worst = differs > t->worst ? differs : t->worst;
        }
    }
    free(bytes);
}

static int compare(struct facet_report *r, const struct faces *f)
{
    struct facet_index *exact = NULL, *coarse = NULL;
    struct tally t = { 0 };
    int err = fill(&exact, f, false);
    if (!err)
        err = fill(&coarse, f, true);
    for (size_t q = 0; !err && q < f->n; q++)
        err = compare_one(&t, f, exact, coarse, q);
    facet_index_unref(&exact);
    facet_index_unref(&coarse);
    if (err)
        return err;
    compare_pairs(&t, f);
    facet_report_table(r, "faces", "Real faces: int8 beside float32");
    facet_report_row(r);
    facet_report_text(r, "recogniser", "%s", facet_recogniser_model(f->recogniser)->name);
    facet_report_int(r, "faces", (int64_t)f->n);
    facet_report_int(r, "same nearest template", (int64_t)t.same_row);
    facet_report_int(r, "same nearest person", (int64_t)t.same_person);
    facet_report_int(r, "nearest is himself", (int64_t)t.mated);
    facet_report_int(r, "... in int8, too", (int64_t)t.mated_same);
    facet_report_int(r, "pairs", (int64_t)t.pairs);
    facet_report_int(r, "differ by more than 0.005", (int64_t)t.far);
    facet_report_num(r, "largest difference", t.worst, 5);
    return FACET_OK;
}

int facet_bench_search_faces(struct facet_report *r, const struct facet_bench_search_opts *o)
{
    struct faces f = { .o = o };
    struct facet_recogniser_opts ro = FACET_RECOGNISER_OPTS_INIT;
    ro.detector = o->detector, ro.recogniser = o->recogniser, ro.threads = o->threads, ro.min_face = 40;
    int err = facet_recogniser_open(&f.recogniser, &ro);
    if (!err) {
        f.dim = facet_recogniser_dim(f.recogniser);
        err = facet_walk(o->pictures, 4, add_picture, &f);
    }
    if (err == FACET_E_END)
        err = FACET_OK;
    if (!err && f.n < 2)
        err = facet_fail(FACET_E_NO_FACE, "there are no two pictures with a face in '%s'", o->pictures);
    if (!err)
        err = compare(r, &f);
    facet_recogniser_close(&f.recogniser);
    if (f.rows)
        explicit_bzero(f.rows, f.n * (size_t)f.dim * sizeof(float));
    free(f.rows);
    free(f.person);
    return err;
}
