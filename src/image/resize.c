/* Scaling in strips of columns: source rows are first joined vertically into one line (16 bits
 * with 7 after the point when bilinear, float sums when averaging), and the line is then read
 * horizontally. Lines and column tables of a strip lie on the stack, so nothing is allocated and
 * the line stays in the first cache. What lies outside the picture is put into the line, and the
 * horizontal step needs not know. */
#include "image/resize.h"

#include "base/errors.h"
#include "image/kernels_priv.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#define STRIP 1024               /* columns of source, and of result, in a strip */
#define MAX_REACH (4.0f * 32768) /* of a box, in pixels from the origin */
#define LINE (STRIP * 3 + FACET__SLACK)

struct job {
    const struct facet_image *src;
    struct facet_image *dst;
    const struct facet__image_kernels *k;
    double x1, y1; /* corner of the box */
    double fx, fy; /* source pixels a result pixel */
    int outside;
    uint8_t blank[LINE]; /* a row outside, when outside >= 0 */
};

/* Source columns c0 .. c0 + n, of which `inside` from c0 + lead on exist. */
struct strip {
    int x0, x1; /* columns of the result */
    int c0, n, lead, inside;
};

static int clamp(int v, int lo, int hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

static void strip_set_columns(struct strip *s, int c0, int c1, int width)
{
    int from = clamp(c0, 0, width), to = clamp(c1, 0, width);
    s->c0 = c0;
    s->n = c1 - c0;
    s->inside = to > from ? to - from : 0;
    s->lead = s->inside ? from - c0 : s->n;
}

/* The row's pixel at column 0, or NULL for one that is all `outside`. */
static const uint8_t *row_at(const struct job *j, int y)
{
    if (j->outside >= 0 && (y < 0 || y >= j->src->height))
        return NULL;
    return j->src->data + (size_t)clamp(y, 0, j->src->height - 1) * j->src->stride;
}

/* A row's pixels of column c, wherever that is. */
static const uint8_t *pixel_at(const struct job *j, const uint8_t *row, int c)
{
    if (!row || (j->outside >= 0 && (c < 0 || c >= j->src->width)))
        return j->blank;
    return row + (size_t)clamp(c, 0, j->src->width - 1) * (size_t)j->src->format;
}

static const uint8_t *inside_of(const struct job *j, const struct strip *s, const uint8_t *row)
{
    return row ? row + (size_t)(s->c0 + s->lead) * (size_t)j->src->format : j->blank;
}

/* ---- bilinear ---- */

struct bilinear {
    int32_t at[STRIP];
    int16_t weight[STRIP][4];
    int16_t line[LINE];
};

static int16_t weight_of(double fraction)
{
    long w = lround(fraction * 32768);
    return (int16_t)(w > 32767 ? 32767 : w);
}

static double bilinear_position(double start, double step, int i)
{
    return start + (i + 0.5) * step - 0.5;
}

/* As many columns of the result as fit; fills the table. */
static void bilinear_strip(const struct job *j, struct strip *s, struct bilinear *b, int x0)
{
    int c0 = (int)floor(bilinear_position(j->x1, j->fx, x0)), c1 = c0, x = x0;
    for (; x < j->dst->width && x - x0 < STRIP; x++) {
        double pos = bilinear_position(j->x1, j->fx, x);
        int c = (int)floor(pos);
        if (c + 2 - c0 > STRIP)
            break;
        b->at[x - x0] = c - c0;
        int16_t w = weight_of(pos - c);
        for (int i = 0; i < 4; i++)
            b->weight[x - x0][i] = w;
        c1 = c + 2;
    }
    s->x0 = x0;
    s->x1 = x;
    strip_set_columns(s, c0, c1, j->src->width);
}

static void blend_outside(const struct job *j, const struct strip *s, int16_t *line,
                          const uint8_t *above, const uint8_t *below, int16_t w)
{
    size_t px = (size_t)j->src->format;
    for (int i = 0; i < s->n; i++) {
        if (i == s->lead)
            i += s->inside;
        if (i < s->n)
            facet__image_kernels_c.blend(line + (size_t)i * px, pixel_at(j, above, s->c0 + i),
                                         pixel_at(j, below, s->c0 + i), w, px);
    }
}

static void taps_gray(uint8_t *dst, const int16_t *line, struct facet__taps taps, int n)
{
    for (int x = 0; x < n; x++) {
        const int16_t *p = line + taps.at[x];
        int32_t step = (p[1] - p[0]) * taps.weight[x][0];
        dst[x] = (uint8_t)((p[0] + ((step + 0x4000) >> 15) + 64) >> 7);
    }
}

static void bilinear_rows(const struct job *j, const struct strip *s, struct bilinear *b)
{
    const struct facet__taps taps = {b->at, (const int16_t(*)[4])b->weight};
    size_t px = (size_t)j->src->format;
    for (int y = 0; y < j->dst->height; y++) {
        double pos = bilinear_position(j->y1, j->fy, y);
        int above_y = (int)floor(pos);
        int16_t w = weight_of(pos - above_y);
        const uint8_t *above = row_at(j, above_y), *below = row_at(j, above_y + 1);
        if (s->inside)
            j->k->blend(b->line + (size_t)s->lead * px, inside_of(j, s, above),
                        inside_of(j, s, below), w, (size_t)s->inside * px);
        if (s->inside < s->n)
            blend_outside(j, s, b->line, above, below, w);
        uint8_t *d = j->dst->data + (size_t)y * j->dst->stride + (size_t)s->x0 * px;
        if (px == 3)
            j->k->taps_rgb(d, b->line, taps, s->x1 - s->x0);
        else
            taps_gray(d, b->line, taps, s->x1 - s->x0);
    }
}

static void resize_bilinear(const struct job *j)
{
    struct bilinear b;
    struct strip s;
    memset(b.line, 0, sizeof(b.line));
    for (int x = 0; x < j->dst->width; x = s.x1) {
        bilinear_strip(j, &s, &b, x);
        bilinear_rows(j, &s, &b);
    }
}

/* ---- area ---- */

#define MAX_TALLY 256 /* rows whose sum 16 bits hold */

struct area {
    struct facet__span spans[STRIP];
    float acc[LINE];
    uint16_t sum[LINE]; /* of rows that count in full */
};

static struct facet__span span_of(double start, double step, int i)
{
    const double tiny = 1e-7;
    double a = start + i * step, b = start + (i + 1) * step;
    double first = floor(a + tiny), last = ceil(b - tiny) - 1;
    struct facet__span s = {(int32_t)first, (int32_t)(last > first ? last : first), 0, 0};
    s.w_first = (float)(last > first ? first + 1 - a : b - a);
    s.w_last = (float)(last > first ? b - last : 0);
    return s;
}

static void area_strip(const struct job *j, struct strip *s, struct area *a, int x0)
{
    int c0 = span_of(j->x1, j->fx, x0).first, c1 = c0, x = x0;
    for (; x < j->dst->width && x - x0 < STRIP; x++) {
        struct facet__span span = span_of(j->x1, j->fx, x);
        if (span.last + 1 - c0 > STRIP)
            break;
        c1 = span.last + 1;
        span.first -= c0;
        span.last -= c0;
        a->spans[x - x0] = span;
    }
    s->x0 = x0;
    s->x1 = x;
    strip_set_columns(s, c0, c1, j->src->width);
}

typedef void weigh_fn(float *acc, const uint8_t *row, float weight, size_t n);

static void weigh_outside(const struct job *j, const struct strip *s, float *acc,
                          const uint8_t *row, float w, weigh_fn *weigh)
{
    size_t px = (size_t)j->src->format;
    for (int i = 0; i < s->n; i++) {
        if (i == s->lead)
            i += s->inside;
        if (i < s->n)
            weigh(acc + (size_t)i * px, pixel_at(j, row, s->c0 + i), w, px);
    }
}

/* Rows from..to - 1, which count in full, where the picture is. */
static void area_full_rows(const struct job *j, const struct strip *s, struct area *a, int from,
                           int to)
{
    size_t px = (size_t)j->src->format, n = (size_t)s->inside * px;
    float *acc = a->acc + (size_t)s->lead * px;
    const uint8_t *rows[FACET__COVER];
    while (from < to) {
        int until = to - from > MAX_TALLY ? from + MAX_TALLY : to;
        memset(a->sum, 0, n * sizeof(a->sum[0]));
        while (from < until) {
            int some = 0;
            for (; some < FACET__COVER && from < until; from++)
                rows[some++] = inside_of(j, s, row_at(j, from));
            j->k->tally(a->sum, rows, some, n);
        }
        j->k->tally_join(acc, a->sum, n);
    }
}

static void area_inside(const struct job *j, const struct strip *s, struct area *a,
                        struct facet__span span)
{
    size_t px = (size_t)j->src->format, n = (size_t)s->inside * px;
    float *acc = a->acc + (size_t)s->lead * px;
    int n_rows = span.last - span.first + 1;
    const uint8_t *rows[FACET__COVER];
    if (n_rows > 1 && n_rows <= FACET__COVER) {
        for (int r = 0; r < n_rows; r++)
            rows[r] = inside_of(j, s, row_at(j, span.first + r));
        j->k->cover(acc, rows, n_rows, span.w_first, span.w_last, n);
        return;
    }
    j->k->weigh(acc, inside_of(j, s, row_at(j, span.first)), span.w_first, n);
    if (n_rows > 1)
        j->k->weigh_add(acc, inside_of(j, s, row_at(j, span.last)), span.w_last, n);
    area_full_rows(j, s, a, span.first + 1, span.last);
}

static void area_line(const struct job *j, const struct strip *s, struct area *a, int y)
{
    const struct facet__image_kernels *c = &facet__image_kernels_c;
    struct facet__span rows = span_of(j->y1, j->fy, y);
    if (s->inside)
        area_inside(j, s, a, rows);
    for (int r = rows.first; s->inside < s->n && r <= rows.last; r++) {
        float w = r == rows.first ? rows.w_first : r == rows.last ? rows.w_last : 1;
        weigh_outside(j, s, a->acc, row_at(j, r), w, r == rows.first ? c->weigh : c->weigh_add);
    }
}

static void spans_gray(uint8_t *dst, const float *acc, const struct facet__span *spans, int n,
                       float scale)
{
    for (int x = 0; x < n; x++) {
        const struct facet__span s = spans[x];
        float sum = acc[s.first] * s.w_first;
        for (int i = s.first + 1; i < s.last; i++)
            sum += acc[i];
        sum += acc[s.last] * s.w_last;
        dst[x] = (uint8_t)(sum * scale + 0.5f);
    }
}

/* A column that alone covers more source than a strip holds: plain sums, whatever the cost. */
static void area_wide_column(const struct job *j, int x)
{
    int px = (int)j->src->format;
    struct facet__span cols = span_of(j->x1, j->fx, x);
    for (int y = 0; y < j->dst->height; y++) {
        struct facet__span rows = span_of(j->y1, j->fy, y);
        double sum[3] = {0};
        for (int r = rows.first; r <= rows.last; r++) {
            double wr = r == rows.first ? rows.w_first : r == rows.last ? rows.w_last : 1;
            const uint8_t *row = row_at(j, r);
            for (int c = cols.first; c <= cols.last; c++) {
                double w = wr * (c == cols.first ? cols.w_first : c == cols.last ? cols.w_last : 1);
                const uint8_t *p = pixel_at(j, row, c);
                for (int i = 0; i < px; i++)
                    sum[i] += w * p[i];
            }
        }
        uint8_t *d = j->dst->data + (size_t)y * j->dst->stride + (size_t)(x * px);
        for (int i = 0; i < px; i++)
            d[i] = (uint8_t)(sum[i] / (j->fx * j->fy) + 0.5);
    }
}

static void area_rows(const struct job *j, const struct strip *s, struct area *a)
{
    size_t px = (size_t)j->src->format;
    float scale = (float)(1 / (j->fx * j->fy));
    for (int y = 0; y < j->dst->height; y++) {
        area_line(j, s, a, y);
        uint8_t *d = j->dst->data + (size_t)y * j->dst->stride + (size_t)s->x0 * px;
        if (px == 3)
            j->k->spans_rgb(d, a->acc, a->spans, s->x1 - s->x0, scale);
        else
            spans_gray(d, a->acc, a->spans, s->x1 - s->x0, scale);
    }
}

static void resize_area(const struct job *j)
{
    struct area a;
    struct strip s;
    memset(a.acc, 0, sizeof(a.acc));
    for (int x = 0; x < j->dst->width; x = s.x1) {
        area_strip(j, &s, &a, x);
        if (s.x1 > x) {
            area_rows(j, &s, &a);
        } else {
            area_wide_column(j, x);
            s.x1 = x + 1;
        }
    }
}

/* ---- public ---- */

int facet_resize(struct facet_image *dst, const struct facet_image *src,
                 enum facet_scale_method method)
{
    struct facet_box all = {0, 0, (float)src->width, (float)src->height};
    return facet_resize_box(dst, src, all, method, -1);
}

static bool is_usable(struct facet_box b)
{
    return fabsf(b.x1) <= MAX_REACH && fabsf(b.x2) <= MAX_REACH && fabsf(b.y1) <= MAX_REACH &&
           fabsf(b.y2) <= MAX_REACH && b.x2 > b.x1 && b.y2 > b.y1;
}

int facet_resize_box(struct facet_image *dst, const struct facet_image *src, struct facet_box box,
                     enum facet_scale_method method, int outside)
{
    if (dst->format != src->format || dst->width <= 0 || dst->height <= 0 || src->width <= 0 ||
        src->height <= 0)
        return facet_fail(FACET_E_INVALID, "cannot scale a %dx%d picture to %dx%d", src->width,
                          src->height, dst->width, dst->height);
    if (!is_usable(box) || outside > 255)
        return facet_fail(FACET_E_INVALID, "cannot scale the box (%g, %g, %g, %g) of a picture",
                          (double)box.x1, (double)box.y1, (double)box.x2, (double)box.y2);
    struct job j = {.src = src, .dst = dst, .k = facet__image_kernels(), .outside = outside};
    j.x1 = (double)box.x1;
    j.y1 = (double)box.y1;
    j.fx = ((double)box.x2 - j.x1) / dst->width;
    j.fy = ((double)box.y2 - j.y1) / dst->height;
    if (outside >= 0)
        memset(j.blank, outside, sizeof(j.blank));
    if (method == FACET_SCALE_COVER || (method == FACET_SCALE_AREA && j.fx >= 1 && j.fy >= 1))
        resize_area(&j);
    else
        resize_bilinear(&j);
    return FACET_OK;
}

int facet_resize_part(struct facet_image *dst, const struct facet_image *src, int w, int h, int x, int y)
{
    if (dst->format != src->format || dst->width <= 0 || dst->height <= 0 || src->width <= 0 || src->height <= 0 || x < 0 || y < 0 ||
        dst->width > w || dst->height > h || x > w - dst->width || y > h - dst->height)
        return facet_fail(FACET_E_INVALID, "cannot cut %dx%d at %d,%d of a %dx%d picture scaled to %dx%d", dst->width, dst->height, x,
                          y, src->width, src->height, w, h);
    struct job j = {.src = src, .dst = dst, .k = facet__image_kernels(), .outside = -1};
    j.fx = (double)src->width / w;
    j.fy = (double)src->height / h;
    j.x1 = x * j.fx;
    j.y1 = y * j.fy;
    resize_area(&j);
    return FACET_OK;
}

void facet_image_halve(struct facet_image *dst, const struct facet_image *src)
{
    const struct facet__image_kernels *k = facet__image_kernels();
    int pairs = src->width / 2;
    for (int y = 0; y < dst->height; y++) {
        const uint8_t *a = src->data + (size_t)(2 * y) * src->stride;
        const uint8_t *b = 2 * y + 1 < src->height ? a + src->stride : a;
        uint8_t *d = dst->data + (size_t)y * dst->stride;
        k->halve_rgb(d, a, b, pairs);
        size_t last = (size_t)pairs * 6;
        for (size_t c = 0; src->width & 1 && c < 3; c++)
            d[(size_t)pairs * 3 + c] = (uint8_t)((a[last + c] + b[last + c] + 1) >> 1);
    }
}
