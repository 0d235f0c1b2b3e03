/* The frames with what was found drawn in: box, five points, "#track name score". All sources go
 * into one file of the first frame's size (shrunk to at most 3840 a side); frames of other sizes
 * are scaled to fit, on black. Videos keep their times, one after the other; a picture stands for
 * two seconds. Drawn on a picture of our own: frames are shared. */
#include "stages/publish/sink_priv.h"

#include "base/errors.h"
#include "image/draw.h"
#include "image/resize.h"
#include "media/video.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MAX_SIDE 3840
#define PICTURE_MS 2000
#define USUAL_FPS 25

struct video {
    const char *path; /* borrowed; NULL until open */
    struct facet_video_writer *writer;
    struct facet_image canvas;
    int source;              /* the one being written, -1 before the first */
    double base_ms;          /* where it begins in the file */
    double last_ms, step_ms; /* of the last frame; how long it stands */
};

static const char *video_path(const struct facet_publish_opts *o)
{
    return o->video;
}

static int video_open(void *state, const struct facet__publish *pub, const char *path)
{
    struct video *v = state;
    v->source = -1;
    FILE *f = fopen(path, "ab"); /* a place that cannot be written is told before the work */
    if (!f)
        return facet_fail_errno("write video", path);
    fclose(f);
    v->path = path;
    return FACET_OK;
}

static int at_least_two(double v)
{
    int even = (int)lrint(v) & ~1;
    return even < 2 ? 2 : even;
}

static int start_file(struct video *v, const struct facet_image *first, double fps)
{
    int longer = first->width > first->height ? first->width : first->height;
    double shrink = longer > MAX_SIDE ? (double)MAX_SIDE / longer : 1;
    int width = at_least_two(first->width * shrink), height = at_least_two(first->height * shrink);
    int err = facet_image_init(&v->canvas, FACET_PIXEL_RGB24, width, height);
    return err ? err : facet_video_writer_open(&v->writer, v->path, width, height, fps);
}

/* Where a frame lies on the canvas. */
struct place {
    float scale;
    int x, y, width, height;
};

static struct place place_of(const struct video *v, const struct facet_image *frame)
{
    double sx = (double)v->canvas.width / frame->width,
           sy = (double)v->canvas.height / frame->height;
    double scale = sx < sy ? sx : sy;
    /* An odd side is cropped by its last pixel rather than scaled. */
    if (frame->width - v->canvas.width <= 1 && frame->height - v->canvas.height <= 1 && scale < 1)
        scale = 1;
    struct place p = {(float)scale, 0, 0, (int)lrint(frame->width * scale),
                      (int)lrint(frame->height * scale)};
    p.width = p.width > v->canvas.width ? v->canvas.width : p.width < 1 ? 1 : p.width;
    p.height = p.height > v->canvas.height ? v->canvas.height : p.height < 1 ? 1 : p.height;
    p.x = (v->canvas.width - p.width) / 2;
    p.y = (v->canvas.height - p.height) / 2;
    return p;
}

static int lay_down(struct video *v, const struct facet_image *frame, const struct place *p)
{
    struct facet_image part = facet_image_crop(&v->canvas, p->x, p->y, p->width, p->height);
    if (p->width < v->canvas.width || p->height < v->canvas.height)
        facet_image_fill(&v->canvas, 0, 0, 0);
    if (p->scale == 1.0f) {
        struct facet_image whole = facet_image_crop(frame, 0, 0, p->width, p->height);
        facet_image_copy(&part, &whole);
        return FACET_OK;
    }
    return facet_resize(&part, frame, FACET_SCALE_AREA);
}

static struct facet_point moved(struct facet_point from, const struct place *p)
{
    struct facet_point to = {from.x * p->scale + (float)p->x, from.y * p->scale + (float)p->y};
    return to;
}

/* Letters that the font lacks are one '?' each, however many bytes they have. */
static void plain_name(char *out, size_t cap, const char *name)
{
    size_t n = 0;
    for (; *name && n + 1 < cap; name++)
        if (((unsigned char)*name & 0xc0) != 0x80)
            out[n++] = *name;
    out[n] = '\0';
}

static void write_label(char *out, size_t cap, const struct facet_face *f)
{
    const struct facet_identity *id = facet__identity_of(f);
    char number[24] = "", name[FACET_MAX_NAME] = "";
    if (f->track)
        snprintf(number, sizeof(number), "#%lld ", (long long)f->track);
    if (id->decision == FACET_KNOWN)
        plain_name(name, sizeof(name), id->name);
    if (id->decision == FACET_UNDECIDED)
        snprintf(out, cap, "%s%.2f", number, (double)f->score);
    else
        snprintf(out, cap, "%s%s %.2f", number, *name ? name : "unknown",
                 (double)(*name ? id->score : f->score));
}

static struct facet_color colour_of(const struct facet_face *f)
{
    static const struct facet_color colours[] = {{170, 170, 170}, {240, 150, 40}, {60, 200, 90}};
    return colours[facet__identity_of(f)->decision];
}

static void draw_face(struct facet_image *img, const struct facet_face *f, const struct place *p)
{
    const struct facet_color c = colour_of(f), ink = {10, 10, 10};
    int shorter = img->width < img->height ? img->width : img->height;
    int thick = shorter / 360 > 0 ? shorter / 360 : 1, letters = 1 + shorter / 720;
    struct facet_point a = moved((struct facet_point){f->box.x1, f->box.y1}, p);
    struct facet_point b = moved((struct facet_point){f->box.x2, f->box.y2}, p);
    char label[FACET_MAX_NAME + 64];
    facet_draw_rect(img, (struct facet_box){a.x, a.y, b.x, b.y}, thick, c);
    for (int i = 0; f->has_points && i < FACET_LANDMARKS; i++)
        facet_draw_dot(img, moved(f->points.p[i], p), thick, c);
    write_label(label, sizeof(label), f);
    float top = a.y - 16.0f * (float)letters;
    float y = top >= 0 ? top : b.y; /* below where there is no room above */
    if (fabsf(a.x) < 1e6f && fabsf(y) < 1e6f)
        facet_draw_text(img, (int)a.x, (int)y, letters, label, ink, &c);
}

static void change_source(struct video *v, int source, double fps)
{
    v->base_ms = v->source < 0 ? 0 : v->last_ms + v->step_ms;
    v->step_ms = fps > 0 ? 1000 / fps : PICTURE_MS;
    v->source = source;
}

static int video_put(void *state, const struct facet__publish *pub, const struct facet_packet *p)
{
    struct video *v = state;
    if (!p->frame)
        return FACET_OK;
    const struct facet_image *frame = &p->frame->image;
    double fps = facet__source_fps(pub, p->source);
    int err = v->writer ? FACET_OK : start_file(v, frame, fps > 0 ? fps : USUAL_FPS);
    if (err)
        return err;
    if (p->source != v->source)
        change_source(v, p->source, fps);
    struct place place = place_of(v, frame);
    err = lay_down(v, frame, &place);
    for (int i = 0; !err && i < p->n_faces; i++)
        draw_face(&v->canvas, &p->faces[i], &place);
    v->last_ms = v->base_ms + p->frame->pts_ms;
    if (!err)
        err = facet_video_writer_put(v->writer, &v->canvas, v->last_ms);
    if (!err && fps <= 0) /* a second time at its end, so that players show it that long */
        err = facet_video_writer_put(v->writer, &v->canvas, v->last_ms + PICTURE_MS - 40);
    return err;
}

static int video_close(void *state)
{
    struct video *v = state;
    int err = v->writer ? facet_video_writer_finish(v->writer) : FACET_OK;
    facet_video_writer_close(&v->writer);
    facet_image_fini(&v->canvas);
    return err;
}

const struct facet__sink facet__sink_video = {
    .name = "video",
    .state_size = sizeof(struct video),
    .path = video_path,
    .open = video_open,
    .put = video_put,
    .close = video_close,
};
