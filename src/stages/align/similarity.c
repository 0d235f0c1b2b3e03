/* In the plane a similarity is one complex number and a shift, z' = a z + b, and Umeyama's least
 * squares (1991, without reflection) has this closed form: a is the covariance of the centred points
 * over the variance of the source's. */
#include "stages/align/align.h"

#include "base/errors.h"

#include <math.h>

struct mean { double x, y; };

static struct mean mean_of(const struct facet_point *p, int n)
{
    struct mean m = {0, 0};
    for (int i = 0; i < n; i++) {
        m.x += p[i].x;
        m.y += p[i].y;
    }
    m.x /= n;
    m.y /= n;
    return m;
}

int facet_align_similarity(struct facet_affine *out, const struct facet_point *src, const struct facet_point *dst, int n)
{
    if (n < 2)
        return facet_fail(FACET_E_INVALID, "cannot align %d points: a similarity needs two or more", n);
    struct mean s = mean_of(src, n), d = mean_of(dst, n);
    double re = 0, im = 0, spread = 0;
    for (int i = 0; i < n; i++) {
        double sx = src[i].x - s.x, sy = src[i].y - s.y, dx = dst[i].x - d.x, dy = dst[i].y - d.y;
        re += sx * dx + sy * dy;
        im += sx * dy - sy * dx;
        spread += sx * sx + sy * sy;
    }
    if (!(spread > 1e-9) || !isfinite(spread) || !isfinite(re) || !isfinite(im))
        return facet_fail(FACET_E_INVALID, "cannot align points that all lie in one place or are not numbers");
    re /= spread;
    im /= spread;
    out->m[0] = (float)re;
    out->m[1] = (float)-im;
    out->m[2] = (float)(d.x - re * s.x + im * s.y);
    out->m[3] = (float)im;
    out->m[4] = (float)re;
    out->m[5] = (float)(d.y - im * s.x - re * s.y);
    return FACET_OK;
}
