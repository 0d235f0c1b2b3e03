/* /v1/cameras: list, add, remove, switch on and off; the newest picture; live view; video that devices send. */
#include "stages/ingest/cameras.h"

#include "deploy/camera_json.h"
#include "image/frame.h"
#include "image/image.h"
#include "media/picture.h"
#include "serve/live.h"

#include <stdlib.h>
#include <string.h>

#define LIVE_FPS 5
#define MAX_LIVE_FPS 15

static int need_cameras(struct facet_serve *s, struct facet_http_request *q, struct facet_cameras **out)
{
    struct facet_node *n = NULL;
    int err = facet__need_node(s, q, &n);
    *out = err ? NULL : facet_node_cameras(n);
    if (!err && !*out)
        err = facet__refused(q, 503, facet_fail(FACET_E_UNSUPPORTED, "there are no cameras on this server"));
    return err;
}

/* --- what there is --- */

static void put_dropped(struct facet_jsonw *w, const struct facet_camera_status *c)
{
    facet_jsonw_key(w, "dropped");
    facet_jsonw_object(w);
    for (int i = 0; i < FACET_DROP_REASONS; i++)
        facet_jsonw_kint(w, facet_drop_words[i], c->dropped[i]);
    facet_jsonw_end_object(w);
}

/* The members of an object. */
static void put_camera(struct facet_jsonw *w, const struct facet_camera_status *c)
{
    facet_jsonw_kstr(w, "name", c->name);
    facet_jsonw_kstr(w, "url", c->url);
    facet_jsonw_kstr(w, "state", facet_camera_state_words[c->state]);
    facet_jsonw_kbool(w, "enabled", c->state != FACET_CAMERA_DISABLED);
    facet_jsonw_kint(w, "since_ms", c->since_ms);
    facet_jsonw_kstr(w, "error", c->error);
    facet_jsonw_kint(w, "width", c->width);
    facet_jsonw_kint(w, "height", c->height);
    facet_jsonw_knum(w, "fps", c->fps, 2);
    facet_jsonw_kstr(w, "codec", c->codec);
    facet_jsonw_kstr(w, "decoder", c->decoder);
    facet_jsonw_kint(w, "frames", c->frames);
    facet_jsonw_kint(w, "taken", c->taken);
    put_dropped(w, c);
    facet_jsonw_kint(w, "reconnects", c->reconnects);
    facet_jsonw_kint(w, "bytes", c->bytes);
}

/* All of them, malloc'ed. */
static int read_status(struct facet_cameras *c, struct facet_camera_status **out, int *n)
{
    *out = calloc(FACET_MAX_CAMERAS, sizeof(**out));
    if (!*out)
        return facet_fail_nomem();
    *n = facet_cameras_status(c, *out, FACET_MAX_CAMERAS);
    *n = *n > FACET_MAX_CAMERAS ? FACET_MAX_CAMERAS : *n;
    return FACET_OK;
}

static int list(void *ctx, struct facet_http_request *q)
{
    struct facet_node *node;
    struct facet_camera_status *status = NULL;
    struct facet__answer a;
    int n = 0, err = facet__need_node(ctx, q, &node);
    struct facet_cameras *c = err ? NULL : facet_node_cameras(node);
    if (c)
        err = read_status(c, &status, &n);
    if (err)
        return err;
    facet__answer_begin(&a);
    facet_jsonw_key(&a.w, "items");
    facet_jsonw_array(&a.w);
    for (int i = 0; i < n; i++) {
        facet_jsonw_object(&a.w);
        put_camera(&a.w, &status[i]);
        facet_jsonw_end_object(&a.w);
    }
    facet_jsonw_end_array(&a.w);
    facet_jsonw_kstr(&a.w, "next", NULL);
    free(status);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static int find(struct facet_cameras *c, const char *name, struct facet_camera_status *out)
{
    struct facet_camera_status *status;
    bool found = false;
    int n = 0, err = read_status(c, &status, &n);
    for (int i = 0; !err && !found && i < n; i++)
        if (!strcmp(status[i].name, name)) {
            *out = status[i];
            found = true;
        }
    if (!err)
        free(status);
    return err || found ? err : facet_fail(FACET_E_NOT_FOUND, "there is no camera '%s'", name);
}

static int answer_camera(struct facet_http_request *q, struct facet_cameras *c, const char *name, int status)
{
    struct facet_camera_status s;
    struct facet__answer a;
    int err = find(c, name, &s);
    if (err)
        return err;
    facet__answer_begin(&a);
    put_camera(&a.w, &s);
    return facet__answer_end(&a, q, status, FACET_OK);
}

static int look(void *ctx, struct facet_http_request *q)
{
    struct facet_cameras *c;
    int err = need_cameras(ctx, q, &c);
    return err ? err : answer_camera(q, c, facet_http_param(q, "name"), 200);
}

/* --- changing --- */

/* Files and devices of the server are for whoever configures it, not for whoever may add a camera. */
static int check_address(const char *url)
{
    static const char *const schemes[] = {"rtsp://", "rtsps://", "http://", "https://"};
    if (!url)
        return FACET_OK; /* its reader tells what is missing */
    bool is_known = facet_node_is_upload(url);
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        is_known = is_known || !strncmp(url, schemes[i], strlen(schemes[i]));
    return is_known ? FACET_OK
                    : facet_fail(FACET_E_INVALID, "the camera's url must begin with rtsp://, rtsps://, http://, https:// or be %s; others stand "
                                                  "in the site's file", FACET_UPLOAD_URL);
}

/* A device adds its own each time it runs: those are not kept. */
static int add(void *ctx, struct facet_http_request *q)
{
    struct facet_camera_conf conf;
    struct facet_cameras *c;
    struct facet_json *j = NULL;
    int err = need_cameras(ctx, q, &c);
    if (!err)
        err = facet__body_json(q, &j);
    if (err)
        return err;
    err = check_address(facet_json_str(facet_json_get(j, "url"), NULL));
    if (!err)
        err = facet_camera_from_json(&conf, j);
    facet_json_unref(&j);
    if (!err)
        err = facet_node_camera_add(facet__serve_node(ctx), &conf, facet__asker(q)->role != FACET_ROLE_DEVICE);
    return err ? err : answer_camera(q, c, conf.name, 201);
}

static int drop(void *ctx, struct facet_http_request *q)
{
    struct facet_cameras *c;
    int err = need_cameras(ctx, q, &c);
    if (!err)
        err = facet_node_camera_remove(facet__serve_node(ctx), facet_http_param(q, "name"));
    return err ? err : facet__answer_nothing(q);
}

static int switch_it(void *ctx, struct facet_http_request *q, bool on)
{
    const char *name = facet_http_param(q, "name");
    struct facet_cameras *c;
    int err = need_cameras(ctx, q, &c);
    if (!err)
        err = facet_node_camera_enable(facet__serve_node(ctx), name, on);
    return err ? err : answer_camera(q, c, name, 200);
}

static int enable(void *ctx, struct facet_http_request *q)
{
    return switch_it(ctx, q, true);
}

static int disable(void *ctx, struct facet_http_request *q)
{
    return switch_it(ctx, q, false);
}

/* --- zones and masks --- */

/* `is_kept`: NULL where nothing was changed. */
static int answer_areas(struct facet_http_request *q, const struct facet_camera_conf *areas, const bool *is_kept)
{
    struct facet__answer a;
    facet__answer_begin(&a);
    facet_camera_areas_to_json(&a.w, areas);
    if (is_kept)
        facet_jsonw_kbool(&a.w, "kept", *is_kept);
    return facet__answer_end(&a, q, 200, FACET_OK);
}

static int areas(void *ctx, struct facet_http_request *q)
{
    struct facet_camera_conf *conf = malloc(sizeof(*conf));
    struct facet_cameras *c;
    int err = conf ? need_cameras(ctx, q, &c) : facet_fail_nomem();
    if (!err)
        err = facet_cameras_areas(c, facet_http_param(q, "name"), conf);
    if (!err)
        err = answer_areas(q, conf, NULL);
    free(conf);
    return err;
}

static int set_areas(void *ctx, struct facet_http_request *q)
{
    struct facet_camera_conf *conf = calloc(1, sizeof(*conf));
    struct facet_cameras *c;
    struct facet_json *j = NULL;
    bool is_kept = false;
    int err = conf ? need_cameras(ctx, q, &c) : facet_fail_nomem();
    if (!err)
        err = facet__body_json(q, &j);
    if (!err)
        err = facet_copy_text(conf->name, sizeof(conf->name), facet_http_param(q, "name"));
    if (!err)
        err = facet_camera_areas_from_json(conf, j);
    if (!err)
        err = facet_node_camera_set_areas(facet__serve_node(ctx), conf, &is_kept);
    if (!err)
        err = answer_areas(q, conf, &is_kept);
    facet_json_unref(&j);
    free(conf);
    return err;
}

/* --- pictures --- */

static int query_bool(struct facet_http_request *q, const char *key, bool fallback, bool *out)
{
    const char *text = facet_http_query(q, key);
    *out = fallback;
    if (!text || !*text)
        return FACET_OK;
    *out = !strcmp(text, "1") || !strcmp(text, "true");
    return *out || !strcmp(text, "0") || !strcmp(text, "false")
               ? FACET_OK
               : facet__refused(q, 400, facet_fail(FACET_E_INVALID, "'%s' must be 0 or 1", key));
}

static int allow_live(struct facet_serve *s, struct facet_http_request *q)
{
    return facet__serve_site(s)->serve.live_view
               ? FACET_OK
               : facet__refused(q, 403, facet_fail(FACET_E_PERMISSION, "pictures are not shown here: serve.live_view is off in the site's file"));
}

static int draw_into(struct facet_node *node, const char *name, struct facet_image *img)
{
    struct facet_face *faces = calloc(FACET_MAX_FACES, sizeof(*faces));
    int64_t when;
    if (!faces)
        return facet_fail_nomem();
    facet__draw_faces(img, faces, facet_node_faces(node, name, faces, FACET_MAX_FACES, &when));
    free(faces);
    return FACET_OK;
}

/* A copy, so that the camera has its frame back. */
static int copy_picture(struct facet_cameras *c, const char *name, struct facet_image *out)
{
    struct facet_frame *f = NULL;
    int err = facet_cameras_picture(c, name, &f);
    if (err)
        return err;
    err = facet_image_init(out, f->image.format, f->image.width, f->image.height);
    if (!err)
        facet_image_copy(out, &f->image);
    facet_frame_unref(&f);
    return err;
}

static int snapshot(void *ctx, struct facet_http_request *q)
{
    const char *name = facet_http_param(q, "name");
    struct facet_str jpeg = FACET_STR_INIT;
    struct facet_image img;
    struct facet_cameras *c;
    bool boxes;
    int err = need_cameras(ctx, q, &c);
    if (!err)
        err = allow_live(ctx, q);
    if (!err)
        err = query_bool(q, "boxes", true, &boxes);
    if (!err)
        err = copy_picture(c, name, &img);
    if (err)
        return err;
    if (boxes)
        err = draw_into(facet__serve_node(ctx), name, &img);
    if (!err)
        err = facet_picture_encode(&jpeg, &img, "jpeg", 85);
    facet_image_fini(&img);
    if (!err) {
        facet_http_status(q, 200);
        (void)facet_http_set_header(q, "cache-control", "no-store");
        err = facet_http_send_str(q, "image/jpeg", &jpeg);
    }
    facet_str_fini(&jpeg);
    return err;
}

/* The camera is there, and may be watched. */
static int watchable(struct facet_serve *s, struct facet_http_request *q)
{
    struct facet_camera_status status;
    struct facet_cameras *c;
    int err = need_cameras(s, q, &c);
    if (!err)
        err = allow_live(s, q);
    return err ? err : find(c, facet_http_param(q, "name"), &status);
}

static int live(void *ctx, struct facet_http_request *q)
{
    double fps;
    bool boxes;
    int err = watchable(ctx, q);
    if (!err)
        err = facet__asked_num(q, "fps", 0.1, MAX_LIVE_FPS, LIVE_FPS, &fps);
    if (!err)
        err = query_bool(q, "boxes", false, &boxes);
    return err ? err : facet__live_watch(facet__serve_state(ctx, &facet__resource_cameras), q, facet_http_param(q, "name"), fps, boxes);
}

static int boxes_of(void *ctx, struct facet_http_request *q)
{
    int err = watchable(ctx, q);
    return err ? err : facet__live_boxes(facet__serve_state(ctx, &facet__resource_cameras), q, facet_http_param(q, "name"));
}

/* --- the resource --- */

static int cameras_open(struct facet_serve *s, void **state)
{
    struct facet_node *n = facet__serve_node(s);
    return n && facet_node_cameras(n) ? facet__live_open((struct facet__live **)state, n) : FACET_OK;
}

static void cameras_stop(struct facet_serve *s, void *state)
{
    if (state)
        facet__live_stop(state);
}

static void cameras_close(struct facet_serve *s, void *state)
{
    struct facet__live *l = state;
    facet__live_close(&l);
}

#define GET FACET_HTTP_GET
#define POST FACET_HTTP_POST
#define VIEWER FACET__ROLE(FACET_ROLE_VIEWER)
#define OPERATOR FACET__ROLE(FACET_ROLE_OPERATOR)

static const struct facet_http_route routes[] = {
    {.method = GET, .path = "/v1/cameras", .handler = list, .flags = VIEWER | FACET__ALSO_DEVICE},
    {.method = POST, .path = "/v1/cameras", .handler = add, .flags = OPERATOR | FACET__ALSO_DEVICE, .max_body = FACET__MAX_JSON},
    {.method = GET, .path = "/v1/cameras/{name}", .handler = look, .flags = VIEWER | FACET__ALSO_DEVICE},
    {.method = FACET_HTTP_DELETE, .path = "/v1/cameras/{name}", .handler = drop, .flags = OPERATOR},
    {.method = GET, .path = "/v1/cameras/{name}/state", .handler = look, .flags = VIEWER | FACET__ALSO_DEVICE},
    {.method = POST, .path = "/v1/cameras/{name}/enable", .handler = enable, .flags = OPERATOR, .max_body = 1024},
    {.method = POST, .path = "/v1/cameras/{name}/disable", .handler = disable, .flags = OPERATOR, .max_body = 1024},
    {.method = GET, .path = "/v1/cameras/{name}/areas", .handler = areas, .flags = VIEWER},
    {.method = FACET_HTTP_PUT, .path = "/v1/cameras/{name}/areas", .handler = set_areas, .flags = OPERATOR, .max_body = FACET__MAX_JSON},
    {.method = GET, .path = "/v1/cameras/{name}/snapshot", .handler = snapshot, .flags = VIEWER},
    {.method = GET, .path = "/v1/cameras/{name}/live", .handler = live, .flags = VIEWER},
    {.method = GET, .path = "/v1/cameras/{name}/boxes", .handler = boxes_of, .flags = VIEWER},
};

const struct facet__resource facet__resource_cameras = {
    .name = "cameras", .routes = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
    .open = cameras_open, .stop = cameras_stop, .close = cameras_close,
};
