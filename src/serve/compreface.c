/* CompreFace's REST API (recognition, detection, verification, embeddings), so that its clients work. compreface.h tells what
 * differs. */
#include "serve/compreface.h"

#include "models/models.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- options --- */

static int read_number(const struct facet_http_request *q, const char *key, double least, double most, double *out)
{
    const char *text = facet_http_query(q, key);
    double v;
    if (!text || !*text)
        return FACET_OK;
    if (facet_parse_num(text, &v) || v < least || v > most)
        return facet_fail(FACET_E_INVALID, "%s is '%s', not a number from %g to %g", key, text, least, most);
    *out = v;
    return FACET_OK;
}

static int read_bool(const struct facet_http_request *q, const char *key, bool *out)
{
    const char *text = facet_http_query(q, key);
    if (!text || !*text)
        return FACET_OK;
    *out = !strcasecmp(text, "true");
    return *out || !strcasecmp(text, "false") ? FACET_OK : facet_fail(FACET_E_INVALID, "%s is '%s', not true or false", key, text);
}

/* A word of a list that commas part. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p && *p; p = strchr(p, ','), p = p ? p + 1 : NULL)
        if (!strncmp(p, word, n) && (p[n] == ',' || p[n] == '\0'))
            return true;
    return false;
}

int facet__cf_opts_read(struct facet__cf_opts *o, const struct facet_http_request *q)
{
    const char *plugins = facet_http_query(q, "face_plugins");
    double limit = 0, count = 1;
    bool detect = true;
    *o = (struct facet__cf_opts){.det_prob = 0};
    int err = read_number(q, "limit", 0, FACET_MAX_FACES, &limit);
    if (!err)
        err = read_number(q, "prediction_count", 1, FACET_CF_PREDICTIONS, &count);
    if (!err)
        err = read_number(q, "det_prob_threshold", 0, 1, &o->det_prob);
    if (!err)
        err = read_bool(q, "status", &o->wants_status);
    if (!err)
        err = read_bool(q, "detect_faces", &detect);
    o->limit = (int)limit;
    o->prediction_count = (int)count;
    o->is_face = !detect;
    o->wants_landmarks = has_word(plugins, "landmarks");
    o->wants_embedding = has_word(plugins, "calculator");
    o->wants_pose = has_word(plugins, "pose");
    return err;
}

/* --- faces --- */

/* A picture that is a face: the whole of it is the box. */
static int take_whole(struct facet_serve *s, const struct facet_image *img, bool embed, struct facet_face_list *out)
{
    struct facet_recogniser *r;
    int err = facet_engine_room_lend(facet__serve_engine(s), &r);
    if (err)
        return err;
    *out = (struct facet_face_list){.n = 1, .dim = facet_recogniser_dim(r)};
    out->memory = calloc(1, sizeof(*out->faces) + (size_t)out->dim * sizeof(float));
    out->faces = out->memory;
    err = out->memory ? FACET_OK : facet_fail_nomem();
    if (!err) {
        out->faces->box = (struct facet_box){0, 0, (float)img->width, (float)img->height};
        out->faces->score = 1;
    }
    if (!err && embed) {
        out->faces->embedding = (float *)(out->faces + 1);
        err = facet_recogniser_embed_face(r, img, out->faces->box, NULL, out->faces->embedding);
    }
    facet_engine_room_return(facet__serve_engine(s), &r);
    if (err)
        facet_face_list_fini(out);
    return err;
}

static void keep(struct facet_face_list *l, const struct facet__cf_opts *o)
{
    int n = 0;
    for (int i = 0; i < l->n && (!o->limit || n < o->limit); i++)
        if ((double)l->faces[i].score >= o->det_prob)
            l->faces[n++] = l->faces[i];
    l->n = n;
}

int facet__cf_faces(struct facet_serve *s, struct facet_http_request *q, const char *part, const struct facet__cf_opts *o, bool embed,
                    struct facet_face_list *out)
{
    struct facet_image img;
    *out = (struct facet_face_list){.n = 0};
    int err = facet__body_picture(q, part, &img);
    if (err)
        return err;
    err = o->is_face ? take_whole(s, &img, embed, out) : facet_engine_room_faces(facet__serve_engine(s), &img, embed, out);
    facet_image_fini(&img);
    if (err)
        return err;
    keep(out, o);
    if (out->n)
        return FACET_OK;
    facet_face_list_fini(out);
    return facet_fail(FACET_E_NO_FACE, "No face is found in the given image");
}

static int64_t pixel(float v)
{
    return (int64_t)lroundf(v);
}

static void put_box(struct facet_jsonw *w, const struct facet_recognised *f)
{
    facet_jsonw_key(w, "box");
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "probability", (double)f->score, 5);
    facet_jsonw_kint(w, "x_max", pixel(f->box.x2));
    facet_jsonw_kint(w, "y_max", pixel(f->box.y2));
    facet_jsonw_kint(w, "x_min", pixel(f->box.x1));
    facet_jsonw_kint(w, "y_min", pixel(f->box.y1));
    facet_jsonw_end_object(w);
}

static void put_landmarks(struct facet_jsonw *w, const struct facet_recognised *f)
{
    facet_jsonw_key(w, "landmarks");
    facet_jsonw_array(w);
    for (int i = 0; f->has_points && i < FACET_LANDMARKS; i++) {
        facet_jsonw_array(w);
        facet_jsonw_int(w, pixel(f->points.p[i].x));
        facet_jsonw_int(w, pixel(f->points.p[i].y));
        facet_jsonw_end_array(w);
    }
    facet_jsonw_end_array(w);
}

static void put_times(struct facet_jsonw *w, const struct facet_face_list *l)
{
    facet_jsonw_key(w, "execution_time");
    facet_jsonw_object(w);
    facet_jsonw_knum(w, "detector", (double)l->detect_ns / 1e6, 3);
    if (l->embed_ns)
        facet_jsonw_knum(w, "calculator", (double)l->embed_ns / 1e6, 3);
    facet_jsonw_end_object(w);
}

static void put_row(struct facet_jsonw *w, const float *row, int dim)
{
    facet_jsonw_key(w, "embedding");
    facet_jsonw_array(w);
    for (int i = 0; i < dim; i++)
        facet_jsonw_num(w, (double)row[i], -1);
    facet_jsonw_end_array(w);
}

void facet__cf_put_face(struct facet_jsonw *w, const struct facet_face_list *l, int i, const struct facet__cf_opts *o)
{
    const struct facet_recognised *f = &l->faces[i];
    if (o->wants_embedding && f->embedding)
        put_row(w, f->embedding, l->dim);
    put_box(w, f);
    if (o->wants_landmarks)
        put_landmarks(w, f);
    if (o->wants_pose) {
        facet_jsonw_key(w, "pose");
        facet_jsonw_object(w);
        facet_jsonw_knum(w, "pitch", (double)f->quality.pitch_deg, 2);
        facet_jsonw_knum(w, "roll", (double)f->quality.roll_deg, 2);
        facet_jsonw_knum(w, "yaw", (double)f->quality.yaw_deg, 2);
        facet_jsonw_end_object(w);
    }
    if (o->wants_status)
        put_times(w, l);
}

void facet__cf_put_versions(struct facet_jsonw *w, struct facet_serve *s, const struct facet__cf_opts *o)
{
    struct facet_engine_room *e = facet__serve_engine(s);
    if (!o->wants_status)
        return;
    facet_jsonw_key(w, "plugins_versions");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "detector", facet_engine_room_detector(e));
    facet_jsonw_kstr(w, "calculator", facet_engine_room_model(e)->name);
    facet_jsonw_end_object(w);
}

double facet__cf_similarity(struct facet_serve *s, double cosine)
{
    return facet_model_score(facet_engine_room_model(facet__serve_engine(s)), cosine);
}

/* --- ids --- */

void facet__cf_id_text(char out[FACET_CF_ID], int64_t template_id)
{
    uint64_t v = (uint64_t)template_id;
    snprintf(out, FACET_CF_ID, "00000000-0000-4000-%04x-%012llx", (unsigned)(0x8000 | (v >> 48 & 0x3fff)),
             (unsigned long long)(v & 0xffffffffffff));
}

int facet__cf_id_parse(const char *text, int64_t *template_id)
{
    unsigned high;
    unsigned long long low;
    char again[FACET_CF_ID];
    int n = 0;
    bool ok = text && sscanf(text, "00000000-0000-4000-%4x-%12llx%n", &high, &low, &n) == 2 && n == FACET_CF_ID - 1 && !text[n];
    if (ok) {
        *template_id = (int64_t)((uint64_t)(high & 0x3fff) << 48 | low);
        facet__cf_id_text(again, *template_id);
        ok = !strcasecmp(again, text);
    }
    return ok ? FACET_OK : facet_fail(FACET_E_NOT_FOUND, "Image with id %.64s not found", text ? text : "");
}

struct finding { int64_t id; struct facet_template found; float *embedding; size_t bytes; };

static int is_it(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct finding *f = ctx;
    if (t->id != f->id)
        return 0;
    f->found = *t;
    if (f->embedding)
        memcpy(f->embedding, embedding, f->bytes);
    return 1;
}

int facet__cf_example(struct facet_serve *s, const struct facet_http_request *q, char name[FACET_MAX_NAME], int64_t *id, float *embedding)
{
    struct facet_gallery *g = facet_node_gallery(facet__serve_node(s));
    struct finding f = {.embedding = embedding, .bytes = (size_t)facet_gallery_dim(g) * sizeof(float)};
    struct facet_person p;
    int err = facet__cf_id_parse(facet_http_param(q, "image_id"), &f.id);
    if (err)
        return err;
    err = facet_gallery_templates(g, NULL, is_it, &f);
    if (err < 0)
        return err;
    if (!f.found.id)
        return facet_fail(FACET_E_NOT_FOUND, "Image with id %s not found", facet_http_param(q, "image_id"));
    err = facet_gallery_person_by_id(g, f.found.person, &p);
    if (err)
        return err;
    *id = f.id;
    return facet_copy_text(name, FACET_MAX_NAME, p.name);
}

/* --- embeddings --- */

static int read_row(const struct facet_json *j, const char *what, float *out, int dim)
{
    double sum = 0;
    if (!facet_json_is_array(j) || facet_json_size(j) != (size_t)dim)
        return facet_fail(FACET_E_INVALID, "%s is not made of lists of %d numbers, which the model's embeddings are", what, dim);
    for (int i = 0; i < dim; i++) {
        const struct facet_json *v = facet_json_at(j, (size_t)i);
        if (!facet_json_is_number(v))
            return facet_fail(FACET_E_FORMAT, "%s has something else than numbers in it", what);
        out[i] = (float)facet_json_num(v, 0);
        sum += (double)out[i] * (double)out[i];
    }
    if (!(sum > 0) || !isfinite(sum))
        return facet_fail(FACET_E_INVALID, "%s has an embedding of length %g", what, sqrt(sum));
    for (int i = 0; i < dim; i++)
        out[i] = (float)((double)out[i] / sqrt(sum));
    return FACET_OK;
}

int facet__cf_embedding(struct facet_serve *s, const struct facet_json *j, const char *what, float *out)
{
    return read_row(j, what, out, facet_gallery_dim(facet_node_gallery(facet__serve_node(s))));
}

int facet__cf_embeddings(struct facet_serve *s, const struct facet_json *j, const char *what, float **out, size_t *n)
{
    int dim = facet_gallery_dim(facet_node_gallery(facet__serve_node(s)));
    *n = facet_json_size(j);
    *out = NULL;
    if (!facet_json_is_array(j) || *n < 1 || *n > FACET_MAX_FACES)
        return facet_fail(FACET_E_INVALID, "%s is no list of 1 to %d embeddings", what, FACET_MAX_FACES);
    *out = calloc(*n * (size_t)dim, sizeof(**out));
    int err = *out ? FACET_OK : facet_fail_nomem();
    for (size_t i = 0; !err && i < *n; i++)
        err = read_row(facet_json_at(j, i), what, *out + i * (size_t)dim, dim);
    if (err) {
        free(*out);
        *out = NULL;
    }
    return err;
}

/* --- errors --- */

/* Its numbers for what went wrong; 0 is its "undefined". */
static int number_of(const char *code)
{
    static const struct { const char *code; int number; } numbers[] = {
        {"no_face", 28}, {"many_faces", 31}, {"unsupported_media_type", 21}, {"unauthorized", 20}, {"forbidden", 1},
        {"exists", 43}, {"not_found", 11}, {"format", 26}, {"invalid", 26}, {"too_large", 26},
    };
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!strcmp(numbers[i].code, code))
            return numbers[i].number;
    return 0;
}

void facet__cf_fail(struct facet_http_request *q, int status, const char *code, const char *message)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    facet_jsonw_init(&w, &s, false);
    facet_jsonw_object(&w);
    facet_jsonw_kstr(&w, "message", message);
    facet_jsonw_kint(&w, "code", number_of(code));
    facet_jsonw_end_object(&w);
    (void)facet__answer_json(q, status == 422 || status == 409 || status == 415 ? 400 : status, &s);
    facet_str_fini(&s);
}

/* --- routes --- */

#define GET FACET_HTTP_GET
#define POST FACET_HTTP_POST
#define DELETE FACET_HTTP_DELETE
#define VIEWER FACET__ROLE(FACET_ROLE_VIEWER)
#define OPERATOR FACET__ROLE(FACET_ROLE_OPERATOR)
#define BASE "/api/v1"

static facet_http_handler enter;

static const struct facet_http_route routes[] = {
    {.method = GET, .path = BASE "/recognition/subjects", .handler = enter, .flags = VIEWER},
    {.method = POST, .path = BASE "/recognition/subjects", .handler = enter, .flags = OPERATOR, .max_body = 65536},
    {.method = DELETE, .path = BASE "/recognition/subjects", .handler = enter, .flags = FACET__ROLE(FACET_ROLE_ADMIN)},
    {.method = FACET_HTTP_PUT, .path = BASE "/recognition/subjects/{subject}", .handler = enter, .flags = OPERATOR, .max_body = 65536},
    {.method = DELETE, .path = BASE "/recognition/subjects/{subject}", .handler = enter, .flags = OPERATOR},
    {.method = GET, .path = BASE "/recognition/faces", .handler = enter, .flags = VIEWER},
    {.method = POST, .path = BASE "/recognition/faces", .handler = enter, .flags = OPERATOR, .max_body = FACET_CF_BODY},
    {.method = DELETE, .path = BASE "/recognition/faces", .handler = enter, .flags = OPERATOR},
    {.method = POST, .path = BASE "/recognition/faces/delete", .handler = enter, .flags = OPERATOR, .max_body = 1u << 20},
    {.method = DELETE, .path = BASE "/recognition/faces/{image_id}", .handler = enter, .flags = OPERATOR},
    {.method = GET, .path = BASE "/recognition/faces/{image_id}/img", .handler = enter, .flags = VIEWER},
    {.method = POST, .path = BASE "/recognition/faces/{image_id}/verify", .handler = enter, .flags = VIEWER, .max_body = FACET_CF_BODY},
    {.method = POST, .path = BASE "/recognition/recognize", .handler = enter, .flags = VIEWER, .max_body = FACET_CF_BODY},
    {.method = POST, .path = BASE "/recognition/embeddings/recognize", .handler = enter, .flags = VIEWER, .max_body = FACET_CF_BODY},
    {.method = POST, .path = BASE "/recognition/embeddings/faces/{image_id}/verify", .handler = enter, .flags = VIEWER,
     .max_body = FACET_CF_BODY},
    {.method = POST, .path = BASE "/detection/detect", .handler = enter, .flags = VIEWER, .max_body = FACET_CF_BODY},
    {.method = POST, .path = BASE "/verification/verify", .handler = enter, .flags = VIEWER, .max_body = 2 * FACET_CF_BODY},
    {.method = POST, .path = BASE "/verification/embeddings/verify", .handler = enter, .flags = VIEWER, .max_body = FACET_CF_BODY},
};

/* What each route does, in the order of `routes`. */
static facet_http_handler *const handlers[] = {
    facet__cf_subjects_get,
    facet__cf_subjects_post,
    facet__cf_subjects_delete,
    facet__cf_subject_put,
    facet__cf_subject_delete,
    facet__cf_faces_get,
    facet__cf_faces_post,
    facet__cf_faces_delete,
    facet__cf_faces_delete_many,
    facet__cf_face_delete,
    facet__cf_face_image,
    facet__cf_face_verify,
    facet__cf_recognize,
    facet__cf_embeddings_recognize,
    facet__cf_embeddings_face_verify,
    facet__cf_detect,
    facet__cf_verify,
    facet__cf_embeddings_verify,
};

/* All of it wants a gallery and an engine. */
static int enter(void *ctx, struct facet_http_request *q)
{
    const struct facet_http_route *r = facet_http_route_of(q);
    struct facet_engine_room *engine;
    struct facet_gallery *gallery;
    int err = facet__need_gallery(ctx, q, &gallery);
    if (!err)
        err = facet__need_engine(ctx, q, &engine);
    for (size_t i = 0; !err && i < sizeof(routes) / sizeof(routes[0]); i++)
        if (routes[i].method == r->method && !strcmp(routes[i].path, r->path))
            return handlers[i](ctx, q);
    return err ? err : facet_fail(FACET_E_NOT_FOUND, "there is nothing at '%s'", facet_http_path(q));
}

const struct facet__resource facet__resource_compreface = {
    .name = "compreface", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]), .fail = facet__cf_fail,
};
