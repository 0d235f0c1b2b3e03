/* GIF 87a and 89a: the first picture, laid on white where it is transparent or does not reach. More
 * pictures are only counted as far as "there are more": animations are read as video. */
#include "media/picture_priv.h"

#include "base/errors.h"

#include <string.h>

#define TABLE 4096 /* codes have at most 12 bits */

static bool gif_is(const uint8_t *data, size_t len)
{
    return len >= 6 && (memcmp(data, "GIF87a", 6) == 0 || memcmp(data, "GIF89a", 6) == 0);
}

static int damaged(const struct facet__bytes *in, const char *why)
{
    return facet__picture_damaged(in, "GIF", why);
}

struct gif {
    int width, height;               /* of the canvas */
    int left, top, inner_w, inner_h; /* of the picture in it */
    bool is_interlaced;
    int transparent; /* -1: no colour is */
    const uint8_t *palette;
    unsigned colours;
    size_t codes; /* where the picture's data begins */
};

/* A palette at *at, if the flags say so; *at moves behind it. */
static bool take_palette(struct gif *g, const struct facet__bytes *in, size_t *at, unsigned flags)
{
    if (!(flags & 0x80))
        return true;
    unsigned colours = 2u << (flags & 7);
    if (!facet__bytes_has(in, *at, 3 * (size_t)colours))
        return false;
    g->palette = in->data + *at;
    g->colours = colours;
    *at += 3 * (size_t)colours;
    return true;
}

/* Over the sub-blocks at *at and their end mark. */
static bool skip_blocks(const struct facet__bytes *in, size_t *at)
{
    while (facet__bytes_has(in, *at, 1)) {
        size_t n = in->data[*at];
        *at += 1 + n;
        if (n == 0)
            return true;
    }
    return false;
}

static bool take_extension(struct gif *g, const struct facet__bytes *in, size_t *at)
{
    const uint8_t *p = in->data + *at;
    if (facet__bytes_has(in, *at, 8) && p[1] == 0xf9 && p[2] == 4 && (p[3] & 1))
        g->transparent = p[6];
    *at += 2;
    return skip_blocks(in, at);
}

/* From *at to the next picture's descriptor. */
static int find_picture(struct gif *g, const struct facet__bytes *in, size_t *at)
{
    while (facet__bytes_has(in, *at, 1)) {
        uint8_t mark = in->data[*at];
        if (mark == 0x2c)
            return facet__bytes_has(in, *at, 10) ? FACET_OK
                                                 : damaged(in, "it ends inside a descriptor");
        if (mark != 0x21)
            return damaged(in, mark == 0x3b ? "it holds no picture" : "an unknown block");
        if (!take_extension(g, in, at))
            return damaged(in, "it ends inside an extension");
    }
    return damaged(in, "it ends before the first picture");
}

static int read_header(struct gif *g, const struct facet__bytes *in)
{
    size_t at = 13;
    memset(g, 0, sizeof(*g));
    g->transparent = -1;
    if (!facet__bytes_has(in, 0, at))
        return damaged(in, "it ends inside the header");
    g->width = (int)facet__le16(in->data + 6);
    g->height = (int)facet__le16(in->data + 8);
    if (!take_palette(g, in, &at, in->data[10]))
        return damaged(in, "it ends inside the palette");
    int err = find_picture(g, in, &at);
    if (err)
        return err;
    const uint8_t *p = in->data + at;
    g->left = (int)facet__le16(p + 1);
    g->top = (int)facet__le16(p + 3);
    g->inner_w = (int)facet__le16(p + 5);
    g->inner_h = (int)facet__le16(p + 7);
    g->is_interlaced = p[9] & 0x40;
    at += 10;
    if (!take_palette(g, in, &at, p[9]) || !g->palette)
        return damaged(in, "it has no palette");
    if (g->inner_w <= 0 || g->inner_h <= 0 || g->left + g->inner_w > g->width ||
        g->top + g->inner_h > g->height)
        return damaged(in, "the picture lies outside its canvas");
    g->codes = at;
    return FACET_OK;
}

static bool has_more(const struct gif *g, const struct facet__bytes *in)
{
    struct gif next = *g;
    size_t at = g->codes + 1;
    while (skip_blocks(in, &at) && facet__bytes_has(in, at, 1)) {
        if (in->data[at] != 0x21)
            return in->data[at] == 0x2c;
        if (!take_extension(&next, in, &at) || !facet__bytes_has(in, at, 1))
            return false;
        if (in->data[at] == 0x2c)
            return true;
        if (in->data[at] != 0x21)
            return false;
        at += 2; /* the next extension's blocks are skipped by the loop */
    }
    return false;
}

static int gif_probe(struct facet_picture_info *out, const struct facet__bytes *in)
{
    struct gif g;
    int err = read_header(&g, in);
    if (err)
        return err;
    out->width = g.width;
    out->height = g.height;
    out->is_animated = has_more(&g, in);
    return FACET_OK;
}

/* ---- bits out of sub-blocks ---- */

struct bits {
    const struct facet__bytes *in;
    size_t at;   /* next byte */
    size_t left; /* bytes of this sub-block */
    uint32_t held;
    unsigned count;
};

/* The next code of `size` bits, or -1 at the end of the data. */
static int next_code(struct bits *b, unsigned size)
{
    while (b->count < size) {
        if (b->left == 0) {
            if (!facet__bytes_has(b->in, b->at, 1) || b->in->data[b->at] == 0)
                return -1;
            b->left = b->in->data[b->at++];
        }
        if (!facet__bytes_has(b->in, b->at, 1))
            return -1;
        b->held |= (uint32_t)b->in->data[b->at++] << b->count;
        b->count += 8;
        b->left--;
    }
    int code = (int)(b->held & ((1u << size) - 1));
    b->held >>= size;
    b->count -= size;
    return code;
}

/* ---- where decoded pixels go ---- */

struct canvas {
    const struct gif *g;
    struct facet_image *out;
    int x, y, pass;
    size_t left; /* pixels still wanted */
};

static void next_row(struct canvas *c)
{
    static const int first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    c->x = 0;
    if (!c->g->is_interlaced) {
        c->y++;
        return;
    }
    c->y += step[c->pass];
    while (c->y >= c->g->inner_h && c->pass < 3)
        c->y = first[++c->pass];
}

/* false: the palette has no such colour */
static bool put_pixel(struct canvas *c, unsigned colour)
{
    const struct gif *g = c->g;
    if (c->left == 0)
        return true; /* encoders may write more than fits */
    if (colour >= g->colours)
        return false;
    if ((int)colour != g->transparent)
        memcpy(c->out->data + (size_t)(g->top + c->y) * c->out->stride +
                   3 * (size_t)(g->left + c->x),
               g->palette + 3 * (size_t)colour, 3);
    c->left--;
    if (++c->x == g->inner_w)
        next_row(c);
    return true;
}

/* ---- LZW: each code stands for the string of an earlier one and one more pixel ---- */

struct lzw {
    uint16_t before[TABLE];
    uint8_t last[TABLE];
    uint8_t stack[TABLE];
    int clear, next, previous;
    unsigned size, root_size;
};

static void lzw_reset(struct lzw *z)
{
    z->size = z->root_size + 1;
    z->next = z->clear + 2;
    z->previous = -1;
}

/* The string of `code` onto the stack, last pixel first; its length. */
static int lzw_unroll(struct lzw *z, int code)
{
    int n = 0;
    while (code >= z->clear + 2) { /* each step goes to a smaller code: it ends */
        z->stack[n++] = z->last[code];
        code = z->before[code];
    }
    z->stack[n++] = (uint8_t)code;
    return n;
}

/* Writes the string of one code and learns a new one; false when the code means nothing. */
static bool lzw_step(struct lzw *z, int code, struct canvas *c)
{
    bool is_next = code == z->next && z->previous >= 0 && z->next < TABLE;
    if (code >= z->next && !is_next)
        return false;
    if (code == z->clear + 1)
        return false;
    int n = lzw_unroll(z, is_next ? z->previous : code);
    uint8_t first = z->stack[n - 1];
    for (int i = n - 1; i >= 0; i--)
        if (!put_pixel(c, z->stack[i]))
            return false;
    if (is_next && !put_pixel(c, first))
        return false;
    if (z->previous >= 0 && z->next < TABLE) {
        z->before[z->next] = (uint16_t)z->previous;
        z->last[z->next] = first;
        z->next++;
        if (z->next == 1 << z->size && z->size < 12)
            z->size++;
    }
    z->previous = code;
    return true;
}

static int gif_decode(struct facet_image *out, const struct facet__bytes *in)
{
    struct gif g;
    int err = read_header(&g, in);
    if (err)
        return err;
    struct lzw z;
    if (!facet__bytes_has(in, g.codes, 1) || in->data[g.codes] < 1 || in->data[g.codes] > 8)
        return damaged(in, "the first code has no sensible size");
    z.root_size = in->data[g.codes];
    z.clear = 1 << z.root_size;
    lzw_reset(&z);
    struct bits b = {.in = in, .at = g.codes + 1};
    struct canvas c = {.g = &g, .out = out, .left = (size_t)g.inner_w * (size_t)g.inner_h};
    facet_image_fill(out, 255, 255, 255);
    while (c.left > 0) {
        int code = next_code(&b, z.size);
        if (code < 0 || code == z.clear + 1)
            return damaged(in, "it ends before the last row");
        if (code == z.clear)
            lzw_reset(&z);
        else if (!lzw_step(&z, code, &c))
            return damaged(in, "a code without a meaning");
    }
    return FACET_OK;
}

const struct facet__picture_kind facet__picture_gif = {
    .name = "gif",
    .is = gif_is,
    .probe = gif_probe,
    .decode = gif_decode,
};
