/* How good a face is for the recogniser, from pixels and points alone; docs/quality.md says what
 * each number means and where its constants come from. */
#include "stages/align/align.h"

#include "image/resize.h"

#include <math.h>
#include <string.h>

#define SIDE 64                          /* the scale at which sharpness and exposure are measured */
#define SMALLEST_PX 16.0f                /* a face this wide is worth nothing ... */
#define LARGE_PX 112.0f                  /* ... and one this wide all that a network can use */
#define SHARP_HALF 0.05f                 /* Laplacian's variance over the picture's, at which sharpness is 0.5 */
#define NOSE_DEPTH 0.60f                 /* of a nose, in distances between the eyes */
#define NOSE_RISE 0.45f                  /* the same in distances from eyes to mouth */
#define NOSE_LEVEL 0.495f                /* where a nose is between eyes (0) and mouth (1), seen from the front */
#define DEGREES 57.29577951f

static float clamp01(float v)
{
    return v < 0 ? 0 : v > 1 ? 1 : v;
}

static float falling(float value, float zero_at)
{
    return clamp01(1 - (value / zero_at) * (value / zero_at));
}

static float inside_share(const struct facet_image *img, struct facet_box b)
{
    struct facet_box seen = {fmaxf(b.x1, 0), fmaxf(b.y1, 0), fminf(b.x2, (float)img->width), fminf(b.y2, (float)img->height)};
    float area = facet_box_area(b);
    return area > 0 ? clamp01(facet_box_area(seen) / area) : 0;
}

static float measure_size(const struct facet_image *img, struct facet_box b)
{
    float side = fminf(facet_box_width(b), facet_box_height(b));
    if (!(side > SMALLEST_PX))
        return 0;
    return clamp01(logf(side / SMALLEST_PX) / logf(LARGE_PX / SMALLEST_PX)) * inside_share(img, b);
}

struct gray { float v[SIDE][SIDE]; };

/* The middle of the face (its box less a tenth on each side, so that hair and background count
 * little), as light as the eye sees it (BT.601). */
static int gray_of(struct gray *g, const struct facet_image *img, struct facet_box b)
{
    uint8_t pixels[SIDE * SIDE * 3];
    struct facet_image face = {img->format, SIDE, SIDE, (size_t)SIDE * (size_t)img->format, pixels};
    float mx = facet_box_width(b) * 0.1f, my = facet_box_height(b) * 0.1f;
    struct facet_box inner = {b.x1 + mx, b.y1 + my, b.x2 - mx, b.y2 - my};
    int err = facet_resize_box(&face, img, inner, FACET_SCALE_AREA, -1);
    for (int y = 0; y < SIDE && !err; y++)
        for (int x = 0; x < SIDE; x++) {
            const uint8_t *p = pixels + (size_t)y * face.stride + (size_t)x * (size_t)img->format;
            g->v[y][x] = img->format == FACET_PIXEL_GRAY8 ? p[0] : 0.299f * p[0] + 0.587f * p[1] + 0.114f * p[2];
        }
    return err;
}

struct light { float mean, variance, clipped; };

static struct light light_of(const struct gray *g)
{
    double sum = 0, squares = 0;
    int clipped = 0;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float v = g->v[y][x];
            sum += v;
            squares += (double)v * v;
            clipped += v < 6 || v > 249;
        }
    const double n = SIDE * SIDE;
    struct light l = {(float)(sum / n), (float)(squares / n - sum / n * (sum / n)), (float)(clipped / n)};
    return l;
}

static float laplacian_variance(const struct gray *g)
{
    double sum = 0, squares = 0;
    for (int y = 1; y < SIDE - 1; y++)
        for (int x = 1; x < SIDE - 1; x++) {
            double v = (double)g->v[y - 1][x] + g->v[y + 1][x] + g->v[y][x - 1] + g->v[y][x + 1] - 4.0 * g->v[y][x];
            sum += v;
            squares += v * v;
        }
    const double n = (SIDE - 2) * (SIDE - 2);
    return (float)(squares / n - sum / n * (sum / n));
}

static void measure_light(struct facet_quality *q, const struct facet_image *img, struct facet_box b)
{
    struct gray g;
    if (gray_of(&g, img, b))
        return;
    struct light l = light_of(&g);
    float ratio = laplacian_variance(&g) / (l.variance + 25.0f);
    q->sharpness = ratio / (ratio + SHARP_HALF);
    float bright = l.mean < 128 ? clamp01((l.mean - 10) / 60) : clamp01((250 - l.mean) / 50);
    q->exposure = bright * clamp01(sqrtf(fmaxf(l.variance, 0)) / 20) * clamp01(1.2f - 2 * l.clipped);
}

/* Angles of a head from five points of its picture, by a rigid head seen from afar. */
static void measure_pose(struct facet_quality *q, const struct facet_landmarks *points)
{
    const struct facet_point *p = points->p;
    float ex = p[1].x - p[0].x, ey = p[1].y - p[0].y, eyes = hypotf(ex, ey);
    struct facet_point mid = {(p[0].x + p[1].x) / 2, (p[0].y + p[1].y) / 2};
    struct facet_point mouth = {(p[3].x + p[4].x) / 2, (p[3].y + p[4].y) / 2};
    if (!(eyes > 1e-3f)) {
        q->pose = 0;
        return;
    }
    float ux = ex / eyes, uy = ey / eyes;                         /* along the eyes; down is (-uy, ux) */
    float across = ((p[2].x - (mid.x + mouth.x) / 2) * ux + (p[2].y - (mid.y + mouth.y) / 2) * uy) / eyes;
    float tall = (mouth.x - mid.x) * -uy + (mouth.y - mid.y) * ux;
    float down = (p[2].x - mid.x) * -uy + (p[2].y - mid.y) * ux;
    q->roll_deg = atan2f(ey, ex) * DEGREES;
    q->yaw_deg = atanf(across / NOSE_DEPTH) * DEGREES;
    q->pitch_deg = tall > 0.1f * eyes ? atanf((NOSE_LEVEL - down / tall) / NOSE_RISE) * DEGREES : 90;
    q->pose = falling(q->yaw_deg, 60) * falling(q->pitch_deg, 60) * falling(q->roll_deg, 90);
}

void facet_quality_measure(struct facet_quality *out, const struct facet_image *img, struct facet_box box,
                           const struct facet_landmarks *points)
{
    memset(out, 0, sizeof(*out));
    out->size = measure_size(img, box);
    if (!(out->size > 0))
        return;
    measure_light(out, img, box);
    out->pose = 0.5f;
    if (points)
        measure_pose(out, points);
    out->score = powf(out->sharpness, 0.30f) * powf(out->pose, 0.30f) * powf(out->size, 0.25f) * powf(out->exposure, 0.15f);
}
