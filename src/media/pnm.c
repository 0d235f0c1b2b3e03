/* PGM and PPM, plain and raw (P2, P3, P5, P6), up to 65535 levels. */
#include "media/picture_priv.h"

#include "base/errors.h"
#include "base/str.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool pnm_is(const uint8_t *data, size_t len)
{
    return len >= 3 && data[0] == 'P' &&
           (data[1] == '2' || data[1] == '3' || data[1] == '5' || data[1] == '6') &&
           (is_space(data[2]) || data[2] == '#');
}

struct reader {
    const struct facet__bytes *in;
    size_t at;
};

/* The next decimal number, over white space and comments; -1 where there is none below 2^20. */
static int next_number(struct reader *r)
{
    const uint8_t *p = r->in->data;
    size_t len = r->in->len;
    while (r->at < len && (is_space(p[r->at]) || p[r->at] == '#')) {
        if (p[r->at] == '#')
            while (r->at < len && p[r->at] != '\n' && p[r->at] != '\r')
                r->at++;
        else
            r->at++;
    }
    if (r->at >= len || p[r->at] < '0' || p[r->at] > '9')
        return -1;
    int value = 0;
    for (; r->at < len && p[r->at] >= '0' && p[r->at] <= '9'; r->at++) {
        value = value * 10 + (p[r->at] - '0');
        if (value >= 1 << 20)
            return -1;
    }
    return value;
}

struct pnm {
    int width, height, levels, channels;
    bool is_plain;
};

/* Leaves the reader at the first sample. */
static int read_header(struct pnm *h, struct reader *r)
{
    h->channels = r->in->data[1] == '3' || r->in->data[1] == '6' ? 3 : 1;
    h->is_plain = r->in->data[1] < '5';
    r->at = 2;
    h->width = next_number(r);
    h->height = next_number(r);
    h->levels = next_number(r);
    if (h->width <= 0 || h->height <= 0 || h->levels <= 0 || h->levels > 65535)
        return facet__picture_damaged(r->in, "PGM or PPM",
                                      "the header has no width, height and levels");
    if (!facet__bytes_has(r->in, r->at, 1) || !is_space(r->in->data[r->at]))
        return facet__picture_damaged(r->in, "PGM or PPM", "it ends after the header");
    r->at++;
    return FACET_OK;
}

static int pnm_probe(struct facet_picture_info *out, const struct facet__bytes *in)
{
    struct pnm h;
    struct reader r = {in, 0};
    int err = read_header(&h, &r);
    if (err)
        return err;
    out->width = h.width;
    out->height = h.height;
    return FACET_OK;
}

/* The next sample as 0..255, or -1. */
static int next_sample(const struct pnm *h, struct reader *r)
{
    int v;
    if (h->is_plain) {
        v = next_number(r);
    } else if (h->levels < 256) {
        v = r->in->data[r->at++];
    } else {
        v = (int)facet__be16(r->in->data + r->at);
        r->at += 2;
    }
    if (v < 0 || v > h->levels)
        return -1;
    return h->levels == 255 ? v : (v * 255 + h->levels / 2) / h->levels;
}

static int pnm_decode(struct facet_image *out, const struct facet__bytes *in)
{
    struct pnm h;
    struct reader r = {in, 0};
    int err = read_header(&h, &r);
    if (err)
        return err;
    size_t samples = (size_t)h.width * (size_t)h.height * (size_t)h.channels;
    if (!h.is_plain && !facet__bytes_has(in, r.at, samples * (h.levels < 256 ? 1 : 2)))
        return facet__picture_damaged(in, "PGM or PPM", "it ends before the last row");
    for (int y = 0; y < h.height; y++) {
        uint8_t *d = out->data + (size_t)y * out->stride;
        for (int x = 0; x < h.width; x++, d += 3)
            for (int c = 0; c < 3; c++) {
                int v = c < h.channels ? next_sample(&h, &r) : d[0];
                if (v < 0)
                    return facet__picture_damaged(
                        in, "PGM or PPM", "a sample is missing or above the number of levels");
                d[c] = (uint8_t)v;
            }
    }
    return FACET_OK;
}

int facet__pnm_encode(struct facet_str *out, const struct facet_image *img)
{
    int err =
        facet_str_printf(out, "P%c\n%d %d\n255\n", img->format == FACET_PIXEL_GRAY8 ? '5' : '6',
                         img->width, img->height);
    size_t row_bytes = (size_t)img->width * (size_t)img->format;
    for (int y = 0; !err && y < img->height; y++)
        err = facet_str_append(out, img->data + (size_t)y * img->stride, row_bytes);
    return err;
}

const struct facet__picture_kind facet__picture_pnm = {
    .name = "pnm",
    .is = pnm_is,
    .probe = pnm_probe,
    .decode = pnm_decode,
};
