/* /v1/people: who is known. */
#include "serve/people.h"

#include "serve/routes.h"
#include "store/erase.h"

#include <stdlib.h>
#include <string.h>

void facet__write_person(struct facet_jsonw *w, const struct facet_person *p)
{
    facet_jsonw_kint(w, "id", p->id);
    facet_jsonw_kstr(w, "name", p->name);
    facet_jsonw_kint(w, "templates", p->templates);
    facet_jsonw_kint(w, "created_ms", p->created_ms);
    facet_jsonw_kstr(w, "note", p->note);
}

/* ---- reading ---- */

/* People come by name: the cursor is the last name of the page before. */
struct page { struct facet_jsonw *w; const char *after; int left; bool is_more; char last[FACET_MAX_NAME]; };

static int list_one(void *ctx, const struct facet_person *p)
{
    struct page *page = ctx;
    if (page->after && strcmp(p->name, page->after) <= 0)
        return FACET_OK;
    if (page->left == 0) {
        page->is_more = true;
        return 1;
    }
    page->left--;
    memcpy(page->last, p->name, sizeof(page->last));
    facet_jsonw_object(page->w);
    facet__write_person(page->w, p);
    facet_jsonw_end_object(page->w);
    return FACET_OK;
}

static int list_people(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    struct facet__answer a;
    double limit;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet__asked_num(q, "limit", 1, 1000, 100, &limit);
    if (!err)
        err = facet_gallery_refresh(g);
    if (err)
        return err;
    facet__answer_begin(&a);
    struct page page = { .w = &a.w, .after = facet_http_query(q, "cursor"), .left = (int)limit };
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    err = facet_gallery_people(g, list_one, &page);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kstr(&a.w, "next", page.is_more ? page.last : NULL);
    return facet__answer_end(&a, q, 200, err < 0 ? err : FACET_OK);
}

/* As the gallery says it, without where it lies. */
static int find_person(struct facet_gallery *g, const char *name, struct facet_person *out)
{
    int err = facet_gallery_person(g, name, out);
    return err == FACET_E_NOT_FOUND ? facet_fail(err, "there is nobody named '%.127s'", name) : err;
}

static int say_person(struct facet_gallery *g, struct facet_http_request *q, const char *name)
{
    struct facet_person p;
    struct facet__answer a;
    int err = find_person(g, name, &p);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet__write_person(&a.w, &p);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static int get_person(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet_gallery_refresh(g);
    return err ? err : say_person(g, q, facet_http_param(q, "name"));
}

/* ---- changing ---- */

static int rename_person(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    struct facet_json *j = NULL;
    struct facet_person p;
    char to[FACET_MAX_NAME] = "";
    const char *text;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "name", &text);
    if (!err && facet_copy_text(to, sizeof(to), text))
        err = facet_fail(FACET_E_INVALID, "a name has at most %d bytes", FACET_MAX_NAME - 1);
    if (!err)
        err = find_person(g, facet_http_param(q, "name"), &p);
    if (!err)
        err = facet_gallery_rename(g, p.name, to);
    facet_json_unref(&j);
    return err ? err : say_person(g, q, to);
}

static int merge_people(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    struct facet_json *j = NULL;
    struct facet_person p;
    char into[FACET_MAX_NAME] = "";
    const char *a, *b;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet__json_text(q, j, "into", &a);
    if (!err)
        err = facet__json_text(q, j, "from", &b);
    if (!err && (!strcmp(a, b) || facet_copy_text(into, sizeof(into), a)))
        err = facet_fail(FACET_E_INVALID, "'into' and 'from' must be two people");
    if (!err)
        err = find_person(g, into, &p);
    if (!err)
        err = find_person(g, b, &p);
    if (!err)
        err = facet_gallery_merge(g, into, p.name);
    facet_json_unref(&j);
    return err ? err : say_person(g, q, into);
}

/* ---- erasing ---- */

static int erase_person(void *ctx, struct facet_http_request *q)
{
    struct facet_node *n;
    struct facet_person p;
    struct facet__answer a;
    struct facet_gallery *g;
    struct facet_erase_report *report = calloc(1, sizeof(*report));
    int err = report ? facet__need_node(ctx, q, &n) : facet_fail_nomem();
    if (!err)
        err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = find_person(g, facet_http_param(q, "name"), &p);
    if (!err)
        err = facet_node_erase(n, p.name, report);
    if (!err) {
        facet__answer_begin(&a);
        facet_jsonw_key(&a.w, "erased");
        facet_jsonw_object(&a.w);
        facet_jsonw_kint(&a.w, "templates", report->templates);
        facet_jsonw_kint(&a.w, "events", report->events);
        facet_jsonw_kint(&a.w, "snapshots", report->snapshots);
        facet_jsonw_end_object(&a.w);
        facet_jsonw_key(&a.w, "devices_pending");
        facet_jsonw_array(&a.w);
        for (int i = 0; i < report->n_devices && i < FACET_ERASE_DEVICES; i++)
            facet_jsonw_str(&a.w, report->devices[i]);
        facet_jsonw_end_array(&a.w);
        err = facet__answer_end(&a, q, 200, FACET_OK);
    }
    free(report);
    return err;
}

static int create_person(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    struct facet_person p;
    char name[FACET_MAX_NAME];
    size_t len;
    const char *part = facet_http_part(q, "name", 0, &len, NULL), *asked = facet_http_query(q, "name");
    int err = facet__need_gallery(ctx, q, &g);
    if (err)
        return err;
    if (!part && asked) {
        part = asked;
        len = strlen(asked);
    }
    if (!part || !len || len >= sizeof(name) || memchr(part, '\0', len))
        return facet_fail(FACET_E_INVALID, "the form's part 'name' is missing, or longer than %zu bytes", sizeof(name) - 1);
    memcpy(name, part, len);
    name[len] = '\0';
    err = facet_gallery_person(g, name, &p);
    if (!err)
        return facet_fail(FACET_E_EXISTS, "there is a person '%s' already; add to them by POST /v1/people/{name}/templates", name);
    return err == FACET_E_NOT_FOUND ? facet__enrol_request(ctx, q, name) : err;
}

/* ---- templates ---- */

void facet__write_template(struct facet_jsonw *w, const struct facet_template *t)
{
    facet_jsonw_kint(w, "id", t->id);
    facet_jsonw_knum(w, "quality", (double)t->quality, 4);
    facet_jsonw_kstr(w, "source", t->source);
    facet_jsonw_kint(w, "created_ms", t->created_ms);
}

static int list_template(void *ctx, const struct facet_template *t, const float *embedding)
{
    struct facet_jsonw *w = ctx;
    facet_jsonw_object(w);
    facet__write_template(w, t);
    facet_jsonw_end_object(w);
    return FACET_OK;
}

static int list_templates(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    struct facet_person p;
    struct facet__answer a;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err)
        err = facet_gallery_refresh(g);
    if (!err)
        err = find_person(g, facet_http_param(q, "name"), &p);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    err = facet_gallery_templates(g, p.name, list_template, &a.w);
    facet_jsonw_end_array(&a.w);
    facet_jsonw_key(&a.w, "next");
    facet_jsonw_null(&a.w);
    return facet__answer_end(&a, q, 200, err);
}

static int add_templates(void *ctx, struct facet_http_request *q)
{
    char name[FACET_MAX_NAME];
    if (facet_copy_text(name, sizeof(name), facet_http_param(q, "name")))
        return facet_fail(FACET_E_INVALID, "a name has at most %d bytes", FACET_MAX_NAME - 1);
    return facet__enrol_request(ctx, q, name);
}

static int delete_template(void *ctx, struct facet_http_request *q)
{
    struct facet_gallery *g;
    int64_t id;
    int err = facet__need_gallery(ctx, q, &g);
    if (!err && facet_parse_int(facet_http_param(q, "id"), &id))
        err = facet__refused(q, 404, facet_fail(FACET_E_NOT_FOUND, "there is no template '%.40s'", facet_http_param(q, "id")));
    if (!err)
        err = facet_gallery_delete_template(g, id);
    return err ? err : facet__answer_nothing(q);
}

#define VIEWER FACET__ROLE(FACET_ROLE_VIEWER)
#define OPERATOR FACET__ROLE(FACET_ROLE_OPERATOR)
#define ADMIN FACET__ROLE(FACET_ROLE_ADMIN)

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/people", .handler = list_people, .flags = VIEWER },
    { .method = FACET_HTTP_POST, .path = "/v1/people", .handler = create_person, .max_body = FACET__MAX_PICTURES, .flags = OPERATOR },
    { .method = FACET_HTTP_POST, .path = "/v1/people/merge", .handler = merge_people, .max_body = 4096, .flags = OPERATOR },
    { .method = FACET_HTTP_GET, .path = "/v1/people/{name}", .handler = get_person, .flags = VIEWER },
    { .method = FACET_HTTP_PATCH, .path = "/v1/people/{name}", .handler = rename_person, .max_body = 4096, .flags = OPERATOR },
    { .method = FACET_HTTP_DELETE, .path = "/v1/people/{name}", .handler = erase_person, .flags = OPERATOR },
    { .method = FACET_HTTP_GET, .path = "/v1/people/{name}/export", .handler = facet__person_export, .flags = OPERATOR },
    { .method = FACET_HTTP_GET, .path = "/v1/people/{name}/templates", .handler = list_templates, .flags = VIEWER },
    { .method = FACET_HTTP_POST, .path = "/v1/people/{name}/templates", .handler = add_templates, .max_body = FACET__MAX_PICTURES, .flags = OPERATOR },
    { .method = FACET_HTTP_DELETE, .path = "/v1/templates/{id}", .handler = delete_template, .flags = OPERATOR },
};

const struct facet__resource facet__resource_people = {
    .name = "people", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
