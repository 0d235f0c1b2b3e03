#include "stages/align/align.h"

#include "base/errors.h"
#include "image/resize.h"

#include <math.h>

static int chip_by_points(struct facet_image *chip, const struct facet_image *img, const struct facet_chip_spec *spec,
                          const struct facet_landmarks *points)
{
    if (!points)
        return facet_fail(FACET_E_INVALID, "cannot align a face without its five points: take a detector that gives them");
    struct facet_affine to_chip, to_img;
    int err = facet_align_similarity(&to_chip, points->p, spec->points.p, FACET_LANDMARKS);
    if (err)
        return err;
    if (!facet_affine_invert(&to_img, &to_chip))
        return facet_fail(FACET_E_INVALID, "cannot align a face whose five points do not look like one");
    return facet_warp_affine(chip, img, &to_img, spec->outside);
}

static struct facet_box grown(struct facet_box b, float by_x, float by_y)
{
    return (struct facet_box){b.x1 - by_x, b.y1 - by_y, b.x2 + by_x, b.y2 + by_y};
}

static struct facet_box box_of_spec(const struct facet_chip_spec *spec, struct facet_box b)
{
    float w = facet_box_width(b), h = facet_box_height(b);
    if (spec->crop == FACET_CROP_BOX) {
        float by = (w + h) / 2 * spec->margin + spec->margin_px;
        return grown(b, by, by);
    }
    float side = fmaxf(w, h) * (1 + 2 * spec->margin);
    return grown(b, (side - w) / 2, (side - h) / 2);
}

int facet_align_chip(struct facet_image *chip, const struct facet_image *img, const struct facet_chip_spec *spec,
                     struct facet_box box, const struct facet_landmarks *points)
{
    if (chip->width != spec->width || chip->height != spec->height || chip->format != img->format)
        return facet_fail(FACET_E_INVALID, "cannot cut a chip of %dx%d into a picture of %dx%d", spec->width, spec->height,
                          chip->width, chip->height);
    if (spec->crop == FACET_CROP_SIMILARITY)
        return chip_by_points(chip, img, spec, points);
    if (!(facet_box_width(box) >= 1) || !(facet_box_height(box) >= 1))
        return facet_fail(FACET_E_INVALID, "cannot cut a chip out of an empty box");
    return facet_resize_box(chip, img, box_of_spec(spec, box), FACET_SCALE_AREA, spec->outside);
}
