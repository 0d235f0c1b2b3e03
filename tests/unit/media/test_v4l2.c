/* A camera that is made here: it answers as the kernel does, and lies when told to. No hardware takes part. */
#include "test.h"

#include "base/errors.h"
#include "media/v4l2_priv.h"

#include <errno.h>
#include <linux/videodev2.h>
#include <stdlib.h>
#include <string.h>

struct size { uint32_t width, height; double fps[4]; };
struct format { uint32_t fourcc; struct size sizes[4]; };

struct fake {
    struct facet__v4l2_io io;
    const struct format *formats;
    uint32_t caps;
    int opened, mapped, queued;
    struct v4l2_format set;
    uint32_t fail_request;     /* this call fails with `fail_errno` */
    int fail_errno;
    bool is_stepwise, gives_another, is_huge, is_silent, is_streaming;
    uint32_t next_index, next_bytes, next_flags;
    uint8_t memory[4][4096];
};

static const struct format webcam[] = {
    {FACET__FOURCC_YUYV, {{640, 480, {30, 15}}, {1280, 720, {10}}, {0}}},
    {FACET__FOURCC_MJPG, {{640, 480, {30}}, {1280, 720, {60, 30, 15}}, {1920, 1080, {30}}, {0}}},
    {FACET__FOURCC('X', 'X', 'X', 'X'), {{1280, 720, {30}}}},
    {0},
};
static const struct format odd[] = {{FACET__FOURCC('X', 'X', 'X', 'X'), {{1280, 720, {30}}}}, {0}};
static const struct format listless[] = {{FACET__FOURCC_NV12, {{0}}}, {0}};

static int fake_open(void *ctx, const char *path)
{
    struct fake *f = ctx;
    if (strcmp(path, "/dev/video7") != 0) {
        errno = ENOENT;
        return -1;
    }
    f->opened++;
    return 7;
}

static void fake_close(void *ctx, int fd)
{
    struct fake *f = ctx;
    assert_int_equal(fd, 7);
    f->opened--;
}

static const struct format *format_of(const struct fake *f, uint32_t fourcc)
{
    for (const struct format *x = f->formats; x->fourcc; x++)
        if (x->fourcc == fourcc)
            return x;
    return NULL;
}

static int no(int why)
{
    errno = why;
    return -1;
}

static int list_formats(const struct fake *f, struct v4l2_fmtdesc *e)
{
    uint32_t n = 0;
    while (f->formats[n].fourcc)
        n++;
    if (e->index >= n)
        return no(EINVAL);
    e->pixelformat = f->formats[e->index].fourcc;
    return 0;
}

static int list_sizes(const struct fake *f, struct v4l2_frmsizeenum *e)
{
    const struct format *x = format_of(f, e->pixel_format);
    if (f->is_stepwise && e->index == 0) {
        e->type = V4L2_FRMSIZE_TYPE_STEPWISE;
        e->stepwise = (struct v4l2_frmsize_stepwise){160, 1000, 16, 120, 1000, 8};
        return 0;
    }
    if (e->index >= 4 || !x->sizes[e->index].width)
        return no(EINVAL);
    e->type = V4L2_FRMSIZE_TYPE_DISCRETE;
    e->discrete.width = x->sizes[e->index].width;
    e->discrete.height = x->sizes[e->index].height;
    return 0;
}

static int list_rates(const struct fake *f, struct v4l2_frmivalenum *e)
{
    const struct format *x = format_of(f, e->pixel_format);
    for (int i = 0; x && i < 4; i++) {
        const struct size *s = &x->sizes[i];
        if (s->width != e->width || s->height != e->height)
            continue;
        if (e->index >= 4 || s->fps[e->index] <= 0)
            return no(EINVAL);
        e->type = V4L2_FRMIVAL_TYPE_DISCRETE;
        e->discrete = (struct v4l2_fract){1, (uint32_t)s->fps[e->index]};
        return 0;
    }
    return no(EINVAL);
}

static int give_buffer(struct fake *f, struct v4l2_buffer *b)
{
    b->index = f->next_index;
    b->bytesused = f->next_bytes;
    b->flags = f->next_flags;
    f->queued--;
    return 0;
}

static int fake_ioctl(void *ctx, int fd, unsigned long request, void *arg)
{
    struct fake *f = ctx;
    assert_int_equal(fd, 7);
    if (f->fail_request == (uint32_t)request)
        return no(f->fail_errno);
    switch ((uint32_t)request) {
    case VIDIOC_QUERYCAP: ((struct v4l2_capability *)arg)->capabilities = f->caps; return 0;
    case VIDIOC_ENUM_FMT: return list_formats(f, arg);
    case VIDIOC_ENUM_FRAMESIZES: return list_sizes(f, arg);
    case VIDIOC_ENUM_FRAMEINTERVALS: return list_rates(f, arg);
    case VIDIOC_S_FMT:
        if (f->gives_another)
            ((struct v4l2_format *)arg)->fmt.pix.pixelformat = FACET__FOURCC('X', 'X', 'X', 'X');
        f->set = *(struct v4l2_format *)arg;
        return 0;
    case VIDIOC_S_PARM: return 0;
    case VIDIOC_REQBUFS: return 0;
    case VIDIOC_QUERYBUF: ((struct v4l2_buffer *)arg)->length = f->is_huge ? 0xffffffffu : 4096; return 0;
    case VIDIOC_QBUF: f->queued++; return 0;
    case VIDIOC_DQBUF: return give_buffer(f, arg);
    case VIDIOC_STREAMON: f->is_streaming = true; return 0;
    case VIDIOC_STREAMOFF: f->is_streaming = false; return 0;
    default: return no(ENOTTY);
    }
}

static void *fake_map(void *ctx, int fd, size_t length, int64_t offset)
{
    struct fake *f = ctx;
    return f->memory[f->mapped++ % 4];
}

static void fake_unmap(void *ctx, void *memory, size_t length)
{
    struct fake *f = ctx;
    assert_int_equal(length, 4096);
    f->mapped--;
}

static int fake_wait(void *ctx, int fd, int timeout_ms)
{
    return !((struct fake *)ctx)->is_silent;
}

static struct fake *fake_new(const struct format *formats)
{
    struct fake *f = calloc(1, sizeof(*f));
    *f = (struct fake){.formats = formats, .caps = V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_STREAMING, .next_bytes = 100};
    f->io = (struct facet__v4l2_io){fake_open, fake_close, fake_ioctl, fake_map, fake_unmap, fake_wait, f};
    return f;
}

/* Nothing may be left open, mapped or running. */
static void fake_free(struct fake *f)
{
    assert_int_equal(f->opened, 0);
    assert_int_equal(f->mapped, 0);
    assert_false(f->is_streaming);
    free(f);
}

static struct facet__v4l2 *open_wish(struct fake *f, int width, int height, double fps)
{
    struct facet__v4l2 *v;
    const struct facet__v4l2_mode wish = {.width = width, .height = height, .fps = fps};
    if (facet__v4l2_open(&v, "/dev/video7", &wish, &f->io) != FACET_OK)
        fail_msg("%s", facet_error_text());
    return v;
}

static void check_mode(int width, int height, double fps, struct facet__v4l2_mode expected)
{
    struct fake *f = fake_new(webcam);
    struct facet__v4l2 *v = open_wish(f, width, height, fps);
    const struct facet__v4l2_mode *m = facet__v4l2_mode(v);
    assert_int_equal(m->fourcc, expected.fourcc);
    assert_int_equal(m->width, expected.width);
    assert_int_equal(m->height, expected.height);
    assert_float_equal(m->fps, expected.fps, 0.01);
    assert_int_equal(f->set.fmt.pix.pixelformat, expected.fourcc);
    assert_int_equal(f->queued, 4);
    facet__v4l2_close(&v);
    assert_null(v);
    fake_free(f);
}

static void test_v4l2__nearest_mode_is_taken(void **state)
{
    check_mode(0, 0, 0, (struct facet__v4l2_mode){FACET__FOURCC_MJPG, 1280, 720, 30, 0});         /* YUYV is too slow at that size */
    check_mode(640, 480, 15, (struct facet__v4l2_mode){FACET__FOURCC_YUYV, 640, 480, 15, 0});     /* no need to decode */
    check_mode(1280, 720, 10, (struct facet__v4l2_mode){FACET__FOURCC_YUYV, 1280, 720, 10, 0});
    check_mode(4000, 3000, 30, (struct facet__v4l2_mode){FACET__FOURCC_MJPG, 1920, 1080, 30, 0});
    check_mode(320, 240, 30, (struct facet__v4l2_mode){FACET__FOURCC_YUYV, 640, 480, 30, 0});
    check_mode(1280, 720, 50, (struct facet__v4l2_mode){FACET__FOURCC_MJPG, 1280, 720, 60, 0});
}

static void test_v4l2__sizes_in_steps_and_no_list_at_all(void **state)
{
    struct fake *f = fake_new(webcam);
    f->is_stepwise = true;
    struct facet__v4l2 *v = open_wish(f, 650, 2000, 30);
    assert_int_equal(facet__v4l2_mode(v)->width, 640);
    assert_int_equal(facet__v4l2_mode(v)->height, 1000);
    facet__v4l2_close(&v);
    fake_free(f);
    f = fake_new(listless);
    v = open_wish(f, 800, 600, 30);
    assert_int_equal(facet__v4l2_mode(v)->width, 800);
    assert_int_equal(facet__v4l2_mode(v)->fourcc, FACET__FOURCC_NV12);
    facet__v4l2_close(&v);
    fake_free(f);
}

static void test_v4l2__pictures_go_round(void **state)
{
    struct fake *f = fake_new(webcam);
    struct facet__v4l2 *v = open_wish(f, 0, 0, 0);
    const uint8_t *data;
    size_t len;
    bool is_damaged;
    for (uint32_t i = 0; i < 20; i++) {
        f->next_index = i % 4;
        f->memory[i % 4][0] = (uint8_t)i;
        assert_int_equal(facet__v4l2_next(v, 100, &data, &len, &is_damaged), FACET_OK);
        assert_int_equal(data[0], i);
        assert_int_equal(len, 100);
        assert_int_equal(f->queued, 3); /* one is lent */
    }
    f->is_silent = true;
    assert_int_equal(facet__v4l2_next(v, 100, &data, &len, &is_damaged), FACET_E_AGAIN);
    assert_false(is_damaged);
    assert_int_equal(f->queued, 4);
    facet__v4l2_close(&v);
    fake_free(f);
}

static void test_v4l2__damaged_and_lying_buffers_are_left_out(void **state)
{
    struct fake *f = fake_new(webcam);
    struct facet__v4l2 *v = open_wish(f, 0, 0, 0);
    const uint8_t *data;
    size_t len;
    bool is_damaged;
    const struct { uint32_t bytes, flags; } bad[] = {{100, V4L2_BUF_FLAG_ERROR}, {0, 0}, {4097, 0}, {0xffffffff, 0}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        f->next_bytes = bad[i].bytes;
        f->next_flags = bad[i].flags;
        assert_int_equal(facet__v4l2_next(v, 100, &data, &len, &is_damaged), FACET_E_AGAIN);
        assert_true(is_damaged);
    }
    f->next_index = 4;
    assert_int_equal(facet__v4l2_next(v, 100, &data, &len, &is_damaged), FACET_E_FORMAT);
    facet__v4l2_close(&v);
    fake_free(f);
}

static void test_v4l2__pulled_out_is_gone(void **state)
{
    struct fake *f = fake_new(webcam);
    struct facet__v4l2 *v = open_wish(f, 0, 0, 0);
    const uint8_t *data;
    size_t len;
    bool is_damaged;
    f->fail_request = (uint32_t)VIDIOC_DQBUF;
    f->fail_errno = ENODEV;
    assert_int_equal(facet__v4l2_next(v, 100, &data, &len, &is_damaged), FACET_E_NET);
    assert_non_null(strstr(facet_error_text(), "gone"));
    facet__v4l2_close(&v);
    fake_free(f);
}

static void check_refused(struct fake *f, const char *path, int code, const char *part)
{
    struct facet__v4l2 *v = (void *)1;
    const struct facet__v4l2_mode wish = {0};
    assert_int_equal(facet__v4l2_open(&v, path, &wish, &f->io), code);
    if (!strstr(facet_error_text(), part))
        fail_msg("'%s' is not in: %s", part, facet_error_text());
    assert_null(v);
    fake_free(f);
}

static void test_v4l2__what_is_no_camera_is_refused(void **state)
{
    check_refused(fake_new(webcam), "/dev/video8", FACET_E_NOT_FOUND, "/dev/video8");
    struct fake *f = fake_new(webcam);
    f->caps = V4L2_CAP_STREAMING;
    check_refused(f, "/dev/video7", FACET_E_UNSUPPORTED, "no pictures");
    f = fake_new(webcam), f->caps = V4L2_CAP_VIDEO_CAPTURE;
    check_refused(f, "/dev/video7", FACET_E_UNSUPPORTED, "stream");
    f = fake_new(webcam), f->fail_request = (uint32_t)VIDIOC_QUERYCAP, f->fail_errno = ENOTTY;
    check_refused(f, "/dev/video7", FACET_E_UNSUPPORTED, "no camera");
    check_refused(fake_new(odd), "/dev/video7", FACET_E_UNSUPPORTED, "formats");
    f = fake_new(webcam), f->gives_another = true;
    check_refused(f, "/dev/video7", FACET_E_UNSUPPORTED, "format of its own");
    f = fake_new(webcam), f->is_huge = true;
    check_refused(f, "/dev/video7", FACET_E_LIMIT, "buffer");
}

static void test_v4l2__each_call_may_fail(void **state)
{
    static const uint32_t requests[] = {(uint32_t)VIDIOC_S_FMT, (uint32_t)VIDIOC_REQBUFS, (uint32_t)VIDIOC_QUERYBUF,
                                        (uint32_t)VIDIOC_QBUF, (uint32_t)VIDIOC_STREAMON};
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct fake *f = fake_new(webcam);
        f->fail_request = requests[i];
        f->fail_errno = EBUSY;
        check_refused(f, "/dev/video7", FACET_E_IO, "busy");
    }
    struct fake *f = fake_new(webcam);
    f->fail_request = (uint32_t)VIDIOC_S_PARM; /* a rate that cannot be set is none to fail for */
    f->fail_errno = ENOTTY;
    struct facet__v4l2 *v = open_wish(f, 0, 0, 0);
    facet__v4l2_close(&v);
    facet__v4l2_close(&v);
    fake_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_v4l2__nearest_mode_is_taken),
        cmocka_unit_test(test_v4l2__sizes_in_steps_and_no_list_at_all),
        cmocka_unit_test(test_v4l2__pictures_go_round),
        cmocka_unit_test(test_v4l2__damaged_and_lying_buffers_are_left_out),
        cmocka_unit_test(test_v4l2__pulled_out_is_gone),
        cmocka_unit_test(test_v4l2__what_is_no_camera_is_refused),
        cmocka_unit_test(test_v4l2__each_call_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
