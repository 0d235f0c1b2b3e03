/* The stage: takes pictures of cameras in turn, and tells sources apart by their slots. */
#include "stages/ingest/cameras_priv.h"

#include "base/errors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_NS 100000000u
#define ON_THEIR_WAY 32 /* pictures in the pipeline and with those who look, besides each camera's newest */
#define USUAL_FPS 25

static bool is_cancelled(const struct facet_cameras *c)
{
    return c->o.cancel && *c->o.cancel;
}

/* --- one camera --- */

static void free_camera(struct facet__camera *c)
{
    facet_frame_unref(&c->newest);
    facet_lock_fini(&c->converting);
    memset(c->conf.password, 0, sizeof(c->conf.password));
    memset(c->conf.url, 0, sizeof(c->conf.url));
    free(c);
}

static int make_camera(struct facet__camera **out, struct facet_cameras *owner, const struct facet_camera_conf *conf)
{
    struct facet__camera *c = calloc(1, sizeof(*c));
    *out = c;
    if (!c)
        return facet_fail_nomem();
    int err = facet_lock_init(&c->converting);
    if (err) {
        free(c);
        *out = NULL;
        return err;
    }
    c->owner = owner;
    c->conf = *conf;
    c->is_enabled = !conf->disabled;
    c->is_file = facet__camera_is_file(conf);
    c->waits = conf->every_frame || (c->is_file && !conf->native_rate);
    c->status.state = conf->disabled ? FACET_CAMERA_DISABLED : FACET_CAMERA_CONNECTING;
    snprintf(c->status.name, sizeof(c->status.name), "%s", conf->name);
    facet_url_redact(c->status.url, sizeof(c->status.url), conf->url);
    return FACET_OK;
}

/* Ends the thread; a blocking read of it ends within moments. */
static void stop_camera(struct facet__camera *c)
{
    __atomic_store_n(&c->is_stopping, true, __ATOMIC_RELAXED);
    facet_lock_take(&c->owner->lock);
    facet_cond_wake(&c->owner->changed);
    facet_lock_give(&c->owner->lock);
    if (c->has_thread)
        facet_thread_join(&c->thread);
    c->has_thread = false;
}

/* --- slots, with the lock taken --- */

static struct facet__camera *find(const struct facet_cameras *c, const char *name)
{
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        if (c->slot[i] && !c->slot[i]->is_leaving && strcmp(c->slot[i]->conf.name, name) == 0)
            return c->slot[i];
    return NULL;
}

/* The free slot that has rested longest; -1: none. */
static int free_slot(const struct facet_cameras *c)
{
    int best = -1;
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        if (!c->slot[i] && (best < 0 || c->freed[i] < c->freed[best]))
            best = i;
    return best;
}

static void empty_slot(struct facet_cameras *c, int i)
{
    free_camera(c->slot[i]);
    c->slot[i] = NULL;
    c->freed[i] = ++c->n_freed;
}

/* Names outlive their cameras: who still tells of a camera that was removed may ask for it. */
static const char *keep_name(struct facet_cameras *c, const char *name)
{
    struct facet__name *n = c->names;
    while (n && strcmp(n->text, name) != 0)
        n = n->next;
    if (!n && (n = calloc(1, sizeof(*n)))) {
        snprintf(n->text, sizeof(n->text), "%s", name);
        n->next = c->names;
        c->names = n;
    }
    return n ? n->text : NULL;
}

static int put_in_slot(struct facet_cameras *c, struct facet__camera *camera)
{
    if (find(c, camera->conf.name))
        return facet_fail(FACET_E_EXISTS, "there is a camera '%s' already", camera->conf.name);
    int slot = free_slot(c);
    if (slot < 0)
        return facet_fail(FACET_E_LIMIT, "cannot add camera '%s': there are %d already", camera->conf.name, FACET_MAX_CAMERAS);
    const char *name = keep_name(c, camera->conf.name);
    if (!name)
        return facet_fail_nomem();
    camera->source = camera->status.source = slot;
    __atomic_store_n(&c->name_of[slot], name, __ATOMIC_RELEASE);
    c->slot[slot] = camera;
    return FACET_OK;
}

/* --- from outside --- */

static int start_camera(struct facet_cameras *c, struct facet__camera *camera)
{
    char name[16];
    snprintf(name, sizeof(name), "cam-%.11s", camera->conf.name);
    int err = facet_thread_start(&camera->thread, name, facet__camera_main, camera);
    if (err)
        empty_slot(c, camera->source);
    else
        camera->has_thread = true;
    return err;
}

int facet_cameras_add(struct facet_cameras *c, const struct facet_camera_conf *conf)
{
    struct facet__camera *camera = NULL;
    int err = facet_camera_conf_check(conf);
    if (!err)
        err = make_camera(&camera, c, conf);
    if (err)
        return err;
    facet_lock_take(&c->lock);
    err = put_in_slot(c, camera);
    if (err)
        free_camera(camera);
    else
        err = start_camera(c, camera);
    facet_lock_give(&c->lock);
    return err;
}

static int no_such(const char *name)
{
    return facet_fail(FACET_E_NOT_FOUND, "there is no camera '%s'", name);
}

int facet_cameras_remove(struct facet_cameras *c, const char *name)
{
    facet_lock_take(&c->lock);
    struct facet__camera *camera = find(c, name);
    if (camera)
        camera->is_leaving = true;
    facet_lock_give(&c->lock);
    if (!camera)
        return no_such(name);
    stop_camera(camera);
    facet_lock_take(&c->lock);
    if (!camera->owes_flush)
        empty_slot(c, camera->source);
    else
        facet_frame_unref(&camera->newest); /* the stage empties the slot with the flush */
    facet_lock_give(&c->lock);
    return FACET_OK;
}

int facet_cameras_enable(struct facet_cameras *c, const char *name, bool enabled)
{
    facet_lock_take(&c->lock);
    struct facet__camera *camera = find(c, name);
    if (camera) {
        __atomic_store_n(&camera->is_enabled, enabled, __ATOMIC_RELAXED);
        facet_cond_wake(&c->changed);
    }
    facet_lock_give(&c->lock);
    return camera ? FACET_OK : no_such(name);
}

static void copy_areas(struct facet_camera_conf *to, const struct facet_camera_conf *from)
{
    memcpy(to->zones, from->zones, sizeof(to->zones));
    memcpy(to->masks, from->masks, sizeof(to->masks));
    to->n_zones = from->n_zones;
    to->n_masks = from->n_masks;
}

int facet_cameras_areas(struct facet_cameras *c, const char *name, struct facet_camera_conf *areas)
{
    *areas = (struct facet_camera_conf){ .n_zones = 0 };
    snprintf(areas->name, sizeof(areas->name), "%s", name);
    facet_lock_take(&c->lock);
    const struct facet__camera *camera = find(c, name);
    if (camera)
        copy_areas(areas, &camera->conf);
    facet_lock_give(&c->lock);
    return camera ? FACET_OK : no_such(name);
}

int facet_cameras_set_areas(struct facet_cameras *c, const struct facet_camera_conf *areas)
{
    int err = facet__camera_areas_check(areas);
    if (err)
        return err;
    facet_lock_take(&c->lock);
    struct facet__camera *camera = find(c, areas->name);
    if (camera) {
        facet_lock_take(&camera->converting);      /* masks are drawn under it */
        copy_areas(&camera->conf, areas);
        facet_lock_give(&camera->converting);
    }
    facet_lock_give(&c->lock);
    return camera ? FACET_OK : no_such(areas->name);
}

int facet_cameras_status(struct facet_cameras *c, struct facet_camera_status *out, int max)
{
    int n = 0;
    facet_lock_take(&c->lock);
    for (int i = 0; i < FACET_MAX_CAMERAS; i++) {
        if (!c->slot[i] || c->slot[i]->is_leaving)
            continue;
        if (n < max)
            out[n] = c->slot[i]->status;
        n++;
    }
    facet_lock_give(&c->lock);
    return n;
}

int facet_cameras_picture(struct facet_cameras *c, const char *name, struct facet_frame **out)
{
    *out = NULL;
    facet_lock_take(&c->lock);
    struct facet__camera *camera = find(c, name);
    if (camera && camera->newest)
        *out = facet_frame_ref(camera->newest);
    facet_lock_give(&c->lock);
    if (!camera)
        return no_such(name);
    return *out ? FACET_OK : facet_fail(FACET_E_AGAIN, "camera '%s' has given no picture yet", name);
}

const char *facet_cameras_name(const struct facet_cameras *c, int source)
{
    const char *name = NULL;
    if (source >= 0 && source < FACET_MAX_CAMERAS)
        name = __atomic_load_n(&c->name_of[source], __ATOMIC_ACQUIRE);
    return name ? name : "";
}

double facet_cameras_fps(const struct facet_cameras *c, int source)
{
    struct facet_cameras *held = (struct facet_cameras *)c; /* for its lock alone */
    double fps = 0;
    if (source < 0 || source >= FACET_MAX_CAMERAS)
        return 0;
    facet_lock_take(&held->lock);
    const struct facet__camera *camera = c->slot[source];
    if (camera && camera->video)
        fps = facet_video_info(camera->video)->fps;
    if (camera && fps <= 0)
        fps = camera->status.fps;
    facet_lock_give(&held->lock);
    return fps > 0 ? fps : USUAL_FPS;
}

static bool is_in_a_zone(const struct facet_camera_conf *f, const struct facet_image *img, const struct facet_box *b)
{
    float x = (b->x1 + b->x2) / 2 / (float)img->width, y = (b->y1 + b->y2) / 2 / (float)img->height;
    for (int i = 0; i < f->n_zones; i++)
        if (facet__area_holds(&f->zones[i], x, y))
            return true;
    return f->n_zones == 0;
}

bool facet_cameras_keep(void *cameras, int source, const struct facet_image *img, const struct facet_box *box)
{
    struct facet_cameras *c = cameras;
    bool keeps = true;
    if (source < 0 || source >= FACET_MAX_CAMERAS)
        return true;
    facet_lock_take(&c->lock);
    if (c->slot[source]) {
        const struct facet_camera_conf *f = &c->slot[source]->conf;
        float side = fminf(facet_box_width(*box), facet_box_height(*box));
        keeps = side >= (float)f->min_face && (!f->max_face || side <= (float)f->max_face) && is_in_a_zone(f, img, box);
    }
    facet_lock_give(&c->lock);
    return keeps;
}

/* --- the stage --- */

static int64_t drops_of(const struct facet__camera *c)
{
    int64_t all = 0;
    for (int i = 0; i < FACET_DROP_REASONS; i++)
        all += c->status.dropped[i];
    return all;
}

static int new_drops(struct facet__camera *c)
{
    int64_t all = drops_of(c), news = all - c->told_drops;
    c->told_drops = all;
    return (int)news;
}

/* Who is next in turn and has something; NULL: nobody. */
static struct facet__camera *next_ready(struct facet_cameras *c)
{
    for (int k = 1; k <= FACET_MAX_CAMERAS; k++) {
        int i = (c->last + k) % FACET_MAX_CAMERAS;
        struct facet__camera *camera = c->slot[i];
        if (camera && (camera->owes_flush || camera->has_picture)) {
            c->last = i;
            return camera;
        }
    }
    return NULL;
}

static bool is_all_over(const struct facet_cameras *c)
{
    bool has_any = false;
    for (int i = 0; i < FACET_MAX_CAMERAS; i++) {
        const struct facet__camera *camera = c->slot[i];
        if (camera && (camera->status.state != FACET_CAMERA_ENDED || camera->has_picture || camera->owes_flush))
            return false;
        has_any = has_any || camera;
    }
    return has_any && c->o.end_when_all_end;
}

/* The end of files; when none of them could be read, why. */
static int over(const struct facet_cameras *c)
{
    const char *why = "";
    for (int i = 0; i < FACET_MAX_CAMERAS; i++) {
        if (c->slot[i] && c->slot[i]->status.taken > 0)
            return FACET_E_END;
        if (c->slot[i] && c->slot[i]->status.error[0])
            why = c->slot[i]->status.error;
    }
    return *why ? facet_fail(FACET_E_IO, "%s", why) : FACET_E_END;
}

static void take_flush(struct facet_cameras *c, struct facet__camera *camera, struct facet_packet *p)
{
    p->flush = true;
    p->source = camera->source;
    p->dropped = new_drops(camera);
    camera->owes_flush = camera->was_taken = false;
    if (camera->is_leaving && !camera->has_thread)
        empty_slot(c, camera->source);
}

/* Gives the lock meanwhile. What cannot be converted is left out: one camera does not stop the others. */
static int convert(struct facet_cameras *c, struct facet__camera *camera, struct facet_frame **out)
{
    facet_lock_take(&camera->converting);
    struct facet_video *v = camera->video;
    facet_lock_give(&c->lock);
    int err = facet_video_convert(v, c->pool, out);
    for (int i = 0; !err && i < camera->conf.n_masks; i++)
        facet__area_blacken(&camera->conf.masks[i], &(*out)->image);
    facet_lock_give(&camera->converting);
    facet_lock_take(&c->lock);
    return err;
}

static int take_picture(struct facet_cameras *c, struct facet__camera *camera, struct facet_packet *p)
{
    struct facet_video_moment m = camera->moment;
    double age_ms = (double)(facet__cameras_wall_ms(c) - m.arrived_ms);
    bool is_late = camera->conf.max_latency_ms > 0 && age_ms > camera->conf.max_latency_ms;
    int err = facet_video_grab(camera->video);
    camera->has_picture = false;
    camera->was_taken = true; /* from now on only the stage lets the camera go, with the flush */
    facet_cond_wake(&c->changed);
    camera->status.dropped[FACET_DROP_LATE] += is_late;
    if (is_late || err)
        return FACET_E_AGAIN;
    p->born_ns = facet_now_ns();
    err = convert(c, camera, &p->frame);
    if (err == FACET_E_CANCELLED)
        return FACET_E_END;
    camera->status.dropped[FACET_DROP_DAMAGED] += err != FACET_OK;
    if (err)
        return FACET_E_AGAIN;
    struct facet_frame *f = p->frame;
    f->index = camera->index++;
    f->pts_ms = m.pts_ms;
    f->wall_ms = m.arrived_ms;
    f->source = p->source = camera->source;
    p->dropped = new_drops(camera);
    p->step_ns[FACET_STEP_INGEST] += camera->cpu_ns;
    p->cpu_ns += camera->cpu_ns;
    camera->cpu_ns = 0;
    camera->status.taken++;
    facet_frame_unref(&camera->newest);
    camera->newest = facet_frame_ref(f);
    return FACET_OK;
}

static int cameras_step(void *state, struct facet_packet *p)
{
    struct facet_cameras *c = state;
    uint64_t begun = facet_now_ns();
    struct facet__camera *ready;
    facet_lock_take(&c->lock);
    while (!(ready = next_ready(c)) && !is_cancelled(c) && !is_all_over(c))
        if (!facet_cond_wait_until(&c->changed, &c->lock, begun + WAIT_NS))
            break;
    p->idle_ns += facet_now_ns() - begun;
    int err = FACET_E_AGAIN;
    if (is_cancelled(c))
        err = FACET_E_END;
    else if (!ready)
        err = is_all_over(c) ? over(c) : FACET_E_AGAIN;
    else if (ready->owes_flush)
        take_flush(c, ready, p), err = FACET_OK;
    else
        err = take_picture(c, ready, p);
    facet_lock_give(&c->lock);
    return err;
}

static int check_all(const struct facet_cameras_opts *o)
{
    if (o->n_cameras < 0 || o->n_cameras > FACET_MAX_CAMERAS)
        return facet_fail(FACET_E_LIMIT, "cannot take %d cameras: %d at most", o->n_cameras, FACET_MAX_CAMERAS);
    for (int i = 0; i < o->n_cameras; i++) {
        int err = facet_camera_conf_check(&o->cameras[i]);
        if (err)
            return err;
    }
    return FACET_OK;
}

static int cameras_open(void *state, const void *opts)
{
    struct facet_cameras *c = state;
    c->o = *(const struct facet_cameras_opts *)opts;
    c->o.clock = c->o.clock ? c->o.clock : &facet_clock_system;
    c->last = FACET_MAX_CAMERAS - 1;
    c->begun_ns = facet_now_ns();
    int err = check_all(&c->o);
    if (!err)
        err = facet_lock_init(&c->lock);
    c->has_lock = !err;
    if (!err)
        err = facet_cond_init(&c->changed);
    c->has_cond = c->has_lock && !err;
    if (!err)
        err = facet_frame_pool_open(&c->pool, ON_THEIR_WAY + 2 * FACET_MAX_CAMERAS);
    for (int i = 0; !err && i < c->o.n_cameras; i++)
        err = facet_cameras_add(c, &c->o.cameras[i]);
    c->o.cameras = NULL;
    return err;
}

static void free_names(struct facet_cameras *c)
{
    for (struct facet__name *n = c->names, *next; n; n = next) {
        next = n->next;
        free(n);
    }
}

static void cameras_close(void *state)
{
    struct facet_cameras *c = state;
    facet_frame_pool_cancel(c->pool);
    for (int i = 0; i < FACET_MAX_CAMERAS; i++)
        if (c->slot[i])
            __atomic_store_n(&c->slot[i]->is_stopping, true, __ATOMIC_RELAXED);
    for (int i = 0; i < FACET_MAX_CAMERAS; i++) {
        if (!c->slot[i])
            continue;
        stop_camera(c->slot[i]);
        free_camera(c->slot[i]);
    }
    facet_frame_pool_close(&c->pool);
    free_names(c);
    if (c->has_cond)
        facet_cond_fini(&c->changed);
    if (c->has_lock)
        facet_lock_fini(&c->lock);
}

const struct facet_stage_ops facet_stage_cameras = {
    .name = "ingest",
    .state_size = sizeof(struct facet_cameras),
    .open = cameras_open,
    .step = cameras_step,
    .close = cameras_close,
};
