#include "image/draw.h"

#include <math.h>
#include <string.h>

#define GLYPH_WIDTH 8
#define GLYPH_HEIGHT 16

/* Our own letters: five columns, eight rows (the last below the line), five bits a row from the top
 * in the highest bits, the left column first. Drawn with rows doubled and strokes two pixels wide
 * where there is room, which fills 6 x 16 of the 8 x 16 cell. From ' ' to '~'. */
static const uint64_t glyphs[95] = {
    0x0000000000, 0x2108420080, 0x5294000000, 0x52beafa940, 0x23e8e2f880, 0xce44444e60,
    0x64a88ac9a0, 0x2108000000, 0x1110841040, 0x4104211100, 0x012aea9000, 0x0109f21000,
    0x00000018c4, 0x0001f00000, 0x00000018c0, 0x0844444200, 0x74675cc5c0, 0x23284213e0,
    0x74426443e0, 0x744260c5c0, 0x11952f8840, 0xfc3c10c5c0, 0x3221e8c5c0, 0xf844221080,
    0x7462e8c5c0, 0x7462f08980, 0x018c031800, 0x018c031880, 0x1111041040, 0x003e0f8000,
    0x4104111100, 0x7442620080, 0x746f5bc1c0, 0x22a31fc620, 0xf463e8c7c0, 0x74610845c0,
    0xf46318c7c0, 0xfc21e843e0, 0xfc21e84200, 0x746138c5e0, 0x8c63f8c620, 0x71084211c0,
    0x3884214980, 0x8ca98a4a20, 0x84210843e0, 0x8eeb58c620, 0x8e7359ce20, 0x746318c5c0,
    0xf463e84200, 0x74631ac9a0, 0xf463ea4a20, 0x7c20e087c0, 0xf908421080, 0x8c6318c5c0,
    0x8c63152880, 0x8c635aee20, 0x8c54454620, 0x8c54421080, 0xf8444443e0, 0x72108421c0,
    0x8410410420, 0x70842109c0, 0x22a2000000, 0x000000001f, 0x4104000000, 0x001c17c5e0,
    0x843d18c7c0, 0x001f0841e0, 0x085f18c5e0, 0x001d1fc1c0, 0x3211e42100, 0x001f18bc2e,
    0x843d18c620, 0x20184211c0, 0x100c210a4c, 0x84254c5240, 0x61084211c0, 0x003d5ad6a0,
    0x003d18c620, 0x001d18c5c0, 0x003d18fa10, 0x001f18bc21, 0x002d884200, 0x001f0707c0,
    0x423c8420c0, 0x002318c5e0, 0x0023152880, 0x00235ad540, 0x0022a22a20, 0x002318bc2e,
    0x003e2223e0, 0x31088210c0, 0x2108421080, 0x6108221180, 0x0011510000,
};

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void fill(struct facet_image *img, int x, int y, int width, int height, struct facet_color c)
{
    struct facet_image part = facet_image_crop(img, x, y, width, height);
    facet_image_fill(&part, c.r, c.g, c.b);
}

/* A coordinate as a whole number not far outside the picture, whatever came in. */
static int whole(float v, int size)
{
    if (!(v > -16384))
        return -16384;
    return v < (float)size + 16384 ? (int)lrintf(v) : size + 16384;
}

void facet_draw_rect(struct facet_image *img, struct facet_box box, int thickness,
                     struct facet_color c)
{
    int x1 = whole(box.x1, img->width), x2 = whole(box.x2, img->width);
    int y1 = whole(box.y1, img->height), y2 = whole(box.y2, img->height);
    int t = clamp(thickness, 1, 64);
    if (x2 <= x1 || y2 <= y1)
        return;
    fill(img, x1, y1, x2 - x1, t, c);
    fill(img, x1, y2 - t, x2 - x1, t, c);
    fill(img, x1, y1, t, y2 - y1, c);
    fill(img, x2 - t, y1, t, y2 - y1, c);
}

void facet_draw_dot(struct facet_image *img, struct facet_point p, int radius, struct facet_color c)
{
    int r = clamp(radius, 0, 1024);
    int x = whole(p.x - 0.5f, img->width), y = whole(p.y - 0.5f, img->height);
    for (int dy = -r; dy <= r; dy++) {
        int half = (int)sqrtf((float)(r * r - dy * dy) + 0.5f);
        fill(img, x - half, y + dy, 2 * half + 1, 1, c);
    }
}

static uint64_t glyph_of(char ch)
{
    return glyphs[(ch >= ' ' && ch <= '~' ? ch : '?') - ' '];
}

static void draw_glyph(struct facet_image *img, int x, int y, int scale, char ch,
                       struct facet_color c)
{
    uint64_t glyph = glyph_of(ch);
    for (int row = 0; row < 8; row++) {
        unsigned thin = (unsigned)(glyph >> (5 * (7 - row))) & 31u;
        unsigned gap = (thin << 2) & ~(thin << 1);   /* would run into the next stroke */
        unsigned bits = (thin << 1) | (thin & ~gap); /* six columns, the left one in bit 5 */
        for (int col = 0; col < 6; col++)
            if (bits >> (5 - col) & 1u)
                fill(img, x + (1 + col) * scale, y + 2 * row * scale, scale, 2 * scale, c);
    }
}

int facet_draw_text(struct facet_image *img, int x, int y, int scale, const char *text,
                    struct facet_color c, const struct facet_color *back)
{
    size_t len = strlen(text);
    int n = len > 4096 ? 4096 : (int)len, s = clamp(scale, 1, 16);
    x = clamp(x, -1000000, 1000000);
    y = clamp(y, -1000000, 1000000);
    if (back)
        fill(img, x, y, n * GLYPH_WIDTH * s, GLYPH_HEIGHT * s, *back);
    for (int i = 0; i < n; i++)
        draw_glyph(img, x + i * GLYPH_WIDTH * s, y, s, text[i], c);
    return n * GLYPH_WIDTH * s;
}
