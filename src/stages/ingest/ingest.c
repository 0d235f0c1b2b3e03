/* One source after the other, frame by frame. Frames and the bytes of picture files lie in memory
 * that is used again; a picture that must be turned upright is the one exception. */
#include "stages/ingest/ingest_priv.h"

#include "base/clock.h"
#include "base/errors.h"
#include "base/log.h"
#include "media/picture.h"
#include "media/video.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define POOL 10        /* frames on their way at most, made when first needed: more would only wait, in cold memory */
#define MAX_COUNTED 16 /* videos opened beforehand to count their frames */
#define USUAL_FPS 25

struct facet_ingest {
    struct facet_ingest_opts o;
    struct facet__sources sources;
    struct facet_frame_pool *pool;
    struct facet_video *video;
    uint8_t *file;
    size_t file_cap;
    int current; /* source being read, or next to open */
    bool is_open;
    int64_t taken;        /* frames of the current source */
    int64_t damaged;      /* damaged packets of the current video that were told */
    int64_t total_frames; /* 0: unknown */
    int done, failed;     /* atomic */
};

static bool is_cancelled(const struct facet_ingest *in)
{
    return in->o.cancel && *in->o.cancel;
}

/* ---- what there is ---- */

static int64_t taken_of(const struct facet_ingest_opts *o, int64_t frames)
{
    int64_t n = (frames + o->every - 1) / o->every;
    return o->max_frames > 0 && n > o->max_frames ? o->max_frames : n;
}

/* Frames of all sources, or 0 when one of them does not tell or there are too many to ask. */
static int64_t count_frames(const struct facet_ingest *in)
{
    int64_t total = 0;
    int videos = 0;
    for (int i = 0; i < in->sources.count; i++) {
        struct facet_video *v;
        if (!in->sources.items[i].is_video) {
            total++;
            continue;
        }
        if (++videos > MAX_COUNTED || facet_video_open(&v, in->sources.items[i].path, NULL))
            return 0;
        int64_t frames = facet_video_info(v)->frames;
        facet_video_close(&v);
        if (frames <= 0)
            return 0;
        total += taken_of(&in->o, frames);
    }
    return total;
}

static int ingest_open(void *state, const void *opts)
{
    struct facet_ingest *in = state;
    in->o = *(const struct facet_ingest_opts *)opts;
    in->o.every = in->o.every > 0 ? in->o.every : 1;
    int err = facet__sources_find(&in->sources, &in->o);
    if (!err)
        err = facet_frame_pool_open(&in->pool, POOL);
    if (!err)
        in->total_frames = count_frames(in);
    return err;
}

static void ingest_close(void *state)
{
    struct facet_ingest *in = state;
    facet_video_close(&in->video);
    facet_frame_pool_close(&in->pool);
    facet__sources_fini(&in->sources);
    free(in->file);
}

/* ---- one picture ---- */

static int read_exactly(int fd, const char *path, uint8_t *data, size_t len)
{
    for (size_t at = 0; at < len;) {
        ssize_t n = read(fd, data + at, len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return facet_fail_errno("read", path);
        if (n == 0)
            return facet_fail(FACET_E_IO, "cannot read '%s': it became shorter meanwhile", path);
        at += (size_t)n;
    }
    return FACET_OK;
}

/* The whole file into in->file, which grows when it must. */
static int load_file(struct facet_ingest *in, const char *path, size_t *len)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return facet_fail_errno("read", path);
    int err = fstat(fd, &st) ? facet_fail_errno("read", path) : FACET_OK;
    if (!err && !S_ISREG(st.st_mode))
        err = facet_fail(FACET_E_INVALID, "cannot read '%s': it is no file", path);
    if (!err && st.st_size > FACET_MAX_IMAGE_FILE)
        err = facet_fail(FACET_E_LIMIT,
                         "cannot read picture '%s': the file is too large, at most "
                         "%u bytes",
                         path, FACET_MAX_IMAGE_FILE);
    *len = err ? 0 : (size_t)st.st_size;
    if (!err && *len > in->file_cap) {
        uint8_t *file = realloc(in->file, *len);
        err = file ? FACET_OK : facet_fail_nomem();
        in->file = file ? file : in->file;
        in->file_cap = file ? *len : in->file_cap;
    }
    if (!err)
        err = read_exactly(fd, path, in->file, *len);
    close(fd);
    return err;
}

static int read_picture(struct facet_ingest *in, const char *path, struct facet_frame **out)
{
    struct facet_picture_info info;
    size_t len = 0;
    if (in->taken > 0)
        return FACET_E_END;
    int err = load_file(in, path, &len);
    if (!err)
        err = facet_picture_probe(&info, in->file, len, path);
    if (!err)
        err = facet_frame_get(out, in->pool, FACET_PIXEL_RGB24, info.width, info.height);
    if (!err)
        err = facet_picture_decode_into(&(*out)->image, in->file, len, path);
    if (err)
        facet_frame_unref(out);
    return err;
}

/* ---- one video ---- */

static int open_video(struct facet_ingest *in)
{
    struct facet__source *s = &in->sources.items[in->current];
    struct facet_video_opts o = {.threads = in->o.decode_threads, .cancel = in->o.cancel};
    int err = facet_video_open(&in->video, s->path, &o);
    if (!err) {
        double fps = facet_video_info(in->video)->fps;
        s->fps = fps > 0 ? fps : USUAL_FPS;
    }
    return err;
}

static int read_video(struct facet_ingest *in, struct facet_frame **out)
{
    int err = FACET_OK;
    if (in->o.max_frames > 0 && in->taken >= in->o.max_frames)
        return FACET_E_END;
    for (int skip = in->taken > 0 ? in->o.every - 1 : 0; !err && skip > 0; skip--)
        err = facet_video_skip(in->video);
    return err ? err : facet_video_read(in->video, in->pool, out);
}

/* ---- the stage ---- */

static int open_source(struct facet_ingest *in)
{
    in->taken = 0;
    in->damaged = 0;
    in->is_open = true;
    return in->sources.items[in->current].is_video ? open_video(in) : FACET_OK;
}

static int read_source(struct facet_ingest *in, struct facet_frame **out)
{
    return in->video ? read_video(in, out)
                     : read_picture(in, in->sources.items[in->current].path, out);
}

/* Damaged packets since the last call. */
static int newly_damaged(struct facet_ingest *in)
{
    int64_t all = in->video ? facet_video_damaged(in->video) : in->damaged;
    int news = (int)(all - in->damaged);
    in->damaged = all;
    return news;
}

/* One bad file ends a run over many: says what would go on. */
static int tell_keep_going(int err)
{
    char why[1024];
    snprintf(why, sizeof(why), "%s", facet_error_text());
    return facet_fail(err, "%s (--keep-going skips and counts such files)", why);
}

/* The current source is over, well or badly. FACET_OK: the next may come. */
static int end_source(struct facet_ingest *in, int err, int *dropped)
{
    bool is_failed = err != FACET_E_END;
    *dropped = newly_damaged(in);
    facet_video_close(&in->video);
    in->is_open = false;
    if (err == FACET_E_CANCELLED || err == FACET_E_NOMEM)
        return err;
    if (is_failed && !in->o.keep_going)
        return in->sources.count > 1 ? tell_keep_going(err) : err;
    if (is_failed) {
        facet_log(FACET_LOG_WARN, "ingest", "skipped: %s", facet_error_text());
        __atomic_add_fetch(&in->failed, 1, __ATOMIC_RELAXED);
    }
    __atomic_add_fetch(&in->done, 1, __ATOMIC_RELAXED);
    return FACET_OK;
}

static void send_frame(struct facet_ingest *in, struct facet_packet *p)
{
    p->frame->source = p->source = in->current;
    p->frame->wall_ms = facet_clock_system.wall_ms(facet_clock_system.ctx);
    p->dropped = newly_damaged(in);
    p->flush = !in->video; /* a picture is its source's last frame */
    in->taken++;
}

static int ingest_step(void *state, struct facet_packet *p)
{
    struct facet_ingest *in = state;
    while (!is_cancelled(in) && in->current < in->sources.count) {
        int err = in->is_open ? FACET_OK : open_source(in);
        if (!err)
            err = read_source(in, &p->frame);
        if (!err) {
            send_frame(in, p);
            return FACET_OK;
        }
        int dropped;
        bool was_video = in->video != NULL;
        err = end_source(in, err, &dropped);
        if (err)
            return err;
        int ended = in->current++;
        if (was_video && in->taken > 0) {
            p->flush = true;
            p->source = ended;
            p->dropped = dropped;
            return FACET_OK;
        }
    }
    return FACET_E_END;
}

void facet_ingest_progress(const struct facet_ingest *in, struct facet_ingest_total *out)
{
    out->frames = in->total_frames;
    out->sources = in->sources.count;
    out->done_sources = __atomic_load_n(&in->done, __ATOMIC_RELAXED);
    out->failed_sources = __atomic_load_n(&in->failed, __ATOMIC_RELAXED);
}

static const struct facet__source *source_at(const struct facet_ingest *in, int source)
{
    return source >= 0 && source < in->sources.count ? &in->sources.items[source] : NULL;
}

const char *facet_ingest_source_name(const struct facet_ingest *in, int source)
{
    const struct facet__source *s = source_at(in, source);
    return s ? s->path : "";
}

bool facet_ingest_is_video(const struct facet_ingest *in, int source)
{
    const struct facet__source *s = source_at(in, source);
    return s && s->is_video;
}

double facet_ingest_fps(const struct facet_ingest *in, int source)
{
    const struct facet__source *s = source_at(in, source);
    return s ? s->fps : 0;
}

const struct facet_stage_ops facet_stage_ingest = {
    .name = "ingest",
    .state_size = sizeof(struct facet_ingest),
    .open = ingest_open,
    .step = ingest_step,
    .close = ingest_close,
};
