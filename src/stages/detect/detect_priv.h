/* What a detector is inside this room. */
#ifndef FACET_STAGES_DETECT_PRIV_H
#define FACET_STAGES_DETECT_PRIV_H

#include "engine/plan.h"
#include "models/spec.h"
#include "stages/detect/detect.h"

/* A detector: one file with one of these, and one line in detect.c's list. `kind` is the decoder's
 * name in the manifest. */
struct facet__detector_ops {
    const char *kind;
    /* The defaults where the caller gave none. */
    struct facet_detector_opts defaults;
    /* `o` has every field set (by the caller or the defaults) and lives as long as the state. */
    int (*open)(void **state, const struct facet_detector_opts *o);
    int (*run)(void *state, const struct facet_image *img, struct facet_detection *out, int max);
    /* NULL: it looks at whole pictures only. `n` is at most FACET_MAX_FACES. */
    int (*follow)(void *state, const struct facet_image *img, const struct facet_box *seeds, int n, struct facet_detection *out,
                  int max);
    /* NULL: one picture after the other. */
    int (*look)(void *state, struct facet_look *looks, int n);
    void (*close)(void *state);        /* accepts any prefix of open */
};
extern const struct facet__detector_ops facet__detector_mtcnn;
extern const struct facet__detector_ops facet__detector_yunet;
extern const struct facet__detector_ops facet__detector_scrfd;

/* Opens the plan of one part of the model ("" when it has one network). */
int facet__detect_plan(struct facet_plan **out, const struct facet_detector_opts *o, const char *part);

/* Runs a part of the model, after whoever taps has seen what on. */
int facet__detect_exec(const struct facet_detector_opts *o, const char *part, struct facet_exec *e);

/* The exec's output with that many channels (dimension 1), NULL: none. Networks of one model name
 * their outputs as their carriers liked. */
const struct facet_tensor *facet__output_with(const struct facet_exec *e, const struct facet_plan *p, int64_t channels);

#endif
