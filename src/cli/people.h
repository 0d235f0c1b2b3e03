/* What enroll, identify, verify, people and gallery share: a gallery, and the recogniser that fits it. */
#ifndef FACET_CLI_PEOPLE_H
#define FACET_CLI_PEOPLE_H

#include "cli/out.h"
#include "deploy/recogniser.h"
#include "store/gallery.h"

struct facet_known { struct facet_gallery *gallery; struct facet_recogniser *recogniser; };

struct facet_known_opts {
    const char *gallery, *detector, *recogniser;   /* NULL: the defaults; the recogniser is the gallery's own */
    int64_t min_face;
    bool create, read_only;
    const struct facet_cli *cli;                    /* tells that a tuning file is of another machine */
    bool without_gallery;                           /* the recogniser alone */
    const char *backend;           /* NULL: cpu */
};
int facet_known_open(struct facet_known *out, const struct facet_known_opts *o);
void facet_known_close(struct facet_known *k);

/* A gallery alone, which must be there. */
int facet_known_gallery(struct facet_gallery **out, const char *path, bool read_only);

/* The threshold by --threshold (0: not given) or --far (0: the model's own). */
int facet_known_threshold(const struct facet_known *k, double threshold, double far, double *out);

/* Reads and decodes a picture file, and its hash (65 bytes, may be NULL). */
int facet_known_picture(struct facet_image *out, const char *path, char *sha256);

/* Each picture file of a command line in turn: decodes it and hands it on, inside "pictures": [{"file", "faces": [...]}] of the answer.
 * A file that cannot be read is complained of and counted in *failed; the others are still looked at. `decoded` may be NULL. */
struct facet_look {
    void (*decoded)(void *ctx);
    int (*faces)(void *ctx, const char *path, const struct facet_image *img);
    void *ctx;
    int *failed;
};
int facet_known_look(const struct facet_cli *cli, struct facet_jsonw *w, const struct facet_look *l, int n, char *const *paths);

/* Time as 2026-01-31 12:00 UTC. */
void facet_say_time(char out[25], int64_t ms);
/* "box": [x, y, width, height] in whole pixels, and the words for it. */
void facet_say_box(struct facet_jsonw *w, struct facet_box b);

#endif
