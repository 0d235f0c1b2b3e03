/* Recognition, detection and verification of pictures and of embeddings. */
#include "serve/compreface.h"


#include <stdlib.h>
#include <string.h>

static void begin(struct facet__answer *a)
{
    facet__answer_begin(a);
    facet_jsonw_key(&a->w, "result");
    facet_jsonw_array(&a->w);
}

static double cosine_of(const float *a, const float *b, int dim)
{
    double sum = 0;
    for (int i = 0; i < dim; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

static int put_subjects(struct facet_jsonw *w, struct facet_serve *s, const char *key, const float *embedding, int count)
{
    struct facet_match m[FACET_CF_PREDICTIONS];
    struct facet_gallery *g = facet_node_gallery(facet__serve_node(s));
    int n = facet_gallery_search(g, embedding, facet_gallery_dim(g), count, m);
    facet_jsonw_key(w, key);
    facet_jsonw_array(w);
    for (int i = 0; i < n; i++) {
        facet_jsonw_object(w);
        facet_jsonw_kstr(w, "subject", m[i].name);
        facet_jsonw_knum(w, "similarity", facet__cf_similarity(s, (double)m[i].cosine), 5);
        facet_jsonw_end_object(w);
    }
    facet_jsonw_end_array(w);
    return n < 0 ? n : FACET_OK;
}

/* --- pictures --- */

int facet__cf_recognize(void *ctx, struct facet_http_request *q)
{
    struct facet__cf_opts o;
    struct facet_face_list l;
    struct facet__answer a;
    int err = facet__cf_opts_read(&o, q);
    if (!err)
        err = facet__cf_faces(ctx, q, "file", &o, true, &l);
    if (err)
        return err;
    begin(&a);
    for (int i = 0; !err && i < l.n; i++) {
        facet_jsonw_object(&a.w);
        facet__cf_put_face(&a.w, &l, i, &o);
        err = put_subjects(&a.w, ctx, "subjects", l.faces[i].embedding, o.prediction_count);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet__cf_put_versions(&a.w, ctx, &o);
    facet_face_list_fini(&l);
    return facet__answer_end(&a, q, 200, err);
}

int facet__cf_detect(void *ctx, struct facet_http_request *q)
{
    struct facet__cf_opts o;
    struct facet_face_list l;
    struct facet__answer a;
    int err = facet__cf_opts_read(&o, q);
    if (!err)
        err = facet__cf_faces(ctx, q, "file", &o, o.wants_embedding, &l);
    if (err)
        return err;
    begin(&a);
    for (int i = 0; i < l.n; i++) {
        facet_jsonw_object(&a.w);
        facet__cf_put_face(&a.w, &l, i, &o);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet__cf_put_versions(&a.w, ctx, &o);
    facet_face_list_fini(&l);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static void put_alike(struct facet_jsonw *w, struct facet_serve *s, const struct facet_face_list *l, int i, const struct facet__cf_opts *o,
                      const float *other)
{
    facet_jsonw_object(w);
    facet__cf_put_face(w, l, i, o);
    facet_jsonw_knum(w, "similarity", facet__cf_similarity(s, cosine_of(l->faces[i].embedding, other, l->dim)), 5);
    facet_jsonw_end_object(w);
}

int facet__cf_face_verify(void *ctx, struct facet_http_request *q)
{
    float embedding[FACET_MAX_EMBEDDING];
    char name[FACET_MAX_NAME];
    struct facet__cf_opts o;
    struct facet_face_list l;
    struct facet__answer a;
    int64_t id;
    int err = facet__cf_opts_read(&o, q);
    if (!err)
        err = facet__cf_example(ctx, q, name, &id, embedding);
    if (!err)
        err = facet__cf_faces(ctx, q, "file", &o, true, &l);
    if (err)
        return err;
    begin(&a);
    for (int i = 0; i < l.n; i++)
        put_alike(&a.w, ctx, &l, i, &o, embedding);
    facet_jsonw_end_array(&a.w);
    facet__cf_put_versions(&a.w, ctx, &o);
    facet_face_list_fini(&l);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static void put_verification(struct facet_jsonw *w, struct facet_serve *s, const struct facet_face_list *source,
                             const struct facet_face_list *target, const struct facet__cf_opts *o)
{
    facet_jsonw_object(w);
    facet_jsonw_key(w, "source_image_face");
    facet_jsonw_object(w);
    facet__cf_put_face(w, source, 0, o);
    facet_jsonw_end_object(w);
    facet_jsonw_key(w, "face_matches");
    facet_jsonw_array(w);
    for (int i = 0; i < target->n; i++)
        put_alike(w, s, target, i, o, source->faces[0].embedding);
    facet_jsonw_end_array(w);
    facet__cf_put_versions(w, s, o);
    facet_jsonw_end_object(w);
}

int facet__cf_verify(void *ctx, struct facet_http_request *q)
{
    struct facet__cf_opts o, whole;
    struct facet_face_list source, target;
    struct facet__answer a;
    int err = facet__cf_opts_read(&o, q);
    if (err)
        return err;
    whole = o;
    whole.limit = 0;
    err = facet__cf_faces(ctx, q, "source_image", &whole, true, &source);
    if (err)
        return err;
    err = source.n > 1 ? facet_fail(FACET_E_MANY_FACES, "Found more than one face on source image")
                       : facet__cf_faces(ctx, q, "target_image", &o, true, &target);
    if (!err) {
        begin(&a);
        put_verification(&a.w, ctx, &source, &target, &o);
        facet_jsonw_end_array(&a.w);
        facet_face_list_fini(&target);
        err = facet__answer_end(&a, q, 200, FACET_OK);
    }
    facet_face_list_fini(&source);
    return err;
}

/* --- embeddings --- */

static void put_embedding(struct facet_jsonw *w, const float *row, int dim)
{
    facet_jsonw_key(w, "embedding");
    facet_jsonw_array(w);
    for (int i = 0; i < dim; i++)
        facet_jsonw_num(w, (double)row[i], -1);
    facet_jsonw_end_array(w);
}

/* The embeddings of member `key`. */
static int body_embeddings(struct facet_serve *s, struct facet_http_request *q, const char *key, float **out, size_t *n)
{
    struct facet_json *j = NULL;
    int err = facet__body_json(q, &j);
    if (err)
        return err;
    err = facet__cf_embeddings(s, facet_json_get(j, key), key, out, n);
    facet_json_unref(&j);
    return err;
}

int facet__cf_embeddings_recognize(void *ctx, struct facet_http_request *q)
{
    int dim = facet_gallery_dim(facet_node_gallery(facet__serve_node(ctx)));
    struct facet__cf_opts o;
    struct facet__answer a;
    float *rows = NULL;
    size_t n = 0;
    int err = facet__cf_opts_read(&o, q);
    if (!err)
        err = body_embeddings(ctx, q, "embeddings", &rows, &n);
    if (err)
        return err;
    begin(&a);
    for (size_t i = 0; !err && i < n; i++) {
        facet_jsonw_object(&a.w);
        put_embedding(&a.w, rows + i * (size_t)dim, dim);
        err = put_subjects(&a.w, ctx, "similarities", rows + i * (size_t)dim, o.prediction_count);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    free(rows);
    return facet__answer_end(&a, q, 200, err);
}

static int answer_alike(struct facet_serve *s, struct facet_http_request *q, const float *source, const float *rows, size_t n, int dim)
{
    struct facet__answer a;
    begin(&a);
    for (size_t i = 0; i < n; i++) {
        const float *row = rows + i * (size_t)dim;
        facet_jsonw_object(&a.w);
        put_embedding(&a.w, row, dim);
        facet_jsonw_knum(&a.w, "similarity", facet__cf_similarity(s, cosine_of(source, row, dim)), 5);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

int facet__cf_embeddings_face_verify(void *ctx, struct facet_http_request *q)
{
    int dim = facet_gallery_dim(facet_node_gallery(facet__serve_node(ctx)));
    float embedding[FACET_MAX_EMBEDDING], *rows = NULL;
    char name[FACET_MAX_NAME];
    int64_t id;
    size_t n = 0;
    int err = facet__cf_example(ctx, q, name, &id, embedding);
    if (!err)
        err = body_embeddings(ctx, q, "embeddings", &rows, &n);
    if (!err)
        err = answer_alike(ctx, q, embedding, rows, n, dim);
    free(rows);
    return err;
}

/* "source" is one embedding, "targets" several. */
static int read_both(struct facet_serve *s, const struct facet_json *j, float *source, float **rows, size_t *n)
{
    int err = facet__cf_embedding(s, facet_json_get(j, "source"), "source", source);
    return err ? err : facet__cf_embeddings(s, facet_json_get(j, "targets"), "targets", rows, n);
}

int facet__cf_embeddings_verify(void *ctx, struct facet_http_request *q)
{
    int dim = facet_gallery_dim(facet_node_gallery(facet__serve_node(ctx)));
    float source[FACET_MAX_EMBEDDING], *rows = NULL;
    struct facet_json *j = NULL;
    size_t n = 0;
    int err = facet__body_json(q, &j);
    if (!err)
        err = read_both(ctx, j, source, &rows, &n);
    if (!err)
        err = answer_alike(ctx, q, source, rows, n, dim);
    facet_json_unref(&j);
    free(rows);
    return err;
}
