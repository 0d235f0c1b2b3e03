/* P-Net at places: around where faces are thought to be, tiles of cells of the pyramid's levels, on the levels whose
 * windows are about as large as the face. A tile lies on the level's own grid and its pixels are shrunk as the whole
 * level's, so its cells give what a scan of the picture gives there; it reads a few hundred pixels of a level and not
 * all. Of levels smaller than a tile all is looked at. */
#ifndef FACET_STAGES_DETECT_SPOTS_H
#define FACET_STAGES_DETECT_SPOTS_H

#include "stages/detect/pyramid.h"

#define FACET__SPOT_CELLS 12           /* a side, of P-Net's output */
#define FACET__SPOT_SIDE (2 * FACET__SPOT_CELLS + 10)        /* of its input */
#define FACET__SPOT_MAPS (5 * FACET__SPOT_CELLS * FACET__SPOT_CELLS)

struct facet__spot {
    int level;
    int row, col;                      /* of its first cell, in P-Net's output */
    int err;
    float maps[FACET__SPOT_MAPS];      /* score, four shifts */
};

/* What a thread needs: an exec for each size of tile; at a level's end a tile may have one row or column less. */
struct facet__spot_lane {
    struct facet_exec *exec[2][2];
    struct facet_image image;
};

/* All of a small level. */
struct facet__spot_level { struct facet_exec *exec; bool is_wanted; };

struct facet__spots {
    struct facet__pyramid *pyramid;
    const char *part;
    struct facet_plan *own, *plan;     /* own: NULL where the plan is the pyramid's */
    struct facet__spot_lane *lanes;    /* one for each thread */
    unsigned n_lanes;
    struct facet__spot *at;
    size_t n, cap;
    struct facet__spot_level level[FACET__PYRAMID_LEVELS];
};

/* `part` is the model's network to look with; the pyramid, which is borrowed until close, may have another. */
int facet__spots_open(struct facet__spots *s, struct facet__pyramid *p, const char *part);
void facet__spots_close(struct facet__spots *s);
/* P-Net around `n` boxes of the picture. */
int facet__spots_run(struct facet__spots *s, const struct facet_image *img, const struct facet_box *boxes, int n);
/* As facet__pyramid_take, of what was looked at; a cell may come twice. */
void facet__spots_take(const struct facet__spots *s, int level, float least, size_t max, struct facet__candidates *c);

#endif
