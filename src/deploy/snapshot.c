#include "deploy/snapshot.h"

#include "base/errors.h"
#include "image/blur.h"
#include "image/resize.h"
#include "media/picture.h"

#include <math.h>

#define QUALITY 85
#define MAX_SIDE 1280

static int at_least_one(float v)
{
    return v < 1 ? 1 : (int)lrintf(v);
}

/* The face and half of its size around it. */
static struct facet_image crop_around(const struct facet_image *img, struct facet_box b)
{
    float w = facet_box_width(b) / 2, h = facet_box_height(b) / 2;
    return facet_image_crop(img, (int)floorf(b.x1 - w), (int)floorf(b.y1 - h), at_least_one(4 * w), at_least_one(4 * h));
}

static void hide_others(struct facet_image *img, const struct facet_face *faces, int n, int whom)
{
    for (int i = 0; i < n; i++)
        if (i != whom)
            facet_image_hide(img, faces[i].box);
}

static int encode(const struct facet_image *img, const struct facet_snapshot_opts *o, struct facet_str *out)
{
    int max_side = o->max_side > 0 ? o->max_side : MAX_SIDE, side = img->width > img->height ? img->width : img->height;
    int quality = o->quality > 0 ? o->quality : QUALITY;
    if (side <= max_side)
        return facet_picture_encode(out, img, "jpeg", quality);
    struct facet_image small;
    float scale = (float)max_side / (float)side;
    int err = facet_image_init(&small, img->format, at_least_one((float)img->width * scale), at_least_one((float)img->height * scale));
    if (err)
        return err;
    err = facet_resize(&small, img, FACET_SCALE_AREA);
    if (!err)
        err = facet_picture_encode(out, &small, "jpeg", quality);
    facet_image_fini(&small);
    return err;
}

/* Others are hidden in a copy, before anything is cut out or made smaller: a crop may show them, too. */
int facet_snapshot_make(const struct facet_frame *frame, const struct facet_face *faces, int n_faces, int whom,
                        const struct facet_snapshot_opts *o, struct facet_str *out)
{
    struct facet_image copy;
    const struct facet_image *img = &frame->image;
    if (whom >= n_faces || (o->is_crop && whom < 0))
        return facet_fail(FACET_E_INVALID, "cannot make a snapshot of face %d of %d", whom, n_faces);
    int err = facet_image_init(&copy, img->format, img->width, img->height);
    if (err)
        return err;
    facet_image_copy(&copy, img);
    if (!o->shows_others)
        hide_others(&copy, faces, n_faces, whom);
    struct facet_image part = o->is_crop ? crop_around(&copy, faces[whom].box) : copy;
    err = part.width > 0 && part.height > 0 ? encode(&part, o, out)
                                            : facet_fail(FACET_E_INVALID, "cannot make a snapshot of a face outside of the picture");
    facet_image_fini(&copy);
    return err;
}
