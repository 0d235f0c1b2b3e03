/* A camera's thread: connects, decodes, hands the newest picture over, and begins anew when the source is gone. */
#include "stages/ingest/cameras_priv.h"

#include "base/errors.h"
#include "base/log.h"
#include "measure/measure.h"

#include <stdio.h>
#include <string.h>

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MOST_MS 1500 /* with the time that opening may take, back within 5 s of a source's return */
#define STALL_MS 1500
#define TIMEOUT_MS 5000
#define LOOK_NS 500000000u /* at the schedule */
#define COUNT_NS 2000000000u
#define DRIFT_MS 1000 /* of a stream's clock against ours, before it is set anew */
#define USUAL_FPS 25.0

static bool load(const bool *flag)
{
    return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

int64_t facet__cameras_wall_ms(const struct facet_cameras *c)
{
    return c->o.clock->wall_ms(c->o.clock->ctx);
}

/* Enabled, and on schedule as of the last half second. */
static bool look_wanted(struct facet__camera *c)
{
    uint64_t now = facet_now_ns();
    if (now - c->looked_ns > LOOK_NS || !c->looked_ns) {
        c->looked_ns = now;
        bool is_on = facet__schedule_is_on(&c->conf, facet__cameras_wall_ms(c->owner));
        __atomic_store_n(&c->is_wanted, is_on, __ATOMIC_RELAXED);
    }
    return load(&c->is_wanted) && load(&c->is_enabled);
}

static bool may_run(struct facet__camera *c)
{
    return !load(&c->is_stopping) && look_wanted(c);
}

/* --- state --- */

static void set_state(struct facet__camera *c, enum facet_camera_state state, const char *error)
{
    struct facet_cameras *o = c->owner;
    facet_lock_take(&o->lock);
    bool is_new = c->status.state != state || c->status.since_ms == 0;
    bool is_told = is_new || (error && strcmp(error, c->status.error) != 0);
    if (is_new)
        c->status.since_ms = facet__cameras_wall_ms(o);
    c->status.state = state;
    if (error)
        snprintf(c->status.error, sizeof(c->status.error), "%s", error);
    struct facet_camera_status now = c->status;
    facet_cond_wake(&o->changed);
    facet_lock_give(&o->lock);
    if (is_told)
        facet_log_of(state == FACET_CAMERA_LOST ? FACET_LOG_WARN : FACET_LOG_INFO, "ingest", &(struct facet_log_about){.camera = c->conf.name},
                     "camera '%s' is %s%s%s", c->conf.name, facet_camera_state_words[state], now.error[0] ? ": " : "", now.error);
    if (is_new && o->o.on_state)
        o->o.on_state(o->o.ctx, &now);
}

/* Until then, or until the camera is to stop or to pause. */
static void wait_until(struct facet__camera *c, uint64_t until_ns)
{
    struct facet_cameras *o = c->owner;
    uint64_t now = facet_now_ns();
    facet_lock_take(&o->lock);
    while (now < until_ns && !load(&c->is_stopping) && load(&c->is_enabled)) {
        facet_cond_wait_until(&o->changed, &o->lock, until_ns);
        now = facet_now_ns();
    }
    facet_lock_give(&o->lock);
}

static void pause_ms(struct facet__camera *c, double ms)
{
    wait_until(c, facet_now_ns() + (uint64_t)(ms * 1e6));
}

/* --- time --- */

double facet__timeline_place(struct facet__timeline *t, double pts_ms, double elapsed_ms, double step_ms)
{
    bool is_live = elapsed_ms >= 0;
    if (!t->has_begun) {
        bool is_first = t->last_ms < 0;
        t->offset_ms = is_live ? elapsed_ms : is_first ? 0 : t->last_ms + step_ms;
        t->first_ms = pts_ms;
        t->has_begun = true;
    }
    double at = t->offset_ms + pts_ms - t->first_ms;
    if (is_live && (at - elapsed_ms > DRIFT_MS || elapsed_ms - at > DRIFT_MS)) {
        t->offset_ms = elapsed_ms;
        t->first_ms = pts_ms;
        at = elapsed_ms;
    }
    if (at <= t->last_ms)
        at = t->last_ms + (is_live ? 1 : 0);
    t->last_ms = at;
    return at;
}

static double step_ms(const struct facet__camera *c)
{
    double fps = facet_video_info(c->video)->fps;
    return 1000 / (fps > 0 ? fps : USUAL_FPS);
}

/* A file at its own rate: each picture when it is due. */
static void pace(struct facet__camera *c, struct facet_video_moment *m)
{
    if (!c->paced_ns)
        c->paced_ns = facet_now_ns() - (uint64_t)(m->pts_ms * 1e6);
    wait_until(c, c->paced_ns + (uint64_t)(m->pts_ms * 1e6));
    m->arrived_ms = facet__cameras_wall_ms(c->owner);
}

static bool is_over_rate(struct facet__camera *c, double pts_ms)
{
    if (c->conf.fps <= 0)
        return false;
    double step = 1000 / c->conf.fps;
    if (pts_ms < c->due_ms - step / 8)
        return true;
    c->due_ms = (pts_ms - c->due_ms > step ? pts_ms : c->due_ms) + step;
    return false;
}

/* --- pictures --- */

static void count_picture(struct facet__camera *c, const struct facet_video_moment *m)
{
    struct facet_camera_status *s = &c->status;
    uint64_t now = facet_now_ns();
    s->frames++;
    s->width = m->width;
    s->height = m->height;
    c->counted++;
    if (!c->counted_ns) {
        c->counted_ns = now;
        c->counted = 0;
    } else if (now - c->counted_ns >= COUNT_NS) {
        s->fps = c->counted * 1e9 / (double)(now - c->counted_ns);
        c->counted_ns = now;
        c->counted = 0;
    }
}

static void take_facts(struct facet__camera *c)
{
    struct facet_video_facts f;
    facet_video_facts(c->video, &f);
    c->status.bytes = c->past_bytes + f.bytes;
    c->status.dropped[FACET_DROP_DAMAGED] += f.damaged - c->seen_damaged;
    c->seen_damaged = f.damaged;
}

/* The picture is there to be taken, in place of one that was not. */
static void hand_over(struct facet__camera *c, const struct facet_video_moment *m)
{
    struct facet_cameras *o = c->owner;
    facet_lock_take(&o->lock);
    c->status.dropped[FACET_DROP_NEWER] += c->has_picture;
    facet_video_hold(c->video);
    c->has_picture = true;
    c->moment = *m;
    facet_cond_wake(&o->changed);
    while (c->waits && c->has_picture && !load(&c->is_stopping))
        facet_cond_wait(&o->changed, &o->lock);
    facet_lock_give(&o->lock);
}

static void use_picture(struct facet__camera *c, struct facet_video_moment *m)
{
    struct facet_cameras *o = c->owner;
    bool is_live = !c->is_file && !c->conf.read;
    double elapsed = is_live ? (double)(facet_now_ns() - o->begun_ns) / 1e6 : -1;
    m->pts_ms = facet__timeline_place(&c->time, m->pts_ms, elapsed, step_ms(c));
    if (c->is_file || m->arrived_ms <= 0)
        m->arrived_ms = facet__cameras_wall_ms(o);
    if (c->is_file && c->conf.native_rate)
        pace(c, m);
    bool is_over = is_over_rate(c, m->pts_ms);
    facet_lock_take(&o->lock);
    count_picture(c, m);
    c->status.dropped[FACET_DROP_RATE] += is_over;
    facet_lock_give(&o->lock);
    if (!is_over)
        hand_over(c, m);
}

static int next_picture(struct facet__camera *c, struct facet_video_moment *m)
{
    struct facet_cameras *o = c->owner;
    uint64_t cpu = facet_thread_cpu_ns();
    int err = facet_video_next(c->video, m);
    facet_lock_take(&o->lock);
    c->cpu_ns += facet_thread_cpu_ns() - cpu;
    take_facts(c);
    facet_lock_give(&o->lock);
    return err;
}

/* --- a connection --- */

/* Three pictures late, by the camera's own rate; no sooner than STALL_MS, no later than half of the timeout. */
static bool is_stalled(const struct facet__camera *c, int waited_ms)
{
    double most = (c->conf.timeout_ms ? c->conf.timeout_ms : TIMEOUT_MS) / 2.0;
    double late = c->status.fps > 0 && 3000 / c->status.fps > STALL_MS ? 3000 / c->status.fps : STALL_MS;
    return waited_ms > (late < most ? late : most);
}

/* Called by the video while nothing comes. */
static int while_waiting(void *ctx, int waited_ms)
{
    struct facet__camera *c = ctx;
    if (!may_run(c))
        return 1;
    if (c->status.state == FACET_CAMERA_LIVE && is_stalled(c, waited_ms))
        set_state(c, FACET_CAMERA_STALLED, NULL);
    return 0;
}

static int connect(struct facet__camera *c)
{
    const struct facet_camera_conf *f = &c->conf;
    struct facet_video_opts o = {
        .threads = c->owner->o.decode_threads, .cancel = c->owner->o.cancel, .live = true, .hardware = f->hardware,
        .low_delay = !c->is_file && !f->read && !f->every_frame, .sender_time = f->sender_time, .transport = f->transport,
        .username = f->username, .password = f->password, .ca = f->ca, .fingerprint = f->fingerprint,
        .insecure = f->insecure, .timeout_ms = f->timeout_ms, .fps = f->fps,
        .read = f->read, .read_ctx = f->read_ctx, .waiting = while_waiting, .waiting_ctx = c,
    };
    struct facet_video *v;
    struct facet_video_facts facts;
    int err = facet_video_open(&v, f->read ? f->name : f->url, &o);
    if (err)
        return err;
    facet_video_facts(v, &facts);
    facet_lock_take(&c->owner->lock);
    c->video = v;
    snprintf(c->status.codec, sizeof(c->status.codec), "%s", facet_video_info(v)->codec);
    snprintf(c->status.decoder, sizeof(c->status.decoder), "%s", facts.decoder);
    facet_lock_give(&c->owner->lock);
    c->time.has_begun = false;
    c->seen_damaged = 0;
    return FACET_OK;
}

/* Its tracks end with it. A picture that nobody took is lost, too, but for the last one of a file. */
static void disconnect(struct facet__camera *c, bool is_end)
{
    struct facet_cameras *o = c->owner;
    facet_lock_take(&o->lock);
    while (is_end && c->is_file && c->has_picture && !load(&c->is_stopping))
        facet_cond_wait(&o->changed, &o->lock);
    struct facet_video *v = c->video;
    c->video = NULL;
    c->status.dropped[FACET_DROP_NEWER] += c->has_picture;
    c->has_picture = false;
    c->owes_flush = c->owes_flush || c->was_taken;
    c->status.fps = 0;
    c->past_bytes = c->status.bytes;
    c->counted_ns = 0;
    facet_cond_wake(&o->changed);
    facet_lock_give(&o->lock);
    facet_lock_take(&c->converting);
    facet_lock_give(&c->converting);
    facet_video_close(&v);
}

static void is_live_now(struct facet__camera *c)
{
    if (c->status.state == FACET_CAMERA_LIVE)
        return;
    if (c->status.state == FACET_CAMERA_WAITING_KEYFRAME && c->status.frames > 0) {
        facet_lock_take(&c->owner->lock);
        c->status.reconnects++;
        facet_lock_give(&c->owner->lock);
    }
    set_state(c, FACET_CAMERA_LIVE, "");
}

/* From connecting to the loss; FACET_OK: the camera is to stop or to pause. */
static int run_once(struct facet__camera *c)
{
    if (c->status.state != FACET_CAMERA_LOST) /* which it stays until it is back */
        set_state(c, FACET_CAMERA_CONNECTING, "");
    int err = connect(c);
    if (err)
        return err;
    set_state(c, FACET_CAMERA_WAITING_KEYFRAME, "");
    while (!err && may_run(c)) {
        struct facet_video_moment m;
        err = next_picture(c, &m);
        if (err == FACET_E_AGAIN) {
            err = FACET_OK;
            continue;
        }
        if (err)
            break;
        c->failures = 0;
        is_live_now(c);
        use_picture(c, &m);
    }
    return err;
}

/* --- life --- */

static double backoff_ms(struct facet__camera *c)
{
    double ms = BACKOFF_FIRST_MS << (c->failures < 3 ? c->failures : 3);
    c->failures++;
    ms = ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS;
    return ms * (0.75 + 0.5 * (double)facet_rng_uniform(&c->rng));
}

/* A file's end is the end, but for one that begins again; a stream's is a loss. */
static void be_lost(struct facet__camera *c, int err)
{
    bool is_end = err == FACET_E_END, is_out = c->is_file && c->owner->o.end_when_all_end;
    char why[256];
    snprintf(why, sizeof(why), "%s", is_end ? "the stream ended" : facet_error_text());
    if (c->is_file && is_end && c->conf.loop && c->time.has_begun) /* there was a picture in it */
        return;
    if (c->is_file && (is_end || is_out)) {
        set_state(c, FACET_CAMERA_ENDED, is_end ? "" : why);
        while (may_run(c))
            pause_ms(c, 1000);
        return;
    }
    set_state(c, FACET_CAMERA_LOST, why);
    pause_ms(c, backoff_ms(c));
}

static void be_off(struct facet__camera *c)
{
    set_state(c, FACET_CAMERA_DISABLED, load(&c->is_enabled) ? "not on its schedule" : "");
    struct facet_cameras *o = c->owner;
    facet_lock_take(&o->lock);
    if (!load(&c->is_stopping))
        facet_cond_wait_until(&o->changed, &o->lock, facet_now_ns() + LOOK_NS);
    facet_lock_give(&o->lock);
}

void facet__camera_main(void *ctx)
{
    struct facet__camera *c = ctx;
    c->time.last_ms = -1;
    facet_rng_seed(&c->rng, facet_now_ns() + (uint64_t)c->source);
    while (!load(&c->is_stopping)) {
        if (!look_wanted(c)) {
            be_off(c);
            continue;
        }
        int err = run_once(c);
        bool may = may_run(c);
        disconnect(c, err == FACET_E_END);
        if (err && may)
            be_lost(c, err);
    }
}
