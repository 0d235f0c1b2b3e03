#include "stages/track/motion.h"

#include <math.h>

/* In units of the box's scale. Chosen, not measured: a detector's box jitters by some percent, a head
 * starts and stops within a fraction of a second. */
#define NOISE_MEASURE 0.05f     /* deviation of a detected centre or scale */
#define NOISE_ACCELERATION 6.0f /* per second squared */
#define NOISE_FIRST_SPEED 3.0f  /* per second, when nothing is known */
#define ASPECT_GAIN 0.2f
#define HIDDEN_SPEED_LEFT 0.2f /* of the speed, after a second out of sight */
#define SCALE_MIN 1.0f

static void wave_begin(struct facet__wave *w, float x, float scale)
{
    float r = NOISE_MEASURE * scale, s = NOISE_FIRST_SPEED * scale;
    *w = (struct facet__wave){.x = x, .pxx = r * r, .pvv = s * s};
}

static void wave_predict(struct facet__wave *w, float dt, float scale)
{
    float a = NOISE_ACCELERATION * scale, q = a * a * dt * dt;
    w->x += w->v * dt;
    w->pxx += dt * (2 * w->pxv + dt * w->pvv) + q * dt * dt / 4;
    w->pxv += dt * w->pvv + q * dt / 2;
    w->pvv += q;
}

static void wave_update(struct facet__wave *w, float z, float scale)
{
    float r = NOISE_MEASURE * scale, s = w->pxx + r * r, kx = w->pxx / s, kv = w->pxv / s,
          d = z - w->x;
    w->x += kx * d;
    w->v += kv * d;
    w->pvv -= kv * w->pxv;
    w->pxv *= 1 - kx;
    w->pxx *= 1 - kx;
}

static float box_scale(struct facet_box b)
{
    return fmaxf(sqrtf(facet_box_area(b)), SCALE_MIN);
}

static float box_aspect(struct facet_box b)
{
    float h = facet_box_height(b);
    return h > 0 ? fminf(fmaxf(facet_box_width(b) / h, 0.1f), 10.0f) : 1.0f;
}

static float current_scale(const struct facet__motion *m)
{
    return fmaxf(m->scale.x, SCALE_MIN);
}

void facet__motion_begin(struct facet__motion *m, struct facet_box box)
{
    float scale = box_scale(box);
    wave_begin(&m->cx, (box.x1 + box.x2) / 2, scale);
    wave_begin(&m->cy, (box.y1 + box.y2) / 2, scale);
    wave_begin(&m->scale, scale, scale);
    m->aspect = box_aspect(box);
}

void facet__motion_predict(struct facet__motion *m, float seconds, bool is_seen)
{
    float scale = current_scale(m);
    if (!is_seen) {
        float left = powf(HIDDEN_SPEED_LEFT, seconds);
        m->cx.v *= left;
        m->cy.v *= left;
        m->scale.v = 0;
    }
    wave_predict(&m->cx, seconds, scale);
    wave_predict(&m->cy, seconds, scale);
    wave_predict(&m->scale, seconds, scale);
    m->scale.x = current_scale(m);
}

void facet__motion_update(struct facet__motion *m, struct facet_box box)
{
    float scale = box_scale(box);
    wave_update(&m->cx, (box.x1 + box.x2) / 2, scale);
    wave_update(&m->cy, (box.y1 + box.y2) / 2, scale);
    wave_update(&m->scale, scale, scale);
    m->scale.x = current_scale(m);
    m->aspect += ASPECT_GAIN * (box_aspect(box) - m->aspect);
}

struct facet_box facet__motion_box(const struct facet__motion *m)
{
    float root = sqrtf(m->aspect), w = m->scale.x * root / 2, h = m->scale.x / root / 2;
    return (struct facet_box){m->cx.x - w, m->cy.x - h, m->cx.x + w, m->cy.x + h};
}
