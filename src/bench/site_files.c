/* Sites are written as JSON, which is YAML, so that every path and name is quoted right. */
#include "bench/site_files.h"

#include "base/file.h"
#include "base/json.h"
#include "base/str.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#define GUIDED_SCAN 5              /* as `facet bench pipeline` */

static int save(struct facet_str *text, const char *path)
{
    int err = text->err ? text->err : facet_str_puts(text, "\n");
    if (!err)
        err = facet_file_write_atomic(path, text->data, text->len);
    facet_str_fini(text);
    return err;
}

/* Nothing is kept by the broker, and nobody else reaches it. */
int facet_site_files_broker(const struct facet_site_files *f, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    const struct passwd *me = getpwuid(getuid());
    facet_str_printf(&s, "listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stdout\n", f->broker_port);
    if (me)
        facet_str_printf(&s, "user %s\n", me->pw_name);
    return save(&s, path);
}

static void section(struct facet_jsonw *w, const char *name)
{
    facet_jsonw_key(w, name);
    facet_jsonw_object(w);
}

static void put_models(struct facet_jsonw *w, const struct facet_experiment *e)
{
    section(w, "models");
    if (*e->detector.model)
        facet_jsonw_kstr(w, "detector", e->detector.model);
    if (*e->recogniser.model)
        facet_jsonw_kstr(w, "recogniser", e->recogniser.model);
    facet_jsonw_kstr(w, "backend", e->recogniser.backend);
    facet_jsonw_kstr(w, "detect_backend", e->detector.backend);
    facet_jsonw_kint(w, "threads", e->threads);
    if (e->batch)
        facet_jsonw_kint(w, "together", e->batch);
    facet_jsonw_kint(w, "min_face", e->min_face);
    facet_jsonw_kint(w, "scan_every", e->mode == FACET_EXPERIMENT_GUIDED ? GUIDED_SCAN : 0);
    facet_jsonw_end_object(w);
}

/* Tracks are not joined again: hybrid cannot, so the others would be compared with something else. Every answer is told. */
static void put_path(struct facet_jsonw *w, const struct facet_site_files *f)
{
    bool is_every = f->e->mode == FACET_EXPERIMENT_EVERY;
    put_models(w, f->e);
    section(w, "track");
    facet_jsonw_knum(w, "rejoin", -1, 0);
    facet_jsonw_kbool(w, "every_frame", is_every);
    facet_jsonw_end_object(w);
    section(w, "gallery");
    if (*f->gallery)
        facet_jsonw_kstr(w, "path", f->gallery);
    facet_jsonw_kstr(w, "cooldown", "1ms");
    facet_jsonw_end_object(w);
}

static void put_broker(struct facet_jsonw *w, const char *host, int port)
{
    section(w, "mqtt");
    facet_jsonw_kstr(w, "host", host);
    facet_jsonw_kint(w, "port", port);
    facet_jsonw_kbool(w, "insecure", true);
    facet_jsonw_end_object(w);
}

static void put_camera(struct facet_jsonw *w, const struct facet_site_files *f, bool is_disabled)
{
    double fps = f->e->frame_rate ? f->e->frame_rate : f->e->every > 1 ? f->fps / f->e->every : 0;
    facet_jsonw_key(w, "cameras");
    facet_jsonw_array(w);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "name", is_disabled ? "spare" : "cam0");
    facet_jsonw_kstr(w, "url", f->video);
    facet_jsonw_kbool(w, "native_rate", true);
    facet_jsonw_kbool(w, "every_frame", f->e->mode == FACET_EXPERIMENT_EVERY);
    facet_jsonw_kbool(w, "disabled", is_disabled);
    facet_jsonw_knum(w, "fps", fps, 3);
    facet_jsonw_end_object(w);
    facet_jsonw_end_array(w);
}

static void begin(struct facet_jsonw *w, struct facet_str *s, const char *device)
{
    facet_jsonw_init(w, s, true);
    facet_jsonw_object(w);
    facet_jsonw_kstr(w, "site", "bench");
    facet_jsonw_kstr(w, "device", device);
}

/* A server has run for a while when a device comes: the camera that it never opens makes it read its models at the start, as
 * other devices' cameras would have. */
int facet_site_files_server(const struct facet_site_files *f, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    begin(&w, &s, "server");
    put_path(&w, f);
    put_broker(&w, "127.0.0.1", f->broker_port);
    section(&w, "serve");
    facet_jsonw_kint(&w, "port", 0);
    facet_jsonw_end_object(&w);
    if (!strcmp(f->e->strategy, "cloud"))
        put_camera(&w, f, true);
    facet_jsonw_end_object(&w);
    return save(&s, path);
}

int facet_site_files_device(const struct facet_site_files *f, const char *path)
{
    struct facet_str s = FACET_STR_INIT;
    struct facet_jsonw w;
    begin(&w, &s, "device");
    facet_jsonw_kstr(&w, "strategy", f->e->strategy);
    put_path(&w, f);
    if (f->server_url) {
        section(&w, "server");
        facet_jsonw_kstr(&w, "url", f->server_url);
        facet_jsonw_kbool(&w, "insecure", true);
        facet_jsonw_end_object(&w);
    } else {
        put_broker(&w, f->broker_host, f->device_broker_port);
    }
    if (f->e->mode == FACET_EXPERIMENT_EVERY) {
        section(&w, "hybrid");
        facet_jsonw_kint(&w, "chips_per_track", 0);
        facet_jsonw_end_object(&w);
    }
    put_camera(&w, f, false);
    facet_jsonw_end_object(&w);
    return save(&s, path);
}
