/* POST /v1/detect, embed, verify, identify: what is in pictures. */
#include "serve/serve_priv.h"

#include "base/base64.h"
#include "deploy/engine_room.h"
#include "image/image.h"
#include "models/models.h"
#include "serve/routes.h"
#include "stages/identify/identify.h"
#include "store/gallery.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct looked { struct facet_face_list list; int width, height; };

static int look(struct facet_serve *s, struct facet_http_request *q, const char *part, int i, bool embed, struct looked *out)
{
    struct facet_engine_room *e;
    struct facet_image img;
    *out = (struct looked){ .width = 0 };
    int err = facet__need_engine(s, q, &e);
    if (!err)
        err = facet__body_pictures(q, part, i, &img);
    if (err)
        return err;
    out->width = img.width;
    out->height = img.height;
    err = facet_engine_room_faces(e, &img, embed, &out->list);
    facet_image_fini(&img);
    return err;
}

static void write_times(struct facet_jsonw *w, const struct facet_face_list *l)
{
    facet_jsonw_key(w, "timing");
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "queued_ms", (double)l->queued_ns / 1e6, 3);
    facet_jsonw_knum(w, "detect_ms", (double)l->detect_ns / 1e6, 3);
    facet_jsonw_knum(w, "embed_ms", (double)l->embed_ns / 1e6, 3);
    facet_jsonw_end_object(w);
}

static void write_picture(struct facet_jsonw *w, const struct looked *k)
{
    facet_jsonw_kint(w, "width", k->width);
    facet_jsonw_kint(w, "height", k->height);
    write_times(w, &k->list);
}

static int detect(void *ctx, struct facet_http_request *q)
{
    struct looked k;
    struct facet__answer a;
    int err = look(ctx, q, "file", 0, false, &k);
    if (err)
        return err;
    facet__answer_begin(&a);
    write_picture(&a.w, &k);
    facet_jsonw_key(&a.w, "faces");
    facet_jsonw_array(&a.w);
    for (int i = 0; i < k.list.n; i++) {
        facet_jsonw_object(&a.w);
        facet__write_face(&a.w, &k.list.faces[i]);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_face_list_fini(&k.list);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* ---- embeddings ---- */

static int write_packed(struct facet_jsonw *w, const float *v, int dim)
{
    char *text = malloc(FACET_BASE64_SIZE((size_t)dim * sizeof(float)));
    if (!text)
        return facet_fail_nomem();
    facet_base64_encode(text, v, (size_t)dim * sizeof(float));
    facet_jsonw_kstr(w, "embedding", text);
    free(text);
    return FACET_OK;
}

static int write_embedding(struct facet_jsonw *w, const float *v, int dim, bool packed)
{
    if (packed)
        return write_packed(w, v, dim);
    facet_jsonw_key(w, "embedding");
    facet_jsonw_array(w);
    for (int i = 0; i < dim; i++)
        facet_jsonw_num(w, (double)v[i], 7);
    facet_jsonw_end_array(w);
    return FACET_OK;
}

static int read_encoding(struct facet_http_request *q, bool *packed)
{
    const char *word = facet_http_query(q, "encoding");
    *packed = word && !strcmp(word, "base64");
    if (!word || *packed || !strcmp(word, "numbers"))
        return FACET_OK;
    return facet__refused(q, 400, facet_fail(FACET_E_INVALID, "'encoding' is numbers, or base64 (little-endian float32)"));
}

static int embed(void *ctx, struct facet_http_request *q)
{
    struct facet_engine_room *e = facet__serve_engine(ctx);
    struct looked k;
    struct facet__answer a;
    bool packed;
    int err = read_encoding(q, &packed);
    if (!err)
        err = look(ctx, q, "file", 0, true, &k);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "model", facet_engine_room_model(e)->name);
    facet_jsonw_kstr(&a.w, "contract", facet_engine_room_contract(e));
    facet_jsonw_kint(&a.w, "dim", facet_engine_room_model(e)->dim);
    write_picture(&a.w, &k);
    facet_jsonw_key(&a.w, "faces");
    facet_jsonw_array(&a.w);
    for (int i = 0; !err && i < k.list.n; i++) {
        facet_jsonw_object(&a.w);
        facet__write_face(&a.w, &k.list.faces[i]);
        err = write_embedding(&a.w, k.list.faces[i].embedding, k.list.dim, packed);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_face_list_fini(&k.list);
    return facet__answer_end(&a, q, 200, err);
}

/* ---- are they one? ---- */

static int look_for_one(struct facet_serve *s, struct facet_http_request *q, const char *part, struct looked *out)
{
    int err = look(s, q, part, 0, true, out);
    if (!err && out->list.n == 0) {
        facet_face_list_fini(&out->list);
        err = facet_fail(FACET_E_NO_FACE, "there is no face in the picture '%s'", part);
    }
    return err;
}

static double cosine(const struct looked *a, const struct looked *b)
{
    double sum = 0;
    for (int i = 0; i < a->list.dim; i++)
        sum += (double)a->list.faces[0].embedding[i] * (double)b->list.faces[0].embedding[i];
    return sum;
}

static int read_threshold(struct facet_serve *s, struct facet_http_request *q, double *out)
{
    const struct facet_site *site = facet__serve_site(s);
    double asked;
    int err = facet__asked_num(q, "threshold", -1, 1, NAN, &asked);
    *out = !err && !isnan(asked) ? asked : site->gallery.threshold;
    if (!err && isnan(asked) && *out == 0)
        err = facet_model_threshold(facet_engine_room_model(facet__serve_engine(s)), site->gallery.far, out);
    return err;
}

static void write_pair(struct facet_jsonw *w, const struct looked *k, const char *name)
{
    facet_jsonw_key(w, name);
    facet_jsonw_object(w);
    facet__write_face(w, &k->list.faces[0]);
    facet_jsonw_kint(w, "faces", k->list.n);
    facet_jsonw_end_object(w);
}

static int verify(void *ctx, struct facet_http_request *q)
{
    struct facet_engine_room *e;
    struct looked one, two = { .width = 0 };
    struct facet__answer a;
    double threshold;
    int err = facet__need_engine(ctx, q, &e);
    if (!err)
        err = read_threshold(ctx, q, &threshold);
    if (!err)
        err = look_for_one(ctx, q, "first", &one);
    if (err)
        return err;
    err = look_for_one(ctx, q, "second", &two);
    if (!err) {
        double c = cosine(&one, &two);
        facet__answer_begin(&a);
        facet_jsonw_kbool(&a.w, "same", c >= threshold);
        facet_jsonw_knum(&a.w, "cosine", c, 4);
        facet_jsonw_knum(&a.w, "calibrated", facet_model_score(facet_engine_room_model(e), c), 4);
        facet_jsonw_knum(&a.w, "threshold", threshold, 4);
        write_pair(&a.w, &one, "first");
        write_pair(&a.w, &two, "second");
        err = facet__answer_end(&a, q, 200, FACET_OK);
    }
    facet_face_list_fini(&one.list);
    facet_face_list_fini(&two.list);
    return err;
}

/* ---- who is it? ---- */

static int identify(void *ctx, struct facet_http_request *q)
{
    struct facet_identify_opts rules;
    struct facet_identity id;
    struct looked k;
    struct facet__answer a;
    int err = facet__identify_rules(ctx, q, &rules);
    if (!err)
        err = facet__asked_num(q, "threshold", -1, 1, rules.threshold, &rules.threshold);
    if (!err)
        err = look(ctx, q, "file", 0, true, &k);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_knum(&a.w, "threshold", rules.threshold, 4);
    write_picture(&a.w, &k);
    facet_jsonw_key(&a.w, "faces");
    facet_jsonw_array(&a.w);
    for (int i = 0; !err && i < k.list.n; i++) {
        err = facet_identify_one(&rules, k.list.faces[i].embedding, &id);
        facet_jsonw_object(&a.w);
        facet__write_face(&a.w, &k.list.faces[i]);
        if (!err)
            facet__write_identity(&a.w, &id);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_face_list_fini(&k.list);
    return facet__answer_end(&a, q, 200, err);
}

#define ASK .method = FACET_HTTP_POST, .max_body = FACET__MAX_PICTURES, .flags = FACET__ROLE(FACET_ROLE_VIEWER) | FACET__ALSO_DEVICE

static const struct facet_http_route routes[] = {
    { ASK, .path = "/v1/detect", .handler = detect },
    { ASK, .path = "/v1/embed", .handler = embed },
    { ASK, .path = "/v1/verify", .handler = verify },
    { ASK, .path = "/v1/identify", .handler = identify },
};

const struct facet__resource facet__resource_faces = {
    .name = "faces", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
