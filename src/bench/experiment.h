/* Experiments: a matrix in a YAML file, and the single runs that it stands for. docs/experiments.md.
 *
 * Each axis is a list; the experiments are all their combinations, repeated. Repeats are the outermost loop, so that what
 * else the machine does meets all combinations alike. */
#ifndef FACET_BENCH_EXPERIMENT_H
#define FACET_BENCH_EXPERIMENT_H

#include "base/limits.h"
#include "net/netsim.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACET_MAX_EXPERIMENTS 20000
#define FACET_MAX_AXIS 64

/* "mtcnn@onnxruntime": a model, and the back end that runs it. */
struct facet_model_on { char model[FACET_MAX_NAME], backend[32]; };

enum facet_experiment_mode { FACET_EXPERIMENT_EVERY, FACET_EXPERIMENT_TRACK, FACET_EXPERIMENT_GUIDED, FACET_EXPERIMENT_MODES };
extern const char *const facet_experiment_mode_words[FACET_EXPERIMENT_MODES];

struct facet_experiment {
    char id[24];                   /* of what it is made: the same experiment of another run has the same */
    char video[1024];              /* path; its base name is what is told */
    int height;                    /* lines; 0: as it is */
    struct facet_model_on detector, recogniser;
    int threads, min_face, every;
    int batch;                     /* pictures, of any cameras, that the networks take at once, at most; 0: as `facet run` has it */
    int frame_rate;                /* of the camera, frames a second; 0: as filmed */
    enum facet_experiment_mode mode;
    bool is_site;                  /* broker, server and device at the video's own rate; otherwise the path alone, as quick as it goes */
    char strategy[16], network[32];
    struct facet_netsim_shape way[FACET_NETSIM_WAYS];      /* of the network */
    int repeat;                    /* from 1; 0: a warm-up, which is not kept */
};

struct facet_experiments {
    char name[64], about[512], path[1024];
    char gallery[1024];            /* "": nobody is known, but for `people` */
    char people[1024];             /* a folder with one of pictures for each person, enrolled for every recogniser; "": nobody */
    int64_t max_frames;            /* of each video; 0: all */
    int repeats, warmups;
    double idle_watts, core_watts; /* of the power model; 0: none */
    double limit_s;                /* nothing is begun after so long; 0: no limit */
    struct facet_experiment *items; size_t n;      /* warm-ups first */
};

/* Reads and expands; `quick`: 30 frames of the first video in its first size, once, and nothing begins after 150 s. FACET_E_FORMAT with
 * file and line; a video that is neither beside the file nor in `videos` (a folder, may be NULL) is FACET_E_NOT_FOUND. */
int facet_experiments_load(struct facet_experiments *out, const char *path, const char *videos, bool quick);
void facet_experiments_fini(struct facet_experiments *x);
/* In one line, for people: "clip.mp4 480 lines, mtcnn on cpu, facenet on cpu, track, edge". */
void facet_experiment_describe(const struct facet_experiment *e, char *out, size_t cap);

#endif
