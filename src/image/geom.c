#include "image/geom.h"

#include <math.h>

float facet_box_area(struct facet_box b)
{
    float w = facet_box_width(b), h = facet_box_height(b);
    return w > 0 && h > 0 ? w * h : 0;
}

static float overlap(struct facet_box a, struct facet_box b)
{
    struct facet_box both = {fmaxf(a.x1, b.x1), fmaxf(a.y1, b.y1), fminf(a.x2, b.x2),
                             fminf(a.y2, b.y2)};
    return facet_box_area(both);
}

float facet_box_iou(struct facet_box a, struct facet_box b)
{
    float both = overlap(a, b);
    float either = facet_box_area(a) + facet_box_area(b) - both;
    return either > 0 ? both / either : 0;
}

float facet_box_iom(struct facet_box a, struct facet_box b)
{
    float smaller = fminf(facet_box_area(a), facet_box_area(b));
    return smaller > 0 ? overlap(a, b) / smaller : 0;
}

bool facet_affine_invert(struct facet_affine *out, const struct facet_affine *a)
{
    const double m0 = a->m[0], m1 = a->m[1], m2 = a->m[2];
    const double m3 = a->m[3], m4 = a->m[4], m5 = a->m[5];
    double det = m0 * m4 - m1 * m3;
    if (!isfinite(det) || fabs(det) < 1e-12)
        return false;
    out->m[0] = (float)(m4 / det);
    out->m[1] = (float)(-m1 / det);
    out->m[2] = (float)((m1 * m5 - m4 * m2) / det);
    out->m[3] = (float)(-m3 / det);
    out->m[4] = (float)(m0 / det);
    out->m[5] = (float)((m3 * m2 - m0 * m5) / det);
    return true;
}

struct facet_point facet_affine_apply(const struct facet_affine *a, struct facet_point p)
{
    struct facet_point out = {a->m[0] * p.x + a->m[1] * p.y + a->m[2],
                              a->m[3] * p.x + a->m[4] * p.y + a->m[5]};
    return out;
}
