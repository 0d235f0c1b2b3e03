/* P-Net over a pyramid: the picture at several sizes, each cut into bands of rows that threads share.
 *
 * A level is shrunk from the picture. With quick_pyramid, where that shrinks by four or more, it is shrunk from a
 * halved one (a quarter, an eighth ...) that still has at least twice the level's size: each pixel of the picture is
 * then read once or twice and not once for every level. P-Net has no padding, so a band of rows gives what the whole level gives there;
 * bands begin at multiples of four rows, as its kernels do, and results do not depend on their number. */
#ifndef FACET_STAGES_DETECT_PYRAMID_H
#define FACET_STAGES_DETECT_PYRAMID_H

#include "image/resize.h"
#include "stages/detect/candidates.h"
#include "stages/detect/detect_priv.h"

#define FACET__PYRAMID_LEVELS 64
#define FACET__PYRAMID_BANDS 256
#define FACET__PYRAMID_HALVES 12
#define FACET__CELL 12                 /* P-Net's input, and least side of a level */

struct facet__level {
    double scale;                      /* of the level to the picture */
    int half;                          /* which halved picture it is shrunk from; 0: the picture */
    struct facet_image image;
    size_t image_cap;
    int first_band, bands;
    int rows, cols;                    /* of P-Net's output */
    int err;
};

struct facet__band {
    int level;
    int row, rows;                     /* of P-Net's output */
    struct facet_exec *exec;
    int err;
};

struct facet__pyramid {
    const struct facet_detector_opts *o;       /* the detector's own */
    const char *part;
    struct facet_pool *pool;
    struct facet_norm norm;
    struct facet_plan *plan;
    struct facet__level level[FACET__PYRAMID_LEVELS];
    int levels;
    struct facet__band band[FACET__PYRAMID_BANDS];
    int bands;
    struct facet_image half[FACET__PYRAMID_HALVES];     /* [0] is the picture during a run */
    size_t half_cap[FACET__PYRAMID_HALVES];
    int halves;
    int width, height;                 /* of the pictures that all is bound for */
};

/* `part` is the model's network to scan with. */
int facet__pyramid_open(struct facet__pyramid *p, const struct facet_detector_opts *o, const char *part);
void facet__pyramid_close(struct facet__pyramid *p);
/* P-Net on every level of the picture; nothing is bound again while the size of pictures stays. */
int facet__pyramid_run(struct facet__pyramid *p, const struct facet_image *img);
/* The level's cells of at least `least`, best first, at most `max`, as boxes in the picture's pixels with
 * their shifts, into `c`. */
int facet__pyramid_take(const struct facet__pyramid *p, int level, float least, size_t max, struct facet__candidates *c);

/* For who looks at less (spots.h): all sizes for a picture, which is the pyramid's until the next; the box of a cell. */
int facet__pyramid_bind(struct facet__pyramid *p, const struct facet_image *img);
void facet__pyramid_box(const struct facet__pyramid *p, int level, int row, int col, struct facet__candidate *c);
/* The network gives other maps than P-Net's: fails with that text. */
int facet__pyramid_fail_outputs(const struct facet__pyramid *p);

#endif
