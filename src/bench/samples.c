/* Sample videos: clips scaled to a number of lines and encoded anew, kept in the cache folder under a name that tells
 * clip, lines and frames. */
#include "bench/bench_pipeline.h"

#include "base/errors.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/resize.h"
#include "media/video.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES 4            /* of the pool */

struct copying {
    struct facet_video *in;
    struct facet_video_writer *out;
    struct facet_frame_pool *pool;
    struct facet_image scaled;
    int width, height;
};

static int sample_path(char *out, size_t cap, const char *clip, int height, int64_t max_frames)
{
    char dir[2048], samples[2100], name[256];
    struct facet_file_id id;
    int err = facet_file_identify(clip, &id);
    if (!err)
        err = facet_cache_dir(dir, sizeof(dir));
    if (!err)
        err = facet_path_join(samples, sizeof(samples), dir, "samples");
    if (!err)
        err = facet_mkdirs(samples);
    if (err)
        return err;
    uint64_t what[3] = { id.size, id.mtime_ns, (uint64_t)max_frames };
    const char *base = facet_path_base(clip);
    snprintf(name, sizeof(name), "%.*s-%d-%08x.mp4", (int)strcspn(base, "."), base, height, (unsigned)facet_hash64(what, sizeof(what), 1));
    return facet_path_join(out, cap, samples, name);
}

static int copy_frames(struct copying *c, int64_t max_frames, const atomic_int *cancel)
{
    int err = FACET_OK;
    for (int64_t n = 0; !err && (max_frames == 0 || n < max_frames); n++) {
        struct facet_frame *f = NULL;
        if (cancel && *cancel)
            return facet_fail(FACET_E_CANCELLED, "cancelled");
        err = facet_video_read(c->in, c->pool, &f);
        if (!err)
            err = facet_resize(&c->scaled, &f->image, FACET_SCALE_AREA);
        if (!err)
            err = facet_video_writer_put(c->out, &c->scaled, f->pts_ms);
        facet_frame_unref(&f);
    }
    return err == FACET_E_END ? FACET_OK : err;
}

static int copy_video(const char *clip, const char *to, int height, int64_t max_frames, const atomic_int *cancel)
{
    struct copying c = { .height = height };
    struct facet_video_opts vo = FACET_VIDEO_OPTS_INIT;
    int err = facet_video_open(&c.in, clip, &vo);
    if (!err) {
        const struct facet_video_info *info = facet_video_info(c.in);
        c.width = (int)((double)info->width * height / info->height / 2 + 0.5) * 2;
        err = facet_frame_pool_open(&c.pool, FRAMES);
        if (!err)
            err = facet_image_init(&c.scaled, FACET_PIXEL_RGB24, c.width, c.height);
        if (!err)
            err = facet_video_writer_open(&c.out, to, c.width, c.height, info->fps > 0 ? info->fps : 25);
    }
    if (!err)
        err = copy_frames(&c, max_frames, cancel);
    if (!err)
        err = facet_video_writer_finish(c.out);
    facet_video_writer_close(&c.out);
    facet_image_fini(&c.scaled);
    facet_frame_pool_close(&c.pool);
    facet_video_close(&c.in);
    return err;
}

int facet_bench_sample(char *out, size_t cap, const char *clip, int height, int64_t max_frames, const atomic_int *cancel)
{
    char part[4096];
    if (height < 16 || height > 4320 || height % 2)
        return facet_fail(FACET_E_INVALID, "cannot make a sample video of %d lines: give an even number from 16 to 4320", height);
    int err = sample_path(out, cap, clip, height, max_frames);
    if (err || facet_path_exists(out))
        return err;
    if ((size_t)snprintf(part, sizeof(part), "%s.%ld.mp4", out, (long)getpid()) >= sizeof(part))
        return facet_fail(FACET_E_LIMIT, "path '%.60s...' is too long", out);
    err = copy_video(clip, part, height, max_frames, cancel);
    if (!err && rename(part, out) != 0)
        err = facet_fail_errno("make", out);
    if (err)
        unlink(part);
    return err;
}
