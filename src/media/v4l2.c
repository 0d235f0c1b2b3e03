/* Formats first: every one that the device has is compared with the wish, and the best is set; the driver may still answer
 * with another, which is taken if it can be used. Then memory is shared with the driver in a few buffers that go round. What
 * the driver says is checked as if it came from a network: fake and broken devices are common. */
#include "media/v4l2_priv.h"

#include "base/errors.h"
#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFERS 4
#define MAX_FORMATS 64  /* asked of a device */
#define MAX_SIZES 128
#define MAX_RATES 64
#define MAX_BUFFER (256u << 20)
#define WISH_WIDTH 1280
#define WISH_HEIGHT 720
#define WISH_FPS 30.0

struct facet__v4l2 {
    const struct facet__v4l2_io *io;
    const char *path; /* borrowed while opening */
    int fd;
    struct facet__v4l2_mode mode;
    struct { uint8_t *data; size_t len; } buffer[BUFFERS];
    uint32_t n_buffers;
    bool is_streaming;
    int lent; /* index of the buffer that the caller looks at; -1: none */
};

/* --- the device itself --- */

static int system_open(void *ctx, const char *path)
{
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static void system_close(void *ctx, int fd)
{
    close(fd);
}

static int system_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
    int got;
    do
        got = ioctl(fd, request, arg);
    while (got < 0 && errno == EINTR);
    return got;
}

static void *system_map(void *ctx, int fd, size_t length, int64_t offset)
{
    void *m = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    return m == MAP_FAILED ? NULL : m;
}

static void system_unmap(void *ctx, void *memory, size_t length)
{
    munmap(memory, length);
}

static int system_wait(void *ctx, int fd, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, timeout_ms) > 0;
}

const struct facet__v4l2_io facet__v4l2_system = {
    .open = system_open, .close = system_close, .ioctl = system_ioctl,
    .map = system_map, .unmap = system_unmap, .wait = system_wait,
};

static int call(const struct facet__v4l2 *v, unsigned long request, void *arg)
{
    return v->io->ioctl(v->io->ctx, v->fd, request, arg);
}

static int fail(const struct facet__v4l2 *v, const char *doing)
{
    if (errno == EBUSY)
        return facet_fail(FACET_E_IO, "cannot %s camera '%s': another program has it (busy)", doing, v->path);
    return facet_fail(FACET_E_IO, "cannot %s camera '%s': %s", doing, v->path, strerror(errno));
}

/* --- which format --- */

static const uint32_t known[] = {
    FACET__FOURCC_YUYV, FACET__FOURCC_NV12, FACET__FOURCC_YU12, FACET__FOURCC_UYVY,
    FACET__FOURCC_MJPG, FACET__FOURCC_JPEG, FACET__FOURCC_H264, FACET__FOURCC_GREY,
};

static int rank_of(uint32_t fourcc)
{
    for (int i = 0; i < (int)(sizeof(known) / sizeof(known[0])); i++)
        if (known[i] == fourcc)
            return i;
    return -1;
}

/* A rate under the wish counts most, then a picture smaller than the wish, then how much larger it is, then the format. */
static double penalty(const struct facet__v4l2_mode *m, const struct facet__v4l2_mode *wish)
{
    double area = (double)m->width * m->height, wanted = (double)wish->width * wish->height;
    double slow = m->fps > 0 && m->fps < wish->fps * 0.99 ? (wish->fps - m->fps) / wish->fps : 0;
    double small = area < wanted ? 1 - area / wanted : 0, large = area > wanted ? area / wanted - 1 : 0;
    return 8 * slow + 4 * small + large + 0.001 * rank_of(m->fourcc);
}

bool facet__v4l2_suits_better(const struct facet__v4l2_mode *a, const struct facet__v4l2_mode *b, const struct facet__v4l2_mode *wish)
{
    if (rank_of(a->fourcc) < 0 || a->width < 1 || a->height < 1 || a->width > FACET_MAX_IMAGE_SIDE || a->height > FACET_MAX_IMAGE_SIDE)
        return false;
    return rank_of(b->fourcc) < 0 || penalty(a, wish) < penalty(b, wish);
}

static double rate_of(struct v4l2_fract interval)
{
    return interval.numerator ? (double)interval.denominator / interval.numerator : 0;
}

/* The least rate of a size that is enough, or its highest. */
static double best_rate(const struct facet__v4l2 *v, const struct facet__v4l2_mode *m, double wish)
{
    double best = 0;
    for (uint32_t i = 0; i < MAX_RATES; i++) {
        struct v4l2_frmivalenum e = {.index = i, .pixel_format = m->fourcc, .width = (uint32_t)m->width, .height = (uint32_t)m->height};
        if (call(v, VIDIOC_ENUM_FRAMEINTERVALS, &e) < 0)
            break;
        bool is_one = e.type == V4L2_FRMIVAL_TYPE_DISCRETE;
        double fps = rate_of(is_one ? e.discrete : e.stepwise.min);
        if (!is_one && fps > wish)
            fps = wish;
        bool is_enough = fps >= wish * 0.99, was_enough = best >= wish * 0.99;
        if (best <= 0 || (is_enough && !was_enough) || (is_enough == was_enough && (is_enough ? fps < best : fps > best)))
            best = fps;
        if (!is_one)
            break;
    }
    return best;
}

static uint32_t within(uint32_t value, uint32_t least, uint32_t most, uint32_t step)
{
    value = value < least ? least : value > most ? most : value;
    return step > 1 ? least + (value - least) / step * step : value;
}

static void try_mode(const struct facet__v4l2 *v, struct facet__v4l2_mode m, const struct facet__v4l2_mode *wish, struct facet__v4l2_mode *best)
{
    m.fps = best_rate(v, &m, wish->fps);
    if (facet__v4l2_suits_better(&m, best, wish))
        *best = m;
}

static void try_sizes(const struct facet__v4l2 *v, uint32_t fourcc, const struct facet__v4l2_mode *wish, struct facet__v4l2_mode *best)
{
    uint32_t i = 0;
    for (; i < MAX_SIZES; i++) {
        struct v4l2_frmsizeenum e = {.index = i, .pixel_format = fourcc};
        if (call(v, VIDIOC_ENUM_FRAMESIZES, &e) < 0)
            break;
        struct facet__v4l2_mode m = {.fourcc = fourcc};
        bool is_one = e.type == V4L2_FRMSIZE_TYPE_DISCRETE;
        const struct v4l2_frmsize_stepwise *s = &e.stepwise;
        m.width = (int)(is_one ? e.discrete.width : within((uint32_t)wish->width, s->min_width, s->max_width, s->step_width));
        m.height = (int)(is_one ? e.discrete.height : within((uint32_t)wish->height, s->min_height, s->max_height, s->step_height));
        try_mode(v, m, wish, best);
        if (!is_one)
            return;
    }
    if (i == 0) { /* a driver that lists none may still do what is asked for */
        struct facet__v4l2_mode m = {.fourcc = fourcc, .width = wish->width, .height = wish->height};
        try_mode(v, m, wish, best);
    }
}

static int choose_mode(struct facet__v4l2 *v, const struct facet__v4l2_mode *wish)
{
    struct facet__v4l2_mode best = {0};
    for (uint32_t i = 0; i < MAX_FORMATS; i++) {
        struct v4l2_fmtdesc e = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
        if (call(v, VIDIOC_ENUM_FMT, &e) < 0)
            break;
        if (rank_of(e.pixelformat) >= 0)
            try_sizes(v, e.pixelformat, wish, &best);
    }
    if (rank_of(best.fourcc) < 0)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use camera '%s': none of its formats is known (YUYV, NV12, MJPEG, H.264 ...)", v->path);
    v->mode = best;
    return FACET_OK;
}

static int set_mode(struct facet__v4l2 *v)
{
    struct v4l2_format f = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    f.fmt.pix.width = (uint32_t)v->mode.width;
    f.fmt.pix.height = (uint32_t)v->mode.height;
    f.fmt.pix.pixelformat = v->mode.fourcc;
    f.fmt.pix.field = V4L2_FIELD_ANY;
    if (call(v, VIDIOC_S_FMT, &f) < 0)
        return fail(v, "set the format of");
    const struct v4l2_pix_format *p = &f.fmt.pix;
    if (rank_of(p->pixelformat) < 0 || p->width < 1 || p->height < 1 || p->width > FACET_MAX_IMAGE_SIDE || p->height > FACET_MAX_IMAGE_SIDE)
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use camera '%s': it answered with a format of its own that is not known", v->path);
    v->mode.fourcc = p->pixelformat;
    v->mode.width = (int)p->width;
    v->mode.height = (int)p->height;
    v->mode.stride = p->bytesperline;
    return FACET_OK;
}

/* The rate is a wish: a driver that cannot set one gives its own. */
static void set_rate(struct facet__v4l2 *v)
{
    struct v4l2_streamparm p = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE};
    if (v->mode.fps <= 0)
        return;
    p.parm.capture.timeperframe = (struct v4l2_fract){1000, (uint32_t)(v->mode.fps * 1000 + 0.5)};
    if (call(v, VIDIOC_S_PARM, &p) < 0)
        return;
    double fps = rate_of(p.parm.capture.timeperframe);
    v->mode.fps = fps > 0 && fps < 1000 ? fps : 0;
}

/* --- buffers --- */

static int queue(const struct facet__v4l2 *v, uint32_t i)
{
    struct v4l2_buffer b = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    return call(v, VIDIOC_QBUF, &b);
}

static int map_buffer(struct facet__v4l2 *v, uint32_t i)
{
    struct v4l2_buffer b = {.index = i, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    if (call(v, VIDIOC_QUERYBUF, &b) < 0)
        return fail(v, "ask for the memory of");
    if (b.length == 0 || b.length > MAX_BUFFER)
        return facet_fail(FACET_E_LIMIT, "cannot use camera '%s': it offers a buffer of %u bytes", v->path, b.length);
    v->buffer[i].data = v->io->map(v->io->ctx, v->fd, b.length, b.m.offset);
    if (!v->buffer[i].data)
        return fail(v, "map the memory of");
    v->buffer[i].len = b.length;
    return queue(v, i) < 0 ? fail(v, "give memory to") : FACET_OK;
}

static int start(struct facet__v4l2 *v)
{
    struct v4l2_requestbuffers r = {.count = BUFFERS, .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE, err = FACET_OK;
    if (call(v, VIDIOC_REQBUFS, &r) < 0)
        return fail(v, "get memory from");
    if (r.count < 1)
        return facet_fail(FACET_E_IO, "cannot get memory from camera '%s': it has none", v->path);
    v->n_buffers = r.count < BUFFERS ? r.count : BUFFERS;
    for (uint32_t i = 0; !err && i < v->n_buffers; i++)
        err = map_buffer(v, i);
    if (!err && call(v, VIDIOC_STREAMON, &type) < 0)
        err = fail(v, "start");
    v->is_streaming = !err;
    return err;
}

/* --- life --- */

static int check_device(struct facet__v4l2 *v)
{
    struct v4l2_capability c = {0};
    if (call(v, VIDIOC_QUERYCAP, &c) < 0)
        return errno == ENOTTY || errno == EINVAL ? facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s': it is no camera", v->path) : fail(v, "ask");
    uint32_t can = c.capabilities & V4L2_CAP_DEVICE_CAPS ? c.device_caps : c.capabilities;
    if (!(can & V4L2_CAP_VIDEO_CAPTURE))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use '%s': it gives no pictures (metadata, or an output); its neighbour may", v->path);
    if (!(can & V4L2_CAP_STREAMING))
        return facet_fail(FACET_E_UNSUPPORTED, "cannot use camera '%s': it cannot stream", v->path);
    return FACET_OK;
}

int facet__v4l2_open(struct facet__v4l2 **out, const char *path, const struct facet__v4l2_mode *wish, const struct facet__v4l2_io *io)
{
    struct facet__v4l2_mode want = *wish;
    struct facet__v4l2 *v = calloc(1, sizeof(*v));
    *out = NULL;
    if (!v)
        return facet_fail_nomem();
    want.width = want.width > 0 ? want.width : WISH_WIDTH;
    want.height = want.height > 0 ? want.height : WISH_HEIGHT;
    want.fps = want.fps > 0 ? want.fps : WISH_FPS;
    *v = (struct facet__v4l2){.io = io, .path = path, .lent = -1};
    v->fd = io->open(io->ctx, path);
    int err = v->fd < 0 ? facet_fail_errno("open camera", path) : check_device(v);
    if (!err)
        err = choose_mode(v, &want);
    if (!err)
        err = set_mode(v);
    if (!err)
        set_rate(v);
    if (!err)
        err = start(v);
    v->path = "";
    if (err)
        facet__v4l2_close(&v);
    *out = v;
    return err;
}

void facet__v4l2_close(struct facet__v4l2 **pv)
{
    struct facet__v4l2 *v = *pv;
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    *pv = NULL;
    if (!v)
        return;
    if (v->is_streaming)
        call(v, VIDIOC_STREAMOFF, &type);
    for (uint32_t i = 0; i < v->n_buffers; i++)
        if (v->buffer[i].data)
            v->io->unmap(v->io->ctx, v->buffer[i].data, v->buffer[i].len);
    if (v->fd >= 0)
        v->io->close(v->io->ctx, v->fd);
    free(v);
}

const struct facet__v4l2_mode *facet__v4l2_mode(const struct facet__v4l2 *v)
{
    return &v->mode;
}

static int is_gone(void)
{
    return facet_fail(FACET_E_NET, "the camera is gone: %s", strerror(errno));
}

int facet__v4l2_next(struct facet__v4l2 *v, int timeout_ms, const uint8_t **data, size_t *len, bool *is_damaged)
{
    struct v4l2_buffer b = {.type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP};
    *is_damaged = false;
    if (v->lent >= 0 && queue(v, (uint32_t)v->lent) < 0)
        return is_gone();
    v->lent = -1;
    if (!v->io->wait(v->io->ctx, v->fd, timeout_ms))
        return FACET_E_AGAIN;
    if (call(v, VIDIOC_DQBUF, &b) < 0)
        return errno == EAGAIN ? FACET_E_AGAIN : is_gone();
    if (b.index >= v->n_buffers)
        return facet_fail(FACET_E_FORMAT, "the camera gave a buffer that it does not have");
    v->lent = (int)b.index;
    *is_damaged = b.flags & V4L2_BUF_FLAG_ERROR || b.bytesused == 0 || b.bytesused > v->buffer[b.index].len;
    if (*is_damaged)
        return FACET_E_AGAIN;
    *data = v->buffer[b.index].data;
    *len = b.bytesused;
    return FACET_OK;
}
