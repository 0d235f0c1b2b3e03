#include "stages/detect/guide.h"

#include <string.h>

#define SAME 0.3f                      /* overlap of where a face should be with where it is */
#define TRUST 0.5f                     /* in the latest speed */
#define LOST_SPEED 0.5f                /* what a face keeps of it from picture to picture while it is not found */
#define LONGEST_MS 1000.0              /* a gap over which nobody is followed */

void facet__guide_init(struct facet__guide *g, int every)
{
    memset(g, 0, sizeof(*g));
    g->every = every > 1 ? every : 1;
    g->source = -1;
}

static bool is_another_film(const struct facet__guide *g, int source, const struct facet_frame *f)
{
    return source != g->source || f->image.width != g->width || f->image.height != g->height;
}

static void move_on(struct facet__guide *g, float ms)
{
    for (int i = 0; i < g->n; i++) {
        struct facet__guided *k = &g->face[i];
        k->box.x1 += k->vx * ms;
        k->box.x2 += k->vx * ms;
        k->box.y1 += k->vy * ms;
        k->box.y2 += k->vy * ms;
    }
}

bool facet__guide_wants_scan(struct facet__guide *g, int source, const struct facet_frame *f)
{
    if (g->every == 1)
        return true;
    double passed = f->pts_ms - g->now_ms;
    bool is_other = is_another_film(g, source, f);
    if (is_other)
        facet_scene_forget(&g->scene);
    bool is_lost = is_other || !(passed >= 0) || passed > LONGEST_MS;
    if (facet_scene_step(&g->scene, &f->image, 0) || is_lost) {
        g->n = 0;
        g->since = 0;
        g->step_ms = 0;
    } else {
        move_on(g, (float)passed);
        g->step_ms = passed;
    }
    g->source = source;
    g->width = f->image.width;
    g->height = f->image.height;
    g->now_ms = f->pts_ms;
    bool wants = g->since == 0;
    g->since = (g->since + 1) % g->every;
    return wants;
}

int facet__guide_seeds(const struct facet__guide *g, struct facet_box *out)
{
    for (int i = 0; i < g->n; i++)
        out[i] = g->face[i].box;
    return g->n;
}

/* The one of g->face that overlaps the box most and is not found yet; -1: none does. */
static int best_match(const struct facet__guide *g, struct facet_box box)
{
    float most = SAME;
    int best = -1;
    for (int i = 0; i < g->n; i++) {
        float iou = g->face[i].is_found ? 0 : facet_box_iou(g->face[i].box, box);
        if (iou >= most) {
            most = iou;
            best = i;
        }
    }
    return best;
}

static float middle(float a, float b)
{
    return (a + b) / 2;
}

/* `k` is where it should be, and goes where it is. */
static void correct(const struct facet__guide *g, struct facet__guided *k, struct facet_box box)
{
    if (g->step_ms > 0) {
        k->vx += TRUST * (middle(box.x1, box.x2) - middle(k->box.x1, k->box.x2)) / (float)g->step_ms;
        k->vy += TRUST * (middle(box.y1, box.y2) - middle(k->box.y1, k->box.y2)) / (float)g->step_ms;
    }
    k->box = box;
}

static int keep_lost(struct facet__guide *g, int n)
{
    for (int i = 0; i < g->n && n < FACET_MAX_FACES; i++) {
        struct facet__guided k = g->face[i];
        bool is_outside = k.box.x2 < 0 || k.box.y2 < 0 || k.box.x1 > (float)g->width || k.box.y1 > (float)g->height;
        if (k.is_found || is_outside)
            continue;
        k.vx *= LOST_SPEED;
        k.vy *= LOST_SPEED;
        g->next[n++] = k;
    }
    return n;
}

void facet__guide_found(struct facet__guide *g, const struct facet_detection *d, int n, bool was_scan)
{
    if (g->every == 1)
        return;
    for (int i = 0; i < g->n; i++)
        g->face[i].is_found = false;
    for (int i = 0; i < n; i++) {
        int old = best_match(g, d[i].box);
        struct facet__guided k = {.box = d[i].box};
        if (old >= 0) {
            k = g->face[old];
            g->face[old].is_found = true;
            correct(g, &k, d[i].box);
        }
        g->next[i] = k;
    }
    g->n = was_scan ? n : keep_lost(g, n);
    memcpy(g->face, g->next, (size_t)g->n * sizeof(g->face[0]));
}
