/* /recognition/subjects and /recognition/faces: who is known. */
#include "serve/compreface.h"

#include "deploy/enrol.h"
#include "store/erase.h"
#include "store/rules.h"

#include <stdlib.h>
#include <string.h>

static struct facet_gallery *gallery(struct facet_serve *s)
{
    return facet_node_gallery(facet__serve_node(s));
}

/* --- subjects --- */

static int put_name(void *ctx, const struct facet_person *p)
{
    facet_jsonw_str(ctx, p->name);
    return 0;
}

int facet__cf_subjects_get(void *ctx, struct facet_http_request *q)
{
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "subjects");
    facet_jsonw_array(&a.w);
    int err = facet_gallery_people(gallery(ctx), put_name, &a.w);
    facet_jsonw_end_array(&a.w);
    return facet__answer_end(&a, q, 200, err);
}

/* The member "subject" of the body. */
static int body_subject(struct facet_http_request *q, char name[FACET_MAX_NAME])
{
    struct facet_json *j = NULL;
    int err = facet__body_json(q, &j);
    if (err)
        return err;
    const char *text = facet_json_str(facet_json_get(j, "subject"), NULL);
    err = text ? facet__check_name(text) : facet_fail(FACET_E_INVALID, "Required parameter 'subject' is empty");
    if (!err)
        err = facet_copy_text(name, FACET_MAX_NAME, text);
    facet_json_unref(&j);
    return err;
}

int facet__cf_subjects_post(void *ctx, struct facet_http_request *q)
{
    char name[FACET_MAX_NAME];
    struct facet_person p;
    struct facet__answer a;
    int err = body_subject(q, name);
    if (err)
        return err;
    err = facet_gallery_person(gallery(ctx), name, &p);
    if (!err)
        return facet_fail(FACET_E_EXISTS, "Subject with name %s already exists", name);
    if (err != FACET_E_NOT_FOUND)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "subject", name);
    return facet__answer_end(&a, q, 201, FACET_OK);
}

int facet__cf_subject_put(void *ctx, struct facet_http_request *q)
{
    const char *from = facet_http_param(q, "subject");
    char to[FACET_MAX_NAME];
    struct facet_person p;
    struct facet__answer a;
    int err = body_subject(q, to);
    if (!err)
        err = facet_gallery_person(gallery(ctx), from, &p);
    if (err)
        return err;
    if (strcmp(from, to)) {
        err = facet_gallery_rename(gallery(ctx), from, to);
        if (err == FACET_E_EXISTS)
            err = facet_gallery_merge(gallery(ctx), to, from);
    }
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kbool(&a.w, "updated", true);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* Everything that names the subject goes, not the gallery's rows alone. */
static int forget(struct facet_serve *s, const char *name)
{
    struct facet_erase_report *report = calloc(1, sizeof(*report));
    struct facet_person p;
    int err = report ? facet_gallery_person(gallery(s), name, &p) : facet_fail_nomem();
    if (!err)
        err = facet_node_erase(facet__serve_node(s), name, report);
    free(report);
    return err;
}

int facet__cf_subject_delete(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_param(q, "subject");
    struct facet__answer a;
    int err = forget(ctx, name);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "subject", name);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

struct names { struct facet_str text; int64_t n; };        /* each ended by NUL */

static int note_name(void *ctx, const struct facet_person *p)
{
    struct names *l = ctx;
    l->n++;
    return facet_str_append(&l->text, p->name, strlen(p->name) + 1);
}

int facet__cf_subjects_delete(void *ctx, struct facet_http_request *q)
{
    struct names l = {.n = 0};
    struct facet__answer a;
    int err = facet_gallery_people(gallery(ctx), note_name, &l);
    const char *name = facet_str_text(&l.text);
    for (int64_t i = 0; !err && i < l.n; i++, name += strlen(name) + 1)
        err = forget(ctx, name);
    facet_str_fini(&l.text);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kint(&a.w, "deleted", l.n);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

/* --- examples --- */

struct paging { struct facet_gallery *g; struct facet_jsonw *w; int64_t at, from, to, person; char name[FACET_MAX_NAME]; };

static void put_example(struct facet_jsonw *w, int64_t id, const char *name)
{
    char text[FACET_CF_ID];
    facet__cf_id_text(text, id);
    facet_jsonw_kstr(w, "image_id", text);
    facet_jsonw_kstr(w, "subject", name);
}

static int page_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct paging *p = ctx;
    struct facet_person person;
    int64_t at = p->at++;
    if (at < p->from || at >= p->to)
        return 0;
    if (p->person != t->person) {
        int err = facet_gallery_person_by_id(p->g, t->person, &person);
        if (err)
            return err;
        p->person = t->person;
        memcpy(p->name, person.name, sizeof(p->name));
    }
    facet_jsonw_object(p->w);
    put_example(p->w, t->id, p->name);
    facet_jsonw_end_object(p->w);
    return 0;
}

static int query_count(const struct facet_http_request *q, const char *key, int64_t fallback, int64_t most, int64_t *out)
{
    const char *text = facet_http_query(q, key);
    *out = fallback;
    if (!text)
        return FACET_OK;
    return facet_parse_int(text, out) || *out < 0 || *out > most
               ? facet_fail(FACET_E_INVALID, "%s is '%s', not a whole number from 0 to %lld", key, text, (long long)most)
               : FACET_OK;
}

int facet__cf_faces_get(void *ctx, struct facet_http_request *q)
{
    const char *subject = facet_http_query(q, "subject");
    int64_t page, size;
    struct facet__answer a;
    int err = query_count(q, "page", 0, FACET_MAX_INDEX_ROWS, &page);
    if (!err)
        err = query_count(q, "size", 20, 1000, &size);
    if (!err && !size)
        err = facet_fail(FACET_E_INVALID, "size is 0");
    if (err)
        return err;
    facet__answer_begin(&a);
    struct paging p = {.g = gallery(ctx), .w = &a.w, .from = page * size, .to = (page + 1) * size};
    facet_jsonw_key(&a.w, "faces");
    facet_jsonw_array(&a.w);
    err = facet_gallery_templates(p.g, subject && *subject ? subject : NULL, page_template, &p);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kint(&a.w, "page_number", page);
    facet_jsonw_kint(&a.w, "page_size", size);
    facet_jsonw_kint(&a.w, "total_pages", (p.at + size - 1) / size);
    facet_jsonw_kint(&a.w, "total_elements", p.at);
    return facet__answer_end(&a, q, 200, err);
}

static int enrol(struct facet_serve *s, const char *name, const struct facet_image *img, const struct facet_template *about,
                 const struct facet__cf_opts *o, struct facet_enrolled *out)
{
    /* As its server: the same face may be given twice, or to two subjects. */
    const struct facet_enrol_opts eo = {.clear = o->det_prob > 0 ? (float)o->det_prob : 0, .force = true, .file = "the given image"};
    struct facet_recogniser *r;
    int err = facet_engine_room_lend(facet__serve_engine(s), &r);
    if (err)
        return err;
    err = facet_enrol(r, gallery(s), name, img, about, &eo, out);
    facet_engine_room_return(facet__serve_engine(s), &r);
    return err;
}

int facet__cf_faces_post(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_query(q, "subject");
    struct facet_template about = {.id = 0};
    struct facet_enrolled done;
    struct facet__cf_opts o;
    struct facet_image img;
    struct facet__answer a;
    int err = name ? facet__check_name(name) : facet_fail(FACET_E_INVALID, "Required parameter 'subject' is missing");
    if (!err)
        err = facet__cf_opts_read(&o, q);
    if (!err)
        err = facet__body_picture(q, "file", &img);
    if (err)
        return err;
    err = enrol(ctx, name, &img, &about, &o, &done);
    facet_image_fini(&img);
    if (err)
        return err;
    facet__answer_begin(&a);
    put_example(&a.w, done.template_id, name);
    return facet__answer_end(&a, q, 201, FACET_OK);
}

struct ids { int64_t *id; size_t n, cap; };

static int note_id(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct ids *l = ctx;
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        int64_t *more = realloc(l->id, cap * sizeof(*more));
        if (!more)
            return facet_fail_nomem();
        l->id = more;
        l->cap = cap;
    }
    l->id[l->n++] = t->id;
    return 0;
}

int facet__cf_faces_delete(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_query(q, "subject");
    struct ids l = {.n = 0};
    struct facet__answer a;
    if (!name || !*name)
        return facet_fail(FACET_E_INVALID, "Required parameter 'subject' is missing");
    int err = facet_gallery_templates(gallery(ctx), name, note_id, &l);
    for (size_t i = 0; !err && i < l.n; i++)
        err = facet_gallery_delete_template(gallery(ctx), l.id[i]);
    free(l.id);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_kint(&a.w, "deleted", (int64_t)l.n);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

int facet__cf_face_delete(void *ctx, struct facet_http_request *q)
{
    char name[FACET_MAX_NAME];
    struct facet__answer a;
    int64_t id;
    int err = facet__cf_example(ctx, q, name, &id, NULL);
    if (!err)
        err = facet_gallery_delete_template(gallery(ctx), id);
    if (err)
        return err;
    facet__answer_begin(&a);
    put_example(&a.w, id, name);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

struct naming { int64_t id; int64_t person; };

static int find_person(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct naming *n = ctx;
    if (t->id == n->id)
        n->person = t->person;
    return t->id == n->id;
}

/* Ids that are no examples are left out of the answer, as its server does. */
static int delete_one(struct facet_gallery *g, struct facet_jsonw *w, const char *text)
{
    struct naming n = {.person = 0};
    struct facet_person p;
    if (facet__cf_id_parse(text, &n.id))
        return FACET_OK;
    int err = facet_gallery_templates(g, NULL, find_person, &n);
    if (err < 0 || !n.person)
        return err < 0 ? err : FACET_OK;
    err = facet_gallery_person_by_id(g, n.person, &p);
    if (!err)
        err = facet_gallery_delete_template(g, n.id);
    if (err)
        return err;
    facet_jsonw_object(w);
    put_example(w, n.id, p.name);
    facet_jsonw_end_object(w);
    return FACET_OK;
}

int facet__cf_faces_delete_many(void *ctx, struct facet_http_request *q)
{
    struct facet_json *list = NULL;
    struct facet__answer a;
    size_t len;
    const void *body = facet_http_body(q, &len);
    int err = facet_json_parse(&list, body, len, "the request");
    if (!err && !facet_json_is_array(list))
        err = facet_fail(FACET_E_FORMAT, "the request is no list of image ids");
    if (err) {
        facet_json_unref(&list);
        return err;
    }
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "faces");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; !err && i < facet_json_size(list); i++)
        err = delete_one(gallery(ctx), &a.w, facet_json_str(facet_json_at(list, i), ""));
    facet_jsonw_end_array(&a.w);
    facet_json_unref(&list);
    return facet__answer_end(&a, q, 200, err);
}

int facet__cf_face_image(void *ctx, struct facet_http_request *q)
{
    char name[FACET_MAX_NAME];
    int64_t id;
    int err = facet__cf_example(ctx, q, name, &id, NULL);
    return err ? err : facet_fail(FACET_E_NOT_FOUND, "Pictures of examples are not kept");
}
