/* Classifiers: training, prediction, bytes, judgement, and the one kept with a gallery.
 *
 * Bytes, all little endian: "FCLS", version u32, method 16 bytes, dim u32, people u32, rows u32, the
 * people's ids i64 each, then float32 numbers as many as the method says. */
#include "stages/identify/classifier_priv.h"

#include "base/errors.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "store/gallery.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define KEY "classifier"
#define MOST_ROWS (1u << 20)
#define MOST_NUMBERS ((size_t)16 << 20)        /* the gallery keeps blobs up to 64 MiB */
#define HEAD 36

static const struct facet__method *const methods[] = {
    &facet__method_knn,
    &facet__method_svm,
    &facet__method_mlp,
};
#define N_METHODS ((int)(sizeof(methods) / sizeof(methods[0])))

const char *facet_classifier_name(int i)
{
    return i >= 0 && i < N_METHODS ? methods[i]->name : NULL;
}

static int find_method(const struct facet__method **out, const char *name)
{
    for (int i = 0; i < N_METHODS; i++)
        if (!strcmp(methods[i]->name, name))
            return *out = methods[i], FACET_OK;
    return facet_fail(FACET_E_NOT_FOUND, "there is no classifier '%s': choose knn, svm or mlp", name);
}

void facet__shuffle(uint32_t *order, size_t n, struct facet_rng *rng)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = facet_rng_below(rng, (uint32_t)i + 1);
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
}

/* --- making --- */

/* Room for a model of this shape, with sizes doubted: they may come from a file. */
static int open_shape(struct facet_classifier **out, const struct facet__method *method, const struct facet__shape *s)
{
    *out = NULL;
    if (s->dim < 1 || s->dim > FACET_MAX_EMBEDDING || s->people < 2 || s->people > FACET_CLASSIFIER_PEOPLE ||
        s->rows > MOST_ROWS || method->numbers(s) > MOST_NUMBERS)
        return facet_fail(FACET_E_LIMIT, "a classifier of %d people and %u templates is too large: use nearest or vote",
                          s->people, s->rows);
    struct facet_classifier *c = calloc(1, sizeof(*c));
    if (c) {
        c->method = method;
        c->shape = *s;
        c->n = method->numbers(s);
        c->people = calloc((size_t)s->people, sizeof(*c->people));
        c->model = calloc(c->n ? c->n : 1, sizeof(*c->model));
    }
    if (!c || !c->people || !c->model) {
        facet_classifier_close(&c);
        return facet_fail_nomem();
    }
    *out = c;
    return FACET_OK;
}

int facet_classifier_train(struct facet_classifier **out, const char *method, const struct facet_examples *e, uint64_t seed)
{
    const struct facet__method *m = NULL;
    *out = NULL;
    int err = find_method(&m, method);
    if (!err && (e->n_people < 2 || !e->n))
        err = facet_fail(FACET_E_INVALID, "a classifier needs at least two people with templates, there %s %d",
                         e->n_people == 1 ? "is" : "are", e->n_people);
    if (!err && e->n > MOST_ROWS)
        err = facet_fail(FACET_E_LIMIT, "a classifier of %zu templates is too large: use nearest or vote", e->n);
    struct facet__shape s = { e->dim, e->n_people, (uint32_t)e->n };
    if (!err)
        err = open_shape(out, m, &s);
    if (err)
        return err;
    memcpy((*out)->people, e->people, (size_t)e->n_people * sizeof(*e->people));
    err = m->train((*out)->model, &s, e, seed);
    if (err)
        facet_classifier_close(out);
    return err;
}

void facet_classifier_close(struct facet_classifier **pc)
{
    struct facet_classifier *c = *pc;
    *pc = NULL;
    if (!c)
        return;
    if (c->model)
        explicit_bzero(c->model, c->n * sizeof(*c->model));
    free(c->model);
    free(c->people);
    free(c);
}

const char *facet_classifier_method(const struct facet_classifier *c)
{
    return c->method->name;
}

int facet_classifier_people(const struct facet_classifier *c)
{
    return c->shape.people;
}

int facet_classifier_predict(const struct facet_classifier *c, const float *embedding, int dim, int64_t *person,
                             float *confidence)
{
    if (dim != c->shape.dim)
        return facet_fail(FACET_E_CONTRACT, "the classifier takes %d numbers, not %d", c->shape.dim, dim);
    int label = c->method->predict(c->model, &c->shape, embedding, confidence);
    *person = c->people[label];
    return FACET_OK;
}

/* --- bytes --- */

static void put_le(struct facet_str *out, uint64_t v, size_t bytes)
{
    unsigned char b[8];
    for (size_t i = 0; i < bytes; i++)
        b[i] = (unsigned char)(v >> 8 * i);
    facet_str_append(out, b, bytes);
}

static uint64_t get_le(const unsigned char *p, size_t bytes)
{
    uint64_t v = 0;
    for (size_t i = 0; i < bytes; i++)
        v |= (uint64_t)p[i] << 8 * i;
    return v;
}

int facet_classifier_save(const struct facet_classifier *c, struct facet_str *out)
{
    char name[16] = "";
    int err = facet_copy_text(name, sizeof(name), c->method->name);
    facet_str_append(out, "FCLS", 4);
    put_le(out, VERSION, 4);
    facet_str_append(out, name, sizeof(name));
    put_le(out, (uint64_t)c->shape.dim, 4);
    put_le(out, (uint64_t)c->shape.people, 4);
    put_le(out, c->shape.rows, 4);
    for (int i = 0; i < c->shape.people; i++)
        put_le(out, (uint64_t)c->people[i], 8);
    for (size_t i = 0; i < c->n; i++) {
        uint32_t v;
        memcpy(&v, &c->model[i], 4);
        put_le(out, v, 4);
    }
    return err ? err : out->err;
}

static int damaged(void)
{
    return facet_fail(FACET_E_FORMAT, "the kept classifier is damaged, train it again: facet gallery train");
}

static int load_numbers(struct facet_classifier *c, const unsigned char *p)
{
    for (int i = 0; i < c->shape.people; i++, p += 8)
        c->people[i] = (int64_t)get_le(p, 8);
    for (size_t i = 0; i < c->n; i++, p += 4) {
        uint32_t v = (uint32_t)get_le(p, 4);
        memcpy(&c->model[i], &v, 4);
        if (!isfinite(c->model[i]))
            return damaged();
    }
    return FACET_OK;
}

/* A row's label is a number of the model: it must be a label. */
static int check_labels(const struct facet_classifier *c)
{
    if (c->method != &facet__method_knn)
        return FACET_OK;
    for (uint32_t i = 0; i < c->shape.rows; i++) {
        float label = c->model[(size_t)i * ((size_t)c->shape.dim + 2)];
        if (!(label >= 0 && label < (float)c->shape.people))
            return damaged();
    }
    return c->shape.rows ? FACET_OK : damaged();
}

int facet_classifier_load(struct facet_classifier **out, const void *data, size_t len)
{
    const unsigned char *p = data;
    const struct facet__method *m = NULL;
    char name[17] = "";
    *out = NULL;
    if (len < HEAD || memcmp(p, "FCLS", 4) || get_le(p + 4, 4) != VERSION)
        return damaged();
    memcpy(name, p + 8, 16);
    uint64_t dim = get_le(p + 24, 4), people = get_le(p + 28, 4);
    struct facet__shape s = { (int)dim, (int)people, (uint32_t)get_le(p + 32, 4) };
    if (dim > FACET_MAX_EMBEDDING || people > FACET_CLASSIFIER_PEOPLE)
        return damaged();
    int err = find_method(&m, name);
    if (!err)
        err = open_shape(out, m, &s);
    if (!err && len != HEAD + people * 8 + (*out)->n * 4)
        err = damaged();
    if (!err)
        err = load_numbers(*out, p + HEAD);
    if (!err)
        err = check_labels(*out);
    if (err)
        facet_classifier_close(out);
    return err;
}

/* --- judging --- */

static int judge_fold(struct facet_judgement *j, const char *method, const struct facet_examples *all, int fold, uint64_t seed)
{
    struct facet_examples learn, held;
    struct facet_classifier *c = NULL;
    int err = facet_examples_split(all, j->folds, fold, &learn, &held);
    if (err)
        return err;
    if (held.n)
        err = facet_classifier_train(&c, method, &learn, seed);
    for (size_t i = 0; !err && i < held.n; i++) {
        int64_t person = 0;
        float confidence;
        err = facet_classifier_predict(c, held.x + i * (size_t)held.dim, held.dim, &person, &confidence);
        j->held++;
        j->right += !err && person == held.people[held.label[i]];
    }
    facet_classifier_close(&c);
    facet_examples_fini(&learn);
    facet_examples_fini(&held);
    return err;
}

int facet_classifier_judge(struct facet_judgement *out, const char *method, const struct facet_examples *e, int folds, uint64_t seed)
{
    *out = (struct facet_judgement){ .folds = folds };
    int err = folds < 2 ? facet_fail(FACET_E_INVALID, "cannot judge in %d folds", folds) : FACET_OK;
    for (int fold = 0; !err && fold < folds; fold++)
        err = judge_fold(out, method, e, fold, seed);
    if (!err && !out->held)
        err = facet_fail(FACET_E_INVALID, "nobody has two templates, so none can be held out");
    out->accuracy = out->held ? (double)out->right / (double)out->held : 0;
    return err;
}

/* --- the one that is kept --- */

int facet_classifier_train_gallery(struct facet_classifier **out, struct facet_gallery *g, const char *method)
{
    struct facet_examples e;
    struct facet_str bytes = FACET_STR_INIT;
    *out = NULL;
    int err = facet_examples_of_gallery(&e, g);
    if (err)
        return err;
    err = facet_classifier_train(out, method, &e, FACET_CLASSIFIER_SEED);
    if (!err)
        err = facet_classifier_save(*out, &bytes);
    if (!err)
        err = facet_gallery_blob_put(g, KEY, bytes.data, bytes.len);
    if (err == FACET_E_PERMISSION && *out) {
        facet_log(FACET_LOG_INFO, "identify", "the classifier is not kept: %s", facet_error_text());
        err = FACET_OK; /* a reader still has one for itself */
    }
    if (bytes.data)
        explicit_bzero(bytes.data, bytes.len);
    facet_str_fini(&bytes);
    facet_examples_fini(&e);
    if (err)
        facet_classifier_close(out);
    return err;
}

static int load_kept(struct facet_classifier **out, struct facet_gallery *g, bool *is_stale)
{
    void *data = NULL;
    size_t len = 0;
    uint64_t version = 0;
    *out = NULL;
    int err = facet_gallery_blob_get(g, KEY, &data, &len, &version);
    if (!err)
        err = facet_classifier_load(out, data, len);
    *is_stale = version != facet_gallery_version(g);
    free(data);
    return err;
}

int facet_classifier_of_gallery(struct facet_classifier **out, struct facet_gallery *g, const char *method, bool *was_trained)
{
    bool is_stale = false;
    int err = load_kept(out, g, &is_stale);
    if (was_trained)
        *was_trained = false;
    if (err && err != FACET_E_NOT_FOUND && err != FACET_E_FORMAT)
        return err;
    char kept[16] = "svm";
    if (!err)
        snprintf(kept, sizeof(kept), "%s", facet_classifier_method(*out));
    if (!err && !is_stale && (!method || !strcmp(method, kept)))
        return FACET_OK;
    facet_classifier_close(out);
    if (was_trained)
        *was_trained = true;
    return facet_classifier_train_gallery(out, g, method ? method : kept);
}

int facet_classifier_state(struct facet_gallery *g, char method[16], bool *is_stale)
{
    struct facet_classifier *c;
    int err = load_kept(&c, g, is_stale);
    method[0] = '\0';
    if (!err)
        snprintf(method, 16, "%s", facet_classifier_method(c));
    facet_classifier_close(&c);
    return err;
}
