/* GET /v1/health: is it there? GET /v1/system: what it is. */
#include "serve/serve_core.h"

#include "base/clock.h"
#include "base/cpu.h"
#include "base/pool.h"
#include "deploy/engine_room.h"
#include "measure/measure.h"
#include "models/spec.h"
#include "serve/routes.h"
#include "store/gallery.h"

#include <string.h>

static int health(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "status", "ok");
    facet_jsonw_kstr(&a.w, "version", FACET_VERSION);
    facet_jsonw_kint(&a.w, "uptime_s", (facet_clock_system.wall_ms(facet_clock_system.ctx) - s->begun_ms) / 1000);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static void write_models(struct facet_jsonw *w, struct facet_engine_room *e)
{
    facet_jsonw_key(w, "models");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "detector", facet_engine_room_detector(e));
    facet_jsonw_kstr(w, "recogniser", facet_engine_room_model(e)->name);
    facet_jsonw_kstr(w, "contract", facet_engine_room_contract(e));
    facet_jsonw_end_object(w);
}

static int write_gallery(struct facet_jsonw *w, struct facet_gallery *g)
{
    struct facet_gallery_info info;
    int err = facet_gallery_info(g, &info);
    if (err)
        return err;
    facet_jsonw_key(w, "gallery");
    facet_jsonw_object(w);
    facet_jsonw_kint(w, "people", info.people);
    facet_jsonw_kint(w, "templates", info.templates);
    facet_jsonw_kint(w, "version", (int64_t)facet_gallery_version(g));
    facet_jsonw_kint(w, "bytes", info.file_bytes);
    facet_jsonw_end_object(w);
    return FACET_OK;
}

static void write_cpu(struct facet_jsonw *w)
{
    char name[128] = "";
    facet_cpu_model(name, sizeof(name));
    facet_jsonw_key(w, "cpu");
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "model", name);
    facet_jsonw_kstr(w, "kernels", facet_cpu_kind(facet_cpu_flags(NULL)));
    facet_jsonw_kint(w, "cores", (int64_t)facet_cpu_count());
    facet_jsonw_end_object(w);
}

static int about_system(void *ctx, struct facet_http_request *q)
{
    struct facet_serve *s = ctx;
    const struct facet_site *site = s->site;
    struct facet_gallery *g = s->o.node ? facet_node_gallery(s->o.node) : NULL;
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_jsonw_kstr(&a.w, "version", FACET_VERSION);
    facet_jsonw_kstr(&a.w, "site", site->name);
    facet_jsonw_kstr(&a.w, "device", site->device);
    facet_jsonw_kstr(&a.w, "role", "server");
    facet_jsonw_kstr(&a.w, "strategy", site->strategy);
    facet_jsonw_kint(&a.w, "uptime_s", (facet_clock_system.wall_ms(facet_clock_system.ctx) - s->begun_ms) / 1000);
    facet_jsonw_kint(&a.w, "resident_bytes", facet_rss_bytes());
    write_cpu(&a.w);
    if (s->engine)
        write_models(&a.w, s->engine);
    return facet__answer_end(&a, q, 200, g ? write_gallery(&a.w, g) : FACET_OK);
}

static const struct facet_http_route routes[] = {
    { .method = FACET_HTTP_GET, .path = "/v1/health", .handler = health, .flags = FACET__ROLE(FACET_ROLE_PUBLIC) },
    { .method = FACET_HTTP_GET, .path = "/v1/system", .handler = about_system, .flags = FACET__ROLE(FACET_ROLE_VIEWER) | FACET__ALSO_DEVICE },
};

const struct facet__resource facet__resource_health = {
    .name = "health", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
};
