/* Zones and masks: polygons in parts of the picture's width and height, filled by the even-odd rule. */
#include "stages/ingest/cameras_priv.h"

#include <math.h>
#include <string.h>

/* Where the outline crosses the height y, in parts of the width; in order. */
static int crossings(const struct facet_area *a, float y, float out[FACET_AREA_POINTS])
{
    int n = 0;
    for (int i = 0; i < a->n; i++) {
        struct facet_point p = a->p[i], q = a->p[(i + 1) % a->n];
        if ((p.y > y) == (q.y > y))
            continue;
        float x = p.x + (y - p.y) / (q.y - p.y) * (q.x - p.x);
        int k = n++;
        for (; k > 0 && out[k - 1] > x; k--)
            out[k] = out[k - 1];
        out[k] = x;
    }
    return n;
}

bool facet__area_holds(const struct facet_area *a, float x, float y)
{
    float at[FACET_AREA_POINTS];
    int n = crossings(a, y, at), left = 0;
    for (int i = 0; i < n; i++)
        left += at[i] <= x;
    return left % 2 == 1;
}

static int column(float part, int width)
{
    int x = (int)lrintf(part * (float)width);
    return x < 0 ? 0 : x > width ? width : x;
}

void facet__area_blacken(const struct facet_area *a, struct facet_image *img)
{
    float at[FACET_AREA_POINTS];
    for (int y = 0; y < img->height; y++) {
        int n = crossings(a, ((float)y + 0.5f) / (float)img->height, at);
        uint8_t *row = img->data + (size_t)y * img->stride;
        for (int i = 0; i + 1 < n; i += 2) {
            int from = column(at[i], img->width), to = column(at[i + 1], img->width);
            memset(row + (size_t)from * (size_t)img->format, 0, (size_t)(to - from) * (size_t)img->format);
        }
    }
}
