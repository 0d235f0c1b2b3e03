/* Cameras of Video4Linux 2 (USB and others): which of a device's formats to take, and its pictures as they come, compressed
 * or not. Knows the kernel's interface and nothing of codecs. All that touches the device goes through struct
 * facet__v4l2_io, so that tests can be the device. */
#ifndef FACET_MEDIA_V4L2_PRIV_H
#define FACET_MEDIA_V4L2_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the calls of the same name: -1 and errno. */
struct facet__v4l2_io {
    int (*open)(void *ctx, const char *path);
    void (*close)(void *ctx, int fd);
    int (*ioctl)(void *ctx, int fd, unsigned long request, void *arg);
    void *(*map)(void *ctx, int fd, size_t length, int64_t offset);    /* NULL: refused */
    void (*unmap)(void *ctx, void *memory, size_t length);
    /* 1: a picture may be fetched; 0: not within timeout_ms. */
    int (*wait)(void *ctx, int fd, int timeout_ms);
    void *ctx;
};
extern const struct facet__v4l2_io facet__v4l2_system;

struct facet__v4l2_mode {
    uint32_t fourcc;
    int width, height;
    double fps;                /* 0: the driver does not tell */
    size_t stride;             /* bytes from row to row, of what is not compressed */
};

/* Formats that can be used, in order of preference where all else is equal. */
#define FACET__FOURCC(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define FACET__FOURCC_YUYV FACET__FOURCC('Y', 'U', 'Y', 'V')
#define FACET__FOURCC_NV12 FACET__FOURCC('N', 'V', '1', '2')
#define FACET__FOURCC_YU12 FACET__FOURCC('Y', 'U', '1', '2')
#define FACET__FOURCC_UYVY FACET__FOURCC('U', 'Y', 'V', 'Y')
#define FACET__FOURCC_MJPG FACET__FOURCC('M', 'J', 'P', 'G')
#define FACET__FOURCC_JPEG FACET__FOURCC('J', 'P', 'E', 'G')
#define FACET__FOURCC_H264 FACET__FOURCC('H', '2', '6', '4')
#define FACET__FOURCC_GREY FACET__FOURCC('G', 'R', 'E', 'Y')

struct facet__v4l2;
/* The mode nearest to the wish (0: 1280x720, 30) is set and streaming has begun. FACET_E_UNSUPPORTED when the device is no camera
 * or has no format that can be used; FACET_E_IO when another program has it. */
int facet__v4l2_open(struct facet__v4l2 **out, const char *path, const struct facet__v4l2_mode *wish,
                     const struct facet__v4l2_io *io);
void facet__v4l2_close(struct facet__v4l2 **v);
const struct facet__v4l2_mode *facet__v4l2_mode(const struct facet__v4l2 *v);
/* The next picture, lent until the next call. FACET_E_AGAIN: none within timeout_ms, or a damaged one (*is_damaged).
 * FACET_E_NET: the device is gone. */
int facet__v4l2_next(struct facet__v4l2 *v, int timeout_ms, const uint8_t **data, size_t *len, bool *is_damaged);

/* Of the two, the one that suits better; exposed for tests. */
bool facet__v4l2_suits_better(const struct facet__v4l2_mode *a, const struct facet__v4l2_mode *b, const struct facet__v4l2_mode *wish);

#endif
