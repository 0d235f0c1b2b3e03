/* GET /v1/models: what the manifest knows, what is here, what is used. */
#include "serve/serve_priv.h"

#include "deploy/engine_room.h"
#include "models/models.h"
#include "serve/routes.h"

#include <string.h>

static bool is_used(struct facet_engine_room *e, const struct facet_model_spec *m)
{
    return e && (!strcmp(facet_engine_room_detector(e), m->name) || !strcmp(facet_engine_room_model(e)->name, m->name));
}

static void write_model(struct facet_jsonw *w, const struct facet_model_spec *m, struct facet_engine_room *e)
{
    facet_jsonw_kstr(w, "name", m->name);
    facet_jsonw_kstr(w, "task", m->task);
    facet_jsonw_kstr(w, "version", m->version);
    facet_jsonw_kstr(w, "title", m->title);
    facet_jsonw_kstr(w, "licence", m->licence);
    facet_jsonw_kbool(w, "commercial", m->commercial);
    facet_jsonw_kbool(w, "present", facet_model_present(m));
    facet_jsonw_kbool(w, "used", is_used(e, m));
    if (m->dim)
        facet_jsonw_kint(w, "dim", m->dim);
    if (m->threshold != 0)
        facet_jsonw_knum(w, "threshold", m->threshold, 4);
}

static int list_models(void *ctx, struct facet_http_request *q)
{
    struct facet_manifest *m;
    struct facet__answer a;
    int err = facet_manifest_open(&m, NULL);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (size_t i = 0; i < facet_manifest_count(m); i++) {
        facet_jsonw_object(&a.w);
        write_model(&a.w, facet_manifest_at(m, i), facet__serve_engine(ctx));
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_key(&a.w, "next");
    facet_jsonw_null(&a.w);
    facet_manifest_close(&m);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/models", .handler = list_models, .flags = FACET__ROLE(FACET_ROLE_VIEWER) },
};

const struct facet__resource facet__resource_models = {
    .name = "models", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
